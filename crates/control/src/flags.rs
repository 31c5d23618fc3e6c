//! What is said about a change beside its body: `dry_run`, `confirm`, `If-Match`.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Type};

use crate::change::IfMatch;
use crate::problem::{Problem, ProblemKind};

/// The parameters of a change.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Only tell what would change.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// The flip of a default is meant.
    #[serde(default)]
    pub(crate) confirm: bool,
}

/// A tag as ETag gives it. Lists and weak ones are read too, but nobody has a reason to send them.
const TAG: &str = r#"^"[0-9a-f]{32}"$"#;

/// Parameters and condition of a change.
pub(crate) struct Terms {
    pub(crate) parameters: Parameters,
    pub(crate) if_match: Option<IfMatch>,
}

impl<S: Send + Sync> FromRequestParts<S> for Terms {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let if_match = if_match(&parts.headers)?;
        let Query(parameters) = Query::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Problem::new(ProblemKind::BadRequest, rejection.body_text()))?;
        Ok(Self { parameters, if_match })
    }
}

/// For the document, which no derive writes: half of it is in the header, half in the query.
impl IntoParams for Terms {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let any = text().enum_values(Some(["*"]));
        let tags = AnyOfBuilder::new().item(any).item(text().pattern(Some(TAG)));
        let if_match = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The ETag of the settings that are meant to be changed, or any"))
            .schema(Some(tags));
        std::iter::once(if_match.build()).chain(Parameters::into_params(place)).collect()
    }
}

/// `If-Match`, of which there may be several lines.
fn if_match(headers: &HeaderMap) -> Result<Option<IfMatch>, Problem> {
    let faulty = || Problem::new(ProblemKind::BadRequest, "If-Match is * or tags as ETag gives them");
    let mut tags = Vec::new();
    for line in headers.get_all(header::IF_MATCH) {
        // RFC 9110 section 8.8.3 lets a tag hold octets that are no ASCII; ours have none.
        let mut rest = line.to_str().map_err(|_| faulty())?.trim();
        if rest == "*" {
            return Ok(Some(IfMatch::Any));
        }
        while !rest.is_empty() {
            let (tag, behind) = tag(rest).ok_or_else(faulty)?;
            tags.push(tag.to_owned());
            rest = behind;
        }
    }
    let is_conditional = headers.contains_key(header::IF_MATCH);
    match (is_conditional, tags.is_empty()) {
        (false, _) => Ok(None),
        (true, true) => Err(faulty()),
        (true, false) => Ok(Some(IfMatch::OneOf(tags))),
    }
}

/// The first tag of a list, weak or strong, and what follows its comma.
fn tag(list: &str) -> Option<(&str, &str)> {
    let quoted = list.strip_prefix("W/").unwrap_or(list);
    let opaque = quoted.strip_prefix('"')?;
    let (opaque, behind) = opaque.split_once('"')?;
    let length = list.len() - quoted.len() + opaque.len() + 2;
    let behind = behind.trim_start();
    let rest = match behind.strip_prefix(',') {
        Some(rest) => rest.trim_start(),
        None if behind.is_empty() => behind,
        None => return None,
    };
    Some((&list[..length], rest))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn if_match_is_read_as_rfc_9110_says() {
        let one_of =
            |tags: &[&str]| Some(Some(IfMatch::OneOf(tags.iter().map(|&tag| tag.to_owned()).collect())));
        let cases: &[(&[&str], Option<Option<IfMatch>>)] = &[
            (&[], Some(None)),
            (&["*"], Some(Some(IfMatch::Any))),
            (&["\"a\""], one_of(&["\"a\""])),
            (&["\"a\" , \"b,c\"", "\"d\""], one_of(&["\"a\"", "\"b,c\"", "\"d\""])),
            // Weak tags are kept as weak ones: strong comparison never finds them.
            (&["W/\"a\""], one_of(&["W/\"a\""])),
            (&["a"], None),
            (&["\"a"], None),
            (&["\"a\" \"b\""], None),
            (&[""], None),
        ];
        for (lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append(header::IF_MATCH, HeaderValue::from_static(line));
            }
            assert_eq!(if_match(&headers).ok(), *expected, "{lines:?}");
        }
    }
}
