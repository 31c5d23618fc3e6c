#![no_main]

use sensor_mail::Description;
use sensor_mail::description::Defect;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let description = Description::of(input, true);
    assert!(!description.defects.contains(&Defect::DecoderFailed));
});
