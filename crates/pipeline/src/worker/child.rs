//! One worker process, seen from the sensor.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};

use super::channel::{Channel, NoLetter};
use super::death::Death;
use super::manifest::{self, Lie};
use super::protocol::{Answer, Hello, Order, Setup, Take};
use super::sealed::{read_only, sealed};
use crate::scanner::Octets;
use crate::taker::{NoWorker, Taken, Task};

/// How long a worker may make its tools before its first message: rules are compiled then.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// What a worker gets beyond the time of a task: it ends by itself when its budget does, or is killed.
const GRACE: Duration = Duration::from_secs(2);
/// How long a worker that closed its socket may take to be gone.
const END_PATIENCE: Duration = Duration::from_secs(2);
/// How much of its last words are read.
const LAST_WORDS_OCTETS: u64 = 64 * 1024;

/// What is run as a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The program.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl Program {
    /// The program that runs now, even when its file was replaced meanwhile, with these arguments.
    #[must_use]
    pub fn itself<A: Into<String>>(arguments: impl IntoIterator<Item = A>) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { path: PathBuf::from("/proc/self/exe"), arguments }
    }
}

/// A worker process. It ends with the thread that started it, at the latest.
pub(super) struct Worker {
    process: Child,
    /// It was waited for: its number may be another's by now.
    has_ended: bool,
    channel: Channel,
    pub(super) hello: Hello,
    /// How many messages it had.
    pub(super) messages: u32,
    /// Of which setup it is.
    pub(super) generation: u64,
}

/// Why a conversation broke off.
enum Broken {
    Gone,
    TimedOut,
    Lie(Lie),
}

impl From<NoLetter> for Broken {
    fn from(error: NoLetter) -> Self {
        match error {
            NoLetter::Gone => Self::Gone,
            NoLetter::TimedOut => Self::TimedOut,
            NoLetter::Malformed(what) => Self::Lie(Lie(what)),
            NoLetter::Io(error) => Self::Lie(Lie(error.to_string())),
        }
    }
}

impl From<Lie> for Broken {
    fn from(lie: Lie) -> Self {
        Self::Lie(lie)
    }
}

impl Worker {
    /// Starts a process and waits until it is ready. Blocks.
    pub(super) fn start(program: &Program, setup: &Setup, generation: u64) -> Result<Self, NoWorker> {
        let (channel, process) = spawn(program)
            .map_err(|error| NoWorker(format!("{} cannot be started: {error}", program.path.display())))?;
        let hello = Hello::default();
        let mut worker = Self { process, has_ended: false, channel, hello, messages: 0, generation };
        let greeted = worker.equip(setup).map_err(NoLetter::Io);
        match greeted.and_then(|()| worker.channel.receive(Some(START_PATIENCE))) {
            Ok((Answer::Hello(hello), _)) => {
                worker.hello = hello;
                Ok(worker)
            }
            Ok((Answer::Unable(why), _)) => Err(NoWorker(why)),
            Ok((Answer::Parts { .. } | Answer::Said { .. } | Answer::Done, _)) => {
                Err(NoWorker("it does not say what a worker says".to_owned()))
            }
            Err(error) => Err(NoWorker(format!("it did not come to work: {}", worker.bury(error.into())))),
        }
    }

    fn equip(&self, setup: &Setup) -> io::Result<()> {
        let supplies = match setup.supplies.is_empty() {
            true => None,
            false => Some(file_of(&Octets::Held(setup.supplies.clone()))?.0),
        };
        self.channel.send(&Order::Setup(setup.clone()), supplies.as_ref().map(AsFd::as_fd))
    }

    /// Whether it lives.
    pub(super) fn is_alive(&mut self) -> bool {
        self.has_ended |= !matches!(self.process.try_wait(), Ok(None));
        !self.has_ended
    }

    /// Has a message taken apart. After a death this worker is of no use. Blocks, for the time of the task and
    /// a little more.
    pub(super) fn take(&mut self, task: &Task) -> Result<Taken, NoWorker> {
        self.messages += 1;
        let mut taken = Taken::default();
        let (file, start) = file_of(&task.octets).map_err(|error| NoWorker(error.to_string()))?;
        let broken = self.converse(task, file, start, &mut taken).err();
        taken.death = broken.map(|broken| self.bury(broken));
        Ok(taken)
    }

