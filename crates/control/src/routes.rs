//! The routes, and the document that describes them.

mod door;
mod looks;
mod sensor;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use utoipa::OpenApi as _;
use utoipa::openapi::path::{Operation, PathItem};

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder, SecurityRequirement,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::gate::{Gate, guard};
use crate::node::Node;
use crate::problem::{PROBLEM_TYPE, Problem, ProblemKind};
use crate::work::Work;

/// What stands above the routes in the document.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "mailsensor",
        version = "1",
        description = "The control plane of a mail sensor. Errors are problem details (RFC 9457).",
        license(name = "Apache-2.0 OR MIT")
    ),
    components(schemas(Problem))
)]
struct Document;

/// The document of the API (OpenAPI 3.1), made of the code that serves it. docs/openapi.json is this.
#[must_use]
pub fn openapi() -> OpenApi {
    described().1
}

/// All routes behind the gate.
pub(crate) fn router(node: Arc<dyn Node>, gate: Gate) -> Router {
    let (routes, document) = guarded(gate);
    let mut text = serde_json::to_string_pretty(&document).expect("a document is written to memory");
    text.push('\n');
    routes.with_state(Work::new(node, text.into()))
}

/// The gate is around whatever was added before it, and around nothing else.
fn guarded(gate: Gate) -> (Router<Work>, OpenApi) {
    let (routes, document) = described();
    let routes = routes.fallback(nothing_here).method_not_allowed_fallback(not_here);
    (routes.layer(from_fn_with_state(Arc::new(gate), guard)), document)
}

fn described() -> (Router<Work>, OpenApi) {
    let (routes, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(door::show, door::change))
        .routes(routes!(door::enable))
        .routes(routes!(door::disable))
        .routes(routes!(door::end_grace))
        .routes(routes!(looks::order))
        .routes(routes!(sensor::explain))
        .routes(routes!(sensor::status))
        .routes(routes!(sensor::reload))
        .routes(routes!(sensor::drain))
        .routes(routes!(sensor::metrics))
        .routes(routes!(sensor::openapi))
        .routes(routes!(sensor::livez))
        .routes(routes!(sensor::readyz))
        .split_for_parts();
    document.paths.paths.values_mut().flat_map(operations).for_each(add_problem);
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document.components.get_or_insert_with(Components::new).add_security_scheme("token", bearer);
    document.security = Some(vec![SecurityRequirement::new("token", [""; 0])]);
    (routes, document)
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut path.get, &mut path.post, &mut path.patch].into_iter().flatten()
}

/// Any operation may end in a problem.
fn add_problem(operation: &mut Operation) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let problem = ResponseBuilder::new().description("A problem").content(PROBLEM_TYPE, content).build();
    operation.responses.responses.insert("default".to_owned(), RefOr::T(problem));
}

async fn nothing_here(uri: Uri) -> Problem {
    Problem::new(ProblemKind::NotFound, format!("no such path: {}", uri.path()))
}

async fn not_here(method: Method, uri: Uri) -> Problem {
    Problem::new(ProblemKind::MethodNotAllowed, format!("{method} is not for {}; see Allow", uri.path()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::token::Token;

    /// The tests of the token go by a table that is compared with the document. A route that was added past the
    /// document would be in neither; a router tells what it serves in its `Debug` alone.
    #[test]
    fn every_path_that_is_served_is_in_the_document() {
        let directory = tempfile::tempdir().unwrap();
        let (routes, document) = guarded(Gate::new(Token::load_or_create(directory.path()).unwrap(), &[]));
        let told = format!("{routes:?}");
        let (own, _) = told.split_once("fallback_router").expect("the router names its parts");
        let served: BTreeSet<&str> = own.split('"').filter(|text| text.starts_with('/')).collect();
        let described: BTreeSet<&str> = document.paths.paths.keys().map(String::as_str).collect();
        assert_eq!(served, described, "{told}");
    }
}
