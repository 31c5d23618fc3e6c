//! Secrets: read from files of their own, shown nowhere.

use std::fmt;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use crate::file;

/// The largest secret, in octets: a password or a token, not a key ring.
pub const SECRET_OCTETS_MAX: usize = 64 * 1024;

/// A password or a token. `Debug` hides it, there is no `Display`, its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a text over as a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The secret itself. Show it to nobody but the one who asks for it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Reads a file that holds a secret and nothing else but, perhaps, one end of a line behind it.
    ///
    /// # Errors
    /// What is wrong with the file, in words that repeat nothing of it.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let octets = file::read(path, SECRET_OCTETS_MAX)
            .map_err(|error| format!("{} {}", path.display(), file::why(&error)))?;
        // Dropped at once by what wipes it, whatever is wrong with it.
        let text = Self::new(String::from_utf8(octets).map_err(|_| wrong(path, "is not UTF-8"))?);
        if text.expose().len() > SECRET_OCTETS_MAX {
            return Err(wrong(path, &format!("has more than {SECRET_OCTETS_MAX} octets")));
        }
        match without_line_end(text.expose()) {
            "" => Err(wrong(path, "is empty")),
            secret if secret.contains(['\r', '\n', '\0']) => Err(wrong(path, "has more than one line")),
            secret => Ok(Self::new(secret.to_owned())),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

fn wrong(path: &Path, what: &str) -> String {
    format!("{} {what}", path.display())
}

fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
