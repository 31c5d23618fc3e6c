//! Rules that an administrator set up, in the sensor and in its worker processes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use sensor_mail::Severity;
use sensor_pipeline::{Budget, Dissected, Looking, Octets, Piece, Report, Scanner};

use super::compile::{Compiled, RuleSet, Unusable};
use super::{KIND, RULES, SIZE_MAX};
use crate::files::Watch;
use crate::kind::{Built, Installed, Reloaded, Share, Surroundings};
use crate::octets::{CHUNK_OCTETS_MAX, fits};
use crate::options::{Fault, Given, Options};
use crate::severity::{SEVERITY, severities};
use crate::trial::Sample;
use crate::trouble::Trouble;

pub(super) fn build(name: &str, given: &Given, _: &Surroundings) -> Built {
    let mut options = Options::new(KIND.keys, given);
    let paths: Vec<PathBuf> = options.list(&RULES).into_iter().map(PathBuf::from).collect();
    let severity = options.word(&SEVERITY, severities());
    let size_max = options.number(&SIZE_MAX);
    let compiled = Watch::begin(paths, is_rules, |files| Compiled::of(&files, severity, size_max));
    let yara = match compiled {
        Ok((watch, compiled)) => {
            let compiled = ArcSwap::from_pointee(compiled);
            Some(Yara { name: name.into(), severity, size_max, watch, compiled })
        }
        Err(unusable) => {
            options.fault(RULES.name, fault(&unusable).expected);
            None
        }
    };
    options.finish(yara).map(|yara| Arc::new(yara) as _)
}

fn is_rules(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "yar" || extension == "yara")
}

fn fault(unusable: &Unusable) -> Fault {
    Fault { key: RULES.name.into(), expected: format!("rules that compile, but {unusable}").into() }
}

/// In the sensor: it compiles, and looks only where it is tried.
struct Yara {
    name: Box<str>,
    severity: Severity,
    size_max: u64,
    watch: Watch,
    compiled: ArcSwap<Compiled>,
}

impl Yara {
    async fn look(&self, mail: &Dissected, budget: &Budget, report: &mut Report) -> Result<(), Trouble> {
        if let Some(over) = budget.is_over() {
            return Err(over.into());
        }
        let (compiled, mail, until) = (self.compiled.load_full(), mail.clone(), budget.clone());
        let mut own = Report::of(&self.name);
        let looking = tokio::task::spawn_blocking(move || {
            let rules = RuleSet::from_octets(&compiled.octets)?;
            look_at_all(&rules, &mail, &until, &mut own);
            Ok::<_, Unusable>(own)
        });
        // The thread ends by itself: its look has the same budget.
        let looked = budget.run(looking).await?.map_err(|_| Trouble::failed("the engine panicked"))?;
        *report = looked.map_err(|unusable| Trouble::failed(unusable.to_string()))?;
        Ok(())
    }
}

fn look_at_all(rules: &RuleSet, mail: &Dissected, budget: &Budget, report: &mut Report) {
    let mut held = Vec::new();
    for piece in mail.parts.iter() {
        match fits(piece, rules.size_max()).and_then(|()| hold(piece)) {
            Ok(octets) => held.push((&piece.part, octets)),
            Err(trouble) => trouble.tell(Some(piece.part.id), report),
        }
    }
    let parts = held.iter().map(|(part, octets)| (*part, &octets[..]));
    rules.look(&mut rules.scanner(), parts, budget, report);
}

/// The octets of a part in memory.
fn hold(piece: &Piece) -> Result<Bytes, Trouble> {
    if let Octets::Held(octets) = &piece.octets {
        return Ok(octets.clone());
    }
    let (mut octets, mut buffer) = (Vec::new(), vec![0; CHUNK_OCTETS_MAX]);
    loop {
        let read = piece.octets.read_at(octets.len() as u64, &mut buffer);
        let count = read.map_err(|error| Trouble::at("the part cannot be read", &error))?;
        if count == 0 {
            return Ok(octets.into());
        }
        octets.extend_from_slice(&buffer[..count]);
    }
}

impl Scanner for Yara {
    fn name(&self) -> &str {
        &self.name
    }

    fn ruleset(&self) -> Option<Box<str>> {
        Some(self.compiled.load().version.clone())
    }

    fn scan<'a>(&'a self, mail: &'a Dissected, budget: &'a Budget, report: &'a mut Report) -> Looking<'a> {
        Box::pin(async move {
            if let Err(trouble) = self.look(mail, budget, report).await {
                trouble.tell(None, report);
            }
        })
    }
}

impl Installed for Yara {
    fn sample(&self) -> Sample {
        Sample::eicar()
    }

    fn advice(&self) -> Box<str> {
        "It knows the EICAR file whatever its rules say: report this as a fault of mailsensor.".into()
    }

    fn reload(&self) -> Result<Reloaded, Vec<Fault>> {
        let compiled = self.watch.again(|files| {
            Compiled::of(&files, self.severity, self.size_max).map_err(|unusable| vec![fault(&unusable)])
        })?;
        Ok(compiled.map_or(Reloaded::Unchanged, |compiled| {
            self.compiled.store(Arc::new(compiled));
            Reloaded::Changed
        }))
    }

    fn in_worker(&self) -> Option<Share> {
        Some(Share { kind: &KIND, octets: self.compiled.load().octets.clone() })
    }
}
