//! Mail whose octets follow from its key, so that any mix-up shows.

use sensor_spool::Body;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mail {
    pub(crate) key: u64,
    pub(crate) octets: usize,
    pub(crate) subject: String,
}

pub(crate) fn octet_at(key: u64, at: usize) -> u8 {
    let mixed = (key + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(at as u64 * 0x2545_f491);
    mixed.to_be_bytes()[3]
}

pub(crate) fn check_body(mail: &Mail, body: &Body) {
    assert_eq!(body.len(), mail.octets as u64, "length of {mail:?}");
    let mut octets = vec![0; mail.octets + 1];
    assert_eq!(body.read_at(0, &mut octets).unwrap(), mail.octets);
    let differs = (0..mail.octets).find(|&at| octets[at] != octet_at(mail.key, at));
    assert_eq!(differs, None, "octets of {mail:?}");
}
