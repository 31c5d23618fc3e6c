//! A worker that was taken over before it had any mail, and is confined by nobody: it tries to alter the message
//! that it is handed, and ends with what came of it.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::unix::fs::FileExt;
use std::process::ExitCode;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendFlags, recvmsg, sendmsg,
};

/// It could not be altered.
const REFUSED: u8 = 40;
/// It could.
const ALTERED: u8 = 41;

const HELLO: &[u8] = br#"{"Hello":{"sandbox":{"limits":"untried","landlock":"untried","seccomp":"untried",
    "inherited":0},"inspectors":[]}}"#;

pub(crate) fn work() -> ExitCode {
    let _setup = receive();
    let mut none = SendAncillaryBuffer::new(&mut []);
    sendmsg(std::io::stdin(), &[IoSlice::new(HELLO)], &mut none, SendFlags::empty()).expect("a sensor");
    let message = receive().expect("a message");
    let tried = [
        message.write_at(b"X", 0).map(|_| ()),
        message.set_len(0),
        message.set_len(1 << 16),
        std::io::Write::write(&mut &message, b"X").map(|_| ()),
    ];
    ExitCode::from(if tried.iter().all(Result::is_err) { REFUSED } else { ALTERED })
}

/// The descriptor that comes with a letter.
fn receive() -> Option<File> {
    let (mut octets, mut space) =
        (vec![0; 64 * 1024], [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))]);
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let into = &mut [IoSliceMut::new(&mut octets)];
    recvmsg(std::io::stdin(), into, &mut ancillary, RecvFlags::CMSG_CLOEXEC).expect("a letter");
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(mut descriptors) = message {
            return descriptors.next().map(File::from);
        }
    }
    None
}
