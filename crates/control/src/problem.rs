//! Errors as the API tells them: problem details (RFC 9457).

use std::fmt;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::change::{ChangeRefused, Fault, Flip, Overridden, ReloadRefused};
use crate::looks::LookRefused;

/// The media type of problem details.
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// Where the kinds of problems are named; docs/api.md tells them.
const KINDS: &str = "https://mailsensor.example/problems/";

/// An error of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Which problem: a URI, by which programs tell problems apart.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "https://mailsensor.example/problems/stale")]
    pub kind: ProblemKind,
    /// The same in words.
    #[schema(value_type = String)]
    pub title: Box<str>,
    /// The status of the response.
    pub status: u16,
    /// What happened, and what to do.
    #[schema(value_type = String)]
    pub detail: Box<str>,
    /// All that cannot be used, with `faulty`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// What is set elsewhere, with `overridden`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overridden: Vec<Overridden>,
    /// What would turn around, with `needs-confirmation`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flips: Vec<Flip>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $slug:literal $status:ident $title:literal;)*) => {
        /// The problems of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub enum ProblemKind { $($(#[$doc])* $kind,)* }

        impl ProblemKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The end of its URI.
            #[must_use]
            pub fn slug(self) -> &'static str {
                match self { $(Self::$kind => $slug,)* }
            }

            /// The status that it comes with.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status,)* }
            }

            fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)* }
            }
        }
    };
}

kinds! {
    /// What was sent is not what it says it is.
    BadRequest "bad-request" BAD_REQUEST "The request cannot be understood";
    /// No token, or another one.
    Unauthorized "unauthorized" UNAUTHORIZED "The token is needed";
    /// Somebody else's process at the socket.
    Forbidden "forbidden" FORBIDDEN "The socket is for root and the sensor's own user";
    /// No such path, no such sensor.
    NotFound "not-found" NOT_FOUND "There is nothing here";
    /// No such method here.
    MethodNotAllowed "method-not-allowed" METHOD_NOT_ALLOWED "That cannot be done here";
    /// The body took too long.
    Timeout "timeout" REQUEST_TIMEOUT "The request took too long";
    /// The environment sets it.
    Overridden "overridden" CONFLICT "It is set elsewhere";
    /// A default would turn around.
    NeedsConfirmation "needs-confirmation" CONFLICT "The change needs to be confirmed";
    /// The settings are others by now.
    Stale "stale" PRECONDITION_FAILED "The settings have changed";
    /// The body is too large.
    TooLarge "too-large" PAYLOAD_TOO_LARGE "The body is too large";
    /// The body is no JSON.
    UnsupportedMediaType "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE "The body is of another type";
    /// The request was sent to another name.
    Misdirected "misdirected" MISDIRECTED_REQUEST "The request is for another host";
    /// A value cannot be used.
    Faulty "faulty" UNPROCESSABLE_ENTITY "Something cannot be used";
    /// A defect or a failing disk.
    Internal "internal" INTERNAL_SERVER_ERROR "The sensor failed";
    /// The system does not give what is needed.
    NotApplied "not-applied" SERVICE_UNAVAILABLE "It cannot be applied now";
    /// The disk is full.
    NoRoom "no-room" INSUFFICIENT_STORAGE "There is no room on the disk";
}

impl From<ProblemKind> for String {
    fn from(kind: ProblemKind) -> Self {
        format!("{KINDS}{}", kind.slug())
    }
}

impl TryFrom<String> for ProblemKind {
    type Error = String;

    fn try_from(uri: String) -> Result<Self, String> {
        let slug = uri.strip_prefix(KINDS).unwrap_or(&uri);
        let known = Self::ALL.iter().copied().find(|kind| kind.slug() == slug);
        known.ok_or_else(|| format!("unknown kind of problem {uri:?}"))
    }
}

impl Problem {
    /// A problem with what there is to say about it.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<Box<str>>) -> Self {
        Self {
            kind,
            title: kind.title().into(),
            status: kind.status().as_u16(),
            detail: detail.into(),
            faults: Vec::new(),
            overridden: Vec::new(),
            flips: Vec::new(),
        }
    }

    pub(crate) fn faulty(faults: Vec<Fault>) -> Self {
        Self { faults, ..Self::new(ProblemKind::Faulty, "faults lists what is wrong") }
    }
}

