//! The rules of the configuration as what a look asks for its judgement.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sensor_mail::{Judgement, MailId};
use sensor_pipeline::{Judge, LookInput};
use sensor_policy::judge::{Difference, Evidence, RuleSets, Trouble};
use sensor_policy::{Consequence, dispose};

/// How many looks the rules on trial would have judged otherwise.
#[derive(Clone, Default)]
pub(crate) struct Differences(Arc<AtomicU64>);

impl Differences {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn note(&self, id: MailId, live: &Judgement, shadow: &Judgement) {
        if let Some(difference) = Difference::between(live, shadow) {
            self.0.fetch_add(1, Ordering::Relaxed);
            tracing::info!(%id, %difference, "rules on trial would judge otherwise");
        }
    }
}

/// Judges by these rules. What cannot be undone is not asked for before everything that had to look has looked.
pub(crate) fn judge(rules: RuleSets, differences: Differences) -> Judge {
    Arc::new(move |input: &LookInput<'_>| {
        let id = input.record.envelope.id;
        let ruling = rules.judge(&evidence(input));
        for Trouble { rule, shadow, why } in &ruling.troubles {
            tracing::warn!(%id, %rule, shadow, why, "a rule could not be asked");
        }
        let earlier = input.looks.last().map(|look| &look.judgement);
        let Consequence { disposition, withheld, .. } = dispose(&ruling, input.coverage, earlier);
        if let Some(why) = withheld {
            tracing::info!(%id, %why, "the octets stay for now");
        }
        let judgement = Judgement { disposition, ..ruling.judgement };
        if let Some(shadow) = &ruling.shadow {
            differences.note(id, &judgement, shadow);
        }
        (judgement, ruling.shadow)
    })
}

fn evidence<'a>(input: &LookInput<'a>) -> Evidence<'a> {
    let LookInput { record, parts, recipients, findings, coverage, looks: _ } = *input;
    let (envelope, description) = (&record.envelope, &record.description);
    Evidence { envelope, description, parts, recipients, findings, coverage }
}
