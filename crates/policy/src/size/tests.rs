use proptest::prelude::*;

use super::*;

#[test]
fn what_is_no_size_or_more_than_one_is_refused() {
    let ambiguous = |number: &str, prefix: char| SizeFault::Ambiguous { number: number.into(), prefix };
    for (text, fault) in [
        ("", SizeFault::NotASize),
        ("   ", SizeFault::NotASize),
        ("MiB", SizeFault::NotASize),
        ("-1", SizeFault::NotASize),
        ("+5", SizeFault::NotASize),
        ("none", SizeFault::NotASize),
        (".5 GiB", SizeFault::NotASize),
        ("1.5 GiB", SizeFault::Fraction),
        ("1,5 GiB", SizeFault::Fraction),
        ("50M", ambiguous("50", 'M')),
        ("50 m", ambiguous("50", 'M')),
        ("50 Mi", ambiguous("50", 'M')),
        ("50 mb", ambiguous("50", 'M')),
        ("50 Mb", ambiguous("50", 'M')),
        ("50 mib", ambiguous("50", 'M')),
        ("50 MIB", ambiguous("50", 'M')),
        ("50 kiB", ambiguous("50", 'K')),
        ("50 pounds", SizeFault::UnknownUnit),
        ("50 b", SizeFault::UnknownUnit),
        ("50 MiB.", SizeFault::UnknownUnit),
        ("50 50", SizeFault::UnknownUnit),
        ("1e9", SizeFault::UnknownUnit),
        ("50 é", SizeFault::UnknownUnit),
        ("18446744073709551616", SizeFault::TooLarge),
        ("16 EiB", SizeFault::TooLarge),
        ("99999999999999999999 MiB", SizeFault::TooLarge),
        ("0", SizeFault::Zero),
        ("0 MiB", SizeFault::Zero),
    ] {
        assert_eq!(SizeLimit::parse(text).map(|limit| limit.to_string()), Err(fault), "{text:?}");
    }
}

#[test]
fn the_fault_of_an_ambiguous_size_offers_both_readings() {
    let fault = SizeLimit::parse("50M").unwrap_err();
    assert_eq!(
        fault.to_string(),
        "ambiguous; did you mean 50 MiB (powers of 1024) or 50 MB (powers of 1000)?"
    );
}

#[test]
fn sizes_are_exact_and_keep_their_unit() {
    for (text, octets, shown) in [
        ("unlimited", None, "unlimited"),
        (" Unlimited ", None, "unlimited"),
        ("1", Some(1), "1"),
        ("52428800", Some(52_428_800), "52428800"),
        ("52428800 B", Some(52_428_800), "52428800 B"),
        ("  50 MiB ", Some(52_428_800), "50 MiB"),
        ("50MiB", Some(52_428_800), "50MiB"),
        ("50 MB", Some(50_000_000), "50 MB"),
        ("10MB", Some(10_000_000), "10MB"),
        ("7 kB", Some(7_000), "7 kB"),
        ("7 KB", Some(7_000), "7 KB"),
        ("7 KiB", Some(7_168), "7 KiB"),
        ("007 KiB", Some(7_168), "007 KiB"),
        ("3 TiB", Some(3 << 40), "3 TiB"),
        ("15 EiB", Some(15 << 60), "15 EiB"),
        ("9007199254740993", Some((1 << 53) + 1), "9007199254740993"),
        ("18446744073709551615", Some(u64::MAX), "18446744073709551615"),
    ] {
        let limit = SizeLimit::parse(text).unwrap();
        assert_eq!((limit.octets(), limit.to_string().as_str()), (octets, shown), "{text:?}");
    }
}

#[test]
fn a_limit_takes_a_message_of_exactly_its_size() {
    let limit = SizeLimit::parse("1 KiB").unwrap();
    assert_eq!((limit.exceeded_by(1_024), limit.exceeded_by(1_025)), (None, Some(1_024)));
    assert_eq!(SizeLimit::Unlimited.exceeded_by(u64::MAX), None);
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in "[0-9]{0,22} ?[kKMGTPEiBb]{0,3}|\\PC{0,12}") {
        let _ = SizeLimit::parse(&text);
    }

    #[test]
    fn plain_octets_are_what_they_say(octets in 1..=u64::MAX) {
        prop_assert_eq!(SizeLimit::parse(&octets.to_string()).unwrap().octets(), Some(octets));
    }
}
