//! The bearer token.
//!
//! 32 random octets, made at the first start in `control.token` in the state directory, mode 0600. An admin may
//! put another one there. Only its digest is held in memory, so that no core dump and no `Debug` shows it.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::{constant_time, digest, rand};
use rustix::fs::OFlags;

/// The name of the file in the state directory.
const NAME: &str = "control.token";
/// The random octets of a token that is made here: nobody guesses them.
const OCTETS: usize = 32;
/// The fewest characters of a token that an admin chose.
const CHARACTERS_MIN: usize = 32;
/// The largest file that is read for a token.
const FILE_OCTETS_MAX: u64 = 4096;
/// Why a token is not there or not to be read by whoever looks.
const UNSEEN: [io::ErrorKind; 3] =
    [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory, io::ErrorKind::PermissionDenied];
/// The permissions of others than the owner.
const OTHERS: u32 = 0o077;

/// The token that the API asks for.
pub struct Token {
    digest: digest::Digest,
    path: PathBuf,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read or made.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others than its owner may read or change it, so that it is no secret.
    #[error("others may read {} (mode {mode:04o}): remove it so that a new one is made, and restart", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It belongs to somebody else, who can change it.
    #[error("{} belongs to uid {uid}, and the sensor runs as another: chown it or remove it", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its owner.
        uid: u32,
    },
    /// There is no token in it.
    #[error("{} holds no token: remove it so that a new one is made, or write one line of at least {CHARACTERS_MIN} characters of A-Z a-z 0-9 - . _ ~ + /", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
    },
}

impl Token {
    /// The token of a state directory; made where there is none, and never overwritten. Blocks on the disk.
    ///
    /// # Errors
    /// [`TokenError`], each for the operator to mend.
    pub fn load_or_create(state_dir: &Path) -> Result<Self, TokenError> {
        let path = state_dir.join(NAME);
        match open(&path) {
            Ok(file) => read(file, &path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(state_dir, &path),
            Err(source) => Err(TokenError::Io { path, source }),
        }
    }

    /// Looks whether the token that is there could be used by whom it belongs to, whoever asks. Where there is
    /// none, one will be made.
    ///
    /// # Errors
    /// [`TokenError`]: what would keep the sensor from starting.
    pub fn inspect(state_dir: &Path) -> Result<(), TokenError> {
        let path = state_dir.join(NAME);
        let file = match open(&path) {
            Ok(file) => file,
            // One will be made, or it is another's to read, as it should be.
            Err(error) if UNSEEN.contains(&error.kind()) => return Ok(()),
            Err(source) => return Err(TokenError::Io { path, source }),
        };
        match read(file, &path) {
            Ok(_) | Err(TokenError::Foreign { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The file that holds it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this is the token; takes as long whatever is offered.
    pub(crate) fn is(&self, offered: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(self.digest.as_ref(), digest_of(offered).as_ref()).is_ok()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("path", &self.path).finish_non_exhaustive()
    }
}

fn digest_of(octets: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, octets)
}

fn open(path: &Path) -> io::Result<File> {
    // A link could lead to a file that somebody else knows; a pipe would never end.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

fn read(file: File, path: &Path) -> Result<Token, TokenError> {
    let path = path.to_owned();
    let mut text = String::new();
    let about = match file.metadata() {
        Ok(about) => about,
        Err(source) => return Err(TokenError::Io { path, source }),
    };
    let own = rustix::process::geteuid().as_raw();
    if !about.is_file() {
        return Err(TokenError::Unusable { path });
    }
    if about.mode() & OTHERS != 0 {
        return Err(TokenError::Open { path, mode: about.mode() & 0o7777 });
    }
    if about.uid() != own && about.uid() != 0 {
        return Err(TokenError::Foreign { path, uid: about.uid() });
    }
    match file.take(FILE_OCTETS_MAX + 1).read_to_string(&mut text) {
        // The beginning of a long one is another one.
        Ok(octets) if octets as u64 > FILE_OCTETS_MAX => return Err(TokenError::Unusable { path }),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(TokenError::Unusable { path });
        }
        Err(source) => return Err(TokenError::Io { path, source }),
    }
    let token = text.trim_end_matches(['\r', '\n']);
    if !is_token(token) {
        return Err(TokenError::Unusable { path });
    }
    Ok(Token { digest: digest_of(token.as_bytes()), path })
}

/// What may stand behind `Bearer` (RFC 6750 section 2.1), and long enough.
fn is_token(text: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+/".contains(&octet);
    let body = text.trim_end_matches('=');
    body.len() >= CHARACTERS_MIN && body.bytes().all(fits)
}

/// The file is whole from the moment on that it has its name, and takes no other's place.
fn create(state_dir: &Path, path: &Path) -> Result<Token, TokenError> {
    let fresh = path.with_extension("token.new");
    let written = write(&fresh).and_then(|token| {
        // A second name, and not a rename: it fails where somebody has put a token there meanwhile.
        fs::hard_link(&fresh, path)?;
        fs::remove_file(&fresh)?;
        File::open(state_dir)?.sync_all()?;
        Ok(token)
    });
    let token = written.map_err(|source| {
        // The error that counts is the first one.
        let _ = fs::remove_file(&fresh);
        TokenError::Io { path: path.to_owned(), source }
    })?;
    Ok(Token { digest: digest_of(token.as_bytes()), path: path.to_owned() })
}

fn write(fresh: &Path) -> io::Result<String> {
    match fs::remove_file(fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut octets = [0; OCTETS];
    rand::fill(&mut octets).map_err(|_| io::Error::other("the system gives no random octets"))?;
    let token: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(fresh)?;
    writeln!(file, "{token}")?;
    file.sync_all()?;
    Ok(token)
}
