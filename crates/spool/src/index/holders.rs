//! Which entries keep which segment: what must be copied before it can be freed.
//!
//! New entries lie in their segment in the order of their ids, so a range says where they are; only those
//! that were copied, or that began in an earlier segment, are listed by themselves.

use std::collections::BTreeMap;

use super::{Entry, Origin};

#[derive(Debug, Default)]
pub(super) struct Holders(BTreeMap<u32, Holder>);

#[derive(Debug, Default)]
struct Holder {
    count: u64,
    /// The ids that are still to be looked at, both ends included.
    range: Option<(u64, u64)>,
    listed: Vec<u64>,
}

impl Holders {
    pub(super) fn add(&mut self, id: u64, entry: &Entry, origin: Origin) {
        let holder = self.0.entry(entry.first).or_default();
        holder.count += 1;
        if origin == Origin::New && entry.first == entry.place.generation {
            let (first, last) = holder.range.unwrap_or((id, id));
            holder.range = Some((first.min(id), last.max(id)));
        } else {
            holder.listed.push(id);
        }
    }

    pub(super) fn remove(&mut self, generation: u32) {
        let Some(holder) = self.0.get_mut(&generation) else { return };
        holder.count -= 1;
        if holder.count == 0 {
            self.0.remove(&generation);
        }
    }

    pub(super) fn count(&self, generation: u32) -> u64 {
        self.0.get(&generation).map_or(0, |holder| holder.count)
    }

    /// Up to `max` entries that keep `generation`, and forgets those before them that do not any more.
    pub(super) fn list(&mut self, generation: u32, entries: &BTreeMap<u64, Entry>, max: usize) -> Vec<u64> {
        let Some(holder) = self.0.get_mut(&generation) else { return Vec::new() };
        let keeps = |id: &u64| entries.get(id).is_some_and(|entry| entry.first == generation);
        let mut ids = Vec::new();
        if let Some((first, last)) = holder.range {
            let kept = entries.range(first..=last).filter(|(_, entry)| entry.first == generation);
            ids.extend(kept.map(|(&id, _)| id).take(max));
            holder.range = Some((ids.first().copied().unwrap_or(last), last));
        }
        if ids.len() < max {
            holder.listed.retain(|id| keeps(id));
            ids.extend(holder.listed.iter().copied().take(max - ids.len()));
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}
