//! The sensor as a child process.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use tempfile::TempDir;

use super::wait_for;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_mailsensor");

/// A directory with a configuration and a state; outlives the processes that run on it.
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    /// A configuration with one listener on a free port of 127.0.0.1, and `more` of TOML behind it.
    pub(crate) fn new(more: &str) -> Self {
        Self::on("127.0.0.1:0", more)
    }

    pub(crate) fn on(address: &str, more: &str) -> Self {
        let home = Self { folder: tempfile::tempdir().unwrap() };
        let state = home.state();
        home.configure(&format!(
            "state_dir = {state:?}\n[[smtp.listener]]\nname = \"relay\"\naddress = \"{address}\"\n{more}\n"
        ));
        home
    }

    pub(crate) fn configure(&self, toml: &str) {
        fs::write(self.config(), toml).unwrap();
    }

    /// Changes a part of the configuration, which must be there.
    #[track_caller]
    pub(crate) fn reconfigure(&self, part: &str, new: &str) {
        let toml = fs::read_to_string(self.config()).unwrap();
        assert!(toml.contains(part), "no {part} in {toml}");
        self.configure(&toml.replace(part, new));
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path().join("mailsensor.toml")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    /// Runs a subcommand to its end.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        Command::new(BINARY).arg("--config").arg(self.config()).args(arguments).output().unwrap()
    }

    /// What a subcommand that must succeed prints.
    #[track_caller]
    pub(crate) fn output(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.command(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {}: {said}", output.status);
        output.stdout
    }

    /// The bytes of a message, from the archive or the spool.
    #[track_caller]
    pub(crate) fn message(&self, id: &str) -> Vec<u8> {
        self.output(&["message", "cat", id])
    }

    /// Ids of kept messages, newest first.
    pub(crate) fn kept(&self) -> Vec<String> {
        let listed = self.output(&["message", "ls", "--json", "--limit", "1000000"]);
        let line_id = |line: &str| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            record["envelope"]["id"].as_str().unwrap().to_owned()
        };
        String::from_utf8(listed).unwrap().lines().map(line_id).collect()
    }

    /// Waits until the archive holds so many messages.
    #[track_caller]
    pub(crate) fn wait_kept(&self, count: usize) -> Vec<String> {
        wait_for(&format!("{count} kept messages"), || Some(self.kept()).filter(|kept| kept.len() >= count))
    }

    pub(crate) fn start(&self) -> Sensor {
        self.start_under(Command::new(BINARY))
    }

    /// The first line that a sensor prints at its start and that begins so; it is ended then.
    #[track_caller]
    pub(crate) fn first_line(&self, begin: &str) -> String {
        let mut command = Command::new(BINARY);
        command.arg("--config").arg(self.config()).arg("run").env("MAILSENSOR__CONTROL__ADDRESS", "none");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut lines = lines.take_while(|line| line != "ready");
        let found = lines.find(|line| line.starts_with(begin));
        let _ = child.kill();
        child.wait().unwrap();
        found.unwrap_or_else(|| panic!("no line begins with {begin}"))
    }

    /// Starts the sensor by `command`, which ends in the binary: a tracer or a limiter before it.
    pub(crate) fn start_under(&self, mut command: Command) -> Sensor {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log_path()).unwrap();
        if !fs::read_to_string(self.config()).unwrap().contains("[control]") {
            // Its default port is one for the whole machine.
            command.env("MAILSENSOR__CONTROL__ADDRESS", "none");
        }
        command.arg("--config").arg(self.config()).arg("run").stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut address, mut control) = (None, None);
        for line in said.by_ref() {
            let line = line.unwrap();
            if let Some(rest) = line.trim().strip_prefix("listens on") {
                address = rest.split_whitespace().next().and_then(|word| word.parse().ok());
            }
            if let Some(rest) = line.trim().strip_prefix("is controlled at http://") {
                control = rest.split_whitespace().next().and_then(|word| word.parse().ok());
            }
            if line.trim().starts_with("ready") {
                break;
            }
        }
        let Some(address) = address else {
            let status = child.wait().unwrap();
            panic!("the sensor did not start: {status}: {}", self.log());
        };
        // What it prints later must not fill the pipe.
        std::thread::spawn(move || said.for_each(drop));
        Sensor { child, address, control }
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.path().join("log")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }
}

/// A running sensor; killed when dropped.
pub(crate) struct Sensor {
    child: Child,
    pub(crate) address: SocketAddr,
    /// The control plane, where it listens over TCP.
    pub(crate) control: Option<SocketAddr>,
}

impl Sensor {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// SIGTERM, then the exit status.
    pub(crate) fn end(self) -> ExitStatus {
        self.signal("TERM");
        self.wait_ended()
    }

    /// The exit status of a sensor that is going down.
    pub(crate) fn wait_ended(mut self) -> ExitStatus {
        wait_for("the sensor's end", || self.child.try_wait().unwrap())
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
