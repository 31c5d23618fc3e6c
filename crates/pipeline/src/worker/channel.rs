//! Letters between the sensor and its worker: one socket that keeps the bounds of what is sent
//! (`SOCK_SEQPACKET`), each letter with at most one descriptor (`SCM_RIGHTS`).
//!
//! Letters are small, whatever a message or its parts measure: octets travel in files whose descriptors are
//! passed, and are never copied through the socket.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest letter, well below what the kernel lets one datagram have.
pub(crate) const LETTER_OCTETS_MAX: usize = 64 * 1024;

/// One end of the socket.
#[derive(Debug)]
pub(crate) struct Channel(OwnedFd);

/// No letter can be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoLetter {
    /// The other side closed its end, or is gone.
    #[error("the other side is gone")]
    Gone,
    /// None came in time.
    #[error("no letter came in time")]
    TimedOut,
    /// What came is none.
    #[error("not a letter: {0}")]
    Malformed(String),
    /// The system refuses.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Channel {
    /// Both ends.
    pub(crate) fn pair() -> io::Result<(Self, Self)> {
        let (one, other) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(one), Self(other)))
    }

    /// The end that this process was given as its standard input.
    pub(crate) fn of_standard_input() -> io::Result<Self> {
        let own = io::stdin().as_fd().try_clone_to_owned()?;
        let kind = rustix::net::sockopt::socket_type(&own)?;
        if kind == SocketType::SEQPACKET {
            Ok(Self(own))
        } else {
            Err(io::Error::other("standard input is not the socket of a sensor"))
        }
    }

    pub(crate) fn into_descriptor(self) -> OwnedFd {
        self.0
    }

    /// Sends a letter, with a descriptor where one belongs to it.
    pub(crate) fn send(&self, letter: &impl Serialize, with: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let octets = serde_json::to_vec(letter).map_err(io::Error::other)?;
        if octets.len() > LETTER_OCTETS_MAX {
            return Err(io::Error::other("a letter is larger than one may be"));
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = with.map(|descriptor| [descriptor]);
        if let Some(descriptors) = &descriptors {
            let fits = ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
            assert!(fits, "there is space for one descriptor");
        }
        // Without NOSIGNAL a worker that died would end the sensor.
        let sent =
            rustix::net::sendmsg(&self.0, &[IoSlice::new(&octets)], &mut ancillary, SendFlags::NOSIGNAL)?;
        assert_eq!(sent, octets.len(), "a datagram is sent whole");
        Ok(())
    }

    /// Waits for a letter, for `patience` at most where one is given.
    pub(crate) fn receive<T: DeserializeOwned>(
        &self,
        patience: Option<Duration>,
    ) -> Result<(T, Option<OwnedFd>), NoLetter> {
        if let Some(patience) = patience {
            self.wait(patience)?;
        }
        let mut octets = vec![0; LETTER_OCTETS_MAX];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::io::retry_on_intr(|| {
            let into = &mut [IoSliceMut::new(&mut octets)];
            rustix::net::recvmsg(&self.0, into, &mut ancillary, RecvFlags::CMSG_CLOEXEC)
        })
        .map_err(|error| {
            if error == Errno::CONNRESET { NoLetter::Gone } else { NoLetter::Io(error.into()) }
        })?;
        let descriptor = first_descriptor(&mut ancillary);
        if received.bytes == 0 {
            return Err(NoLetter::Gone);
        }
        if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
            return Err(NoLetter::Malformed("larger than a letter may be".to_owned()));
        }
        let octets = octets.get(..received.bytes).unwrap_or_default();
        let letter = serde_json::from_slice(octets).map_err(|error| malformed(&error))?;
        Ok((letter, descriptor))
    }

    fn wait(&self, patience: Duration) -> Result<(), NoLetter> {
        let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
        let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
        match rustix::io::retry_on_intr(|| rustix::event::poll(&mut polled, Some(&patience))) {
            Ok(0) => Err(NoLetter::TimedOut),
            Ok(_) => Ok(()),
            Err(error) => Err(NoLetter::Io(error.into())),
        }
    }
}

/// The kind of mistake and its place: the text of serde's error quotes the letter, and a letter may quote mail.
pub(crate) fn malformed(error: &serde_json::Error) -> NoLetter {
    NoLetter::Malformed(format!("{:?} at column {}", error.classify(), error.column()))
}

fn first_descriptor(ancillary: &mut RecvAncillaryBuffer<'_>) -> Option<OwnedFd> {
    let mut found = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            // Those beyond the first are closed as they are dropped.
            found = descriptors.fold(found, |found, descriptor| found.or(Some(descriptor)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};

    use super::*;

    #[test]
    fn letters_keep_their_bounds_and_bring_their_descriptor() {
        let (here, there) = Channel::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"octets").unwrap();
        file.rewind().unwrap();
        here.send(&"one", Some(file.as_fd())).unwrap();
        here.send(&"two", None).unwrap();
        let (one, descriptor) = there.receive::<String>(None).unwrap();
        let mut passed = String::new();
        std::fs::File::from(descriptor.unwrap()).read_to_string(&mut passed).unwrap();
        assert_eq!((&*one, &*passed), ("one", "octets"));
        let (two, descriptor) = there.receive::<String>(Some(Duration::from_secs(5))).unwrap();
        assert_eq!((&*two, descriptor.is_none()), ("two", true));
    }

    #[test]
    fn what_is_no_letter_is_told() {
        let (here, there) = Channel::pair().unwrap();
        assert!(matches!(there.receive::<String>(Some(Duration::ZERO)), Err(NoLetter::TimedOut)));
        here.send(&7, None).unwrap();
        let told = there.receive::<String>(None).unwrap_err();
        assert!(matches!(told, NoLetter::Malformed(_)), "{told}");
        assert!(here.send(&"x".repeat(LETTER_OCTETS_MAX), None).is_err());
        rustix::net::send(&here.0, &vec![b'1'; LETTER_OCTETS_MAX + 1], SendFlags::empty()).unwrap();
        assert!(matches!(there.receive::<u8>(None), Err(NoLetter::Malformed(_))));
        drop(here);
        assert!(matches!(there.receive::<String>(None), Err(NoLetter::Gone)));
    }
}
