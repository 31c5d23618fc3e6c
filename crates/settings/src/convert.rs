//! How a value of a source becomes a value of the program, or says why it does not.

use std::ops::Range;

use crate::form::Form;
use crate::source::Source;
use crate::tree::{Node, quoted, quoted_list};

/// The longest text that a proposal repeats.
const PROPOSED_OCTETS_MAX: usize = 100;

/// A fault of one element of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemFault {
    /// The element, counted from 0.
    pub index: usize,
    /// What is wrong with it, and what may have been meant.
    pub message: String,
}

/// Why a value is not taken, and the part of it that is to blame.
pub(crate) struct Misfit {
    pub(crate) span: Range<usize>,
    /// The element of a list, counted from 0.
    pub(crate) index: Option<usize>,
    pub(crate) message: String,
}

impl Misfit {
    pub(crate) fn new(node: &Node, message: impl Into<String>) -> Self {
        Self { span: node.span.clone(), index: None, message: message.into() }
    }

    pub(crate) fn kind(node: &Node) -> Self {
        Self::new(node, format!("is {}", node.value.describe()))
    }
}

/// `true` or `false`.
pub(crate) fn boolean(node: &Node) -> Result<(bool, String), Vec<Misfit>> {
    let flag = node.value.boolean().ok_or_else(|| match node.value.text() {
        Some("true" | "yes" | "on") => {
            vec![Misfit::new(node, "is a string; did you mean true, without quotes?")]
        }
        Some("false" | "no" | "off") => {
            vec![Misfit::new(node, "is a string; did you mean false, without quotes?")]
        }
        Some(_) | None => vec![Misfit::kind(node)],
    })?;
    Ok((flag, flag.to_string()))
}

/// A whole number between two bounds that fit a `T`.
pub(crate) fn integer<T: TryFrom<i64>>(node: &Node, min: i64, max: i64) -> Result<(T, String), Vec<Misfit>> {
    let number = node.value.integer().ok_or_else(|| match node.value.text() {
        Some(text) if text.parse().is_ok_and(|number| (min..=max).contains(&number)) => {
            vec![Misfit::new(node, format!("is a string; did you mean {text}, without quotes?"))]
        }
        Some(_) | None => vec![Misfit::kind(node)],
    })?;
    let value =
        Some(number).filter(|number| (min..=max).contains(number)).and_then(|number| number.try_into().ok());
    value.map(|value| (value, number.to_string())).ok_or_else(|| vec![Misfit::new(node, "is out of range")])
}

/// A string value. What comes from the environment is a string where one is wanted.
pub(crate) fn text<T: 'static>(
    form: &Form<T>,
    source: &Source,
    node: &Node,
) -> Result<(T, String), Vec<Misfit>> {
    let text = node
        .value
        .text()
        .or_else(|| source.raw(node.span.clone()))
        .ok_or_else(|| vec![unquoted(node, |number| form.may_be(number))])?;
    let value = form.parse(text).map_err(|why| vec![Misfit::new(node, why)])?;
    Ok((value, quoted(text)))
}

/// `is_taken` says whether a number would do if it stood in quotes: what would not is not proposed.
fn unquoted(node: &Node, is_taken: impl Fn(&str) -> bool) -> Misfit {
    match node.value.integer().map(|number| number.to_string()) {
        Some(number) if is_taken(&number) => {
            Misfit::new(node, format!("is a number; did you mean \"{number}\"?"))
        }
        Some(_) | None => Misfit::kind(node),
    }
}

/// An array of strings. A string from the environment is one written with commas.
pub(crate) fn list<T>(
    source: &Source,
    node: &Node,
    parse: impl Fn(&[&str]) -> Result<T, Vec<ItemFault>>,
) -> Result<(T, String), Vec<Misfit>> {
    let texts = match (node.value.list(), node.value.text()) {
        (Some(nodes), _) => strings(nodes, |number| parse(&[number]).is_ok())?,
        (None, Some(text)) if source.raw(node.span.clone()).is_some() => separated(text),
        (None, Some(text)) if text.len() <= PROPOSED_OCTETS_MAX && parse(&[text]).is_ok() => {
            return Err(vec![Misfit::new(node, format!("is a string; did you mean [{}]?", quoted(text)))]);
        }
        (None, Some(_) | None) => return Err(vec![Misfit::kind(node)]),
    };
    // What was separated by commas has one place for all elements.
    let element = |index: usize| node.value.list().and_then(|nodes| nodes.get(index)).unwrap_or(node);
    let misfit = |ItemFault { index, message }| Misfit {
        span: element(index).span.clone(),
        index: Some(index),
        message,
    };
    let value = parse(&texts).map_err(|faults| faults.into_iter().map(misfit).collect::<Vec<_>>())?;
    Ok((value, quoted_list(&texts)))
}

fn separated(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|text| !text.is_empty()).collect()
}

/// The elements of an array, if all are strings. Where one is not, the others are not looked at: their faults
/// may name each other by number.
fn strings(nodes: &[Node], is_taken: impl Fn(&str) -> bool) -> Result<Vec<&str>, Vec<Misfit>> {
    let (mut texts, mut misfits) = (Vec::with_capacity(nodes.len()), Vec::new());
    for (index, node) in nodes.iter().enumerate() {
        match node.value.text() {
            Some(text) => texts.push(text),
            None => misfits.push(Misfit { index: Some(index), ..unquoted(node, &is_taken) }),
        }
    }
    if misfits.is_empty() { Ok(texts) } else { Err(misfits) }
}
