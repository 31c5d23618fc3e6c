//! `/v1/looks`: what is looked into anew, tried again, or given up.

use axum::extract::State;
use axum::http::StatusCode;

use crate::body::{Json, NoParameters};
use crate::change::Fault;
use crate::looks::{LookOrder, LooksOrdered, What};
use crate::problem::Problem;
use crate::work::Work;

/// Orders looks into kept messages
///
/// A look by all scanners anew, a try of those that have still to see a message, or an end to trying. The order is durable
/// when the answer comes, and carried out in its turn.
#[utoipa::path(
    post, path = "/v1/looks", operation_id = "order_looks", tag = "looks", request_body = LookOrder,
    responses(
        (status = 202, description = "What was ordered", body = LooksOrdered),
        (status = 422, description = "What cannot be understood", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing is looked into, or the disk is full", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn order(
    State(work): State<Work>,
    _: NoParameters,
    Json(order): Json<LookOrder>,
) -> Result<(StatusCode, axum::Json<LooksOrdered>), Problem> {
    let fault = |key: &str, message: String| Err(Problem::faulty(vec![Fault::new(key, message)]));
    match (order.what, order.all, order.ids.len()) {
        (What::Rescan, true, _) => fault("all", "a rescan names its messages".to_owned()),
        (_, false, 0) => fault("ids", "names no message; or say all".to_owned()),
        (_, true, 1..) => fault("all", "either ids or all".to_owned()),
        (_, _, count) if count > LookOrder::IDS_MAX => {
            fault("ids", format!("at most {} at a time", LookOrder::IDS_MAX))
        }
        (What::Rescan | What::Retry | What::Drop, _, _) => {
            let ordered = work.change(move |node| node.look(&order)).await??;
            Ok((StatusCode::ACCEPTED, axum::Json(ordered)))
        }
    }
}
