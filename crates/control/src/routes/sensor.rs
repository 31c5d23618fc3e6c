//! What concerns the sensor as a whole.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::body::{Json, NoParameters, Nothing};
use crate::change::{Fault, Reloaded};
use crate::explanation::{Explained, Question};
use crate::metrics::{METRICS_TYPE, exposition};
use crate::node::Readiness;
use crate::problem::Problem;
use crate::status::{Draining, Status};
use crate::work::Work;

/// Explains what a client would be answered
///
/// Which entry of which list decides, and the reply that the client would see. Nothing changes.
#[utoipa::path(
    post, path = "/v1/explain", operation_id = "explain", tag = "sensor", request_body = Question,
    responses(
        (status = 200, description = "The decisions", body = Explained),
        (status = 422, description = "What cannot be understood", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn explain(
    State(work): State<Work>,
    _: NoParameters,
    Json(question): Json<Question>,
) -> Result<axum::Json<Explained>, Problem> {
    if question.recipients.len() > Question::RECIPIENTS_MAX {
        let message = format!("at most {} at a time", Question::RECIPIENTS_MAX);
        return Err(Problem::faulty(vec![Fault::new("recipients", message)]));
    }
    work.ask(move |node| node.explain(question)).await?.map(axum::Json).map_err(Problem::faulty)
}

/// Tells what the sensor is doing
#[utoipa::path(
    get, path = "/v1/status", operation_id = "status", tag = "sensor",
    responses((status = 200, description = "The state", body = Status))
)]
pub(super) async fn status(State(work): State<Work>, _: Nothing) -> axum::Json<Status> {
    axum::Json(work.node.status())
}

/// Reads all settings again
///
/// They are taken whole or not at all: with a fault in any file the old ones stay, and every fault is told.
#[utoipa::path(
    post, path = "/v1/reload", operation_id = "reload", tag = "sensor",
    responses(
        (status = 200, description = "What has changed", body = Reloaded),
        (status = 422, description = "Every fault of every file", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn reload(State(work): State<Work>, _: Nothing) -> Result<axum::Json<Reloaded>, Problem> {
    Ok(axum::Json(work.change(|node| node.reload()).await??))
}

/// Begins to go down
///
/// As SIGTERM does: nothing new is taken, transactions in progress end, the program exits.
#[utoipa::path(
    post, path = "/v1/drain", operation_id = "drain", tag = "sensor",
    responses((status = 202, description = "It has begun, or had before", body = Draining))
)]
pub(super) async fn drain(
    State(work): State<Work>,
    _: Nothing,
) -> Result<(StatusCode, axum::Json<Draining>), Problem> {
    let draining = work.change(|node| node.drain()).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(draining)))
}

/// Gives the figures for monitoring
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "monitoring",
    responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text"))
)]
pub(super) async fn metrics(State(work): State<Work>, _: Nothing) -> Response {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], exposition(&work.node.metrics())).into_response()
}

/// Gives this document
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "openapi", tag = "monitoring",
    responses((status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json"))
)]
pub(super) async fn openapi(State(work): State<Work>, _: Nothing) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], work.openapi.to_string()).into_response()
}

/// Tells whether the program is alive
#[utoipa::path(
    get, path = "/livez", operation_id = "livez", tag = "monitoring", security(()),
    responses((status = 200, description = "It is: `live`", body = String, content_type = "text/plain"))
)]
pub(super) async fn livez(_: Nothing) -> &'static str {
    "live\n"
}

/// Tells whether the sensor does what it was told to
///
/// A sensor that was switched off is ready; one that goes down is not. One that starts does not answer yet.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "monitoring", security(()),
    responses(
        (status = 200, description = "It does: `ready`", body = String, content_type = "text/plain"),
        (status = 503, description = "It does not: `unready`", body = String, content_type = "text/plain"),
    )
)]
pub(super) async fn readyz(State(work): State<Work>, _: Nothing) -> (StatusCode, &'static str) {
    match work.node.readiness() {
        Readiness::Ready => (StatusCode::OK, "ready\n"),
        Readiness::Draining => (StatusCode::SERVICE_UNAVAILABLE, "unready\n"),
    }
}
