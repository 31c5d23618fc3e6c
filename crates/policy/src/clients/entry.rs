//! One entry of `clients`, read strictly: whatever two programs could read differently is a fault, and the
//! fault says what may have been meant.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cidr_utils::cidr::IpCidr;
use cidr_utils::cidr::errors::NetworkParseError;
use ipnet::IpNet;

use crate::entries::signed;
use crate::fault::{ClientProblem, EntryProblem};

/// The prefix that IPv4-mapped IPv6 addresses share, in bits (RFC 4291 section 2.5.5.2).
const MAPPED_PREFIX: u8 = 96;

/// Reads an entry; the flag says that it begins with `!`.
pub(super) fn parse(typed: &str) -> Result<(IpCidr, bool), EntryProblem> {
    let (text, negated) = signed(typed)?;
    unsigned(text).map(|cidr| (cidr, negated)).map_err(|problem| {
        let sign = if negated { "!" } else { "" };
        let meant = meant(text, problem).map(|meant| format!("{sign}{meant}"));
        EntryProblem::Client { problem, meant }
    })
}

fn unsigned(text: &str) -> Result<IpCidr, ClientProblem> {
    // The number parser of the standard library takes `+8` and `08`.
    let odd_prefix = |(_, prefix): (&str, &str)| prefix.starts_with('+') || is_zero_led(prefix);
    match text.parse::<IpCidr>() {
        Ok(_) if text.split_once('/').is_some_and(odd_prefix) => Err(ClientProblem::PrefixNotANumber),
        Ok(cidr) => Ok(canonical(cidr)),
        Err(NetworkParseError::InvalidHostPart) => Err(ClientProblem::HostBits),
        Err(NetworkParseError::NetworkLengthTooLongError(_)) => Err(too_long(text)),
        Err(NetworkParseError::NetworkLengthParseError(_)) => Err(odd_length(text)),
        Err(NetworkParseError::AddrParseError(_)) => Err(odd_address(text)),
    }
}

/// An IPv4-mapped block is the IPv4 block that it maps.
fn canonical(cidr: IpCidr) -> IpCidr {
    let IpCidr::V6(v6) = cidr else { return cidr };
    let prefix = v6.network_length().checked_sub(MAPPED_PREFIX);
    let mapped = v6.first_address().to_ipv4_mapped().zip(prefix);
    mapped.map_or(cidr, |(address, prefix)| {
        IpCidr::new(address.into(), prefix)
            .expect("a mapped block has its host bits where the IPv4 block has")
    })
}

fn too_long(text: &str) -> ClientProblem {
    ClientProblem::PrefixTooLong { max: if text.contains(':') { 128 } else { 32 } }
}

/// Why what stands behind the slash is no prefix length.
fn odd_length(text: &str) -> ClientProblem {
    let length = text.rsplit_once('/').map_or("", |(_, length)| length);
    if length.parse::<IpAddr>().is_ok() {
        ClientProblem::Netmask
    } else if !length.is_empty() && length.bytes().all(|octet| octet.is_ascii_digit()) {
        too_long(text)
    } else {
        ClientProblem::PrefixNotANumber
    }
}

/// Why what stands before a slash is no address.
fn odd_address(text: &str) -> ClientProblem {
    let host = text.split('/').next().unwrap_or(text);
    if text.contains('*') {
        ClientProblem::Wildcard
    } else if text.contains('[') {
        ClientProblem::Brackets
    } else if host.split_once('%').is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok()) {
        ClientProblem::Zone
    } else if host.split_once('-').is_some_and(|(first, _)| first.trim().parse::<IpAddr>().is_ok()) {
        ClientProblem::Range
    } else if host.split_once(':').is_some_and(|(address, _)| address.parse::<Ipv4Addr>().is_ok()) {
        ClientProblem::Port
    } else if without_leading_zeros(host).is_some_and(|host| host.parse::<Ipv4Addr>().is_ok()) {
        ClientProblem::LeadingZeros
    } else {
        ClientProblem::NotAnAddress
    }
}

/// What the administrator may have meant, if that would be taken.
fn meant(text: &str, problem: ClientProblem) -> Option<String> {
    let meant = match problem {
        ClientProblem::HostBits => text.parse::<IpNet>().ok()?.trunc().to_string(),
        ClientProblem::LeadingZeros => truncated(&without_leading_zeros(text)?),
        ClientProblem::Netmask => from_netmask(text)?,
        ClientProblem::Wildcard => from_wildcard(text)?,
        ClientProblem::Port => text.split_once(':')?.0.to_owned(),
        ClientProblem::Brackets => text.trim_start_matches('[').split_once(']')?.0.to_owned(),
        ClientProblem::Zone => text.split_once('%')?.0.to_owned(),
        ClientProblem::PrefixNotANumber => from_odd_prefix(text)?,
        ClientProblem::PrefixTooLong { .. } | ClientProblem::Range | ClientProblem::NotAnAddress => {
            return None;
        }
    };
    unsigned(&meant).is_ok().then_some(meant)
}

fn truncated(text: &str) -> String {
    text.parse::<IpNet>().map_or_else(|_| text.to_owned(), |net| net.trunc().to_string())
}

/// The text with each decimal number's leading zeros gone, if it has any.
fn without_leading_zeros(text: &str) -> Option<String> {
    let (address, prefix) =
        text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let trimmed = address.split('.').map(trim_zeros).collect::<Vec<_>>().join(".");
    (trimmed != address).then(|| match prefix {
        Some(prefix) => format!("{trimmed}/{}", trim_zeros(prefix)),
        None => trimmed,
    })
}

fn trim_zeros(number: &str) -> &str {
    match number.trim_start_matches('0') {
        "" if !number.is_empty() => "0",
        trimmed => trimmed,
    }
}

fn is_zero_led(number: &str) -> bool {
    number.len() > 1 && number.starts_with('0')
}

fn from_netmask(text: &str) -> Option<String> {
    let (address, mask) = text.split_once('/')?;
    let net = IpNet::with_netmask(address.parse().ok()?, mask.parse().ok()?).ok()?;
    Some(net.trunc().to_string())
}

fn from_odd_prefix(text: &str) -> Option<String> {
    let (address, prefix) = text.split_once('/')?;
    let prefix = if prefix.is_empty() {
        return Some(address.to_owned());
    } else {
        prefix.trim_start_matches(['+', '0'])
    };
    Some(truncated(&format!("{address}/{prefix}")))
}

/// `10.1.*` and `10.1.*.*` as `10.1.0.0/16`.
fn from_wildcard(text: &str) -> Option<String> {
    let octets: Vec<&str> = text.split('.').collect();
    let fixed = octets.iter().take_while(|octet| **octet != "*").count();
    let only_stars_follow = octets.iter().skip(fixed).all(|octet| *octet == "*");
    if !only_stars_follow || octets.len() > 4 {
        return None;
    }
    let padded: Vec<&str> =
        octets.iter().take(fixed).copied().chain(std::iter::repeat_n("0", 4 - fixed)).collect();
    Some(format!("{}/{}", padded.join("."), fixed * 8))
}
