//! Who may come in: each request passes here before any route sees it, and each response on its way out.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use crate::connections::Seat;
use crate::problem::{Problem, ProblemKind};
use crate::token::Token;

/// The paths that need no token. They tell one word each.
pub(crate) const OPEN: [&str; 2] = ["/livez", "/readyz"];

/// How often failed attempts are logged; between two lines they are counted.
const FAILURE_LOG_PERIOD: Duration = Duration::from_secs(10);

/// What goes with every response: nothing is kept by caches, framed, sniffed, run or told to other pages.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    /// Over TCP.
    Network { local: SocketAddr, peer: SocketAddr },
    /// Over the socket: root or the user that the sensor runs as.
    Trusted { uid: u32 },
    /// Over the socket: somebody else.
    Stranger { uid: u32 },
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network { peer, .. } => peer.fmt(f),
            Self::Trusted { uid } | Self::Stranger { uid } => write!(f, "uid {uid}"),
        }
    }
}

/// The connection that a request comes by.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) caller: Caller,
    pub(crate) seat: Arc<Seat>,
}

/// What decides.
pub(crate) struct Gate {
    token: Token,
    /// Names in `Host` that are ours, in small letters.
    hosts: Vec<String>,
    failures: Mutex<Failures>,
}

#[derive(Default)]
struct Failures {
    logged: Option<Instant>,
    unlogged: u64,
}

impl Gate {
    pub(crate) fn new(token: Token, hosts: &[String]) -> Self {
        let hosts = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        Self { token, hosts, failures: Mutex::default() }
    }

    /// Whether a request may go on.
    fn admits(&self, caller: Caller, request: &Request) -> Result<(), Problem> {
        match caller {
            Caller::Trusted { .. } => Ok(()),
            Caller::Stranger { uid } => {
                let detail = format!("uid {uid} may not use it; use the token over HTTP");
                Err(Problem::new(ProblemKind::Forbidden, detail))
            }
            Caller::Network { local, peer } => {
                self.check_host(local.ip(), request)?;
                if is_open(request) { Ok(()) } else { self.check_token(peer, request.headers()) }
            }
        }
    }

    /// A page whose name was rebound to an address of ours sends that name as `Host`, and so does whoever got
    /// lost: it has to be an address of ours or a name that we know. A browser cannot reach the socket.
    fn check_host(&self, local: IpAddr, request: &Request) -> Result<(), Problem> {
        let bad = || Problem::new(ProblemKind::BadRequest, "a request has one Host");
        let mut lines = request.headers().get_all(header::HOST).iter();
        let (Some(host), None) = (lines.next(), lines.next()) else { return Err(bad()) };
        let host: Authority = host.to_str().ok().and_then(|host| host.parse().ok()).ok_or_else(bad)?;
        let named = [Some(&host), request.uri().authority()];
        if named.into_iter().flatten().all(|authority| self.is_ours(authority.host(), local)) {
            return Ok(());
        }
        let detail = format!("{:?} is not a name of this sensor; control.hosts lists others", host.host());
        Err(Problem::new(ProblemKind::Misdirected, detail))
    }

    fn is_ours(&self, host: &str, local: IpAddr) -> bool {
        let local = local.to_canonical();
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        match bare.parse::<IpAddr>() {
            Ok(address) => address.to_canonical() == local,
            Err(_) if host.eq_ignore_ascii_case("localhost") => local.is_loopback(),
            Err(_) => self.hosts.contains(&host.to_ascii_lowercase()),
        }
    }

    fn check_token(&self, peer: SocketAddr, headers: &HeaderMap) -> Result<(), Problem> {
        if bearer(headers).is_some_and(|offered| self.token.is(offered)) {
            return Ok(());
        }
        self.log_failure(peer, headers.contains_key(header::AUTHORIZATION));
        // No path of this host for those who are not in.
        let detail = "send Authorization: Bearer with the token in control.token of the state directory";
        Err(Problem::new(ProblemKind::Unauthorized, detail))
    }

    /// A line now and then, so that whoever tries for a day does not fill the disk. It never has the token,
    /// which may be right but for a letter.
    fn log_failure(&self, peer: SocketAddr, had_token: bool) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = failures.logged.is_none_or(|logged| logged.elapsed() >= FAILURE_LOG_PERIOD);
        if is_due {
            let unlogged = std::mem::take(&mut failures.unlogged);
            failures.logged = Some(Instant::now());
            tracing::warn!(%peer, had_token, others = unlogged, "the control plane was asked without its token");
        } else {
            failures.unlogged += 1;
        }
    }
}

fn is_open(request: &Request) -> bool {
    OPEN.contains(&request.uri().path()) && matches!(*request.method(), Method::GET | Method::HEAD)
}

/// What stands behind `Bearer` (RFC 6750 section 2.1), of a request that says it once.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let (scheme, token) = line.as_bytes().split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

/// The layer around all routes.
pub(crate) async fn guard(
    State(gate): State<Arc<Gate>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match gate.admits(visitor.caller, &request) {
        Ok(()) if is_open(&request) => next.run(request).await,
        Ok(()) => admitted(&visitor, request, next).await,
        Err(problem) => problem.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn admitted(visitor: &Visitor, request: Request, next: Next) -> Response {
    // A connection that had to make room is closed anyway; what it asks for is not begun.
    let Some(_occupied) = visitor.seat.occupy() else {
        return Problem::new(ProblemKind::NotApplied, "too many connections; try again").into_response();
    };
    let acts = !request.method().is_safe();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    if acts {
        let status = response.status().as_u16();
        tracing::info!(caller = %visitor.caller, %method, path, status, "the control plane was used");
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn gate() -> (Gate, String) {
        let directory = tempfile::tempdir().unwrap();
        let token = Token::load_or_create(directory.path()).unwrap();
        let text = std::fs::read_to_string(token.path()).unwrap().trim().to_owned();
        (Gate::new(token, &[]), text)
    }

    fn request(authorization: &str) -> Request {
        let request = Request::get("/v1/status").header(header::HOST, "localhost");
        request.header(header::AUTHORIZATION, authorization).body(Body::empty()).unwrap()
    }

    const NETWORK: Caller = Caller::Network {
        local: SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8465),
        peer: SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 50_000),
    };

    #[test]
    fn a_stranger_at_the_socket_is_refused_even_with_the_token() {
        let (gate, token) = gate();
        let request = request(&format!("Bearer {token}"));
        assert!(gate.admits(NETWORK, &request).is_ok());
        assert!(gate.admits(Caller::Trusted { uid: 0 }, &request).is_ok());
        let problem = gate.admits(Caller::Stranger { uid: 1000 }, &request).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Forbidden);
    }

    #[tokio::test(start_paused = true)]
    async fn who_tries_for_long_is_counted_and_not_logged_each_time() {
        let (gate, _) = gate();
        let unlogged = || gate.failures.lock().unwrap().unlogged;
        let fail = || assert!(gate.admits(NETWORK, &request("Bearer x")).is_err());
        (0..5).for_each(|_| fail());
        assert_eq!(unlogged(), 4, "the first one was logged");
        tokio::time::advance(FAILURE_LOG_PERIOD).await;
        fail();
        assert_eq!(unlogged(), 0, "a line with the number of the others");
    }
}
