//! What rules on trial would have changed.

use std::fmt;

use sensor_mail::{Disposition, Judgement, Severity, Verdict};

/// Where two judgements of one message part. Rules and their versions are not compared: they differ anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference<'a> {
    verdict: Option<(Verdict, Verdict)>,
    severity: Option<(Severity, Severity)>,
    disposition: Option<(Disposition, Disposition)>,
    /// With the sign: whether it is added.
    tags: Vec<(bool, &'a str)>,
    notices: Vec<(bool, &'a str)>,
}

impl<'a> Difference<'a> {
    /// What `shadow` says otherwise than `live`; none where they say the same.
    #[must_use]
    pub fn between(live: &'a Judgement, shadow: &'a Judgement) -> Option<Self> {
        let difference = Self {
            verdict: changed(live.verdict, shadow.verdict),
            severity: changed(live.severity, shadow.severity),
            disposition: changed(live.disposition, shadow.disposition),
            tags: exchanged(&live.tags, &shadow.tags),
            notices: exchanged(&live.notices, &shadow.notices),
        };
        (difference != Self::NONE).then_some(difference)
    }

    const NONE: Self =
        Self { verdict: None, severity: None, disposition: None, tags: Vec::new(), notices: Vec::new() };
}

fn changed<T: PartialEq>(live: T, shadow: T) -> Option<(T, T)> {
    (live != shadow).then_some((live, shadow))
}

fn exchanged<'a>(live: &'a [Box<str>], shadow: &'a [Box<str>]) -> Vec<(bool, &'a str)> {
    let gone = live.iter().filter(|word| !shadow.contains(word)).map(|word| (false, &**word));
    let come = shadow.iter().filter(|word| !live.contains(word)).map(|word| (true, &**word));
    gone.chain(come).collect()
}

impl fmt::Display for Difference<'_> {
    /// `verdict suspect -> hostile, severity low -> high, tags +macro -odd`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = Vec::new();
        said.extend(self.verdict.map(|(live, shadow)| format!("verdict {} -> {}", word(live), word(shadow))));
        said.extend(
            self.severity.map(|(live, shadow)| format!("severity {} -> {}", word(live), word(shadow))),
        );
        said.extend(
            self.disposition.map(|(live, shadow)| format!("disposition {} -> {}", word(live), word(shadow))),
        );
        for (name, list) in [("tags", &self.tags), ("notices", &self.notices)] {
            let signed =
                list.iter().map(|(added, word)| format!(" {}{word}", if *added { '+' } else { '-' }));
            said.extend((!list.is_empty()).then(|| signed.fold(name.to_owned(), |text, word| text + &word)));
        }
        f.write_str(&said.join(", "))
    }
}

/// The word by which a value goes in records and rules.
fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}
