//! Secrets of a table.

use std::path::PathBuf;

use crate::convert::text;
use crate::form::Form;
use crate::key::{Key, Kind};
use crate::secret::Secret;
use crate::shown::Record;
use crate::source::Origin;
use crate::tree::quoted;

use super::{Table, Wanted};

/// What the name of a key ends in that names the file of a secret.
pub(crate) const FILE_SUFFIX: &str = "_file";

impl Table<'_> {
    /// Reads a secret from the file that a key such as `password_file` names. Where it is not set, the secret
    /// is the systemd credential that is called like the key without its end, such as `smtp.password`.
    ///
    /// The secret itself never stands in a configuration: those are shown, sent and kept under version control.
    ///
    /// # Panics
    /// If the key's name does not end in `_file`: a mistake of the program.
    #[must_use]
    pub fn secret(&self, key: Key) -> Option<Secret> {
        let name = key.name.strip_suffix(FILE_SUFFIX).expect("the key of a secret's file ends in _file");
        let credential = self.path_of(name);
        let kind = Kind::SecretFile { credential: credential.clone() };
        let form = Form::path();
        let named = self.value(Wanted::optional(key, &kind), |source, node| text(&form, source, node));
        let path = if self.is_set(key.name) { named } else { self.credential(&credential) };
        match Secret::read(&path?) {
            Ok(secret) => {
                self.amend(|record| record.secret = Some(secret.clone()));
                Some(secret)
            }
            Err(why) => {
                self.fault_at(key.name, why);
                None
            }
        }
    }

    /// The file of a systemd credential, if there is one.
    fn credential(&self, name: &str) -> Option<PathBuf> {
        let directory = self.reader.credentials.as_deref().filter(|_| !self.is_template())?;
        let path = directory.join(name);
        // What must not be looked at is not passed over: reading it says why.
        if !path.try_exists().unwrap_or(true) {
            return None;
        }
        self.amend(|record| {
            record.value = Some(quoted(&path.display().to_string()));
            record.origin = Origin::Credential { name: name.into() };
        });
        Some(path)
    }

    /// Changes the record of the key that was read last.
    fn amend(&self, change: impl FnOnce(&mut Record)) {
        change(self.reader.ledger.borrow_mut().last_record(self.section()));
    }
}
