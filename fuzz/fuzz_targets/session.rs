#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sensor_smtp::dialogue::fuzz::check_session(input));
