//! Rules in a worker process.

use std::cell::RefCell;

use bytes::Bytes;
use sensor_mail::Part;
use sensor_pipeline::{Budget, Inspector, Report};
use yara_x::Scanner;

use super::compile::RuleSet;

/// Looks by rules that live as long as the process: other rules are for other processes. So a scanner can be kept
/// from one message to the next, which saves most of what a small message costs.
struct Resident {
    name: Box<str>,
    rules: &'static RuleSet,
}

thread_local! {
    /// Scanners that wait for the next message. They cannot go to other threads.
    static WAITING: RefCell<Vec<(&'static RuleSet, Scanner<'static>)>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn resident(name: &str, compiled: &[u8]) -> Result<Box<dyn Inspector>, String> {
    let rules = RuleSet::from_octets(compiled).map_err(|unusable| unusable.to_string())?;
    Ok(Box::new(Resident { name: name.into(), rules: Box::leak(Box::new(rules)) }))
}

impl Inspector for Resident {
    fn name(&self) -> &str {
        &self.name
    }

    fn ruleset(&self) -> Option<Box<str>> {
        Some(self.rules.version().into())
    }

    fn inspect(&self, parts: &[(Part, Bytes)], budget: &Budget, report: &mut Report) {
        let parts = parts.iter().map(|(part, octets)| (part, &octets[..]));
        let mut scanner = waiting(self.rules).unwrap_or_else(|| self.rules.scanner());
        self.rules.look(&mut scanner, parts, budget, report);
        // One in which a module panicked does not come here.
        WAITING.with_borrow_mut(|waiting| waiting.push((self.rules, scanner)));
    }
}

fn waiting(rules: &'static RuleSet) -> Option<Scanner<'static>> {
    WAITING.with_borrow_mut(|waiting| {
        let place = waiting.iter().position(|(of, _)| std::ptr::eq(*of, rules))?;
        Some(waiting.swap_remove(place).1)
    })
}
