//! How a worker process confines itself before it has any mail.
//!
//! ```text
//!  limits        address space, output, open files, no core dump        setrlimit
//!  no new        privileges through set-uid programs                    prctl
//!  end           with the thread of the sensor that started it          prctl
//!  no files      but those that are named, no TCP, no signals outside   Landlock
//!  no calls      but those that its work needs: no sockets, no paths,
//!                and none on descriptors that nobody gave it            seccomp
//! ```
//!
//! The kernel may lack the last two, or a container may forbid them: then the worker says so in its `Hello`, and
//! the sensor tells the operator. The limit of processes is not used: it counts every thread of the user, those
//! of the sensor too. That a worker starts none is seccomp's to hold.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use serde::{Deserialize, Serialize};

use super::calls;
use super::protocol::{Limits, Setup};

/// How far a worker is confined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// Limits of resources, no new privileges, and the end with its sensor.
    pub limits: Hold,
    /// No files, no TCP, no signals.
    pub landlock: Hold,
    /// No system calls but those needed.
    pub seccomp: Hold,
    /// Descriptors beyond the three standard ones that the worker was born with: there should be none. Where seccomp
    /// holds it can do nothing with them.
    pub inherited: u32,
}

/// How far one means of confinement holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// Nothing yet.
    #[default]
    Untried,
    /// All that was asked for.
    Full,
    /// What this kernel has of it.
    Partial,
    /// Nothing, and why.
    Missing(String),
}

impl Sandbox {
    /// Whether everything holds in full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let Self { limits, landlock, seccomp, inherited: _ } = self;
        [limits, landlock, seccomp].into_iter().all(|hold| *hold == Hold::Full)
    }
}

/// What a program needs to be started: the loader, and the libraries.
const LOADING: [&str; 5] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"];

/// The newest Landlock whose restrictions are asked for.
const LANDLOCK: ABI = ABI::V6;

/// Confines this process for good. What is not to be had is told, not an error.
pub(crate) fn confine(setup: &Setup, inherited: &[u32]) -> Sandbox {
    let limits = told(limit(setup.limits).map(|()| Hold::Full));
    let landlock = told(restrict_files(setup));
    // The last: it takes away the calls that the others need.
    let seccomp = told(calls::restrict(setup, inherited).map(|()| Hold::Full));
    let inherited = u32::try_from(inherited.len()).unwrap_or(u32::MAX);
    Sandbox { limits, landlock, seccomp, inherited }
}

fn told(held: Result<Hold, String>) -> Hold {
    held.unwrap_or_else(Hold::Missing)
}

fn limit(limits: Limits) -> Result<(), String> {
    let Limits { memory_octets, parts_octets, files } = limits;
    for (resource, most) in [
        (Resource::As, memory_octets),
        (Resource::Fsize, parts_octets),
        (Resource::Nofile, u64::from(files)),
        // A core has the message in it.
        (Resource::Core, 0),
    ] {
        set_limit(resource, most).map_err(|error| format!("{resource:?}: {error}"))?;
    }
    rustix::thread::set_no_new_privs(true).map_err(|error| format!("no new privileges: {error}"))
}

/// A limit that may not be above what the system grants already.
fn set_limit(resource: Resource, most: u64) -> rustix::io::Result<()> {
    let granted = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let most = Some(most.min(granted));
    setrlimit(resource, Rlimit { current: most, maximum: most })
}

/// The worker is ended when its sensor is, whatever it is busy with.
pub(crate) fn end_with_parent() -> rustix::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
}

/// Lets the process use `seconds` of processor time from now on: should its sensor hang, it ends by itself.
pub(crate) fn limit_processor_time(seconds: u64) {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime).tv_sec;
    let current = u64::try_from(used).unwrap_or(0).saturating_add(seconds).saturating_add(1);
    // The hard limit stays: the next message sets the soft one anew.
    let maximum = rustix::process::getrlimit(Resource::Cpu).maximum;
    let _granted = setrlimit(Resource::Cpu, Rlimit { current: Some(current), maximum });
}

fn restrict_files(setup: &Setup) -> Result<Hold, String> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let loading: Vec<PathBuf> = match setup.runs.is_empty() {
        true => Vec::new(),
        false => setup.runs.iter().cloned().chain(LOADING.iter().map(PathBuf::from)).collect(),
    };
    let restricted = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(LANDLOCK)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(LANDLOCK)))
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rules(path_beneath_rules(&setup.reads, read)))
        .and_then(|ruleset| ruleset.add_rules(path_beneath_rules(&loading, read | AccessFs::Execute)))
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(|error| error.to_string())?;
    Ok(match restricted.ruleset {
        RulesetStatus::FullyEnforced => Hold::Full,
        RulesetStatus::PartiallyEnforced => Hold::Partial,
        RulesetStatus::NotEnforced => Hold::Missing("this kernel has no Landlock".to_owned()),
    })
}

/// Where the descriptors of this process are listed.
const DESCRIPTORS: &str = "/proc/self/fd";

/// The numbers, in order, of descriptors beyond the three standard ones that are open: asked before anything is
/// opened, those that the process was born with. The sensor marks its own to be closed in its children; somebody's
/// library may have forgotten to, and there is no safe way to close what one has by number only.
pub(crate) fn inherited() -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir(DESCRIPTORS) else { return Vec::new() };
    let number = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let mut numbers: Vec<u32> = entries.flatten().filter_map(number).filter(|number| *number > 2).collect();
    // That of the listing is closed by now.
    numbers.retain(|number| std::fs::symlink_metadata(format!("{DESCRIPTORS}/{number}")).is_ok());
    numbers.sort_unstable();
    numbers
}
