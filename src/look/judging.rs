//! The rules of the configuration as what a look asks for its judgement.

use std::sync::Arc;

use sensor_mail::Judgement;
use sensor_pipeline::{Judge, LookInput};
use sensor_policy::judge::{Evidence, RuleSets, Trouble};
use sensor_policy::{Consequence, dispose};

/// Judges by these rules. What cannot be undone is not asked for before everything that had to look has looked.
pub(crate) fn judge(rules: RuleSets) -> Judge {
    Arc::new(move |input: &LookInput<'_>| {
        let ruling = rules.judge(&evidence(input));
        for Trouble { rule, shadow, why } in &ruling.troubles {
            let id = input.record.envelope.id;
            tracing::warn!(%id, %rule, shadow, why, "a rule could not be asked");
        }
        let earlier = input.looks.last().map(|look| &look.judgement);
        let Consequence { disposition, .. } = dispose(&ruling, input.coverage, earlier);
        (Judgement { disposition, ..ruling.judgement }, ruling.shadow)
    })
}

fn evidence<'a>(input: &LookInput<'a>) -> Evidence<'a> {
    let LookInput { record, parts, recipients, findings, coverage, looks: _ } = *input;
    let (envelope, description) = (&record.envelope, &record.description);
    Evidence { envelope, description, parts, recipients, findings, coverage }
}
