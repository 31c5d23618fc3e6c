//! ClamAV's daemon with a signature of our own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{is_root, program, skip, wait_for};

/// The EICAR test file, put together here so that nothing finds it in the sources.
pub(crate) fn eicar() -> String {
    ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"].concat()
}

/// A clamd that knows EICAR and nothing else; ended by its pid when dropped.
pub(crate) struct Clamd {
    directory: TempDir,
    child: Child,
}

impl Clamd {
    pub(crate) fn start(test: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let child = Self::run(test, directory.path())?;
        Some(Self { directory, child })
    }

    /// Starts one whose socket will be in `directory`.
    fn run(test: &str, directory: &Path) -> Option<Child> {
        let Some(program) = program("clamd") else {
            skip(test, "clamd is not installed");
            return None;
        };
        let database = directory.join("db");
        fs::create_dir_all(&database).unwrap();
        let hex: String = eicar().bytes().map(|octet| format!("{octet:02x}")).collect();
        fs::write(database.join("own.ndb"), format!("Own.Eicar:0:*:{hex}\n")).unwrap();
        let user = if is_root() { "User root\n" } else { "" };
        let config = format!(
            "Foreground yes\nLocalSocket {}\nDatabaseDirectory {}\nTemporaryDirectory {}\n{user}",
            socket_in(directory).display(),
            database.display(),
            directory.display(),
        );
        fs::write(directory.join("conf"), config).unwrap();
        let log = fs::File::create(directory.join("log")).unwrap();
        let mut command = Command::new(program);
        command.arg("--config-file").arg(directory.join("conf"));
        let child =
            command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        wait_for("clamd", || UnixStream::connect(socket_in(directory)).ok());
        Some(child)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        socket_in(self.directory.path())
    }

    /// Ends it, and keeps its directory.
    pub(crate) fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let _ = fs::remove_file(self.socket());
    }

    /// Starts it again at the same socket.
    pub(crate) fn go_on(&mut self) {
        self.child = Self::run("clamd", self.directory.path()).expect("it was there before");
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn socket_in(directory: &Path) -> PathBuf {
    directory.join("socket")
}
