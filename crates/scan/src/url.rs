//! Where requests go: URLs of HTTP and of ICAP.

use std::fmt;

use crate::peer::Address;

/// `http://host:port/path?query`, without a name or password: those end up in logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// Whether TLS is spoken.
    pub(crate) is_tls: bool,
    pub(crate) host: String,
    /// As it stands in the URL: what `Host` says.
    pub(crate) authority: String,
    pub(crate) address: Address,
    /// The path with its query.
    pub(crate) path: String,
    text: String,
}

impl Url {
    /// Reads a URL of one of `schemes`: each with its port, and whether it is TLS.
    pub(crate) fn parse(text: &str, schemes: &[(&str, u16, bool)]) -> Option<Self> {
        let uri: hyper::Uri = text.parse().ok()?;
        let scheme = uri.scheme_str()?;
        let (_, port, is_tls) = schemes.iter().find(|(name, ..)| *name == scheme)?;
        let (authority, host) = (uri.authority()?.as_str(), uri.host()?);
        if authority.contains('@') {
            return None;
        }
        let port = match authority.strip_prefix(host)? {
            "" => *port,
            rest => rest.strip_prefix(':')?.parse().ok()?,
        };
        Some(Self {
            is_tls: *is_tls,
            host: host.trim_matches(['[', ']']).to_owned(),
            authority: authority.to_owned(),
            address: Address::parse(&format!("{host}:{port}"))?,
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            text: text.to_owned(),
        })
    }

    /// All of it, for who is asked; the display leaves the query out.
    pub(crate) fn whole(&self) -> &str {
        &self.text
    }

    pub(crate) fn http(text: &str) -> Option<Self> {
        Self::parse(text, &[("http", 80, false), ("https", 443, true)])
    }
}

impl fmt::Display for Url {
    /// Without its query, which may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.split('?').next().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_peer_and_no_password() {
        for (text, expected) in [
            ("http://127.0.0.1:11333/checkv2", Some((false, "127.0.0.1:11333", "/checkv2"))),
            ("http://scan.example.com", Some((false, "scan.example.com:80", "/"))),
            ("https://scan.example.com/a?b=c", Some((true, "scan.example.com:443", "/a?b=c"))),
            ("https://[::1]:8443/a", Some((true, "[::1]:8443", "/a"))),
            ("https://bob:secret@scan.example.com/", None),
            ("ftp://scan.example.com/", None),
            ("scan.example.com:80", None),
            ("/checkv2", None),
            ("http://scan.example.com:99999/", None),
            ("", None),
        ] {
            let url = Url::http(text).map(|url| (url.is_tls, url.address.to_string(), url.path));
            let expected = expected
                .map(|(tls, address, path): (bool, &str, &str)| (tls, address.to_owned(), path.to_owned()));
            assert_eq!(url, expected, "{text:?}");
        }
    }
}
