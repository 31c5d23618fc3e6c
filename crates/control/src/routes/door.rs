//! `/v1/sensors/{sensor}/smtp`: what is taken, and from whom.

use axum::extract::{FromRequestParts, Path, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::body::{Empty, Json, Nothing};
use crate::change::{Change, Changed};
use crate::flags::{Parameters, Terms};
use crate::patch::Patch;
use crate::problem::{Problem, ProblemKind};
use crate::smtp::{GraceEnded, Key, Security, Smtp, Uncovered};
use crate::work::Work;

/// The sensor that a path names: there is one, until there are several.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct Sensor {
    /// `self`
    #[param(example = "self", pattern = "^self$")]
    sensor: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Sensor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<Self>::from_request_parts(parts, state).await {
            Ok(Path(named)) if named.sensor == "self" => Ok(named),
            Ok(_) => Err(Problem::new(ProblemKind::NotFound, "there is one sensor here: self")),
            Err(rejection) => Err(Problem::new(ProblemKind::BadRequest, rejection.body_text())),
        }
    }
}

/// Shows the settings of the door
///
/// Each value with its meaning on this host and its origin. The ETag is another one whenever anything in the document is.
#[utoipa::path(
    get, path = "/v1/sensors/{sensor}/smtp", operation_id = "show_smtp", tag = "smtp",
    params(Sensor),
    responses((status = 200, description = "The settings", body = Smtp,
        headers(("ETag" = String, description = "For If-Match"))))
)]
pub(super) async fn show(State(work): State<Work>, _: Sensor, _: Nothing) -> Response {
    let smtp = work.node.smtp();
    ([(header::ETAG, smtp.revision().tag())], axum::Json(smtp)).into_response()
}

/// Changes settings of the door
///
/// A JSON Merge Patch (RFC 7396) of what GET shows; null takes a value back to what the files say. The change is checked
/// whole, durable, and in force when the answer comes; it survives a restart.
#[utoipa::path(
    patch, path = "/v1/sensors/{sensor}/smtp", operation_id = "change_smtp", tag = "smtp",
    params(Sensor, Terms),
    request_body(content((SmtpPatch = "application/json"), (SmtpPatch = "application/merge-patch+json"))),
    responses(
        (status = 200, description = "What has changed", body = Changed, headers(("ETag" = String, description = "Of the settings after the change; not of a dry run"))),
        (status = 409, description = "`overridden` or `needs-confirmation`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The settings are others by now", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Every fault", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn change(
    State(work): State<Work>,
    _: Sensor,
    terms: Terms,
    Json(patch): Json<Patch>,
) -> Result<Response, Problem> {
    let entries = patch.entries().map_err(Problem::faulty)?;
    make(work, terms.with(entries)).await
}

/// Takes mail
#[utoipa::path(
    post, path = "/v1/sensors/{sensor}/smtp/enable", operation_id = "enable_smtp", tag = "smtp",
    params(Sensor, Terms),
    responses((status = 200, description = "What has changed", body = Changed,
        headers(("ETag" = String, description = "Of the settings after the change; not of a dry run"))))
)]
pub(super) async fn enable(
    State(work): State<Work>,
    _: Sensor,
    terms: Terms,
    _: Empty,
) -> Result<Response, Problem> {
    make(work, terms.with(vec![(Key::Enabled, Some(json!(true)))])).await
}

/// Takes no mail
///
/// Nothing listens any more, so that senders go elsewhere or come back later. What is in progress ends its transaction.
#[utoipa::path(
    post, path = "/v1/sensors/{sensor}/smtp/disable", operation_id = "disable_smtp", tag = "smtp",
    params(Sensor, Terms),
    responses((status = 200, description = "What has changed", body = Changed,
        headers(("ETag" = String, description = "Of the settings after the change; not of a dry run"))))
)]
pub(super) async fn disable(
    State(work): State<Work>,
    _: Sensor,
    terms: Terms,
    _: Empty,
) -> Result<Response, Problem> {
    make(work, terms.with(vec![(Key::Enabled, Some(json!(false)))])).await
}

/// Ends the grace of the last narrowing
///
/// What the rules before it would have taken is refused for good from now on.
#[utoipa::path(
    post, path = "/v1/sensors/{sensor}/smtp/end-grace", operation_id = "end_grace", tag = "smtp",
    params(Sensor),
    responses((status = 200, description = "What was ended", body = GraceEnded))
)]
pub(super) async fn end_grace(
    State(work): State<Work>,
    _: Sensor,
    _: Nothing,
) -> Result<axum::Json<GraceEnded>, Problem> {
    work.change(|node| node.end_grace()).await.map(axum::Json)
}

async fn make(work: Work, change: Change) -> Result<Response, Problem> {
    let changed = work.change(move |node| node.change(change)).await??;
    // A dry run leaves the settings as they are: it has no tag to go on with.
    let tag = (!changed.dry_run).then(|| [(header::ETAG, changed.smtp.revision().tag())]);
    Ok((tag, axum::Json(changed)).into_response())
}

impl Terms {
    fn with(self, entries: Vec<(Key, Option<serde_json::Value>)>) -> Change {
        let Parameters { dry_run, confirm } = self.parameters;
        Change { entries, dry_run, confirm, if_match: self.if_match }
    }
}

/// A change: what is not named stays; null takes the value back to what the files say.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what a patch may hold; reading it is patch.rs")]
pub(crate) struct SmtpPatch {
    /// Whether mail is taken.
    enabled: Option<bool>,
    /// Domains whose recipients are covered; `!` excepts.
    destination_domains: Option<Vec<String>>,
    /// What becomes of recipients of other domains.
    #[schema(value_type = Option<Uncovered>)]
    uncovered: Option<String>,
    /// Addresses and blocks that may connect; `!` excepts.
    clients: Option<Vec<String>>,
    /// `unlimited` or a size such as `50 MiB`.
    #[schema(pattern = "^(unlimited|[1-9][0-9]{0,17}|[1-9][0-9]{0,5} ?[KMGT]i?B)$")]
    message_size_limit: Option<String>,
    /// TLS on the listeners.
    tls: Option<TlsPatch>,
}

/// A change of TLS.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what a patch may hold; reading it is patch.rs")]
pub(crate) struct TlsPatch {
    /// On listeners that do not say it themselves.
    #[schema(value_type = Option<Security>)]
    security: Option<String>,
}
