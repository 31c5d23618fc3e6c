//! One message whose body is one file of 64 MiB in base64: what bounds large mail.
//!
//! Taking it apart has to decode the file, and to digest it and the message by SHA-256 and BLAKE3. Each of these
//! is measured alone over the same octets; their sum is what no program on this machine can pass that owes them all
//! on one thread. What is left is the search for the end of the part, the counting of octets for the entropy, and
//! fresh memory.

use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64_simd::STANDARD;
use bytes::Bytes;
use mail_parser::MessageParser;
use memchr::memmem;
use sensor_content::{Alone, Limits, explode};
use serde::Serialize;

use crate::corpus::{self, Shape, Structure};
use crate::meter;

/// The length of the message.
pub(super) const OCTETS: usize = 64 << 20;
/// What is written in one line: 76 digits and its end.
const LINE_OCTETS: usize = 78;

/// What was measured, in turns; medians.
#[derive(Clone, Debug, Serialize)]
pub struct Large {
    /// Octets of the message, and of the file in it.
    pub octets: [usize; 2],
    /// How often each was measured.
    pub turns: usize,
    /// Megabytes (10^6 octets) of the message each second, taken apart with all digests.
    pub explode_megabytes_per_s: f64,
    /// The same by mail-parser.
    pub mail_parser_megabytes_per_s: f64,
    /// What taking it apart cannot do without.
    pub steps: [Step; 3],
    /// Megabytes of the message each second, were nothing else to be done.
    pub bound_megabytes_per_s: f64,
    /// What was not found as it should be: nothing, unless something is broken.
    pub errors: Vec<String>,
}

/// Something that has to be done.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Step {
    /// What.
    pub what: &'static str,
    /// Octets that it reads.
    pub octets: usize,
    /// Gigabytes (10^9 octets) that it reads each second.
    pub gigabytes_per_s: f64,
    /// How long it takes.
    pub seconds: f64,
}

/// Measures all in turns until the time is up.
pub(super) fn measure(seed: u64, octets: usize, time: Duration) -> Large {
    let message = Bytes::from(corpus::message(seed, Shape { octets, structure: Structure::Base64 }));
    let begin = memmem::find(&message, b"\r\n\r\n").expect("a generated message has a body") + 4;
    let body = message.slice(begin..);
    let file = decoded(&body);
    let parser = MessageParser::default();
    let work: [&dyn Fn(); 5] = [
        &|| drop(black_box(explode(message.clone(), &Limits::default(), &Alone))),
        &|| drop(black_box(parser.parse(&message[..]))),
        &|| _ = black_box([&message, &file].map(|octets| digest(&SHA256, octets))),
        &|| _ = black_box([&message, &file].map(|octets| blake3::hash(octets))),
        &|| drop(black_box(decoded(&body))),
    ];
    let (turns, seconds) = in_turns(&work, time);
    let [explode, mail_parser, sha256, blake3, base64] = seconds;
    let both = message.len() + file.len();
    let step = |what, octets, seconds| Step {
        what,
        octets,
        gigabytes_per_s: octets as f64 / seconds / 1e9,
        seconds,
    };
    let rate = |seconds| message.len() as f64 / seconds / 1e6;
    Large {
        octets: [message.len(), file.len()],
        turns,
        explode_megabytes_per_s: rate(explode),
        mail_parser_megabytes_per_s: rate(mail_parser),
        steps: [
            step("SHA-256", both, sha256),
            step("BLAKE3", both, blake3),
            step("base64", body.len(), base64),
        ],
        bound_megabytes_per_s: rate(sha256 + blake3 + base64),
        errors: errors(&message, &file),
    }
}

/// By the vector unit, line by line where it lies.
fn decoded(body: &[u8]) -> Bytes {
    let mut octets = Vec::with_capacity(body.len() / 4 * 3 + 3);
    for line in body.chunks(LINE_OCTETS) {
        STANDARD.decode_append(line.trim_ascii_end(), &mut octets).expect("generated base64 is clean");
    }
    octets.into()
}

/// How often all were done, and the median of the seconds of each.
fn in_turns(work: &[&dyn Fn(); 5], time: Duration) -> (usize, [f64; 5]) {
    let mut took: [Vec<f64>; 5] = Default::default();
    work.iter().for_each(|work| work());
    let begun = meter::now();
    while took[0].is_empty() || begun.elapsed() < time {
        for (work, took) in work.iter().zip(&mut took) {
            let turn = meter::now();
            work();
            took.push(turn.elapsed().as_secs_f64());
        }
    }
    (took[0].len(), took.map(median))
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn errors(message: &Bytes, file: &Bytes) -> Vec<String> {
    let exploded = explode(message.clone(), &Limits::default(), &Alone);
    let is_found = exploded.parts.iter().any(|(_, octets)| octets == file);
    let gaps = exploded.parts.iter().flat_map(|(part, _)| &part.gaps);
    let gaps = gaps.map(|gap| format!("not opened: {:?}", gap.why));
    gaps.chain((!is_found).then(|| "the file was not found".to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_the_sum_of_its_steps_and_the_file_is_found() {
        let large = measure(3, 100_000, Duration::ZERO);
        assert_eq!((large.octets[0], large.turns, large.errors.len()), (100_000, 1, 0), "{large:?}");
        assert!(large.octets[1] > 72_000, "{large:?}");
        let sum: f64 = large.steps.iter().map(|step| step.seconds).sum();
        assert!((large.bound_megabytes_per_s - 0.1 / sum).abs() < 1e-6 * large.bound_megabytes_per_s);
        assert!(large.explode_megabytes_per_s > 0.0 && large.mail_parser_megabytes_per_s > 0.0);
    }

    #[test]
    fn a_file_that_is_not_in_the_message_is_an_error() {
        let message = Bytes::from(corpus::message(3, Shape { octets: 5_000, structure: Structure::Base64 }));
        assert_eq!(errors(&message, &Bytes::from_static(b"another")), ["the file was not found"]);
    }
}
