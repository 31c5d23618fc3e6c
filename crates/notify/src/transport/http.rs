//! Events as HTTP requests: `POST`, signed.
//!
//! ```text
//!  X-Mailsensor-Timestamp: 1795341600
//!  X-Mailsensor-Signature: v1=hex(HMAC-SHA256(secret, timestamp "." body))
//!  Idempotency-Key: <event.id>, where there is one event in the body
//! ```
//!
//! Whoever knows the secret proves by the signature that the body is ours, and by the time that it is not an old
//! one. A redirection is not followed: where events go is the operator's to say.

use std::time::Duration;

use aws_lc_rs::hmac;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;

use super::tls::Tls;
use super::{Failure, Message, Sending, Target, Transport, stream};

/// The most octets of the head of an answer.
const HEAD_OCTETS_MAX: usize = 16 * 1024;

/// The most octets of an answer that are read so that its connection can be used again.
const BODY_OCTETS_MAX: usize = 16 * 1024;

/// How long they are waited for.
const BODY_WAIT: Duration = Duration::from_secs(1);

/// Where events are posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub(crate) target: Target,
    pub(crate) is_tls: bool,
    /// The path with its query.
    path: String,
    /// As it stands in the URL: what `Host` says.
    authority: String,
}

impl Url {
    /// Reads `http://host[:port][/path][?query]`, or `https`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let is_tls = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let authority = uri.authority()?.as_str().to_owned();
        let host = uri.host()?;
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        // A name and a password in a URL end up in logs.
        if authority.contains('@') {
            return None;
        }
        let target = Target::parse(&format!("{host}:{port}"))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Some(Self { target, is_tls, path, authority })
    }
}

pub(crate) struct Http {
    url: Url,
    tls: Option<Tls>,
    key: Option<hmac::Key>,
    bearer: Option<HeaderValue>,
    batch_max: usize,
    clock: sensor_spool::Clock,
    connection: Option<Connection>,
}

/// A connection, with the task that drives it; dropped, both end.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Http {
    /// `secret` signs, `bearer` is the whole value of `Authorization`. With a `batch_max` above 1 the body is an
    /// array.
    pub(crate) fn new(
        url: Url,
        tls: Option<Tls>,
        secret: Option<&[u8]>,
        bearer: Option<HeaderValue>,
        batch_max: usize,
        clock: sensor_spool::Clock,
    ) -> Self {
        let key = secret.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret));
        Self { url, tls, key, bearer, batch_max, clock, connection: None }
    }

    async fn post(&mut self, messages: &[Message]) -> Result<(), Failure> {
        let request = self.request(messages);
        let mut connection = match self.connection.take().filter(|c| !c.sender.is_closed()) {
            Some(connection) => connection,
            None => connect(&self.url, self.tls.as_ref()).await?,
        };
        let broke = |error| Failure::peer("no answer", error);
        connection.sender.ready().await.map_err(broke)?;
        let response = connection.sender.send_request(request).await.map_err(broke)?;
        let status = response.status();
        if drained(response).await {
            self.connection = Some(connection);
        }
        judged(status)
    }

    fn request(&self, messages: &[Message]) -> Request<Full<Bytes>> {
        let body = body(messages, self.batch_max);
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::try_from(&self.url.path).expect("it is the path of a URL that was read");
        let headers = request.headers_mut();
        let told = |text: &str| HeaderValue::from_str(text).expect("letters, digits and signs");
        headers.insert(HOST, told(&self.url.authority));
        headers.insert(USER_AGENT, HeaderValue::from_static("mailsensor"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let [message] = messages {
            headers.insert("idempotency-key", told(&message.key));
        }
        if let Some(bearer) = &self.bearer {
            headers.insert(AUTHORIZATION, bearer.clone());
        }
        if let Some(key) = &self.key {
            let seconds = ((self.clock)() / 1_000).to_string();
            headers
                .insert("x-mailsensor-signature", told(&format!("v1={}", signature(key, &seconds, &body))));
            headers.insert("x-mailsensor-timestamp", told(&seconds));
        }
        request
    }
}

impl Transport for Http {
    fn batch_max(&self) -> usize {
        self.batch_max
    }

    fn send<'a>(&'a mut self, messages: &'a [Message]) -> Sending<'a> {
        Box::pin(self.post(messages))
    }
}

fn body(messages: &[Message], batch_max: usize) -> Bytes {
    match messages {
        [message] if batch_max == 1 => message.octets.clone(),
        _ => {
            let joined: Vec<&[u8]> = messages.iter().map(|message| &message.octets[..]).collect();
            [b"[", &joined.join(&b',')[..], b"]"].concat().into()
        }
    }
}

/// Lower-case hex.
fn signature(key: &hmac::Key, seconds: &str, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(key);
    context.update(seconds.as_bytes());
    context.update(b".");
    context.update(body);
    context.sign().as_ref().iter().map(|octet| format!("{octet:02x}")).collect()
}

async fn connect(url: &Url, tls: Option<&Tls>) -> Result<Connection, Failure> {
    let io = TokioIo::new(stream::connect(&url.target, tls).await?);
    let failed = |error| Failure::peer("no HTTP", error);
    let (sender, connection) =
        Builder::new().max_buf_size(HEAD_OCTETS_MAX).handshake(io).await.map_err(failed)?;
    // What ends it is told by the next request.
    let task = tokio::spawn(async move { drop(connection.await) });
    Ok(Connection { sender, task })
}

/// Reads the answer to its end; whether that was near. The status has been told by now, so that a body that
/// drips costs the connection alone.
async fn drained(response: Response<hyper::body::Incoming>) -> bool {
    let body = Limited::new(response.into_body(), BODY_OCTETS_MAX).collect();
    tokio::time::timeout(BODY_WAIT, body).await.is_ok_and(|body| body.is_ok())
}

/// 400, 413 and 422 are about this body and no other. All else, a wrong token too, is put right at the receiver, or
/// here: the event waits.
fn judged(status: StatusCode) -> Result<(), Failure> {
    let answer = format!("answered {}", status.as_u16());
    match status {
        _ if status.is_success() => Ok(()),
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            Err(Failure::Refused(answer))
        }
        _ => Err(Failure::Peer(answer)),
    }
}
