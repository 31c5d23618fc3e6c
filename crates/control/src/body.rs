//! What comes with a request: a JSON body under limits, or nothing at all.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::change::Fault;
use crate::problem::{Problem, ProblemKind};

/// The largest body, in octets. Held in memory, once a request.
pub(crate) const BODY_OCTETS_MAX: usize = 1 << 20;

/// How much of a larger body is read and dropped.
const DROPPED_OCTETS_MAX: usize = 16 << 20;

/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The media types of a body.
const JSON_TYPES: [&str; 2] = ["application/json", "application/merge-patch+json"];

/// A body of JSON.
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = format!("send Content-Type: {}", JSON_TYPES[0]);
            return Err(Problem::new(ProblemKind::UnsupportedMediaType, detail));
        }
        parse(&read(request).await?).map(Self)
    }
}

fn parse<T: DeserializeOwned>(octets: &[u8]) -> Result<T, Problem> {
    let mut text = serde_json::Deserializer::from_slice(octets);
    let parsed = serde_path_to_error::deserialize(&mut text).map_err(|error| {
        let member = member(error.path());
        (member, error.into_inner())
    });
    let whole = parsed.and_then(|value| text.end().map(|()| value).map_err(|error| (String::new(), error)));
    whole.map_err(|(member, error)| match error.classify() {
        Category::Data => Problem::faulty(vec![Fault::new(member, error.to_string())]),
        Category::Io | Category::Syntax | Category::Eof => {
            Problem::new(ProblemKind::BadRequest, format!("the body is not JSON: {error}"))
        }
    })
}

/// The member that is to blame, lists counted from 1 as in every fault; empty for the whole body.
fn member(path: &Path) -> String {
    let mut name = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => name += &format!("[{}]", index + 1),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                name += if name.is_empty() { "" } else { "." };
                name += key;
            }
            Segment::Unknown => {}
        }
    }
    name
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(typed)) = headers.get(header::CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let essence = typed.split(';').next().unwrap_or_default().trim();
    JSON_TYPES.iter().any(|known| essence.eq_ignore_ascii_case(known))
}

async fn read(request: Request) -> Result<Bytes, Problem> {
    let collected = tokio::time::timeout(BODY_TIME, collect(request.into_body())).await;
    collected.unwrap_or_else(|_| {
        let detail = format!("a body may take {} seconds", BODY_TIME.as_secs());
        Err(Problem::new(ProblemKind::Timeout, detail))
    })
}

/// What is too much is read and dropped up to a limit: a client that is still sending when the connection is
/// closed does not see the answer.
async fn collect(mut body: Body) -> Result<Bytes, Problem> {
    let (mut octets, mut dropped) = (BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let bad = |_| Problem::new(ProblemKind::BadRequest, "the body breaks off");
        let Ok(data) = frame.map_err(bad)?.into_data() else { continue };
        if dropped == 0 && octets.len() + data.len() <= BODY_OCTETS_MAX {
            octets.extend_from_slice(&data);
        } else {
            dropped += data.len();
        }
        if dropped > DROPPED_OCTETS_MAX {
            break;
        }
    }
    if dropped == 0 {
        return Ok(octets.freeze());
    }
    let detail = format!("a body has at most {BODY_OCTETS_MAX} octets; longer lists belong in a file");
    Err(Problem::new(ProblemKind::TooLarge, detail))
}

/// A request without a query. What would be overlooked is refused: `?dry_run=true` where there is no dry run
/// would do the thing.
pub(crate) struct NoParameters;

impl<S: Sync> FromRequestParts<S> for NoParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.uri.query() {
            None | Some("") => Ok(Self),
            Some(_) => Err(Problem::new(ProblemKind::BadRequest, "this takes no parameters")),
        }
    }
}

/// A request without a body, for the same reason.
pub(crate) struct Empty;

impl<S: Sync> FromRequest<S> for Empty {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if request.body().is_end_stream() {
            return Ok(Self);
        }
        Err(Problem::new(ProblemKind::BadRequest, "this takes no body"))
    }
}

/// A request with neither.
pub(crate) struct Nothing;

impl<S: Send + Sync> FromRequest<S> for Nothing {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        NoParameters::from_request_parts(&mut parts, state).await?;
        Empty::from_request(Request::from_parts(parts, body), state).await.map(|Empty| Self)
    }
}
