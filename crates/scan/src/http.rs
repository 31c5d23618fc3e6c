//! HTTP requests to a peer: one connection each, the body streamed, the answer bounded.
//!
//! ```text
//!  Parts (octets, chunks of files) --channel of one chunk--> hyper --socket, TLS--> peer
//!                                                            Answer { status, head, body <= octets_max }
//! ```
//!
//! A redirection is not followed: where mail goes is the operator's to say.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Frame, SizeHint};
use hyper::client::conn::http1::Builder;
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use sensor_pipeline::{Budget, Octets};
use tokio::sync::mpsc;

use crate::octets::Chunks;
use crate::peer::Socket;
use crate::tls::Tls;
use crate::trouble::Trouble;
use crate::url::Url;
use crate::words::told;

/// The most octets of the head of an answer.
const HEAD_OCTETS_MAX: usize = 32 * 1024;

/// A peer that answers requests.
pub(crate) struct Endpoint {
    pub(crate) url: Url,
    pub(crate) tls: Option<Tls>,
    /// The most octets of the body of an answer.
    pub(crate) answer_octets_max: usize,
}

/// A request, but for where it goes.
pub(crate) struct Post {
    pub(crate) content_type: HeaderValue,
    pub(crate) headers: HeaderMap,
    /// What its body consists of, one after the other.
    pub(crate) body: Vec<Octets>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Endpoint {
    /// Posts a request and waits for the answer.
    pub(crate) async fn post(&self, post: &Post, budget: &Budget) -> Result<Answer, Trouble> {
        let socket = self.connect(budget).await?;
        budget.run(self.converse(socket, post)).await?
    }

    async fn connect(&self, budget: &Budget) -> Result<Box<dyn Socket>, Trouble> {
        let socket = self.url.address.connect(budget).await?;
        match &self.tls {
            Some(tls) => tls.connect(socket, budget).await,
            None => Ok(socket),
        }
    }

    /// # Cancel safety
    /// Dropped, the connection is closed: everything that drives it is in here.
    async fn converse(&self, socket: Box<dyn Socket>, post: &Post) -> Result<Answer, Trouble> {
        let mut builder = Builder::new();
        builder.max_buf_size(HEAD_OCTETS_MAX);
        let (mut sender, connection) = builder.handshake(TokioIo::new(socket)).await.map_err(broken)?;
        let (to, chunks) = mpsc::channel(1);
        let asking = async move { self.answer(sender.send_request(self.request(post, chunks)).await).await };
        tokio::pin!(asking, connection);
        let mut sending = Sending::Going(Box::pin(send(&post.body, to)));
        let mut is_open = true;
        loop {
            tokio::select! {
                biased;
                answer = &mut asking => return answer,
                sent = sending.go(), if sending.is_going() => {
                    sent?;
                    sending = Sending::Gone;
                }
                // What ends it is told by the request.
                _ = &mut connection, if is_open => is_open = false,
            }
        }
    }

    async fn answer(
        &self,
        response: hyper::Result<Response<hyper::body::Incoming>>,
    ) -> Result<Answer, Trouble> {
        let (head, body) = response.map_err(broken)?.into_parts();
        let body =
            Limited::new(body, self.answer_octets_max).collect().await.map_err(|error| match error
                .downcast::<LengthLimitError>(
            ) {
                Ok(_) => {
                    Trouble::failed(format!("its answer is longer than {} octets", self.answer_octets_max))
                }
                Err(error) => Trouble::failed(format!("its answer broke off: {error}")),
            })?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
    }

    fn request(&self, post: &Post, chunks: mpsc::Receiver<Bytes>) -> Request<Streamed> {
        let left = post.body.iter().map(Octets::len).sum();
        let mut request = Request::new(Streamed { chunks, left });
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.path.parse().expect("it is the path of a URL that was read");
        let headers = request.headers_mut();
        *headers = post.headers.clone();
        headers.insert(HOST, HeaderValue::from_str(&self.url.authority).expect("it stood in a URL"));
        headers.insert(USER_AGENT, HeaderValue::from_static("mailsensor"));
        headers.insert(CONTENT_TYPE, post.content_type.clone());
        request
    }
}

impl Answer {
    /// An error, in the words of the answer, of a status other than 2xx.
    pub(crate) fn refusal(&self) -> Trouble {
        let line = self.body.split(|octet| *octet == b'\n').next().unwrap_or_default();
        Trouble::failed(format!("answered {}: {}", self.status.as_u16(), told(line)))
    }

    pub(crate) fn header(&self, name: &HeaderName) -> Option<Box<str>> {
        self.headers.get(name).map(|value| told(value.as_bytes()))
    }
}

fn broken(error: hyper::Error) -> Trouble {
    Trouble::failed(format!("no answer: {error}"))
}

/// Chunks on their way into the request.
enum Sending<'a> {
    Going(Pin<Box<dyn Future<Output = Result<(), Trouble>> + Send + 'a>>),
    Gone,
}

impl Sending<'_> {
    fn is_going(&self) -> bool {
        matches!(self, Self::Going(_))
    }

    async fn go(&mut self) -> Result<(), Trouble> {
        match self {
            Self::Going(sending) => sending.await,
            Self::Gone => Ok(()),
        }
    }
}

async fn send(body: &[Octets], to: mpsc::Sender<Bytes>) -> Result<(), Trouble> {
    let mut left: VecDeque<Chunks> = body.iter().map(Chunks::of).collect();
    while let Some(chunks) = left.front_mut() {
        match chunks.next().await? {
            Some(chunk) => {
                if to.send(chunk).await.is_err() {
                    // Nobody takes them any more: the answer says why.
                    return Ok(());
                }
            }
            None => drop(left.pop_front()),
        }
    }
    Ok(())
}

/// A body of a known length that comes through a channel.
struct Streamed {
    chunks: mpsc::Receiver<Bytes>,
    left: u64,
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.chunks.poll_recv(context).map(|chunk| {
            let chunk = chunk?;
            self.left = self.left.saturating_sub(chunk.len() as u64);
            Some(Ok(Frame::data(chunk)))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
