//! The API as the command line uses it: over the unix socket, typed.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::change::{Changed, Reloaded};
use crate::explanation::{Explained, Question};
use crate::looks::{LookOrder, LooksOrdered};
use crate::problem::Problem;
use crate::smtp::{GraceEnded, Revision, Smtp};
use crate::status::{Draining, Status};

/// The largest answer that is taken, in octets. Lists of settings may be long.
const ANSWER_OCTETS_MAX: usize = 64 << 20;

/// How long an answer may take. A change waits for those before it and for the disk.
const ANSWER_TIME: Duration = Duration::from_secs(120);

/// A sensor of this host.
#[derive(Clone, Debug)]
pub struct Client {
    path: PathBuf,
}

/// What is said about a change beside its body.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// Only tell what would change.
    pub dry_run: bool,
    /// The flip of a default is meant.
    pub confirm: bool,
    /// The settings that are meant to be changed; none: whatever they are.
    pub if_match: Option<Revision>,
}

/// Why there is no answer, or not the one that was hoped for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens: for the operator.
    #[error(
        "no sensor is running with {}: start it (mailsensor run); if one runs, its state directory is another: \
         where state_dir was edited since it was started, name the former one (--state-dir)",
        path.display()
    )]
    NotRunning {
        /// The socket.
        path: PathBuf,
    },
    /// The socket is another user's: for the operator.
    #[error("{} may be used only by root and the user that the sensor runs as: use sudo", path.display())]
    NotPermitted {
        /// The socket.
        path: PathBuf,
    },
    /// The sensor refuses: for the operator.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The connection failed, or the answer was none that this version understands.
    #[error("the sensor at {} does not answer as it should: {reason}", path.display())]
    Broken {
        /// The socket.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Client {
    /// The sensor whose socket is at `path`. Each request connects anew.
    ///
    /// # Errors
    /// [`ClientError::NotRunning`] or [`ClientError::NotPermitted`], so that a command can say so at once.
    pub async fn connect(path: &Path) -> Result<Self, ClientError> {
        let client = Self { path: path.to_owned() };
        client.stream().await?;
        Ok(client)
    }

    /// The settings of the door.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn smtp(&self) -> Result<Smtp, ClientError> {
        self.ask(Method::GET, "/v1/sensors/self/smtp", None, None).await
    }

    /// Changes settings of the door by a JSON Merge Patch of [`Smtp`].
    ///
    /// # Errors
    /// [`ClientError`]; where it is `Refused`, nothing has changed.
    pub async fn change(&self, patch: &serde_json::Value, flags: &Flags) -> Result<Changed, ClientError> {
        let path = flags.path("/v1/sensors/self/smtp");
        self.ask(Method::PATCH, &path, Some(json(patch)), flags.if_match.as_ref()).await
    }

    /// Takes mail.
    ///
    /// # Errors
    /// [`ClientError`]; where it is `Refused`, nothing has changed.
    pub async fn enable(&self, flags: &Flags) -> Result<Changed, ClientError> {
        let path = flags.path("/v1/sensors/self/smtp/enable");
        self.ask(Method::POST, &path, None, flags.if_match.as_ref()).await
    }

    /// Takes no mail.
    ///
    /// # Errors
    /// [`ClientError`]; where it is `Refused`, nothing has changed.
    pub async fn disable(&self, flags: &Flags) -> Result<Changed, ClientError> {
        let path = flags.path("/v1/sensors/self/smtp/disable");
        self.ask(Method::POST, &path, None, flags.if_match.as_ref()).await
    }

    /// Ends the grace of the last narrowing.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn end_grace(&self) -> Result<GraceEnded, ClientError> {
        self.ask(Method::POST, "/v1/sensors/self/smtp/end-grace", None, None).await
    }

    /// What a client would be answered.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn explain(&self, question: &Question) -> Result<Explained, ClientError> {
        self.ask(Method::POST, "/v1/explain", Some(json(question)), None).await
    }

    /// What the sensor is doing.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.ask(Method::GET, "/v1/status", None, None).await
    }

    /// Reads all settings again.
    ///
    /// # Errors
    /// [`ClientError`]; where it is `Refused`, the old settings stay.
    pub async fn reload(&self) -> Result<Reloaded, ClientError> {
        self.ask(Method::POST, "/v1/reload", None, None).await
    }

    /// Has kept messages looked into anew, tried again, or given up.
    ///
    /// # Errors
    /// [`ClientError`]; where it is `Refused`, it may be ordered of some of them.
    pub async fn look(&self, order: &LookOrder) -> Result<LooksOrdered, ClientError> {
        self.ask(Method::POST, "/v1/looks", Some(json(order)), None).await
    }

    /// Makes the sensor go down as SIGTERM does.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn drain(&self) -> Result<Draining, ClientError> {
        self.ask(Method::POST, "/v1/drain", None, None).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        if_match: Option<&Revision>,
    ) -> Result<T, ClientError> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(revision) = if_match {
            request = request.header(header::IF_MATCH, revision.tag());
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        let request = request.body(body).expect("paths and tags are made here");
        let exchanged = tokio::time::timeout(ANSWER_TIME, self.exchange(request)).await;
        let (status, octets) = exchanged.map_err(|_| self.broken("no answer in time"))??;
        self.read(status, &octets)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), ClientError> {
        let io = TokioIo::new(self.stream().await?);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(io).await.map_err(|error| self.broken(error))?;
        let answered = async {
            let response: Response<_> =
                sender.send_request(request).await.map_err(|error| self.broken(error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_OCTETS_MAX).collect().await;
            let octets = body.map_err(|error| self.broken(error))?.to_bytes();
            drop(sender);
            Ok((status, octets))
        };
        // The connection moves only while it is polled, and ends when its sender is gone.
        let (answered, _) = tokio::join!(answered, connection);
        answered
    }

    fn read<T: DeserializeOwned>(&self, status: StatusCode, octets: &[u8]) -> Result<T, ClientError> {
        if status.is_success() {
            return serde_json::from_slice(octets).map_err(|error| self.broken(error));
        }
        match serde_json::from_slice(octets) {
            Ok(problem) => Err(ClientError::Refused(Box::new(problem))),
            Err(_) => Err(self.broken(status)),
        }
    }

    async fn stream(&self) -> Result<UnixStream, ClientError> {
        UnixStream::connect(&self.path).await.map_err(|error| {
            let (kind, path) = (error.kind(), self.path.clone());
            // The file of a sensor that was killed is still there, and nobody listens.
            if kind == io::ErrorKind::NotFound || kind == io::ErrorKind::ConnectionRefused {
                ClientError::NotRunning { path }
            } else if kind == io::ErrorKind::PermissionDenied {
                ClientError::NotPermitted { path }
            } else {
                self.broken(error)
            }
        })
    }

    fn broken(&self, reason: impl ToString) -> ClientError {
        ClientError::Broken { path: self.path.clone(), reason: reason.to_string() }
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("it is written to memory")
}

impl Flags {
    fn path(&self, path: &str) -> String {
        format!("{path}?dry_run={}&confirm={}", self.dry_run, self.confirm)
    }
}
