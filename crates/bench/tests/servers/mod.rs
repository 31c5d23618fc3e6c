//! The bare server, as the tests of the instruments start it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use sensor_bench::bare::{self, Promise};

/// Starts a bare server in a thread that lives as long as the test; returns its address. It offers STARTTLS
/// where it is given the directory of a certificate.
pub(crate) fn bare_server(promise: Promise, file: Option<PathBuf>, tls: Option<&Path>) -> String {
    let (ready, address) = mpsc::channel();
    let addr = "127.0.0.1:0".parse().unwrap();
    let (capacity, tls) = (bytesize::ByteSize::mib(64), tls.map(Path::to_owned));
    let options = bare::Options { addr, promise, file, capacity, tls, threads: 1 };
    thread::spawn(move || bare::run(&options, |address| ready.send(address).unwrap()));
    address.recv().unwrap().to_string()
}

/// A directory with a certificate.
pub(crate) fn certificate() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    sensor_bench::tls::run(&sensor_bench::tls::Options { dir: dir.path().to_owned() }).unwrap();
    dir
}
