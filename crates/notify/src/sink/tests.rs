//! Lives of a sink on a simulated disk with a paused clock, before a receiver by a script.

use std::collections::VecDeque;

use proptest::prelude::*;
use sensor_pipeline::Record;
use sensor_spool::disk::{Faults, SimDisk};
use sensor_spool::{Clock, Runner};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::notice::tests::{event, hostile};
use crate::options::Kind;
use crate::outbox::{Bounds, PUT_MAX};
use crate::transport::{Failure, Message, Place, Sending};

/// What a receiver does with a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Take,
    /// Takes them, and the answer is lost.
    TakeAndFail,
    Fail,
    Refuse,
    Hang,
}

/// A receiver by a script; when that has ended it takes everything.
#[derive(Clone, Default)]
struct Receiver {
    script: Arc<Mutex<VecDeque<Act>>>,
    taken: Arc<Mutex<Vec<String>>>,
    /// Fails on every batch that has this event.
    poison: Option<String>,
    batch_max: usize,
}

impl Receiver {
    fn with(script: &[Act]) -> Self {
        Self {
            script: Arc::new(Mutex::new(script.iter().copied().collect())),
            batch_max: 4,
            ..Self::default()
        }
    }

    fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

impl Transport for Receiver {
    fn batch_max(&self) -> usize {
        self.batch_max
    }

    fn send<'a>(&'a mut self, messages: &'a [Message]) -> Sending<'a> {
        let act = self.script.lock().unwrap().pop_front().unwrap_or(Act::Take);
        let is_poisoned = messages.iter().any(|message| Some(&message.key) == self.poison.as_ref());
        Box::pin(async move {
            if is_poisoned {
                return Err(Failure::Peer("poison".into()));
            }
            if matches!(act, Act::Take | Act::TakeAndFail) {
                self.taken.lock().unwrap().extend(messages.iter().map(|message| message.key.clone()));
            }
            match act {
                Act::Take => Ok(()),
                Act::Fail | Act::TakeAndFail => Err(Failure::Peer("reset".into())),
                Act::Refuse => Err(Failure::Refused("answered 400".into())),
                Act::Hang => std::future::pending().await,
            }
        })
    }
}

fn options(entries_max: u64) -> Options {
    Options {
        name: "test".into(),
        addresses: Addresses::Full,
        bounds: Bounds { entries_max, octets_max: 8 << 20 },
        deadline: Duration::from_secs(10),
        kind: Kind::Jsonl(Place::StandardOutput),
    }
}

/// One life of the program; when it returns the program is gone, as if killed.
fn life<T>(
    disk: &SimDisk,
    entries_max: u64,
    pace: Duration,
    receiver: &Receiver,
    act: impl AsyncFnOnce(Arc<Sink>, Courier) -> T,
) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let outcome = runtime.block_on(async {
        let start = Instant::now();
        let millis = move || u64::try_from(start.elapsed().as_millis()).unwrap();
        let clock: Clock = Arc::new(move || 1_795_341_600_000 + millis());
        let runner = Runner::Task(Arc::new(move || pace));
        let disk = Arc::new(disk.clone());
        let storage = Storage { disk, runner, clock, reserve_octets: 0, reserve_inodes: 0 };
        let reporter = Reporter { hostname: "sensor.example.com".into(), version: "0".into() };
        let transport = Box::new(receiver.clone());
        let (sink, courier) =
            Sink::with_transport(&options(entries_max), storage, &reporter, transport).unwrap();
        act(sink, courier).await
    });
    drop(runtime);
    disk.kill();
    outcome
}

/// The event of the message with this number.
fn numbered(number: u64) -> Event {
    let Event { record, look } = event();
    let mut record = Record::clone(&record);
    record.envelope.id = sensor_mail::MailIds::new(record.envelope.node, number).next(1_795_341_600_000);
    Event { record: Arc::new(record), look }
}

fn key(event: &Event) -> String {
    format!("{}-{}", event.record.envelope.id, event.look.revision)
}

async fn emit_all(sink: &Sink, events: &[Event]) {
    for event in events {
        sink.emit(event).await;
    }
}

