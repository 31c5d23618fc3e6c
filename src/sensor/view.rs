//! What reads see: made when settings come into force, and not for each of them.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use sensor_control::{About, Grace, Key, Smtp, Tls};
use sensor_ingress::{TlsIdentity, read_interfaces};
use sensor_policy::ClientDefault;
use sensor_settings::{Origin, Shown};

use super::Sensor;
use crate::config::Config;

/// The settings in force, as they are shown.
pub(super) struct View {
    pub(super) smtp: Smtp,
    pub(super) hostname: String,
    pub(super) files: Vec<String>,
    pub(super) certificate: Option<Shows>,
    pub(super) drain_deadline: Duration,
    /// Free octets below which mail is refused.
    pub(super) reserve: u64,
    /// Keys that are set otherwise than what runs, until the next start.
    pub(super) waiting_for_restart: Vec<String>,
    /// The last change of the rules, and how long it is gentle.
    pub(super) rules_changed: Option<(Timestamp, Duration)>,
}

/// The certificate that listeners show.
pub(super) struct Shows {
    pub(super) fingerprint: String,
    pub(super) expires: Option<Timestamp>,
}

impl View {
    pub(super) fn new(
        config: &Config,
        shown: &Shown,
        identity: Option<&TlsIdentity>,
        files: Vec<String>,
    ) -> Self {
        let shows = |identity: &TlsIdentity| Shows {
            fingerprint: identity.fingerprint(),
            expires: identity.not_after(),
        };
        Self {
            smtp: smtp(config, shown),
            hostname: config.hostname.clone(),
            files,
            certificate: identity.map(shows),
            drain_deadline: config.drain_deadline,
            reserve: config.spool.reserve,
            waiting_for_restart: Vec::new(),
            rules_changed: None,
        }
    }
}

impl Sensor {
    /// The grace that is left. Its ends are those of the change, so that they read the same each time.
    pub(super) fn grace_of(&self, view: &View) -> Option<Grace> {
        let (since, lasts) = view.rules_changed?;
        self.door.grace()?;
        Some(Grace { since, until: since.checked_add(lasts).ok()? })
    }
}

/// The settings of the door, as the API shows them.
pub(super) fn smtp(config: &Config, shown: &Shown) -> Smtp {
    Smtp {
        enabled: config.smtp.rules.enabled,
        destination_domains: texts(shown, Key::DestinationDomains),
        uncovered: text(shown, Key::Uncovered),
        clients: texts(shown, Key::Clients),
        message_size_limit: text(shown, Key::MessageSizeLimit),
        tls: Tls { security: text(shown, Key::TlsSecurity) },
        about: Key::ALL.into_iter().map(|key| (key, about(key, config, shown))).collect::<BTreeMap<_, _>>(),
        grace: None,
    }
}

fn about(key: Key, config: &Config, shown: &Shown) -> About {
    let origin = shown.record(key.path()).map(|record| &record.origin);
    let overridden_by =
        origin.filter(|origin| matches!(origin, Origin::Environment { .. } | Origin::CommandLine { .. }));
    About {
        meaning: meaning(key, config),
        origin: origin.map_or_else(|| Origin::Default.to_string(), ToString::to_string),
        overridden_by: overridden_by.map(ToString::to_string),
    }
}

/// What a setting means on this host. Nothing in it changes by itself, or else If-Match would fail without cause.
fn meaning(key: Key, config: &Config) -> String {
    let rules = &config.smtp.rules;
    let listeners = &config.smtp.listeners;
    let names = || listeners.iter().map(|listener| listener.name.as_str()).collect::<Vec<_>>().join(", ");
    match key {
        Key::Enabled if rules.enabled => format!("mail is taken by the listeners: {}", names()),
        Key::Enabled => "no mail is taken: the listeners are closed".to_owned(),
        Key::DestinationDomains => rules.default_of_domains().to_string(),
        Key::Uncovered => match rules.uncovered {
            sensor_policy::Uncovered::Refuse => "recipients that are not covered are refused".to_owned(),
            sensor_policy::Uncovered::Accept => {
                "recipients that are not covered are taken unscanned".to_owned()
            }
        },
        Key::Clients if rules.client_default() == ClientDefault::OwnSubnets => {
            format!("{}: {}", rules.default_of_clients(), own_subnets())
        }
        Key::Clients => rules.default_of_clients().to_string(),
        Key::MessageSizeLimit => match rules.size.octets() {
            None => "messages of any size are taken".to_owned(),
            Some(octets) => format!("messages of up to {octets} octets are taken"),
        },
        Key::TlsSecurity => {
            let by_listener =
                listeners.iter().map(|listener| format!("{} {:?}", listener.name, listener.security));
            let by_listener = by_listener.collect::<Vec<_>>().join(", ").to_lowercase();
            format!("with what listeners say themselves: {by_listener}")
        }
    }
}

fn own_subnets() -> String {
    let interfaces = read_interfaces().unwrap_or_default();
    let subnets = interfaces.iter().map(|interface| format!("{} ({})", interface.network(), interface.name));
    subnets.collect::<Vec<_>>().join(", ")
}

/// The value of a key as TOML has it; an empty text where it has none.
fn value(shown: &Shown, key: Key) -> Option<toml::Value> {
    let text = shown.record(key.path())?.value.as_deref()?;
    let table: toml::Table = format!("value = {text}").parse().ok()?;
    table.get("value").cloned()
}

fn text(shown: &Shown, key: Key) -> String {
    value(shown, key).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn texts(shown: &Shown, key: Key) -> Vec<String> {
    let value = value(shown, key);
    let items = value.as_ref().and_then(toml::Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}
