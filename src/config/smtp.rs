//! `[smtp]`: the rules of the door, the listeners, the limits.

use std::num::NonZeroU32;
use std::path::PathBuf;

use sensor_ingress::{BareNewline, CertificateFiles, SlotLimits};
use sensor_policy::{ClientRules, DomainRules, EntryFault, Rules, SizeLimit, Uncovered};
use sensor_settings::{Form, ItemFault, Key, Reload, Table};
use sensor_smtp::{Limits, Timeouts};

use super::listener::{ListenerConfig, SECURITY, listeners};
use super::{duration, size};

#[derive(Debug)]
pub(crate) struct Smtp {
    pub(crate) rules: Rules,
    pub(crate) bare_newline: BareNewline,
    pub(crate) listeners: Vec<ListenerConfig>,
    pub(crate) certificate: Option<CertificateFiles>,
    pub(crate) slots: SlotLimits,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
}

/// The words for [`Uncovered`].
pub(crate) const UNCOVERED: &[(&str, Uncovered)] =
    &[("refuse", Uncovered::Refuse), ("accept", Uncovered::Accept)];
/// The words for [`BareNewline`].
pub(crate) const BARE: &[(&str, BareNewline)] =
    &[("keep", BareNewline::Keep), ("reject", BareNewline::Reject)];

impl Smtp {
    pub(super) fn read(table: &Table<'_>) -> Self {
        let size_limit = Form::new("unlimited or a size such as 50 MiB", |text| {
            SizeLimit::parse(text).map_err(|fault| fault.to_string())
        });
        let rules = Rules {
            enabled: table.boolean(ENABLED, true),
            domains: table.list(
                DOMAINS,
                "a list of domains such as example.com and !lab.example.com",
                |entries| DomainRules::parse(entries).map_err(item_faults),
            ),
            uncovered: table.read(UNCOVERED_KEY, &Form::words(UNCOVERED), "refuse"),
            clients: table.list(
                CLIENTS,
                "a list of addresses and blocks such as 10.0.0.0/8 and !10.9.0.0/16",
                |entries| ClientRules::parse(entries).map_err(item_faults),
            ),
            size: table.read(SIZE_LIMIT, &size_limit, "unlimited"),
        };
        let bare_newline = table.read(BARE_NEWLINE, &Form::words(BARE), "keep");
        let tls = table.table("tls", "TLS on the listeners, and the certificate that they show.");
        let security = tls.read(TLS_SECURITY, &Form::words(SECURITY), "opportunistic");
        let certificate = certificate(&tls);
        let listeners = listeners(table, security);
        let limits = table.table("limits", "What one client may take up. Above a limit it gets 421 or 452.");
        Self {
            rules,
            bare_newline,
            listeners,
            certificate,
            slots: slot_limits(&limits),
            timeouts: timeouts(&limits),
            limits: session_limits(&limits),
        }
    }
}

pub(super) fn item_faults(faults: Vec<EntryFault>) -> Vec<ItemFault> {
    faults.into_iter().map(|fault| ItemFault { index: fault.index, message: fault.to_string() }).collect()
}

const ENABLED: Key =
    Key::new("enabled", "Whether mail is taken. Off: nothing listens.", Reload::Live).at_run_time();
const DOMAINS: Key = Key::new(
    "destination_domains",
    "Domains whose recipients are covered; `!` excepts. An entry covers its subdomains, the most\n\
     specific entry decides. Empty: every domain. With at least one entry that covers: only what\n\
     is covered. With `!` entries only: all but those.",
    Reload::Live,
)
.at_run_time();
const UNCOVERED_KEY: Key = Key::new(
    "uncovered",
    "What becomes of a recipient that is not covered: refuse (550) or accept (taken, not scanned).",
    Reload::Live,
)
.at_run_time();
const CLIENTS: Key = Key::new(
    "clients",
    "Addresses and blocks that may connect; `!` excepts. The longest prefix decides. Empty: any\n\
     client if destination_domains is set, else only clients in the subnets of this host.",
    Reload::Live,
)
.at_run_time();
const SIZE_LIMIT: Key = Key::new(
    "message_size_limit",
    "The largest message. Without a limit it is the largest that the spool can hold: 16 GiB where\n\
     spool.segment_size is 12 MiB or more.",
    Reload::Live,
)
.at_run_time();
const BARE_NEWLINE: Key = Key::new(
    "bare_newline",
    "What becomes of a message with a CR or LF that stands alone: keep (as it came, flagged) or\n\
     reject (550).",
    Reload::Live,
);

const TLS_SECURITY: Key = Key::new(
    "security",
    "Whether STARTTLS is offered (opportunistic), needed before any mail (required) or neither (none), or\n\
     a connection is TLS from its first octet (implicit), on listeners that do not say it themselves.",
    Reload::Live,
)
.at_run_time();