impl fmt::Display for Problem {
    /// For a terminal: what happened, then each thing that is to be mended, a line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)?;
        for Fault { key, message, expected, file, line, column } in &self.faults {
            f.write_str("\n  ")?;
            if let Some(file) = file {
                let place = [line, column].into_iter().flatten().map(|n| format!("{n}:"));
                write!(f, "{file}:{} ", place.collect::<String>())?;
            }
            write!(f, "{key}: {message}")?;
            if let Some(expected) = expected {
                write!(f, "; expected {expected}")?;
            }
        }
        self.overridden
            .iter()
            .try_for_each(|Overridden { key, by }| write!(f, "\n  {key} is set by {by}"))?;
        self.flips
            .iter()
            .try_for_each(|Flip { key, before, after }| write!(f, "\n  {key}: now {before}; then {after}"))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).expect("a problem is written to memory");
        let content_type = (header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        let mut response = (self.kind.status(), [content_type], body).into_response();
        let more = match self.kind {
            ProblemKind::Unauthorized => Some((header::WWW_AUTHENTICATE, "Bearer realm=\"mailsensor\"")),
            // RFC 5789 section 2.2.
            ProblemKind::UnsupportedMediaType => {
                Some((header::HeaderName::from_static("accept-patch"), "application/merge-patch+json"))
            }
            // What is left of the body is not read.
            ProblemKind::Timeout | ProblemKind::TooLarge => Some((header::CONNECTION, "close")),
            ProblemKind::BadRequest
            | ProblemKind::Forbidden
            | ProblemKind::NotFound
            | ProblemKind::MethodNotAllowed
            | ProblemKind::Overridden
            | ProblemKind::NeedsConfirmation
            | ProblemKind::Stale
            | ProblemKind::Misdirected
            | ProblemKind::Faulty
            | ProblemKind::Internal
            | ProblemKind::NotApplied
            | ProblemKind::NoRoom => None,
        };
        if let Some((name, value)) = more {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

impl From<ChangeRefused> for Problem {
    fn from(refused: ChangeRefused) -> Self {
        let detail = refused.to_string();
        match refused {
            ChangeRefused::Stale => Self::new(ProblemKind::Stale, format!("{detail}: read them again")),
            ChangeRefused::Overridden(overridden) => {
                Self { overridden, ..Self::new(ProblemKind::Overridden, detail) }
            }
            ChangeRefused::Faulty(faults) => {
                Self { faults, ..Self::new(ProblemKind::Faulty, format!("{detail}; nothing has changed")) }
            }
            ChangeRefused::NeedsConfirmation(flips) => {
                let detail = format!("{detail}: repeat it with confirm=true (--confirm) if it is meant");
                Self { flips, ..Self::new(ProblemKind::NeedsConfirmation, detail) }
            }
            ChangeRefused::NotApplied(_) => Self::new(ProblemKind::NotApplied, detail),
            ChangeRefused::NoRoom(_) => Self::new(ProblemKind::NoRoom, detail),
            ChangeRefused::NotKept(_) => Self::new(ProblemKind::Internal, detail),
        }
    }
}

impl From<LookRefused> for Problem {
    fn from(refused: LookRefused) -> Self {
        match refused {
            LookRefused::Faulty(faults) => Self::faulty(faults),
            LookRefused::NotApplied(detail) => Self::new(ProblemKind::NotApplied, detail),
        }
    }
}

impl From<ReloadRefused> for Problem {
    fn from(refused: ReloadRefused) -> Self {
        let detail = refused.to_string();
        match refused {
            ReloadRefused::Faulty(faults) => Self {
                faults,
                ..Self::new(ProblemKind::Faulty, format!("{detail}; the old ones stay in force"))
            },
            ReloadRefused::NotApplied(_) => Self::new(ProblemKind::NotApplied, detail),
        }
    }
}
