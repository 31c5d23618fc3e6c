#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sensor_spool::check_recovery(input));
