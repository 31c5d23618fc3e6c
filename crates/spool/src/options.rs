//! How a spool is opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Tells the time: milliseconds since the Unix epoch.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The longest that a deferred entry waits, whatever the log says: the clock may have been years ahead when
/// that was written.
pub const DEFER_MAX: Duration = Duration::from_secs(3_600);

/// How long the simulated writer waits, by tokio's clock: asked before each group and again within it.
pub type Pace = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Where the one writer runs.
#[derive(Clone)]
pub enum Runner {
    /// On an operating system thread of its own, with a second one that prepares segments and a third one
    /// that syncs large bodies while more is written.
    Thread,
    /// As a task of the current tokio runtime, everything inline: deterministic on a current-thread
    /// runtime with a paused clock. The pace says how slow the storage is.
    Task(Pace),
}

impl Runner {
    /// A task on storage that takes no time.
    #[must_use]
    pub fn task() -> Self {
        Self::Task(Arc::new(|| Duration::ZERO))
    }
}

/// Sizes and limits of a spool.
#[derive(Clone)]
pub struct Options {
    /// Octets of a segment file: a multiple of 4 KiB from 32 KiB to 256 MiB, which recovery holds in
    /// memory one at a time. Default 64 MiB. A spool that has
    /// larger segments goes on with those.
    pub segment_octets: u32,
    /// Octets that are kept ready beside those in use: written once with zeros, so that a burst pays for its
    /// own octets only. What a burst takes is made anew when no segment was begun for 5 seconds. Default 0:
    /// one segment, made when it is about to be needed.
    pub prepared_octets: u64,
    /// Drafts are refused while fewer octets are free on the file system. Default 256 MiB.
    pub reserve_octets: u64,
    /// Drafts are refused while fewer inodes are free. Default 1,000.
    pub reserve_inodes: u64,
    /// Octets of body that all open drafts may hold in memory together. Default 64 MiB.
    pub memory_octets: usize,
    /// The time of day, for what the log says is due later. Waits are measured by the runtime's clock.
    pub clock: Clock,
    /// Mixed into every check so that a body cannot carry octets that pass for a frame. Drawn at random
    /// by default; a simulation sets it.
    pub salt: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_octets: 64 << 20,
            prepared_octets: 0,
            reserve_octets: 256 << 20,
            reserve_inodes: 1_000,
            memory_octets: 64 << 20,
            clock: Arc::new(system_millis),
            salt: random_salt(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("segment_octets", &self.segment_octets)
            .field("prepared_octets", &self.prepared_octets)
            .field("reserve_octets", &self.reserve_octets)
            .field("reserve_inodes", &self.reserve_inodes)
            .field("memory_octets", &self.memory_octets)
            .finish_non_exhaustive()
    }
}

#[expect(clippy::disallowed_methods, reason = "the spool is a driver: this is its default clock")]
fn system_millis() -> u64 {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// The keys of the standard library's hash maps are random; nothing more is needed here.
fn random_salt() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
