//! Mail whose octets follow from its key, so that any mix-up shows.

use std::sync::OnceLock;

use sensor_spool::Body;
use sensor_spool::disk::Chance;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mail {
    pub(crate) key: u64,
    pub(crate) octets: usize,
    pub(crate) subject: String,
}

/// The largest body, in octets.
pub(crate) const OCTETS_MAX: usize = 40_000;
const STARTS: usize = 64 << 10;

/// The body of a mail: a window of noise, placed by its key.
pub(crate) fn body(mail: &Mail) -> &'static [u8] {
    static NOISE: OnceLock<Vec<u8>> = OnceLock::new();
    let noise = NOISE.get_or_init(|| {
        let mut chance = Chance(7);
        (0..STARTS + OCTETS_MAX).map(|_| chance.draw().to_le_bytes()[0]).collect()
    });
    let start = usize::try_from(mail.key).unwrap() * 137 % STARTS;
    &noise[start..start + mail.octets]
}

pub(crate) fn check_body(mail: &Mail, read: &Body) {
    assert_eq!(read.len(), mail.octets as u64, "length of {mail:?}");
    let mut octets = vec![0; mail.octets + 1];
    assert_eq!(read.read_at(0, &mut octets).unwrap(), mail.octets);
    assert!(octets[..mail.octets] == *body(mail), "octets of {mail:?}");
}
