//! How a listener receives those who connect: what it believes them, and what it asks them for.

use sensor_policy::Networks;

use crate::client_certificates::ClientCertificates;

/// What is particular to one listener about those who connect to it. The default believes nobody and asks
/// for nothing.
#[derive(Clone, Debug, Default)]
pub struct Reception {
    /// Whoever connects from here is a proxy and must begin with a header of the PROXY protocol; nobody else
    /// may.
    pub proxies: Networks,
    /// Clients here may speak for others by XCLIENT.
    pub xclient: Networks,
    /// Clients here may say by XFORWARD where they had a message from.
    pub xforward: Networks,
    /// Whether clients are asked for a certificate in TLS.
    pub client_certificates: ClientCertificates,
}