/// Waits, by the paused clock, until nothing waits any more.
async fn drained(sink: &Sink) {
    for _ in 0..10_000 {
        if sink.status().queued == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("events wait for ever: {:?}", sink.status());
}

#[test]
fn a_receiver_that_fails_gets_everything_once_it_works() {
    for script in [
        vec![Act::Fail; 12],
        vec![Act::Hang, Act::Hang],
        vec![Act::TakeAndFail, Act::Fail, Act::TakeAndFail],
        vec![Act::Take, Act::Fail, Act::Take, Act::Hang, Act::Fail],
    ] {
        let receiver = Receiver::with(&script);
        let events: Vec<Event> = (0..9).map(numbered).collect();
        life(&SimDisk::new(1), 100, Duration::ZERO, &receiver, async |sink, courier| {
            emit_all(&sink, &events).await;
            let before = sink.status();
            assert_eq!((before.queued, before.oldest.is_some(), before.is_open), (9, true, false));
            let stop = CancellationToken::new();
            let running = tokio::spawn(courier.run(stop.clone()));
            drained(&sink).await;
            let failed = script.iter().filter(|act| **act != Act::Take).count() as u64;
            let status = sink.status();
            assert_eq!(
                (status.delivered, status.failed_tries, status.dropped.total()),
                (9, failed, 0),
                "{script:?}"
            );
            assert_eq!((status.oldest, status.is_open), (None, false), "{status:?}");
            assert!(status.last_error.is_some());
            stop.cancel();
            running.await.unwrap();
        });
        let mut taken = receiver.taken();
        taken.sort();
        taken.dedup();
        let mut keys: Vec<String> = events.iter().map(key).collect();
        keys.sort();
        assert_eq!(taken, keys, "{script:?}");
    }
}

#[test]
fn while_nothing_fails_events_come_once_and_in_order() {
    let receiver = Receiver::with(&[]);
    let events: Vec<Event> = (0..50).map(numbered).collect();
    life(&SimDisk::new(2), 100, Duration::ZERO, &receiver, async |sink, courier| {
        emit_all(&sink, &events).await;
        let running = tokio::spawn(courier.run(CancellationToken::new()));
        drained(&sink).await;
        running.abort();
    });
    assert_eq!(receiver.taken(), events.iter().map(key).collect::<Vec<_>>());
}

#[test]
fn an_event_that_the_receiver_fails_on_does_not_hold_up_the_others() {
    let events: Vec<Event> = (0..20).map(numbered).collect();
    let receiver = Receiver { poison: Some(key(&events[3])), ..Receiver::with(&[]) };
    life(&SimDisk::new(3), 100, Duration::ZERO, &receiver, async |sink, courier| {
        emit_all(&sink, &events).await;
        let running = tokio::spawn(courier.run(CancellationToken::new()));
        tokio::time::sleep(Duration::from_secs(600)).await;
        let status = sink.status();
        assert_eq!((status.queued, status.delivered), (1, 19), "{status:?}");
        running.abort();
    });
}

#[test]
fn what_is_refused_is_dropped_alone_and_counted() {
    // A batch of four is refused, then one of its four.
    let receiver = Receiver::with(&[Act::Take, Act::Take, Act::Refuse, Act::Take, Act::Refuse]);
    let events: Vec<Event> = (0..12).map(numbered).collect();
    life(&SimDisk::new(4), 100, Duration::ZERO, &receiver, async |sink, courier| {
        emit_all(&sink, &events).await;
        let running = tokio::spawn(courier.run(CancellationToken::new()));
        drained(&sink).await;
        let status = sink.status();
        assert_eq!(
            (status.delivered, status.dropped.refused, status.dropped.total()),
            (11, 1, 1),
            "{status:?}"
        );
        assert_eq!(status.last_error.unwrap().text, "answered 400");
        running.abort();
    });
    assert_eq!(receiver.taken().len(), 11);
}

#[test]
fn a_full_outbox_drops_what_is_new_and_counts_it() {
    life(&SimDisk::new(5), 5, Duration::ZERO, &Receiver::default(), async |sink, _courier| {
        emit_all(&sink, &(0..8).map(numbered).collect::<Vec<_>>()).await;
        let status = sink.status();
        assert_eq!((status.queued, status.dropped.full), (5, 3), "{status:?}");
    });
}

#[test]
fn a_full_disk_drops_and_a_slow_one_holds_up_nobody() {
    let disk = SimDisk::new(6);
    life(&disk, 100, Duration::ZERO, &Receiver::default(), async |sink, _courier| {
        sink.emit(&numbered(1)).await;
        disk.set_faults(Faults { write: 1, sync: 1, ..Faults::default() });
        sink.emit(&numbered(2)).await;
        let status = sink.status();
        assert_eq!((status.queued, status.dropped.total()), (1, 1), "{status:?}");
    });
    life(&SimDisk::new(7), 100, Duration::from_secs(60), &Receiver::default(), async |sink, _courier| {
        let start = Instant::now();
        sink.emit(&numbered(1)).await;
        assert!(start.elapsed() <= PUT_MAX + Duration::from_millis(10), "{:?}", start.elapsed());
        assert_eq!(sink.status().dropped.storage, 1);
        // What was counted as dropped is not delivered when the storage comes round.
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(sink.status().queued, 0, "{:?}", sink.status());
    });
}

#[test]
fn the_largest_event_goes_in_with_less_in_it() {
    let receiver = Receiver::with(&[]);
    life(&SimDisk::new(8), 100, Duration::ZERO, &receiver, async |sink, courier| {
        sink.emit(&hostile(&"\u{1}".repeat(1_000))).await;
        assert_eq!((sink.status().queued, sink.status().dropped.total()), (1, 0));
        let running = tokio::spawn(courier.run(CancellationToken::new()));
        drained(&sink).await;
        running.abort();
    });
    assert_eq!(receiver.taken().len(), 1);
}

#[test]
fn a_killed_program_delivers_what_it_had_in_hand() {
    let disk = SimDisk::new(9);
    let events: Vec<Event> = (0..6).map(numbered).collect();
    let receiver = Receiver::with(&[Act::Take, Act::Hang]);
    life(&disk, 100, Duration::ZERO, &receiver, async |sink, courier| {
        emit_all(&sink, &events).await;
        let _running = tokio::spawn(courier.run(CancellationToken::new()));
        // In the middle of the second try.
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(sink.status().delivered, 1);
    });
    life(&disk, 100, Duration::ZERO, &receiver, async |sink, courier| {
        let status = sink.status();
        assert_eq!((status.queued, status.oldest.is_some()), (5, true), "{status:?}");
        let running = tokio::spawn(courier.run(CancellationToken::new()));
        drained(&sink).await;
        assert_eq!(sink.status().oldest, None);
        running.abort();
    });
    let mut taken = receiver.taken();
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 6);
}

