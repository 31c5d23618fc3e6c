//! The scanners of the configuration, made ready to be asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use sensor_pipeline::Post;
use sensor_scan::{Fault, Installed, Reloaded, Surroundings, place, supplies};
use sensor_settings::Shown;

use crate::config::{Config, ScannerConfig};

/// The scanners, in the order of the configuration.
#[derive(Clone, Default)]
pub(crate) struct Scanners {
    configs: Vec<ScannerConfig>,
    installed: Vec<Arc<dyn Installed>>,
    /// What was told last of files that cannot be used: they are looked at often, and told once.
    told: Arc<Mutex<BTreeMap<Box<str>, Vec<Fault>>>>,
}

impl Scanners {
    /// Makes them: reads their files of rules, connects to nobody.
    ///
    /// # Errors
    /// Every fault of every one, with its place.
    pub(crate) fn install(config: &Config, shown: &Shown) -> Result<Self, Vec<ScannerFault>> {
        let surroundings = Surroundings { clock: Arc::new(now) };
        let (mut installed, mut faults) = (Vec::new(), Vec::new());
        for scanner in &config.scanners {
            match scanner.kind.build(&scanner.name, &scanner.given, &surroundings) {
                Ok(one) => installed.push(one),
                Err(found) => {
                    faults.extend(found.into_iter().map(|fault| ScannerFault::new(scanner, fault, shown)));
                }
            }
        }
        let configs = config.scanners.clone();
        if faults.is_empty() { Ok(Self { configs, installed, told: Arc::default() }) } else { Err(faults) }
    }

    /// Where each works.
    pub(crate) fn posts(&self) -> Vec<Post> {
        let post = |(config, installed): (&ScannerConfig, &Arc<dyn Installed>)| Post {
            name: config.name.clone(),
            required: config.required,
            deadline: config.deadline,
            place: place(installed),
        };
        self.iter().map(post).collect()
    }

    /// What those need that work in worker processes.
    pub(crate) fn supplies(&self) -> Bytes {
        supplies(&self.installed)
    }

    /// All of them, to be tried.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&ScannerConfig, &Arc<dyn Installed>)> {
        self.configs.iter().zip(&self.installed)
    }

    /// The scanners that work by rules of before, each with the first fault of those that it should have.
    pub(crate) fn stale(&self) -> Vec<String> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let faults = told.iter().filter_map(|(name, faults)| Some((name, faults.first()?)));
        faults.map(|(name, Fault { key, expected })| format!("{name}: {key}: expected {expected}")).collect()
    }

    /// Has those read their files of rules anew whose files are others by now. What cannot be used is told, and the
    /// rules of before stay. Gives whether workers need other supplies. Blocks.
    pub(crate) fn reload(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_changed = false;
        for scanner in &self.installed {
            match scanner.reload() {
                Ok(Reloaded::Unchanged) => drop(told.remove(scanner.name())),
                Ok(Reloaded::Changed) => {
                    tracing::info!(scanner = scanner.name(), ruleset = scanner.ruleset(), "other rules");
                    is_changed = true;
                    told.remove(scanner.name());
                }
                Err(faults) if told.get(scanner.name()) == Some(&faults) => {}
                Err(faults) => {
                    for Fault { key, expected } in &faults {
                        tracing::error!(scanner = scanner.name(), %key, %expected, "the rules of before stay");
                    }
                    told.insert(scanner.name().into(), faults);
                }
            }
        }
        is_changed
    }
}

/// What of a scanner cannot be used, told as other faults of the configuration are.
#[derive(Debug, thiserror::Error)]
#[error("{place}{key}: expected {expected}")]
pub(crate) struct ScannerFault {
    /// File and line, where they are known.
    place: String,
    /// As in `scanner[2].rules`.
    pub(crate) key: String,
    pub(crate) expected: Box<str>,
}

impl ScannerFault {
    fn new(scanner: &ScannerConfig, fault: Fault, shown: &Shown) -> Self {
        let key = format!("{}.{}", scanner.path, fault.key);
        let record = shown.record(&key).or_else(|| shown.record(&format!("{}.kind", scanner.path)));
        let place = record.map_or(String::new(), |record| format!("{}: ", record.origin));
        Self { place, key, expected: fault.expected }
    }
}

#[expect(clippy::disallowed_methods, reason = "signatures and probes tell the time on the wall")]
fn now() -> Timestamp {
    Timestamp::now()
}
