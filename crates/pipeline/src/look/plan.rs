//! What is to be done about a job: it follows from the job and the looks that are there.

use sensor_mail::Look;

use super::Post;
use crate::job::{Job, Why};
use crate::keeper::KeptMail;

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(super) enum Plan<'a> {
    /// Nothing: it was done, by another job or before the program ended.
    Done,
    /// Nothing but what follows a look: the program may have ended before that was done.
    Finish(&'a Look),
    /// A look by all scanners.
    Look { revision: u32 },
    /// A look by those scanners that owe it, added to the last one.
    CatchUp { last: &'a Look, owed: Vec<Box<str>> },
    /// What is owed is given up.
    GiveUp { last: &'a Look },
}

pub(super) fn plan<'a>(job: &Job, mail: &'a KeptMail, posts: &[Post]) -> Plan<'a> {
    let last = mail.looks.last();
    let is_looked_at = last.is_some_and(|last| last.revision > job.revision);
    match (job.why, last) {
        (Why::First | Why::Rescan, _) if !is_looked_at && mail.octets.is_some() => {
            Plan::Look { revision: last.map_or(1, |last| last.revision.saturating_add(1)) }
        }
        (Why::First | Why::Rescan | Why::Retry, Some(last)) => {
            let owed = owed(last, posts);
            match owed.is_empty() || mail.octets.is_none() {
                false => Plan::CatchUp { last, owed },
                true if is_looked_at => Plan::Finish(last),
                true => Plan::Done,
            }
        }
        (Why::GiveUp, Some(last)) if last.coverage.iter().any(sensor_mail::Coverage::is_owed) => {
            Plan::GiveUp { last }
        }
        (Why::GiveUp, Some(_)) | (_, None) => Plan::Done,
    }
}

/// The scanners that owe coverage and are still there to give it.
pub(super) fn owed(look: &Look, posts: &[Post]) -> Vec<Box<str>> {
    let is_there = |name: &str| posts.iter().any(|post| post.required && &*post.name == name);
    let owed = look.coverage.iter().filter(|coverage| coverage.is_owed() && is_there(&coverage.scanner));
    owed.map(|coverage| coverage.scanner.clone()).collect()
}
