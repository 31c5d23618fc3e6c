//! The unix socket: for root and the user that the sensor runs as, without a token.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tokio::net::{UnixListener, UnixSocket, UnixStream};

use crate::gate::Caller;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 64;

/// Only its owner may connect; and root, whom nothing keeps out.
const MODE: u32 = 0o600;

/// Listens at `path`. What a killed sensor left there is replaced: the state directory has one owner.
///
/// Nobody can connect before the mode is set: the socket listens only then, and has its name only then.
pub(crate) fn listen(path: &Path) -> io::Result<UnixListener> {
    let fresh = path.with_added_extension("new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let socket = UnixSocket::new_stream()?;
    socket.bind(&fresh)?;
    fs::set_permissions(&fresh, Permissions::from_mode(MODE))?;
    let listener = socket.listen(BACKLOG)?;
    fs::rename(&fresh, path)?;
    Ok(listener)
}

/// Who is at the other end, as the kernel says. Who has no name there is nobody's friend.
pub(crate) fn caller(stream: &UnixStream) -> Caller {
    let uid = stream.peer_cred().map_or(u32::MAX, |credentials| credentials.uid());
    judge(uid, rustix::process::geteuid().as_raw())
}

fn judge(uid: u32, own: u32) -> Caller {
    if uid == 0 || uid == own { Caller::Trusted { uid } } else { Caller::Stranger { uid } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_the_own_user_are_trusted() {
        for (uid, own, is_trusted) in [
            (0, 0, true),
            (0, 998, true),
            (998, 998, true),
            (1000, 998, false),
            (1000, 0, false),
            (u32::MAX, 0, false),
        ] {
            let caller = judge(uid, own);
            assert_eq!(matches!(caller, Caller::Trusted { .. }), is_trusted, "{uid} at {own}");
        }
    }
}
