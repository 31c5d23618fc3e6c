//! Where the layers of the configuration are.

use std::path::{Path, PathBuf};

use anyhow::Context;
use sensor_settings::{Effective, Faults, Layers, MainFile, Places, Reader, Shown, Source};

use super::{Config, STATE_DIR, Whereabouts, state_dir};
use crate::cli::Place;

/// Read when no file is named and this one exists.
const SYSTEM_FILE: &str = "/etc/mailsensor/mailsensor.toml";
/// The directory of further files, beside the main one.
const DROP_INS: &str = "conf.d";
/// What is changed at run time, in the state directory.
const RUNTIME_FILE: &str = "runtime.toml";
/// What the names of our variables begin with.
const PREFIX: &str = "MAILSENSOR";
/// The one variable that is no setting: it names the file.
const FILE_VARIABLE: &str = "MAILSENSOR_CONFIG";
/// systemd says here where credentials are.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// A configuration, with what a reload and `config show` need.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) shown: Shown,
    /// The first file that it was read from.
    pub(crate) file: Option<PathBuf>,
    /// To read it again, whole or not at all, and to change it at run time.
    pub(crate) layers: Layers<Config>,
}

/// Reads the configuration of `place`: every layer, or every fault of every layer.
///
/// # Errors
/// When an option of the command line is no text.
pub(crate) fn load(place: &Place) -> anyhow::Result<Result<Loaded, Faults>> {
    Ok(Layers::open(places(place)?, Config::read).map(|(layers, effective)| {
        let Effective { settings: config, shown } = effective;
        let file = layers.files().next().map(PathBuf::from);
        Loaded { config, shown, file, layers }
    }))
}

/// Where the things of the sensor are, as far as a configuration tells that is faulty.
///
/// # Errors
/// When an option of the command line is no text.
pub(crate) fn glance(place: &Place) -> anyhow::Result<Option<Whereabouts>> {
    Ok(places(place)?.glance(Whereabouts::told))
}

fn places(place: &Place) -> anyhow::Result<Places> {
    let file = match &place.config {
        Some(file) => MainFile::Required(file.clone()),
        None => MainFile::IfPresent(SYSTEM_FILE.into()),
    };
    let named = place.config.as_deref().unwrap_or(Path::new(SYSTEM_FILE));
    let mut above = Source::environment(PREFIX, environment());
    if let Some(directory) = &place.state_dir {
        let text = directory.to_str().with_context(|| format!("{} is not UTF-8", directory.display()))?;
        above.push(Source::option("--state-dir", STATE_DIR.name, text));
    }
    let credentials = std::env::var_os(CREDENTIALS).map(PathBuf::from);
    Ok(Places { drop_ins: named.with_file_name(DROP_INS), file, runtime, above, credentials })
}

/// Where the layer is that the program writes itself.
fn runtime(reader: &Reader) -> PathBuf {
    state_dir(reader).join(RUNTIME_FILE)
}

/// The environment as text; a name that is none is not ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
}

/// A sentence for each variable that looks like one of ours and is none. No fault: orchestrators make variables
/// of the names of services, such as `MAILSENSOR_SERVICE_HOST`.
pub(crate) fn strange_variables() -> Vec<String> {
    environment().filter_map(|(name, _)| strange(&name)).collect()
}

fn strange(name: &str) -> Option<String> {
    let rest = name.strip_prefix(PREFIX)?.strip_prefix('_')?;
    if rest.starts_with('_') || name == FILE_VARIABLE {
        return None;
    }
    Some(format!("{name} sets nothing; a setting has two underscores, such as {PREFIX}__{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_with_one_underscore_is_strange() {
        for (name, is_strange) in [
            ("MAILSENSOR_SMTP__ENABLED", true),
            ("MAILSENSOR_STATE_DIR", true),
            ("MAILSENSOR__SMTP__ENABLED", false),
            ("MAILSENSOR_CONFIG", false),
            ("MAILSENSORS_X", false),
            ("MAILSENSOR", false),
            ("OTHER_X", false),
        ] {
            assert_eq!(strange(name).is_some(), is_strange, "{name}");
        }
        let told = strange("MAILSENSOR_SMTP__ENABLED").unwrap();
        assert!(told.ends_with("such as MAILSENSOR__SMTP__ENABLED"), "{told}");
    }
}
