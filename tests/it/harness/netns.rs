//! Network namespaces: hosts of the test's own, with addresses of their own. What they say to one another
//! leaves no cable.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{is_root, program, skip};

/// Where iproute2 keeps the namespaces that have names.
const NAMES: &str = "/run/netns";

/// Where the variables of the kernel are, for whoever looks in the namespace that it is in.
const VARIABLES: &str = "/proc/sys/net";

/// A host of the test's own; gone when dropped, with its interfaces and what they were connected to.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// A host with a loopback interface. None where this machine does not let us: counted as a skip of `test`.
    pub(crate) fn add(test: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        if !is_root() || program("ip").is_none() {
            skip(test, "needs root and iproute2 to make network namespaces");
            return None;
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("mailsensor-test-{}-{number}", std::process::id());
        let added = Command::new("ip").args(["netns", "add", &name]).output().unwrap();
        let namespace = Self { name };
        let entered = namespace.command("true").output().unwrap();
        if !added.status.success() || !entered.status.success() {
            skip(test, &format!("cannot make network namespaces: {added:?} {entered:?}"));
            return None;
        }
        namespace.ip("link set lo up");
        // What the machine is set to is none of the test's business.
        for family in ["all", "default"] {
            namespace.set(&format!("ipv4/conf/{family}/rp_filter"), "0");
            if namespace.has_ipv6() {
                namespace.set(&format!("ipv6/conf/{family}/disable_ipv6"), "0");
            }
        }
        Some(namespace)
    }

    /// What `ip` knows it by.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the kernel knows IPv6.
    pub(crate) fn has_ipv6(&self) -> bool {
        self.inside(|| Path::new(VARIABLES).join("ipv6").exists())
    }

    /// Carries out lines of `ip` in here, none after the first that fails.
    #[track_caller]
    pub(crate) fn ip(&self, lines: &str) {
        self.try_ip(lines).unwrap_or_else(|error| panic!("{lines}: {error}"));
    }

    /// The same; what `ip` says where it fails.
    pub(crate) fn try_ip(&self, lines: &str) -> Result<(), String> {
        let mut ip = Command::new("ip")
            .args(["-netns", &self.name, "-batch", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        ip.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = ip.wait_with_output().unwrap();
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// `program`, to be run in here: as the child that is spawned, not below it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Does something in here, on a thread of its own: a socket stays where it was opened.
    pub(crate) fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(Path::new(NAMES).join(&self.name)).unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                act()
            });
            thread.join().unwrap()
        })
    }

    /// Sets a variable of the kernel, such as `ipv4/ip_forward`.
    #[track_caller]
    pub(crate) fn set(&self, variable: &str, value: &str) {
        self.inside(|| fs::write(Path::new(VARIABLES).join(variable), value).unwrap());
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).stderr(Stdio::null()).status();
    }
}
