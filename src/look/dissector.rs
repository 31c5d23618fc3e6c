//! Mail taken apart by the crate that knows how, under the budget of the pipeline.

use bytes::Bytes;
use sensor_content::{AidError, Aids, Exploded, Foreign, Limits, Tarred, explode};
use sensor_pipeline::{Budget, Dissection, Dissector};

use super::unpacker::Unpacker;

/// Takes mail apart.
pub(super) struct Contents {
    limits: Limits,
    passwords: Vec<Box<str>>,
    unpacker: Option<Unpacker>,
}

impl Contents {
    pub(super) fn new(limits: Limits, passwords: Vec<Box<str>>, unpacker: Option<Unpacker>) -> Self {
        Self { limits, passwords, unpacker }
    }
}

impl Dissector for Contents {
    fn dissect(&self, message: Bytes, budget: &Budget) -> Dissection {
        let Exploded { parts, recipients } = explode(message, &self.limits, &Lent { contents: self, budget });
        Dissection { parts, recipients }
    }
}

/// What is lent for one message.
struct Lent<'a> {
    contents: &'a Contents,
    budget: &'a Budget,
}

impl Aids for Lent<'_> {
    fn is_over(&self) -> bool {
        self.budget.is_over().is_some()
    }

    fn passwords(&self) -> &[Box<str>] {
        &self.contents.passwords
    }

    fn to_tar(&self, _: Foreign, archive: &Bytes, octets_max: u64) -> Result<Tarred, AidError> {
        self.contents
            .unpacker
            .as_ref()
            .map_or(Err(AidError::Unsupported), |it| it.to_tar(archive, octets_max))
    }
}
