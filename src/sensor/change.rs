//! Changes of the settings of a running sensor: whole or not at all.

use std::borrow::Cow;
use std::io;

use sensor_control::{
    Change, ChangeRefused, Changed, Difference, Fault, Flip, Overridden, ReloadRefused, Reloaded,
};
use sensor_ingress::{BindError, Prepared, TlsIdentity};
use sensor_policy::Rules;
use sensor_settings::{self as settings, Effective, Faults, KeepError, Refused, Reload, Shown};
use tokio::runtime::Handle;

use super::past::last_change;
use super::view::{View, smtp};
use super::{Sensor, Settings, listening};
use crate::assemble::{door_settings, identity, listener_plans};
use crate::config::Config;
use crate::look::{ScannerFault, Scanners};
use crate::systemd;
use crate::whole;

/// The most characters of a value that the log shows: lists may have a hundred thousand entries.
const SHOWN_MAX: usize = 200;

impl Sensor {
    pub(super) fn make_change(&self, change: &Change) -> Result<Changed, ChangeRefused> {
        let mut settings = self.settings();
        self.check_is_staying().map_err(ChangeRefused::NotApplied)?;
        if change.is_stale(&sensor_control::Node::smtp(self)) {
            return Err(ChangeRefused::Stale);
        }
        let Settings { layers, shown, config, identity, .. } = &mut *settings;
        let proposal = layers.propose(&entries(change)?).map_err(refused)?;
        let Effective { settings: proposed, shown: proposed_shown } = proposal.effective();
        let differences = differences(shown, proposed_shown);
        let flips = flips(&config.smtp.rules, &proposed.smtp.rules);
        if change.dry_run {
            let smtp = smtp(proposed, proposed_shown);
            return Ok(Changed { dry_run: true, differences, flips, smtp });
        }
        if !flips.is_empty() && !change.confirm {
            return Err(ChangeRefused::NeedsConfirmation(flips));
        }
        // What the system may refuse comes first, what only the disk may refuse next, what cannot fail last.
        let present = identity.clone().map(|identity| Ok(Some(identity)));
        let identity =
            present.unwrap_or_else(|| self.identity(proposed)).map_err(ChangeRefused::NotApplied)?;
        let prepared = self.prepare(proposed, identity.as_ref()).map_err(ChangeRefused::NotApplied)?;
        let Effective { settings: next, shown: next_shown } =
            proposal.keep().map_err(|error| not_kept(&error))?;
        settings.identity = identity;
        settings.enter(self, next, next_shown);
        self.carry_out(prepared);
        told(&differences, "settings changed by the control plane");
        let smtp = sensor_control::Node::smtp(self);
        Ok(Changed { dry_run: false, differences, flips, smtp })
    }

    pub(super) fn reload_settings(&self) -> Result<Reloaded, ReloadRefused> {
        let mut settings = self.settings();
        self.check_is_staying().map_err(ReloadRefused::NotApplied)?;
        let mut layers = settings.layers.clone();
        let Effective { settings: next, shown } =
            layers.reload().map_err(|faults| ReloadRefused::Faulty(all_faults(&faults)))?;
        let fresh = self.identity(&next).map_err(ReloadRefused::NotApplied)?;
        let shows = match (&settings.identity, fresh) {
            (Some(present), Some(fresh)) => Some((present.clone(), Some(fresh))),
            (present, fresh) => fresh.or_else(|| present.clone()).map(|identity| (identity, None)),
        };
        let identity = shows.as_ref().map(|(identity, _)| identity);
        let prepared = self.prepare(&next, identity).map_err(ReloadRefused::NotApplied)?;
        self.renew_looks(&next, &shown)?;
        let certificate = match &shows {
            Some((present, Some(fresh))) => present.renew(fresh).then(|| fresh.fingerprint()),
            Some((_, None)) | None => None,
        };
        if let Some(fingerprint) = &certificate {
            tracing::info!(fingerprint, "listeners show another certificate");
        }
        let differences = differences(&settings.shown, &shown);
        let flips = flips(&settings.config.smtp.rules, &next.smtp.rules);
        for Flip { key, before, after } in &flips {
            tracing::warn!(key, before, after, "a default was turned around");
        }
        settings.identity = shows.map(|(identity, _)| identity);
        settings.layers = layers;
        settings.enter(self, next, shown);
        self.carry_out(prepared);
        told(&differences, "settings reloaded");
        Ok(Reloaded { differences, flips, certificate })
    }

    /// A sensor that goes down opens nothing, and what it kept would be seen by the next one only.
    fn check_is_staying(&self) -> Result<(), String> {
        if self.going_down.is_cancelled() { Err("the sensor goes down".to_owned()) } else { Ok(()) }
    }

    /// The certificate that `config` wants shown.
    fn identity(&self, config: &Config) -> Result<Option<TlsIdentity>, String> {
        identity(config, &self.tls_dir).map_err(|error| whole(&error))
    }

    /// What listeners that are as `config` wants them need: all of it, or nothing is changed.
    fn prepare(&self, config: &Config, identity: Option<&TlsIdentity>) -> Result<Prepared, String> {
        let plans = listener_plans(config, identity).map_err(|error| whole(&error))?;
        let prepared = self.gate.prepare(plans, config.smtp.rules.enabled, config.drain_deadline);
        Handle::current().block_on(prepared).map_err(|errors| told_all(&errors))
    }