    fn converse(&self, task: &Task, file: OwnedFd, start: u64, taken: &mut Taken) -> Result<(), Broken> {
        let inspectors = task.inspectors.iter().map(|one| (one.name.clone(), millis(one.deadline))).collect();
        let octets = task.octets.len();
        let take = Take { start, octets, millis: millis(task.patience), inspectors };
        // Who cannot be written to is gone.
        self.channel.send(&Order::Take(take), Some(file.as_fd())).map_err(|_| Broken::Gone)?;
        drop(file);
        let (answer, file) = self.channel.receive(Some(task.patience + GRACE))?;
        let Answer::Parts { start, octets } = answer else { return Err(out_of_turn()) };
        (taken.pieces, taken.recipients) = manifest::parts(file, start, octets, task)?;
        for assignment in &task.inspectors {
            let (answer, file) = self.channel.receive(Some(assignment.deadline + GRACE))?;
            let Answer::Said { micros } = answer else { return Err(out_of_turn()) };
            let report = manifest::report(file, &assignment.name, taken.pieces.len())?;
            taken.reports.push((report, Duration::from_micros(micros)));
        }
        match self.channel.receive(Some(GRACE))? {
            (Answer::Done, _) => Ok(()),
            (Answer::Hello(_) | Answer::Unable(_) | Answer::Parts { .. } | Answer::Said { .. }, _) => {
                Err(out_of_turn())
            }
        }
    }

    /// Ends it, and says what it died of.
    fn bury(&mut self, broken: Broken) -> Death {
        match broken {
            Broken::TimedOut => Death::OutOfTime,
            Broken::Lie(Lie(what)) => Death::Lied(what),
            Broken::Gone => self.autopsy(),
        }
    }

    fn autopsy(&mut self) -> Death {
        let ended_by_itself = self.wait_for_end();
        let status = self.end();
        if !ended_by_itself {
            return Death::Lied("it closed its socket and lived on".to_owned());
        }
        let mut last_words = Vec::new();
        if let Some(stderr) = self.process.stderr.take() {
            let _as_far_as_they_go = stderr.take(LAST_WORDS_OCTETS).read_to_end(&mut last_words);
        }
        status.map_or(Death::Aborted, |status| Death::of(status, &String::from_utf8_lossy(&last_words)))
    }

    /// Whether it ends by itself shortly.
    fn wait_for_end(&self) -> bool {
        let Ok(process) = rustix::process::pidfd_open(self.pid(), PidfdFlags::empty()) else { return true };
        let mut polled = [PollFd::new(&process, PollFlags::IN)];
        let patience = Timespec::try_from(END_PATIENCE).expect("two seconds");
        rustix::io::retry_on_intr(|| rustix::event::poll(&mut polled, Some(&patience))) != Ok(0)
    }

    /// Kills it, and whatever it started.
    fn end(&mut self) -> io::Result<std::process::ExitStatus> {
        if !self.has_ended {
            let _nothing_to_kill = rustix::process::kill_process_group(self.pid(), Signal::KILL);
        }
        self.has_ended = true;
        self.process.wait()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _gone = self.end();
    }
}

fn out_of_turn() -> Broken {
    Broken::Lie(Lie("a letter out of turn".to_owned()))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn spawn(program: &Program) -> io::Result<(Channel, Child)> {
    let (ours, theirs) = Channel::pair()?;
    let mut command = Command::new(&program.path);
    command.args(&program.arguments).env_clear().current_dir("/").process_group(0);
    let process = command
        .stdin(Stdio::from(theirs.into_descriptor()))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    Ok((ours, process))
}

/// A file that has the octets and takes no others, and where they begin in it.
fn file_of(octets: &Octets) -> io::Result<(OwnedFd, u64)> {
    match octets {
        Octets::Filed(file, range) => Ok((read_only(file)?, range.start)),
        Octets::Held(held) => Ok((sealed(|out| out.write_all(held))?.into(), 0)),
    }
}
