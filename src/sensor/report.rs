//! What the sensor is doing, in figures and in sentences.

use sensor_control::{
    Certificate, Conservation, ListenerStatus, Looks, Metrics, Refusals, RuleLabel, Space, State, Status,
};
use sensor_ingress::{GateStatus, ListenerState, Security};
use sensor_spool::Status as SpoolStatus;

use super::view::{Shows, View};
use super::{Sensor, now};
use crate::look::Lookout;

/// A certificate that expires sooner is warned about.
const EXPIRY_WARNING_SECONDS: i64 = 30 * 24 * 3_600;
/// What the certificate of all listeners is called in metrics.
const CERTIFICATE: &str = "smtp";

impl Sensor {
    pub(super) fn report_status(&self) -> Status {
        let (view, gate, spool) = (self.view.load(), self.gate.status(), self.spool.status());
        let looks = self.looks();
        let certificates: Vec<Certificate> =
            view.certificate.as_ref().and_then(certificate).into_iter().collect();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hostname: view.hostname.clone(),
            state: self.state(&gate),
            started: self.started,
            warnings: self.warnings(&view, &gate, &spool, &certificates, looks.as_ref()),
            listeners: gate.listeners.iter().map(listener).collect(),
            connections: u64::from(self.door.slots.open()),
            conservation: conservation(&spool),
            space: space(&spool),
            storage_error: spool.last_error,
            certificates,
            grace: self.grace_of(&view),
            softened: self.door.refusals().iter().map(|count| count.softened).sum(),
            looks,
            files: view.files.clone(),
        }
    }

    pub(super) fn report_metrics(&self) -> Metrics {
        let (view, spool, refusals) = (self.view.load(), self.spool.status(), self.door.refusals());
        let certificate = view.certificate.as_ref().and_then(certificate);
        Metrics {
            conservation: conservation(&spool),
            connections: u64::from(self.door.slots.open()),
            connections_accepted: self.door.connections(),
            softened: refusals.iter().map(|count| count.softened).sum(),
            refusals: refusals
                .iter()
                .map(|count| Refusals { rule: RuleLabel::of(count.rule), count: count.refused })
                .collect(),
            certificates: certificate
                .map(|certificate| (certificate.name, certificate.expires_in_seconds))
                .into_iter()
                .collect(),
            space: space(&spool),
            enabled: self.gate.status().is_open,
            archive_failing: self.pipeline.store_error().is_some(),
            pipeline_paused: self.pipeline.is_paused(),
            reload_refused: self.reload_refused.load().is_some(),
            looks: self.looks(),
        }
    }

    fn state(&self, gate: &GateStatus) -> State {
        if self.going_down.is_cancelled() {
            State::Draining
        } else if gate.is_open {
            State::Enabled
        } else {
            State::Disabled
        }
    }

    /// What goes on as it is until a person does something.
    fn troubles(&self) -> Vec<String> {
        let archive = self
            .pipeline
            .store_error()
            .map(|error| format!("the archive cannot be written, mail waits in the spool: {error}"));
        let reload = self.reload_refused.load().as_deref().map(|why| {
            format!(
                "the last reload was refused, and what was in force before stays: {why} (mailsensor check)"
            )
        });
        let paused = "pipeline.paused is true: mail stays in the spool";
        let paused = self.pipeline.is_paused().then(|| paused.to_owned());
        archive.into_iter().chain(reload).chain(paused).collect()
    }

    /// What a person should look at.
    fn warnings(
        &self,
        view: &View,
        gate: &GateStatus,
        spool: &SpoolStatus,
        certificates: &[Certificate],
        looks: Option<&Looks>,
    ) -> Vec<String> {
        let mut warnings = self.troubles();
        if let Some(fault) = &gate.fault {
            warnings.push(format!("the listeners are not as they were ordered to be: {fault}"));
        }
        if let Some(error) = &spool.last_error {
            warnings.push(format!("the storage of the spool fails: {error}"));
        }
        if spool.free_octets < view.reserve {
            warnings.push(format!(
                "{} octets are free, less than spool.reserve ({}): mail is answered 452",
                spool.free_octets, view.reserve
            ));
        }
        if spool.set_aside > 0 {
            let count = spool.set_aside;
            warnings
                .push(format!("{count} messages could not be kept and are set aside (mailsensor spool ls)"));
        }
        if spool.lost > 0 {
            warnings.push(format!("damage to the storage destroyed {} messages", spool.lost));
        }
        for Certificate { expires, expires_in_seconds, .. } in certificates {
            if *expires_in_seconds < EXPIRY_WARNING_SECONDS {
                warnings.push(format!("the certificate expires at {expires}"));
            }
        }
        warnings.extend(looks.into_iter().flat_map(Self::warnings_of_looks));
        let stale = self.lookout.iter().flat_map(Lookout::stale_rules);
        warnings.extend(stale.map(|why| format!("the rules of before are at work: scanner {why}")));
        if !view.waiting_for_restart.is_empty() {
            let keys = view.waiting_for_restart.join(", ");
            warnings.push(format!("take effect only with a restart: {keys}"));
        }
        if self.door.grace().is_some() {
            warnings.push(
                "the rules were changed: what former rules would have taken is answered 4yz".to_owned(),
            );
        }
        warnings
    }
}

fn listener(listener: &sensor_ingress::ListenerStatus) -> ListenerStatus {
    ListenerStatus {
        name: listener.name.to_string(),
        address: listener.address.to_string(),
        security: security(listener.security).to_owned(),
        listening: listener.state != ListenerState::Closed,
    }
}

fn security(security: Security) -> &'static str {
    match security {
        Security::None => "none",
        Security::Opportunistic => "opportunistic",
        Security::Required => "required",
        Security::Implicit => "implicit",
    }
}

fn certificate(shows: &Shows) -> Option<Certificate> {
    let expires = shows.expires?;
    Some(Certificate {
        name: CERTIFICATE.to_owned(),
        fingerprint: shows.fingerprint.clone(),
        expires,
        expires_in_seconds: expires.as_second() - now().as_second(),
    })
}

fn conservation(spool: &SpoolStatus) -> Conservation {
    Conservation {
        accepted: spool.accepted,
        in_spool: spool.in_spool,
        kept: spool.settled,
        set_aside: spool.set_aside,
        withdrawn: spool.withdrawn,
        lost: spool.lost,
    }
}

fn space(spool: &SpoolStatus) -> Space {
    Space {
        octets: spool.total_octets,
        live_octets: spool.live_octets,
        free_octets: spool.free_octets,
        free_inodes: spool.free_inodes,
    }
}
