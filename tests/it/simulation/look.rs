//! The look under simulation: workers that die, scanners that fail and hang, sinks that are told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use sensor_mail::finding::Missed;
use sensor_mail::part::{PartPath, Role};
use sensor_mail::{Blake3, Judgement, MailId, Part, PartId, Severity, Sha256};
use sensor_pipeline::worker::{Death, Tools};
use sensor_pipeline::{
    Budget, Crew, Dissected, Dissection, Dissector, Emitting, Event, EventSink, Executor, Inline, Job,
    Keeper, LookInput, LookOptions, Looker, Looking, NoWorker, Place, Post, Report, Scanner, Taken, Taker,
    Taking, Task,
};
use sensor_spool::disk::{Chance, Disk};
use sensor_spool::{Clock, Options, ReadOnly, Runner, Spool};

use super::node::Storage;

/// Which looks were told, over all lives: how often each.
pub(super) type Told = Arc<Mutex<BTreeMap<(MailId, u32), u64>>>;

/// A looker and its spool. None when the disk fails so that the spool cannot be opened.
pub(super) fn looker(
    storage: &Storage,
    keeper: Arc<dyn Keeper>,
    clock: &Clock,
    options: Options,
    trouble: Trouble,
) -> Option<(Arc<Looker>, Spool<Job>)> {
    let disk: Arc<dyn Disk> = Arc::new(storage.jobs.clone());
    let former = ReadOnly::open(Arc::clone(&disk)).ok()?;
    let (jobs, recovery) = Spool::open(disk, options, Runner::task()).ok()?;
    assert_eq!((recovery.lost, recovery.damaged_places), (0, 0), "{recovery:?}");
    let trouble = Arc::new(Mutex::new(trouble));
    let scanner = Arc::new(Moody(Arc::clone(&trouble)));
    let deadline = Duration::from_secs(2);
    let place = Place::Sensor(scanner);
    let crew = Crew {
        jobs: jobs.clone(),
        keeper,
        taker: Arc::new(Mortal {
            trouble,
            inline: Inline::new(Tools { dissector: Box::new(InOnePiece), inspectors: vec![] }),
        }),
        posts: vec![Post { name: "moody".into(), required: true, deadline, place }],
        judge: Arc::new(|_: &LookInput<'_>| (Judgement::default(), None)),
        sinks: vec![Arc::new(Ear(Arc::clone(&storage.told)))],
    };
    let look = LookOptions { concurrency: 3, executor: Executor::Inline, ..LookOptions::default() };
    let looker = Looker::new(crew, look, Arc::clone(clock));
    looker.recall(&former);
    Some((Arc::new(looker), jobs))
}

/// What goes wrong in a life, by a seed; nothing in the last one.
pub(super) struct Trouble(pub(super) Option<Chance>);

impl Trouble {
    fn is_now(&mut self, odds: u32) -> bool {
        self.0.as_mut().is_some_and(|chance| chance.one_in(odds))
    }
}

/// A worker that dies, or is not there.
struct Mortal {
    trouble: Arc<Mutex<Trouble>>,
    inline: Inline,
}

impl Taker for Mortal {
    fn take(&self, task: Task) -> Taking<'_> {
        Box::pin(async move {
            if self.trouble.lock().unwrap().is_now(10) {
                return Err(NoWorker("planted".to_owned()));
            }
            if self.trouble.lock().unwrap().is_now(3) {
                return Ok(Taken { death: Some(Death::StackOverflow), ..Taken::default() });
            }
            self.inline.take(task).await
        })
    }
}

/// Leaves every message in one piece.
struct InOnePiece;

impl Dissector for InOnePiece {
    fn dissect(&self, message: Bytes, _: &Budget) -> Dissection {
        let part = Part {
            id: PartId::MESSAGE,
            parent: None,
            path: PartPath::default(),
            role: Role::Message,
            declared: None,
            detected: None,
            name: None,
            octets: message.len() as u64,
            sha256: Sha256([0; 32]),
            blake3: Blake3([0; 32]),
            entropy: 0,
            flags: vec![],
            gaps: vec![],
        };
        Dissection { parts: vec![(part, message)], recipients: vec![] }
    }
}

/// A scanner that fails and hangs.
struct Moody(Arc<Mutex<Trouble>>);

impl Scanner for Moody {
    fn name(&self) -> &str {
        "moody"
    }

    fn ruleset(&self) -> Option<Box<str>> {
        None
    }

    fn scan<'a>(&'a self, mail: &'a Dissected, _: &'a Budget, report: &'a mut Report) -> Looking<'a> {
        let (fails, hangs) = {
            let mut trouble = self.0.lock().unwrap();
            (trouble.is_now(3), trouble.is_now(6))
        };
        Box::pin(async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            if fails {
                report.missed(None, Missed::Failed("planted".into()));
            } else {
                report.found(mail.parts[0].part.id, "seen", Severity::Info);
            }
        })
    }
}

struct Ear(Told);

impl EventSink for Ear {
    fn name(&self) -> &str {
        "ear"
    }

    fn emit<'a>(&'a self, event: &'a Event) -> Emitting<'a> {
        Box::pin(async move {
            let name = (event.record.envelope.id, event.look.revision);
            *self.0.lock().unwrap().entry(name).or_default() += 1;
        })
    }
}
