//! `[control]` and `[rules]`: how a running sensor is told things, and how gently it takes them.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sensor_settings::{Form, ItemFault, Key, Reload, Table};

use super::{duration, hostname};

/// Where the control plane is.
#[derive(Debug)]
pub(crate) struct Control {
    /// None: at the unix socket only.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) hosts: Vec<String>,
}

impl Control {
    pub(super) fn read(table: &Table<'_>) -> Self {
        let address = Form::new("an address such as 127.0.0.1:8465, or none", |text| match text {
            "none" => Ok(None),
            text => text.parse().map(Some).map_err(|_| "not an IP address with a port".to_owned()),
        });
        Self {
            address: table.read(ADDRESS, &address, "127.0.0.1:8465"),
            hosts: table.list(HOSTS, "a list of host names such as sensor.example.com", hosts),
        }
    }
}

/// The names, or why one could never be that in a `Host`.
fn hosts(items: &[&str]) -> Result<Vec<String>, Vec<ItemFault>> {
    let fault = |(index, item): (usize, &&str)| {
        let message = why_never(item)?;
        Some(ItemFault { index, message: message.to_owned() })
    };
    let faults: Vec<ItemFault> = items.iter().enumerate().filter_map(fault).collect();
    if faults.is_empty() { Ok(items.iter().map(|&item| item.to_owned()).collect()) } else { Err(faults) }
}

fn why_never(host: &str) -> Option<&'static str> {
    if host.parse::<IpAddr>().is_ok() || host.parse::<SocketAddr>().is_ok() {
        Some("is an address: those that requests come to are known, and no other one is taken")
    } else if host.eq_ignore_ascii_case("localhost") {
        Some("is known on loopback, and taken nowhere else")
    } else if hostname(host).is_err() {
        Some("is not a host name; write it without scheme, port and path")
    } else {
        None
    }
}

/// For how long a narrowing of the rules is gentle.
pub(super) fn grace(table: &Table<'_>) -> Duration {
    table.read(GRACE, &duration(0, 30 * 24 * 3_600), "24h")
}

const ADDRESS: Key = Key::new(
    "address",
    "Where the control plane (HTTP, docs/api.md) listens. It asks for the token in control.token of the\n\
     state directory and speaks no TLS: behind an address that others reach belongs a reverse proxy.\n\
     none: only at the unix socket control.sock of the state directory.",
    Reload::Restart,
);
const HOSTS: Key = Key::new(
    "hosts",
    "Names in a request's Host that mean this sensor, such as that of a reverse proxy, beside its own\n\
     address and localhost.",
    Reload::Restart,
);
const GRACE: Key = Key::new(
    "grace",
    "For how long after a change of the rules what the former ones would have taken is refused for now\n\
     (4yz) and not for good (5yz): an administrator's slip costs a delay and no mail. 0s: never.",
    Reload::Live,
);
