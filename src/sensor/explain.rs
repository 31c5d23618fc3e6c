//! What a client would be answered, and why: for the API of a running sensor and for `rules explain`.

use std::net::IpAddr;
use std::sync::Arc;

use sensor_control::{Explained, Fault, Outcome, Question, Step};
use sensor_ingress::{Door, read_interfaces};
use sensor_mail::{Admission, ForwardPath, Refusal};
use sensor_policy::{Decision, Explanation, Interface, Octets, Rules, Treatment};
use sensor_smtp::Reply;

/// Asks `rules` in the order of a session, up to where the client would be sent away. A door that runs says
/// what it would answer, which is gentler than the rules for a while after they were narrowed.
///
/// # Errors
/// What in the question cannot be understood.
pub(crate) fn explain(
    rules: &Rules,
    question: &Question,
    door: Option<&Door>,
) -> Result<Explained, Vec<Fault>> {
    let octets = size(question)?;
    let interfaces = match door {
        Some(door) => door.interfaces(),
        None => read_interfaces().map(Arc::from),
    };
    let interfaces =
        interfaces.map_err(|error| vec![Fault::new("local", format!("no interfaces: {error}"))])?;
    let local = question.local.unwrap_or_else(|| likely_local(question.client, &interfaces));
    let connect = rules.explain_connect(question.client, local, &interfaces);
    let decision = door.map(|door| door.would_connect(question.client, local));
    let mut steps = vec![step(&connect, decision, Reply::to_client, "220")];
    if steps.iter().all(|step| step.outcome == Outcome::Admitted) {
        let message = rules.explain_mail(octets);
        let decision = door.map(|door| door.would_begin(octets));
        steps.push(step(&message, decision, Reply::to_admission, "250 2.1.0"));
        steps.extend(question.recipients.iter().map(|typed| recipient(rules, typed, door)));
    }
    Ok(Explained { local, steps })
}

fn size(question: &Question) -> Result<Option<u64>, Vec<Fault>> {
    let Some(text) = &question.size else { return Ok(None) };
    match Octets::parse(text) {
        Ok(octets) => Ok(Some(octets.count())),
        Err(fault) => Err(vec![Fault::new("size", fault.to_string())]),
    }
}

fn recipient(rules: &Rules, typed: &str, door: Option<&Door>) -> Step {
    match ForwardPath::parse(typed) {
        Ok(path) => {
            let decision = door.map(|door| door.would_take(&path));
            step(&rules.explain_rcpt(&path), decision, Reply::to_admission, "250 2.1.5")
        }
        Err(error) => Step {
            question: format!("recipient {typed:?}"),
            outcome: Outcome::Refused,
            rule: None,
            reason: error.to_string(),
            default: None,
            reply: "501 5.1.3".to_owned(),
            softened: false,
        },
    }
}

fn step(
    explanation: &Explanation<'_>,
    decision: Option<Decision>,
    refusal: fn(&Admission) -> Option<Reply>,
    admitted: &str,
) -> Step {
    let decision = decision.unwrap_or_else(|| explanation.decision.clone());
    let outcome = match (&decision.admission, decision.treatment) {
        (Admission::Admit, Treatment::Scan) => Outcome::Admitted,
        (Admission::Admit, Treatment::Unscanned) => Outcome::Unscanned,
        (Admission::Refuse(_), _) => Outcome::Refused,
        (Admission::TryLater(_), _) => Outcome::TryLater,
    };
    let by_rules = || {
        let default = explanation.default.as_ref().map(ToString::to_string);
        (explanation.rule().to_string(), explanation.reason.to_string(), default)
    };
    let (rule, reason, default) = closed(&decision.admission).unwrap_or_else(by_rules);
    Step {
        question: explanation.question.to_string(),
        outcome,
        rule: Some(rule),
        reason,
        default,
        reply: refusal(&decision.admission).map_or_else(|| admitted.to_owned(), |reply| reply.to_string()),
        softened: decision.softened,
    }
}

/// Rule and reason where it is the door that decides: no rule was asked.
fn closed(admission: &Admission) -> Option<(String, String, Option<String>)> {
    let (Admission::Refuse(refusal) | Admission::TryLater(refusal)) = admission else { return None };
    let told = |rule: &str, reason: &str| Some((rule.to_owned(), reason.to_owned(), None));
    match refusal {
        Refusal::Disabled => told("enabled", "the sensor is switched off"),
        Refusal::Draining => told("drain", "the sensor is going down"),
        Refusal::Client(_)
        | Refusal::RecipientDomain(_)
        | Refusal::MessageSize { .. }
        | Refusal::Recipients { .. }
        | Refusal::Connections { .. }
        | Refusal::ConnectionsOfClient { .. }
        | Refusal::TlsRequired
        | Refusal::StorageLow
        | Refusal::MemoryLow
        | Refusal::StorageFailed
        | Refusal::StorageSlow
        | Refusal::BareNewline => None,
    }
}

/// The address of this host that a client would reach: one of its own subnet, else any of its family
/// that others can reach.
fn likely_local(client: IpAddr, interfaces: &[Interface]) -> IpAddr {
    let client = client.to_canonical();
    let near = interfaces.iter().find(|interface| interface.network().contains(&client));
    let is_outer = |address: IpAddr| match address {
        IpAddr::V4(v4) => client.is_ipv4() && !v4.is_loopback(),
        IpAddr::V6(v6) => client.is_ipv6() && !v6.is_loopback() && !v6.is_unicast_link_local(),
    };
    let outer = || interfaces.iter().find(|interface| is_outer(interface.address));
    near.or_else(outer).map_or(client, |interface| interface.address)
}