#[test]
fn a_stop_gives_a_try_a_second_and_keeps_what_it_gives_up() {
    let receiver = Receiver::with(&[Act::Hang]);
    life(&SimDisk::new(10), 100, Duration::ZERO, &receiver, async |sink, courier| {
        sink.emit(&numbered(1)).await;
        let stop = CancellationToken::new();
        let running = tokio::spawn(courier.run(stop.clone()));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let start = Instant::now();
        stop.cancel();
        running.await.unwrap();
        assert!(start.elapsed() <= Duration::from_millis(1_010), "{:?}", start.elapsed());
        let status = sink.status();
        assert_eq!((status.queued, status.failed_tries), (1, 0), "a stop is no failure of the receiver");
    });
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::Take),
        1 => Just(Act::TakeAndFail),
        1 => Just(Act::Fail),
        1 => Just(Act::Refuse),
        1 => Just(Act::Hang),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a receiver does, and whenever the program is killed or the power goes: every event is delivered, or counted.
    #[test]
    fn every_event_is_delivered_or_counted(
        seed in any::<u64>(),
        script in proptest::collection::vec(act(), 0..24),
        lives in proptest::collection::vec((0_u64..12, 0_u64..40), 1..4),
        entries_max in 3_u64..30,
    ) {
        let disk = SimDisk::new(seed);
        let receiver = Receiver::with(&script);
        let (mut emitted, mut counted, mut number) = (Vec::new(), 0, 0);
        for (events, seconds) in lives {
            counted += life(&disk, entries_max, Duration::ZERO, &receiver, async |sink, courier| {
                let _running = tokio::spawn(courier.run(CancellationToken::new()));
                for _ in 0..events {
                    number += 1;
                    let event = numbered(number);
                    emitted.push(key(&event));
                    sink.emit(&event).await;
                }
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                sink.status().dropped.total()
            });
            if seed % 2 == 1 {
                disk.crash();
            }
        }
        counted += life(&disk, entries_max, Duration::ZERO, &receiver, async |sink, courier| {
            let _running = tokio::spawn(courier.run(CancellationToken::new()));
            drained(&sink).await;
            sink.status().dropped.total()
        });
        let taken = receiver.taken();
        let missing = emitted.iter().filter(|key| !taken.contains(key)).count() as u64;
        prop_assert!(missing <= counted, "{missing} are missing, {counted} were counted");
    }
}