fn certificate(table: &Table<'_>) -> Option<CertificateFiles> {
    let certificate: Option<PathBuf> = table.optional(CERTIFICATE, &Form::path());
    let key = table.optional(CERTIFICATE_KEY, &Form::path());
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(CertificateFiles { certificate, key }),
        (None, None) => None,
        (Some(_), None) => {
            table.fault_at("certificate", "a certificate needs its key: set smtp.tls.key too");
            None
        }
        (None, Some(_)) => {
            table.fault_at("key", "a key needs its certificate: set smtp.tls.certificate too");
            None
        }
    }
}

const CERTIFICATE: Key = Key::new(
    "certificate",
    "The certificate chain, PEM, own certificate first. Not set: a self-signed one is made once\n\
     and kept in the state directory.",
    Reload::Live,
)
.example("\"/etc/ssl/certs/sensor.pem\"");
const CERTIFICATE_KEY: Key = Key::new("key", "The certificate's private key, PEM.", Reload::Live)
    .example("\"/etc/ssl/private/sensor.key\"");

fn slot_limits(table: &Table<'_>) -> SlotLimits {
    SlotLimits {
        connections: table.integer(CONNECTIONS, 10_000, 1..=1_000_000),
        connections_per_client: table.integer(CONNECTIONS_PER_CLIENT, 1_000, 1..=1_000_000),
    }
}

const CONNECTIONS: Key = Key::new(
    "connections",
    "Connections at a time. An idle one costs some 5 KiB, 25 KiB with TLS.",
    Reload::Live,
);
const CONNECTIONS_PER_CLIENT: Key = Key::new(
    "connections_per_client",
    "Connections at a time of one client: an IPv4 address or an IPv6 /64.",
    Reload::Live,
);

fn session_limits(table: &Table<'_>) -> Limits {
    let drain = Form::new("a size such as 64 MiB", size);
    let least_rate = Form::new("a size such as 128 B, of one second", |text| {
        let rate = u32::try_from(size(text)?).map_err(|_| "too large".to_owned())?;
        NonZeroU32::new(rate).ok_or_else(|| "zero would let a body take for ever".to_owned())
    });
    Limits {
        recipients_max: table.integer(RECIPIENTS, 1_000, 1..=100_000),
        commands_max: table.integer(COMMANDS, 10_000, 10..=10_000_000),
        messages_max: NonZeroU32::new(table.integer(MESSAGES, 0, 0..=10_000_000)),
        errors_max: table.integer(ERRORS, 20, 1..=10_000),
        drain_octets_max: table.read(DRAIN, &drain, "64 MiB"),
        body_octets_per_second_min: table.read(LEAST_RATE, &least_rate, "128 B"),
    }
}

const RECIPIENTS: Key = Key::new("recipients", "Recipients of one message.", Reload::Live);
const COMMANDS: Key = Key::new("commands", "Commands of a connection since its last message.", Reload::Live);
const MESSAGES: Key = Key::new("messages", "Messages of a connection; 0 is unlimited.", Reload::Live);
const ERRORS: Key =
    Key::new("errors", "Faulty commands of a connection since its last message.", Reload::Live);
const DRAIN: Key = Key::new(
    "drain_size",
    "How much of a message that is refused while it arrives is read and dropped, so that the\n\
     client sees the reply; above it the connection is closed.",
    Reload::Live,
);
const LEAST_RATE: Key = Key::new(
    "body_rate_min",
    "The slowest message, in octets per second of the time that the sensor waits for the client.",
    Reload::Live,
);

fn timeouts(table: &Table<'_>) -> Timeouts {
    Timeouts {
        command: table.read(COMMAND_TIME, &duration(1, 86_400), "5m"),
        commands: table.read(COMMANDS_TIME, &duration(1, 86_400), "30m"),
        body_piece: table.read(BODY_TIME, &duration(1, 86_400), "3m"),
        body_grace: table.read(BODY_GRACE, &duration(1, 3_600), "1m"),
        ..Timeouts::default()
    }
}

const COMMAND_TIME: Key = Key::new(
    "command_time",
    "How long a client may take for a command (RFC 5321 section 4.5.3.2.7: at least 5m).",
    Reload::Live,
);
const COMMANDS_TIME: Key = Key::new(
    "commands_time",
    "How long a connection is held for a client that sends commands but no message.",
    Reload::Live,
);
const BODY_TIME: Key = Key::new(
    "body_time",
    "How long a client may pause within a message (RFC 5321 section 4.5.3.2.5: at least 3m).",
    Reload::Live,
);
const BODY_GRACE: Key =
    Key::new("body_grace", "How long a message may be slower than body_rate_min.", Reload::Live);
