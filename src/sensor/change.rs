//! Changes of the settings of a running sensor: whole or not at all.

use std::io;

use sensor_control::{
    Change, ChangeRefused, Changed, Difference, Fault, Flip, Overridden, ReloadRefused, Reloaded,
};
use sensor_ingress::{BindError, TlsIdentity};
use sensor_policy::Rules;
use sensor_settings::{self as settings, Effective, Faults, KeepError, Refused, Reload, Shown};
use tokio::runtime::Handle;

use super::past::last_change;
use super::view::{View, smtp};
use super::{Sensor, Settings};
use crate::assemble::{door_settings, identity, listener_plans};
use crate::config::Config;
use crate::whole;

impl Sensor {
    pub(super) fn make_change(&self, change: &Change) -> Result<Changed, ChangeRefused> {
        let mut settings = self.settings();
        if change.is_stale(&sensor_control::Node::smtp(self)) {
            return Err(ChangeRefused::Stale);
        }
        let Settings { layers, shown, config, identity, .. } = &mut *settings;
        let proposal = layers.propose(&entries(change)?).map_err(refused)?;
        let Effective { settings: proposed, shown: proposed_shown } = proposal.effective();
        let differences = differences(shown, proposed_shown);
        if change.dry_run {
            let smtp = smtp(proposed, proposed_shown);
            return Ok(Changed { dry_run: true, differences, smtp });
        }
        let flips = flips(&config.smtp.rules, &proposed.smtp.rules);
        if !flips.is_empty() && !change.confirm {
            return Err(ChangeRefused::NeedsConfirmation(flips));
        }
        // What the system may refuse comes first, what only the disk may refuse next, what cannot fail last.
        let back = || self.go_back(config, identity.as_ref());
        let opened = self.open(proposed, identity.as_ref()).inspect_err(|_| back());
        opened.map_err(ChangeRefused::NotApplied)?;
        let kept = proposal.keep().inspect_err(|_| back());
        let Effective { settings: next, shown: next_shown } = kept.map_err(|error| not_kept(&error))?;
        settings.enter(self, next, next_shown);
        let smtp = sensor_control::Node::smtp(self);
        told(&differences, "settings changed by the control plane");
        Ok(Changed { dry_run: false, differences, smtp })
    }

    pub(super) fn reload_settings(&self) -> Result<Reloaded, ReloadRefused> {
        let mut settings = self.settings();
        let mut layers = settings.layers.clone();
        let Effective { settings: next, shown } =
            layers.reload().map_err(|faults| ReloadRefused::Faulty(all_faults(&faults)))?;
        let fresh = identity(&next).map_err(|error| ReloadRefused::NotApplied(whole(&error)))?;
        let shows = match (&settings.identity, fresh) {
            (Some(present), Some(fresh)) => Some((present.clone(), Some(fresh))),
            (present, fresh) => fresh.or_else(|| present.clone()).map(|identity| (identity, None)),
        };
        let opened = self.open(&next, shows.as_ref().map(|(identity, _)| identity));
        opened
            .inspect_err(|_| self.go_back(&settings.config, settings.identity.as_ref()))
            .map_err(ReloadRefused::NotApplied)?;
        let certificate = match &shows {
            Some((present, Some(fresh))) => present.renew(fresh).then(|| fresh.fingerprint()),
            Some((_, None)) | None => None,
        };
        if let Some(fingerprint) = &certificate {
            tracing::info!(fingerprint, "listeners show another certificate");
        }
        let differences = differences(&settings.shown, &shown);
        settings.identity = shows.map(|(identity, _)| identity);
        settings.layers = layers;
        settings.enter(self, next, shown);
        told(&differences, "settings reloaded");
        Ok(Reloaded { differences, certificate })
    }

    /// Has the listeners as `config` wants them, and opens them if it does. Where only the second fails,
    /// [`go_back`](Self::go_back) undoes the first.
    fn open(&self, config: &Config, identity: Option<&TlsIdentity>) -> Result<(), String> {
        let runtime = Handle::current();
        let plans = listener_plans(config, identity).map_err(|error| whole(&error))?;
        runtime
            .block_on(self.gate.replace(plans, config.drain_deadline))
            .map_err(|errors| told_all(&errors))?;
        if config.smtp.rules.enabled {
            runtime.block_on(self.gate.enable()).map_err(|errors| told_all(&errors))?;
        }
        Ok(())
    }

    /// Has the listeners as they were when a change stops half-way.
    fn go_back(&self, config: &Config, identity: Option<&TlsIdentity>) {
        if let Err(why) = self.open(config, identity) {
            tracing::error!(why, "the listeners are not as before");
        }
        self.close(config);
    }

    /// Closes the listeners where `config` says so.
    fn close(&self, config: &Config) {
        if !config.smtp.rules.enabled {
            Handle::current().block_on(self.gate.disable(config.drain_deadline));
        }
    }
}

impl Settings {
    /// Other settings hold from now on.
    fn enter(&mut self, sensor: &Sensor, config: Config, shown: Shown) {
        sensor.door.change(door_settings(&config));
        self.past.keep(&sensor.door);
        sensor.close(&config);
        let files = self.layers.files().map(str::to_owned).collect();
        let before = sensor.view.load();
        let mut view = View::new(&config, &shown, self.identity.as_ref(), files);
        view.narrowed = last_change(&sensor.door).map(|since| (since, config.grace));
        view.waiting_for_restart = before.waiting_for_restart.clone();
        for difference in shown.differences(&self.shown) {
            let is_new = view.waiting_for_restart.iter().all(|key| key != difference.path);
            if difference.reload == Reload::Restart && is_new {
                view.waiting_for_restart.push(difference.path.to_owned());
            }
        }
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
        tracing::info!(key, old, new, needs_restart, "{what}");
    }
    if differences.is_empty() {
        tracing::info!("{what}: nothing is different");
    }
}
