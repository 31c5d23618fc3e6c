//! Patterns with `*` and `?`, any of which has to fit the whole of a text, case aside.

use regex::{RegexSet, RegexSetBuilder};

use super::fault::RuleProblem;

/// The longest pattern, in octets.
const PATTERN_OCTETS_MAX: usize = 256;
/// What all patterns of one list may take up, compiled.
const COMPILED_OCTETS_MAX: usize = 10 << 20;

/// A list of patterns. They run in time linear in the text, all of them at once.
#[derive(Clone, Debug)]
pub(super) struct Patterns(RegexSet);

impl Patterns {
    /// # Errors
    /// The index of each pattern that is none, and of the first one where all together are too much.
    pub(super) fn read(typed: &[String]) -> Result<Self, Vec<(usize, RuleProblem)>> {
        let is_bad = |(_, typed): &(usize, &String)| typed.is_empty() || typed.len() > PATTERN_OCTETS_MAX;
        let fault = |(index, _)| (index, RuleProblem::Pattern { max: PATTERN_OCTETS_MAX });
        let faults: Vec<_> = typed.iter().enumerate().filter(is_bad).map(fault).collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut set = RegexSetBuilder::new(typed.iter().map(|typed| expression(typed)));
        set.case_insensitive(true).dot_matches_new_line(true).size_limit(COMPILED_OCTETS_MAX);
        set.build().map(Self).map_err(|_| vec![(0, RuleProblem::TooManyPatterns)])
    }

    pub(super) fn fit(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// The whole text, anything for `*`, any one character for `?`, and all else as it is: names of signatures and
/// files hold brackets and braces of their own.
fn expression(typed: &str) -> String {
    let literal = regex::escape(typed);
    format!("^(?:{})$", literal.replace(r"\*", ".*").replace(r"\?", "."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_star_and_question_mark_are_special() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("*", "a/b\nc", true),
            ("**", "a/b", true),
            ("Win.*.Agent-?", "win.trojan.AGENT-7", true),
            ("Win.*.Agent-?", "win.trojan.agent-77", false),
            ("a", "ab", false),
            ("[a]{b}!", "[a]{b}!", true),
            ("[ab]", "a", false),
            ("{a,b}", "a", false),
            ("[!a]", "b", false),
            (r"a\*", r"a\b", true),
            (r"a\*", "a*", false),
            ("application/*", "application/zip", true),
            ("RÉSUMÉ*", "résumé.doc", true),
            ("?.txt", "\u{1F4A9}.txt", true),
            ("..", "..", true),
            ("..", "ab", false),
            ("a", "a\n", false),
            ("^a$|b", "a", false),
            (r"\*", r"\x", true),
            (r"\?", r"\x", true),
            ("*.exe", "a\u{fffd}.EXE", true),
        ] {
            let patterns = Patterns::read(&[pattern.to_owned()]).unwrap();
            assert_eq!(patterns.fit(text), fits, "{pattern:?} on {text:?}");
        }
    }

    #[test]
    fn each_pattern_that_is_none_is_named() {
        let long = "a".repeat(PATTERN_OCTETS_MAX + 1);
        let faults = Patterns::read(&["a".into(), String::new(), "b".into(), long]).unwrap_err();
        assert_eq!(faults.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 3]);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(128))]
        #[test]
        fn patterns_fit_as_a_naive_matcher_says(pattern in "[ab*?\\[\\]{},!\\\\é]{1,8}", text in "[ab\\[\\]{},!\\\\é/]{0,8}") {
            let patterns = Patterns::read(std::slice::from_ref(&pattern)).unwrap();
            let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            let text_again: String = text.iter().collect();
            proptest::prop_assert_eq!(patterns.fit(&text_again), naive(&pattern, &text));
        }
    }

    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => naive(rest, text),
            (Some(('*', rest)), Some((_, left))) => naive(rest, text) || naive(pattern, left),
            (Some(('?', rest)), Some((_, left))) => naive(rest, left),
            (Some((wanted, rest)), Some((found, left))) => wanted == found && naive(rest, left),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}
