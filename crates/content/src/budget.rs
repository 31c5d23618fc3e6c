//! What is left for a message, and how it ends.

use sensor_mail::part::{PartFlag, Unopened, WhyUnopened};

use crate::{Aids, Limits};

/// Which budget ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Octets,
    Parts,
    Depth,
    Ratio,
    Time,
}

impl End {
    /// The gap that it leaves.
    pub(crate) fn gap(self) -> Unopened {
        let why = match self {
            Self::Octets => WhyUnopened::OctetsMax,
            Self::Parts => WhyUnopened::PartsMax,
            Self::Depth => WhyUnopened::DepthMax,
            Self::Ratio => WhyUnopened::RatioMax,
            Self::Time => WhyUnopened::TimeMax,
        };
        Unopened { why, detail: None }
    }

    /// The flag that it leaves. That time ran out says nothing about the message.
    pub(crate) fn flag(self) -> Option<PartFlag> {
        match self {
            Self::Octets | Self::Parts | Self::Depth | Self::Ratio => Some(PartFlag::Bomb),
            Self::Time => None,
        }
    }
}

/// What is left for the message.
pub(crate) struct Budget<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) aids: &'a dyn Aids,
    octets_left: u64,
    parts_left: u32,
    /// What the container that is being opened may still unfold to.
    unfolding_left: u64,
}

impl<'a> Budget<'a> {
    pub(crate) fn new(limits: &'a Limits, aids: &'a dyn Aids) -> Self {
        let (octets_left, parts_left) = (limits.octets, limits.parts);
        Self { limits, aids, octets_left, parts_left, unfolding_left: 0 }
    }

    /// A container of so many octets is opened.
    pub(crate) fn begin(&mut self, octets: usize) {
        let by_ratio = (octets as u64).saturating_mul(u64::from(self.limits.ratio));
        self.unfolding_left = by_ratio.max(self.limits.ratio_floor);
    }

    pub(crate) fn check_time(&self) -> Result<(), End> {
        if self.aids.is_over() { Err(End::Time) } else { Ok(()) }
    }

    pub(crate) fn take_part(&mut self) -> Result<(), End> {
        self.check_time()?;
        self.parts_left = self.parts_left.checked_sub(1).ok_or(End::Parts)?;
        Ok(())
    }

    /// Takes as many of `wanted` octets as are left; fewer than wanted is the end.
    pub(crate) fn take_octets(&mut self, wanted: usize) -> usize {
        let taken = usize::try_from(self.octets_left).map_or(wanted, |left| left.min(wanted));
        self.octets_left -= taken as u64;
        taken
    }

    /// How much a reader may give now, and which budget ends it there.
    pub(crate) fn readable(&self) -> (u64, End) {
        if self.unfolding_left <= self.octets_left {
            (self.unfolding_left, End::Ratio)
        } else {
            (self.octets_left, End::Octets)
        }
    }

    /// The container that is being opened unfolded by so many octets.
    pub(crate) fn unfold(&mut self, octets: usize) {
        self.unfolding_left = self.unfolding_left.saturating_sub(octets as u64);
    }

    /// What was unfolded came to nothing, and is gone.
    pub(crate) fn fold(&mut self, octets: usize) {
        self.unfolding_left = self.unfolding_left.saturating_add(octets as u64);
    }
}