    /// Has files of rules read anew too: where one cannot be used, all stays as it is. The last step that can fail.
    fn renew_looks(&self, config: &Config, shown: &Shown) -> Result<(), ReloadRefused> {
        let Some(lookout) = &self.lookout else { return Ok(()) };
        let fault = |fault: ScannerFault| {
            let expected = Some(fault.expected.into());
            Fault { expected, ..Fault::new(fault.key, "cannot be used") }
        };
        let faulty = |faults: Vec<_>| ReloadRefused::Faulty(faults.into_iter().map(fault).collect());
        let scanners = Scanners::install(config, shown).map_err(faulty)?;
        lookout.renew(config, &scanners).map_err(|error| ReloadRefused::NotApplied(whole(&error)))
    }

    /// Makes the change that was prepared, and tells the service manager.
    fn carry_out(&self, prepared: Prepared) {
        Handle::current().block_on(prepared.carry_out());
        systemd::status(&listening::line(&self.gate));
    }
}

impl Settings {
    /// Other settings hold from now on.
    fn enter(&mut self, sensor: &Sensor, config: Config, shown: Shown) {
        sensor.door.change(door_settings(&config));
        self.past.keep(&sensor.door);
        let files = self.layers.files().map(str::to_owned).collect();
        let mut view = View::new(&config, &shown, self.identity.as_ref(), files);
        view.rules_changed = last_change(&sensor.door).map(|since| (since, config.grace));
        let waits = |difference: &settings::Difference<'_>| difference.reload == Reload::Restart;
        let since_start = shown.differences(&self.at_start).into_iter().filter(waits);
        view.waiting_for_restart = since_start.map(|difference| difference.path.to_owned()).collect();
        sensor.view.store(view.into());
        (self.config, self.shown) = (config, shown);
    }
}

fn entries(change: &Change) -> Result<Vec<settings::Change>, ChangeRefused> {
    let mut entries = Vec::new();
    for (key, value) in &change.entries {
        entries.push(match value {
            None => settings::Change::reset(key.path()),
            Some(value) => match settings::Value::try_from(value.clone()) {
                Ok(value) => settings::Change::set(key.path(), value),
                Err(error) => {
                    return Err(ChangeRefused::Faulty(vec![Fault::new(key.path(), error.to_string())]));
                }
            },
        });
    }
    Ok(entries)
}

fn refused(refused: Refused) -> ChangeRefused {
    match refused {
        Refused::Overridden(keys) => ChangeRefused::Overridden(
            keys.into_iter().map(|key| Overridden { key: key.key, by: key.by.to_string() }).collect(),
        ),
        // Their places are in a file that nobody has: the keys say enough.
        Refused::Faulty(faults) => ChangeRefused::Faulty(
            faults
                .iter()
                .map(|fault| Fault {
                    expected: fault.expected.clone(),
                    ..Fault::new(fault.key.clone(), fault.message.clone())
                })
                .collect(),
        ),
    }
}

fn all_faults(faults: &Faults) -> Vec<Fault> {
    let fault = |fault: &settings::Fault| Fault {
        key: fault.key.clone(),
        message: fault.message.clone(),
        expected: fault.expected.clone(),
        file: fault.source.as_deref().map(str::to_owned),
        line: fault.position.and_then(|position| u64::try_from(position.line).ok()),
        column: fault.position.and_then(|position| u64::try_from(position.column).ok()),
    };
    faults.iter().map(fault).collect()
}

fn not_kept(error: &KeepError) -> ChangeRefused {
    let (KeepError::Unwritten { source, .. } | KeepError::NotDurable { source, .. }) = error;
    if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        ChangeRefused::NoRoom(error.to_string())
    } else {
        ChangeRefused::NotKept(error.to_string())
    }
}

fn differences(before: &Shown, now: &Shown) -> Vec<Difference> {
    let difference = |difference: settings::Difference<'_>| Difference {
        key: difference.path.to_owned(),
        old: difference.old.map(str::to_owned),
        new: difference.new.map(str::to_owned),
        needs_restart: difference.reload == Reload::Restart,
    };
    now.differences(before).into_iter().map(difference).collect()
}

/// The defaults of lists that are turned around: an entry more or less can shut out everybody, or let them in.
fn flips(before: &Rules, now: &Rules) -> Vec<Flip> {
    let mut flips = Vec::new();
    let mut flip = |is_same: bool, key: &str, before: String, after: String| {
        if !is_same {
            flips.push(Flip { key: key.to_owned(), before, after });
        }
    };
    flip(
        before.client_default() == now.client_default(),
        "smtp.clients",
        before.default_of_clients().to_string(),
        now.default_of_clients().to_string(),
    );
    flip(
        before.domain_default().accepts() == now.domain_default().accepts(),
        "smtp.destination_domains",
        before.default_of_domains().to_string(),
        now.default_of_domains().to_string(),
    );
    flips
}

fn told_all(errors: &[BindError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn told(differences: &[Difference], what: &str) {
    for Difference { key, old, new, needs_restart } in differences {
        let (old, new) = (old.as_deref().map(cut), new.as_deref().map(cut));
        tracing::info!(key, old = old.as_deref(), new = new.as_deref(), needs_restart, "{what}");
    }
    if differences.is_empty() {
        tracing::info!("{what}: nothing is different");
    }
}

fn cut(value: &str) -> Cow<'_, str> {
    match value.char_indices().nth(SHOWN_MAX) {
        None => value.into(),
        Some((end, _)) => format!("{}... ({} octets in all)", &value[..end], value.len()).into(),
    }
}
