//! What disk and loopback give when no mail is involved: the bounds that no server can pass.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::meter;

const BLOCK_OCTETS: usize = 4_096;
/// A file of this length is written again and again.
const FILE_OCTETS: u64 = 64 << 20;
/// A command and its reply are about this long.
const PING_OCTETS: usize = 32;

/// What `sensor-bench phys` measures.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// A directory on the disk to measure.
    #[arg(long)]
    pub dir: PathBuf,
    /// How long each measurement takes.
    #[arg(long, default_value_t = 2.0)]
    pub seconds: f64,
}

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub struct Limit {
    /// What was done, again and again.
    pub what: String,
    /// How often, each second.
    pub per_s: f64,
    /// What is counted.
    pub unit: &'static str,
}

/// Measures group commit into growing and into filled files, and round trips over loopback.
///
/// # Errors
/// Of the file system and of the sockets; also when `seconds` is no length of time.
pub fn run(options: &Options) -> io::Result<Vec<Limit>> {
    let time = Duration::try_from_secs_f64(options.seconds).map_err(io::Error::other)?;
    let mut limits = Vec::new();
    for filled in [false, true] {
        for blocks in [1, 32, 256] {
            limits.push(group_commit(&options.dir, filled, blocks, time)?);
        }
    }
    for connections in [1, 50] {
        limits.push(ping_pong(connections, time)?);
    }
    Ok(limits)
}

/// Writes groups of blocks, each followed by an fdatasync.
fn group_commit(dir: &Path, filled: bool, blocks: usize, time: Duration) -> io::Result<Limit> {
    let path = dir.join("phys.dat");
    let mut file = File::create(&path)?;
    if filled {
        io::copy(&mut io::repeat(0).take(FILE_OCTETS), &mut file)?;
    }
    file.sync_all()?;
    let group = vec![0x5a; blocks * BLOCK_OCTETS];
    let (start, mut groups, mut offset) = (meter::now(), 0_u64, 0);
    while groups == 0 || start.elapsed() < time {
        if offset + group.len() as u64 > FILE_OCTETS {
            offset = 0;
            if !filled {
                file.set_len(0)?;
            }
        }
        file.write_all_at(&group, offset)?;
        file.sync_data()?;
        offset += group.len() as u64;
        groups += 1;
    }
    let per_s = groups as f64 * blocks as f64 / start.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    let kind = if filled { "filled" } else { "growing" };
    Ok(Limit { what: format!("fdatasync of {blocks} x 4 KiB, {kind} file"), per_s, unit: "blocks" })
}

/// Sends a few octets to and fro on each connection, one thread at either end.
fn ping_pong(connections: usize, time: Duration) -> io::Result<Limit> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let start = meter::now();
    let mut clients = Vec::new();
    for _ in 0..connections {
        let client = TcpStream::connect(listener.local_addr()?)?;
        let (server, _) = listener.accept()?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        thread::spawn(move || echo(server));
        clients.push(thread::spawn(move || ping(client, start + time)));
    }
    let mut pings = 0;
    for client in clients {
        pings += client.join().expect("a client does not panic")?;
    }
    let per_s = pings as f64 / start.elapsed().as_secs_f64();
    Ok(Limit { what: format!("loopback, {connections} connections"), per_s, unit: "round trips" })
}

fn ping(mut stream: TcpStream, end: Instant) -> io::Result<u64> {
    let mut octets = [7; PING_OCTETS];
    let mut pings = 0;
    while pings == 0 || meter::now() < end {
        stream.write_all(&octets)?;
        stream.read_exact(&mut octets)?;
        pings += 1;
    }
    Ok(pings)
}

/// Ends when the client closes.
fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut octets = [0; PING_OCTETS];
    loop {
        stream.read_exact(&mut octets)?;
        stream.write_all(&octets)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_measured_and_no_file_is_left() {
        let dir = tempfile::tempdir().unwrap();
        for (filled, blocks) in [(false, 256), (true, 1)] {
            let limit = group_commit(dir.path(), filled, blocks, Duration::from_millis(5)).unwrap();
            assert!(limit.per_s > 0.0, "{limit:?}");
        }
        assert!(ping_pong(3, Duration::from_millis(5)).unwrap().per_s > 0.0);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        assert!(run(&Options { dir: "/nonexistent".into(), seconds: 0.0 }).is_err());
    }
}
