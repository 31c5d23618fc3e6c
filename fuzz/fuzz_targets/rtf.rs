#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sensor_content::mapi::fuzz::check_rtf(input));
