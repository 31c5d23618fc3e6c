//! What the configuration needs of this host: certificates that can be used, directories that can be written.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::io::Errno;
use sensor_control::Token;
use sensor_ingress::TlsIdentity;

use crate::assemble::speaks_tls;
use crate::config::{Config, shown_path};

/// Where names of users are.
const USERS: &str = "/etc/passwd";

/// Something that is not as the configuration needs it.
#[derive(Debug)]
pub(crate) enum Finding {
    /// It keeps any sensor from starting.
    Fault(String),
    /// It would keep the user who looks from it; the sensor may run as another one.
    OfThisUser(String),
}

/// Each certificate and authority that cannot be used. They are files of their own: what is wrong with them has
/// no line in the configuration.
pub(crate) fn certificate_faults(config: &Config) -> Vec<String> {
    let own = config.smtp.certificate.as_ref().filter(|_| speaks_tls(config));
    let own = own.and_then(|files| TlsIdentity::load(files).err());
    let own = own.map(|error| format!("smtp.tls: {error}"));
    let authorities = config.smtp.listeners.iter().filter_map(|listener| {
        let error = listener.reception().err()?;
        Some(format!("smtp.listener {}: client_ca: {error}", listener.name))
    });
    own.into_iter().chain(authorities).collect()
}

/// What is wrong with the places that the sensor writes to.
pub(crate) fn places(config: &Config) -> Vec<Finding> {
    let directories = [("state_dir", &config.state_dir), ("archive.directory", &config.archive_dir)];
    let directories = directories.into_iter().filter_map(|(key, path)| directory(key, path));
    let log = config.log.file.as_deref().and_then(log_file);
    let token = Token::inspect(&config.state_dir).err().map(|error| Finding::Fault(error.to_string()));
    directories.chain(log).chain(token).collect()
}

/// A directory that is made where it is missing, with those above it.
fn directory(key: &str, path: &Path) -> Option<Finding> {
    let existing = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("."));
    if !existing.is_dir() {
        return Some(Finding::Fault(format!("{key}: {} is no directory", shown_path(existing))));
    }
    writable(key, existing, Access::WRITE_OK | Access::EXEC_OK)
}

/// A file that is made where it is missing, in a directory that is not.
fn log_file(path: &Path) -> Option<Finding> {
    const KEY: &str = "log.file";
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        Some(Finding::Fault(format!("{KEY}: {} is a directory; name a file in it", shown_path(path))))
    } else if path.exists() {
        writable(KEY, path, Access::WRITE_OK)
    } else if parent.is_dir() {
        writable(KEY, parent, Access::WRITE_OK | Access::EXEC_OK)
    } else {
        Some(Finding::Fault(format!("{KEY}: there is no directory {}; make it", shown_path(parent))))
    }
}

fn writable(key: &str, path: &Path, needed: Access) -> Option<Finding> {
    let shown = shown_path(path);
    match access(path, needed) {
        Ok(()) => None,
        Err(Errno::ACCESS | Errno::PERM) => Some(Finding::OfThisUser(format!(
            "{key}: {} may not write to {shown}; whoever runs the sensor has to",
            user()
        ))),
        Err(error) => {
            Some(Finding::Fault(format!("{key}: {shown} cannot be written: {}", io::Error::from(error))))
        }
    }
}

/// What an operator can do about a file or directory that the system does not give, behind its words.
pub(crate) fn advice(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::PermissionDenied {
        let user = user();
        return format!(
            "; this runs as {user}: give it to that user (chown), or run as the one it belongs to"
        );
    }
    let known = ADVICE.iter().find(|(kind, _)| *kind == error.kind());
    known.map_or_else(String::new, |(_, advice)| format!("; {advice}"))
}

/// The kinds of errors that an operator can undo.
const ADVICE: &[(io::ErrorKind, &str)] = &[
    (io::ErrorKind::NotFound, "make its directory"),
    (io::ErrorKind::NotADirectory, "a part of the path is a file: name another place"),
    (io::ErrorKind::AlreadyExists, "a part of the path is a file: name another place"),
    (
        io::ErrorKind::ReadOnlyFilesystem,
        "name another place, or mount it to be written (ReadWritePaths= of a unit)",
    ),
    (io::ErrorKind::StorageFull, "make room"),
];

/// Who runs this program.
fn user() -> String {
    let uid = rustix::process::geteuid().as_raw();
    match name_of(uid, &fs::read_to_string(USERS).unwrap_or_default()) {
        Some(name) => format!("{name} (uid {uid})"),
        None => format!("uid {uid}"),
    }
}

/// passwd(5): `name:password:uid:...`.
fn name_of(uid: u32, users: &str) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_called_by_name_where_it_has_one() {
        let users = "root:x:0:0::/root:/bin/sh\nbroken\nada:x:1000:1000:Ada:/home/ada:/bin/sh\n";
        for (uid, name) in [(0, Some("root")), (1000, Some("ada")), (7, None)] {
            assert_eq!(name_of(uid, users), name);
        }
    }

    #[test]
    fn what_no_user_can_write_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let at = |path: &str| folder.path().join(path);
        type Look = fn(&Path) -> Option<Finding>;
        let (any, log): (Look, Look) = (|path| directory("state_dir", path), log_file);
        for (look, path, fault) in [
            (any, at("a/b/c"), None),
            (any, at("file"), Some("file is no directory")),
            (any, at("file/below"), Some("file is no directory")),
            (log, at("sensor.log"), None),
            (log, at("file"), None),
            (log, at(""), Some("is a directory")),
            (log, at("logs/sensor.log"), Some("there is no directory")),
            (log, at("file/sensor.log"), Some("there is no directory")),
        ] {
            match (look(&path), fault) {
                (None, None) => {}
                (Some(Finding::Fault(found)), Some(fault)) => assert!(found.contains(fault), "{found}"),
                (found, _) => panic!("{}: {found:?}", path.display()),
            }
        }
    }
}
