//! The seeds of the fuzzers, kept in `tests/corpus/`: they are replayed, and are what the builders write.
//! `SEEDS=write` writes those that are missing or differ.

use std::fs;
use std::path::{Path, PathBuf};

use sensor_content::mapi::fuzz::{check_msg, check_rtf, check_tnef};

use crate::build_rtf::{packed, plain};

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target)
}

#[track_caller]
fn check_seeds(target: &str, seeds: &[(&str, Vec<u8>)], check: fn(&[u8])) {
    for (name, octets) in seeds {
        let path = folder(target).join(name);
        if std::env::var_os("SEEDS").is_some_and(|seeds| seeds == "write") {
            fs::create_dir_all(folder(target)).unwrap();
            fs::write(&path, octets).unwrap();
        }
        assert!(fs::read(&path).unwrap() == *octets, "{target}/{name} is not what its builder writes");
    }
    for file in fs::read_dir(folder(target)).unwrap() {
        check(&fs::read(file.unwrap().path()).unwrap());
    }
}

#[test]
fn tnef() {
    let cut = crate::tnef::sample()[..200].to_vec();
    check_seeds("tnef", &[("sample", crate::tnef::sample()), ("cut", cut)], check_tnef);
}

#[test]
fn msg() {
    check_seeds("msg", &[("sample", crate::msg::sample())], check_msg);
}

#[test]
fn rtf() {
    let html = br"{\rtf1\ansi\ansicpg1251\fromhtml1{\*\htmltag64 <p>}\'f4\htmlrtf\par\htmlrtf0}";
    let font = br"{\rtf1{\fonttbl{\f3\fcharset128 MS;}}\f3 \'83\'65\uc1\u1092?{\pict\bin4 {{{{}}";
    let seeds = [("html", packed(html)), ("font", font.to_vec()), ("plain", plain(font))];
    check_seeds("rtf", &seeds, check_rtf);
}
