//! One run of a program: under limits, and ended with all of its group.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use sensor_pipeline::Budget;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use crate::answer::ANSWER_OCTETS_MAX;
use crate::trouble::Trouble;

/// The most octets of its standard error that are kept; the rest is read and dropped.
const ERRORS_OCTETS_MAX: u64 = 256;
/// How long a killed program may take to be gone.
const REAP_WAIT: Duration = Duration::from_secs(1);

/// What each of its processes may take up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) memory: u64,
    pub(super) cpu: Duration,
    pub(super) file: u64,
    pub(super) files: u64,
}

/// A run that ended by itself.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) output: Vec<u8>,
    pub(super) errors: Vec<u8>,
}

/// Sets limits and becomes the program. Limits that are set from outside come too late for what it does first,
/// and setting them between fork and exec is no safe code; a shell's `ulimit` is what the system has for it.
/// Blocks of files are 512 octets in a POSIX shell.
const LIMITED: &str = "ulimit -c 0 && ulimit -v \"$1\" && ulimit -t \"$2\" && ulimit -f \"$3\" && ulimit -n \"$4\" \
                       && shift 4 && exec \"$@\"";

/// Runs a program on a directory.
pub(super) async fn run(
    command: &[String],
    folder: &Path,
    limits: &Limits,
    budget: &Budget,
) -> Result<Ended, Trouble> {
    if let Some(over) = budget.is_over() {
        return Err(over.into());
    }
    let mut group = Group::start(command, folder, limits)
        .map_err(|error| Trouble::at("the program cannot be started", &error))?;
    let ended = budget.run(group.ended()).await;
    group.end().await;
    ended?
}

fn limited(command: &[String], folder: &Path, limits: &Limits) -> Command {
    let mut limited = Command::new("/bin/sh");
    limited.args(["-c", LIMITED, "sh"]);
    limited.arg((limits.memory / 1024).to_string());
    limited.arg(limits.cpu.as_secs().to_string());
    limited.arg((limits.file / 512).to_string());
    limited.arg(limits.files.to_string());
    limited.args(command).arg(folder);
    limited.current_dir(folder).env_clear();
    limited.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C.UTF-8");
    limited.env("HOME", folder).env("TMPDIR", folder);
    limited
}

/// A program with its children.
struct Group {
    child: Child,
    leader: Pid,
}

impl Group {
    fn start(command: &[String], folder: &Path, limits: &Limits) -> io::Result<Self> {
        let child = limited(command, folder, limits)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let number = child.id().and_then(|id| i32::try_from(id).ok());
        let leader = number.and_then(Pid::from_raw).ok_or_else(|| io::Error::other("it has no number"))?;
        Ok(Self { child, leader })
    }

    /// Waits for its end, and for everything that it said by then. What its children say afterwards is not
    /// waited for: they are killed.
    async fn ended(&mut self) -> Result<Ended, Trouble> {
        let broken = |error: io::Error| Trouble::at("the program", &error);
        let said = self.child.stdout.take().expect("it is piped");
        let complained = self.child.stderr.take().expect("it is piped");
        let reading = async { tokio::try_join!(bounded(said), kept(complained)) };
        tokio::pin!(reading);
        let mut gone = std::pin::pin!(gone(self.leader));
        let read = tokio::select! {
            read = &mut reading => Some(read?),
            gone = &mut gone => {
                gone.map_err(broken)?;
                None
            }
        };
        if read.is_some() {
            gone.await.map_err(broken)?;
        }
        self.kill();
        let (output, errors) = match read {
            Some(read) => read,
            None => reading.await?,
        };
        let status = self.child.wait().await.map_err(broken)?;
        Ok(Ended { status, output, errors })
    }

    fn kill(&self) {
        // A group that has ended is no longer there.
        let _ = kill_process_group(self.leader, Signal::KILL);
    }

    /// Ends whatever is left, and takes the leader's status.
    async fn end(mut self) {
        if self.child.id().is_some() {
            self.kill();
            // One that the kernel does not let go is left to the runtime, which takes its status later.
            drop(tokio::time::timeout(REAP_WAIT, self.child.wait()).await);
        }
    }
}

impl Drop for Group {
    /// A look may be dropped at any wait.
    fn drop(&mut self) {
        if self.child.id().is_some() {
            self.kill();
        }
    }
}

/// Waits for the end of a child of ours without taking its status: until somebody does, its number is nobody
/// else's, and its group can be killed without hitting another. The thread ends with the child.
async fn gone(leader: Pid) -> io::Result<()> {
    let waiting = tokio::task::spawn_blocking(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        rustix::io::retry_on_intr(|| waitid(WaitId::Pid(leader), options))
    });
    waiting.await.map_err(io::Error::other)??;
    Ok(())
}

/// Everything that it says, if that is not too much.
async fn bounded(source: impl AsyncRead + Unpin) -> Result<Vec<u8>, Trouble> {
    let mut output = Vec::new();
    let read = source.take(ANSWER_OCTETS_MAX as u64 + 1).read_to_end(&mut output).await;
    read.map_err(|error| Trouble::at("the program", &error))?;
    match output.len() > ANSWER_OCTETS_MAX {
        true => Err(Trouble::failed(format!("the program prints more than {ANSWER_OCTETS_MAX} octets"))),
        false => Ok(output),
    }
}

/// The first octets; it reads on, so that the program need not wait.
async fn kept(mut source: impl AsyncRead + Unpin) -> Result<Vec<u8>, Trouble> {
    let broken = |error: io::Error| Trouble::at("the program", &error);
    let mut first = Vec::new();
    (&mut source).take(ERRORS_OCTETS_MAX).read_to_end(&mut first).await.map_err(broken)?;
    let mut rest = [0; 1024];
    while source.read(&mut rest).await.map_err(broken)? > 0 {}
    Ok(first)
}
