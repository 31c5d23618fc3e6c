//! Sockets that the service manager opened and hands over (sd_listen_fds(3)), each with the name of the
//! listener that it is for: `FileDescriptorName=` in the socket unit.
//!
//! The crate that says READY could name the descriptors too, but owning one by its number takes `unsafe`,
//! which is forbidden here; `listenfd` proves that a descriptor is a stream socket and then owns it.

use std::net::TcpListener;

use anyhow::{Context, bail, ensure};
use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;
use sensor_ingress::HandedIn;

/// `:` is between the names, and in none (systemd.socket(5)).
const NAMES: &str = "LISTEN_FDNAMES";

/// Takes the sockets that were handed in; none where nobody did. They, and the variables that would make a
/// child look for them, are not inherited. Must be called before there is a second thread, and once.
///
/// # Errors
/// When a descriptor is no socket that listens for TCP, or has no name.
pub(crate) fn handed_in() -> anyhow::Result<Vec<HandedIn>> {
    let mut descriptors = ListenFd::from_env();
    if descriptors.len() == 0 {
        return Ok(Vec::new());
    }
    let names = std::env::var(NAMES).unwrap_or_default();
    let names = names_of(&names, descriptors.len())?;
    let socket = |(index, name): (usize, &str)| {
        let socket = listening(&mut descriptors, index)
            .with_context(|| format!("the service manager handed in {name}, which cannot be used"))?;
        Ok(HandedIn { name: name.to_owned(), socket })
    };
    names.into_iter().enumerate().map(socket).collect()
}

fn names_of(names: &str, count: usize) -> anyhow::Result<Vec<&str>> {
    let names: Vec<&str> = names.split(':').collect();
    ensure!(
        names.len() == count && names.iter().all(|name| !name.is_empty()),
        "the service manager handed in {count} sockets with the names {names:?} in {NAMES}: each needs the \
         name of a listener (FileDescriptorName= in the socket unit)"
    );
    Ok(names)
}

fn listening(descriptors: &mut ListenFd, index: usize) -> anyhow::Result<TcpListener> {
    let socket = descriptors.take_tcp_listener(index)?.context("it was taken before")?;
    if !socket_acceptconn(&socket)? {
        bail!("it does not listen: a socket unit needs ListenStream= and Accept=no");
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_socket_has_a_name() {
        for (names, count, expected) in [
            ("relay", 1, Some(vec!["relay"])),
            ("relay:journal", 2, Some(vec!["relay", "journal"])),
            // Several ListenStream= in one unit have one name; the gate says that it knows no second one.
            ("relay:relay", 2, Some(vec!["relay", "relay"])),
            ("", 1, None),
            ("relay", 2, None),
            ("relay:journal", 1, None),
            ("relay:", 2, None),
        ] {
            assert_eq!(names_of(names, count).ok(), expected, "{names} for {count}");
        }
    }
}
