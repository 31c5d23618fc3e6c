//! A Postfix of the test's own: configuration, queue and data in a temporary directory, one port.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{is_root, program, skip, wait_for};

pub(crate) struct Postfix {
    folder: TempDir,
    pub(crate) address: SocketAddr,
}

impl Postfix {
    /// Starts a Postfix with `main` added to main.cf and `master` to master.cf. None when this machine
    /// cannot run one: that is counted as a skip of `test`.
    pub(crate) fn start(test: &str, main: &str, master: &str) -> Option<Self> {
        let postfix = Self::configured(test, main, master)?;
        postfix.run(&["start"]);
        postfix.wait_started();
        Some(postfix)
    }

    /// The same in a mount namespace of its own, in which /etc/hosts reads `hosts`: nothing of the machine is
    /// touched.
    pub(crate) fn start_with_hosts(test: &str, main: &str, master: &str, hosts: &str) -> Option<Self> {
        let can_unshare = Command::new("unshare").args(["-m", "true"]).output();
        if !can_unshare.is_ok_and(|output| output.status.success()) {
            skip(test, "needs a mount namespace of its own");
            return None;
        }
        let postfix = Self::configured(test, main, master)?;
        let file = postfix.folder.path().join("hosts");
        fs::write(&file, hosts).unwrap();
        let script = "mount --bind \"$1\" /etc/hosts && exec /usr/sbin/postfix -c \"$2\" start";
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script, "sh"]).arg(file).arg(postfix.conf());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        postfix.wait_started();
        Some(postfix)
    }

    fn wait_started(&self) {
        wait_for("Postfix", || std::net::TcpStream::connect(self.address).ok());
    }

    fn configured(test: &str, main: &str, master: &str) -> Option<Self> {
        if program("postfix").is_none() || !is_root() {
            skip(test, "needs Postfix and root");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("postfix").tempdir().unwrap();
        // Postfix's own processes run as other users and must reach the sockets in here.
        Command::new("chmod").arg("755").arg(folder.path()).status().unwrap();
        let address = free_port();
        let postfix = Self { folder, address };
        postfix.write_configuration(main, master);
        postfix.run(&["set-permissions"]);
        Some(postfix)
    }

    fn write_configuration(&self, main: &str, master: &str) {
        let root = self.folder.path();
        for folder in ["conf", "spool", "data"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        Command::new("chown").arg("postfix").arg(root.join("data")).status().unwrap();
        for file in ["dynamicmaps.cf", "postfix-files"] {
            let _ = fs::copy(PathBuf::from("/etc/postfix").join(file), self.conf().join(file));
        }
        let (conf, port) = (root.display(), self.address.port());
        let main_cf = format!(
            "compatibility_level = 3.6\n\
             queue_directory = {conf}/spool\n\
             data_directory = {conf}/data\n\
             command_directory = /usr/sbin\n\
             daemon_directory = /usr/lib/postfix/sbin\n\
             maillog_file_prefixes = /tmp, /var\n\
             maillog_file = {conf}/maillog\n\
             myhostname = mta.example.com\n\
             mydestination =\n\
             mynetworks = 127.0.0.0/8\n\
             inet_interfaces = 127.0.0.1\n\
             inet_protocols = ipv4\n\
             smtp_host_lookup = native\n\
             smtp_dns_support_level = disabled\n\
             smtpd_relay_restrictions = permit_mynetworks, reject\n\
             minimal_backoff_time = 1s\n\
             maximal_backoff_time = 2s\n\
             queue_run_delay = 1s\n\
             transport_retry_time = 1s\n\
             smtp_connect_timeout = 2s\n\
             message_size_limit = 0\n\
             {main}\n"
        );
        fs::write(self.conf().join("main.cf"), main_cf).unwrap();
        let master_cf = format!(
            "127.0.0.1:{port} inet n - n - - smtpd\n\
             postlog unix-dgram n - n - 1 postlogd\n\
             pickup unix n - n 60 1 pickup\n\
             cleanup unix n - n - 0 cleanup\n\
             qmgr unix n - n 1 1 qmgr\n\
             tlsmgr unix - - n 1000? 1 tlsmgr\n\
             rewrite unix - - n - - trivial-rewrite\n\
             bounce unix - - n - 0 bounce\n\
             defer unix - - n - 0 bounce\n\
             trace unix - - n - 0 bounce\n\
             verify unix - - n - 1 verify\n\
             flush unix n - n 1000? 0 flush\n\
             proxymap unix - - n - - proxymap\n\
             smtp unix - - n - - smtp\n\
             relay unix - - n - - smtp\n\
             error unix - - n - - error\n\
             retry unix - - n - - error\n\
             discard unix - - n - - discard\n\
             anvil unix - - n - 1 anvil\n\
             scache unix - - n - 1 scache\n\
             {master}\n"
        );
        fs::write(self.conf().join("master.cf"), master_cf).unwrap();
    }

    pub(crate) fn conf(&self) -> PathBuf {
        self.folder.path().join("conf")
    }

    fn run(&self, arguments: &[&str]) {
        let _ =
            Command::new("/usr/sbin/postfix").arg("-c").arg(self.conf()).args(arguments).output().unwrap();
    }

    /// How many messages are still in Postfix's queue.
    pub(crate) fn queued(&self) -> usize {
        let spool = self.folder.path().join("spool");
        ["incoming", "active", "deferred"].iter().map(|queue| files_below(&spool.join(queue))).sum()
    }

    /// Has deferred mail tried again until none is left. Not all the time: each flush starts processes.
    pub(crate) fn wait_empty(&self) {
        let begun = Instant::now();
        wait_for("an empty queue", || {
            if self.queued() == 0 {
                return Some(());
            }
            self.flush();
            let next = begun.elapsed() + Duration::from_millis(500);
            while self.queued() > 0 && begun.elapsed() < next {
                std::thread::sleep(Duration::from_millis(20));
            }
            None
        });
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("maillog")).unwrap_or_default()
    }

    /// Tries deferred mail now.
    pub(crate) fn flush(&self) {
        self.run(&["flush"]);
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // `postfix stop` ends the master process whose pid file is in our own data directory.
        self.run(&["stop"]);
    }
}

fn files_below(folder: &std::path::Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files_below(&entry.path()) } else { 1 }).sum()
}

/// A port that was free a moment ago: for programs that cannot say which one the system gave them.
pub(crate) fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
