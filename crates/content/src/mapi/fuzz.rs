//! The bodies of the fuzzers of TNEF, `.msg` and compressed RTF: plain functions that stable tests replay.
//!
//! A panic is a failure, and so is more output than the formats' readers promise.

use std::ops::ControlFlow;

use crate::mapi::{Damages, Found, Visitor};
use crate::{msg, rtf, tnef};

/// Output that the smallest input may have: the fixed parts of a compound file that was put together.
const OCTETS_FREE: usize = 64 << 10;

/// Reads `octets` as TNEF.
///
/// # Panics
/// When reading panics or gives more than it promises.
pub fn check_tnef(octets: &[u8]) {
    check(octets, tnef::UNFOLDED_RATIO_MAX, tnef::read);
}

/// Reads `octets` as a `.msg`.
///
/// # Panics
/// When reading panics or gives more than it promises.
pub fn check_msg(octets: &[u8]) {
    check(octets, msg::UNFOLDED_RATIO_MAX, msg::read);
}

/// Unpacks `octets` as compressed RTF, and reads them as RTF.
///
/// # Panics
/// When reading panics or gives more than it promises.
pub fn check_rtf(octets: &[u8]) {
    let rtf = rtf::decompress(octets, &mut Damages::default());
    assert!(rtf.len() <= octets.len() * 17 / 2, "{} octets of RTF", rtf.len());
    for rtf in [&*rtf, octets] {
        let shown = rtf::shown(rtf);
        assert!(shown.text.len() <= rtf.len() * 3, "{} octets shown", shown.text.len());
    }
}

fn check(octets: &[u8], ratio: usize, read: impl Fn(&[u8], &mut Visitor<'_>) -> Damages) {
    let mut total = 0;
    let mut count = 0;
    let all = read(octets, &mut |found: Found<'_>| {
        total += found.octets.len();
        count += 1;
        ControlFlow::Continue(())
    });
    let most = octets.len() * ratio + OCTETS_FREE * count;
    assert!(total <= most, "{total} octets in {count} parts, from {}", octets.len());
    assert_eq!(all, read(octets, &mut |_| ControlFlow::Continue(())), "the same octets read differently");
    check_stop(octets, count, read);
}

/// A visitor that has had enough is not called again.
fn check_stop(octets: &[u8], count: usize, read: impl Fn(&[u8], &mut Visitor<'_>) -> Damages) {
    let enough = count.div_ceil(2);
    let mut calls = 0;
    read(octets, &mut |_| {
        calls += 1;
        if calls >= enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(calls <= enough.max(1), "called {calls} times, {enough} were enough");
}
