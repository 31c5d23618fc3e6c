//! What a required scanner did not look at is owed until it did.

use super::*;
use sensor_mail::finding::{Missed, Outcome as Covered};

#[tokio::test(start_paused = true)]
async fn what_is_owed_is_caught_up_by_who_owes_it() {
    let ground = Ground::new();
    let (good, bad) = (Eye::new("good", Manner::Finds), Eye::new("bad", Manner::FailsInPart));
    let life = ground.live(vec![post(&bad, true), post(&good, true)]);
    let id = ground.mail("one");
    life.ask_first(&[id]).await;
    until(|| ground.waits_with() == ["owed since look 1: bad"]).await;
    let status = life.looker.status();
    assert_eq!((status.owed, status.scanners[0].owed, status.scanners[0].oldest_owed), (1, 1, Some(id)));
    // Tried again and again, and no look is made of what says nothing new.
    until(|| bad.asked() >= 4).await;
    assert_eq!((ground.shelf.looks(id).len(), good.asked()), (1, 1));
    bad.is_now(Manner::Finds);
    life.quiet().await;
    let looks = ground.shelf.looks(id);
    assert_eq!((looks.len(), looks[1].revision, good.asked()), (2, 2, 1));
    let found: Vec<_> = looks[1].findings.iter().map(|one| (&*one.scanner, &*one.rule)).collect();
    assert_eq!(found, [("bad", "bad"), ("good", "bad")]);
    assert!(
        looks[1].coverage.iter().all(|coverage| coverage.outcome() == Covered::Hit && !coverage.is_owed())
    );
    assert_eq!(ground.told(), [(id, 1), (id, 2)]);
    assert_eq!(life.looker.status().owed, 0);
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_waits_double_up_to_an_hour() {
    let ground = Ground::new();
    let bad = Eye::new("bad", Manner::FailsInPart);
    let life = ground.live(vec![post(&bad, true)]);
    life.ask_first(&[ground.mail("one")]).await;
    until(|| bad.asked() == 1).await;
    for (tries, minutes) in [1, 2, 4, 8, 16, 32, 60, 60].into_iter().enumerate() {
        let asked = 2 + u64::try_from(tries).unwrap();
        let begun = tokio::time::Instant::now();
        until(|| bad.asked() == asked).await;
        let waited = begun.elapsed().as_secs();
        assert!(waited.abs_diff(minutes * 60) <= 2, "{waited} s before try {asked}");
    }
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_owed_is_known_after_a_restart() {
    let ground = Ground::new();
    let bad = Eye::new("bad", Manner::FailsInPart);
    let ids = [ground.mail("one"), ground.mail("two")];
    let life = ground.live(vec![post(&bad, true)]);
    life.ask_first(&ids).await;
    until(|| ground.waits_with().len() == 2).await;
    life.end().await;
    let life = ground.live(vec![post(&bad, true)]);
    let status = life.looker.status();
    assert_eq!((status.owed, status.scanners[0].oldest_owed), (2, Some(ids[0])));
    bad.is_now(Manner::Finds);
    life.quiet().await;
    assert_eq!(ids.map(|id| ground.shelf.looks(id).len()), [2, 2]);
    let mut told = ground.told();
    told.sort();
    assert_eq!(told, [(ids[0], 1), (ids[0], 2), (ids[1], 1), (ids[1], 2)]);
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_operator_has_it_tried_now_or_gives_it_up() {
    let ground = Ground::new();
    let bad = Eye::new("bad", Manner::FailsInPart);
    let life = ground.live(vec![post(&bad, true)]);
    let (tried, given_up) = (ground.mail("one"), ground.mail("metadata"));
    life.ask_first(&[tried, given_up]).await;
    until(|| ground.waits_with().len() == 2).await;
    life.looker.ask(&[(given_up, 1)], Why::GiveUp).await.unwrap();
    until(|| ground.shelf.looks(given_up).len() == 2).await;
    let look = ground.shelf.looks(given_up).remove(1);
    assert_eq!(look.coverage[0].gaps[0].why, Missed::Skipped("given up by the operator".into()));
    assert_eq!((bad.asked(), life.looker.status().owed), (2, 1));
    assert!(lock(&ground.shelf.mails)[&given_up].octets.is_none(), "they wait for nobody any more");
    bad.is_now(Manner::Finds);
    life.looker.ask(&[(tried, 1)], Why::Retry).await.unwrap();
    let begun = tokio::time::Instant::now();
    until(|| ground.shelf.looks(tried).len() == 2).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "at once");
    life.quiet().await;
    assert_eq!([tried, given_up].map(|id| ground.shelf.looks(id).len()), [2, 2]);
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn octets_stay_until_nothing_is_owed() {
    let ground = Ground::new();
    let bad = Eye::new("bad", Manner::FailsInPart);
    let life = ground.live(vec![post(&bad, true)]);
    let id = ground.mail("metadata");
    life.ask_first(&[id]).await;
    until(|| ground.waits_with().len() == 1).await;
    assert!(lock(&ground.shelf.mails)[&id].octets.is_some());
    bad.is_now(Manner::Finds);
    life.quiet().await;
    assert!(lock(&ground.shelf.mails)[&id].octets.is_none());
    life.end().await;
}

/// Findings go by the numbers of parts: where those changed, all scanners look again.
#[tokio::test(start_paused = true)]
async fn a_message_that_comes_apart_otherwise_is_looked_into_by_all() {
    let ground = Ground::new();
    let (good, bad) = (Eye::new("good", Manner::Finds), Eye::new("bad", Manner::FailsInPart));
    let life = ground.live(vec![post(&good, true), post(&bad, true)]);
    let id = ground.mail("one");
    life.ask_first(&[id]).await;
    until(|| ground.waits_with().len() == 1).await;
    ground.hands.otherwise.store(true, Ordering::Relaxed);
    bad.is_now(Manner::Finds);
    life.quiet().await;
    assert_eq!((ground.shelf.looks(id).len(), good.asked()), (2, 2));
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_scanner_is_left_alone_and_slows_nobody() {
    let ground = Ground::new();
    let (good, dead) = (Eye::new("good", Manner::Finds), Eye::new("dead", Manner::Obeys));
    let life = ground.live(vec![post(&dead, true), post(&good, true)]);
    let ids: Vec<MailId> = (0..200).map(|_| ground.mail("one")).collect();
    life.ask_first(&ids).await;
    let begun = tokio::time::Instant::now();
    until(|| ground.waits_with().len() == ids.len()).await;
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert!(dead.asked() < 40, "{}", dead.asked());
    let status = life.looker.status();
    assert_eq!((status.owed, status.scanners[0].circuit), (200, Circuit::Open), "{status:?}");
    let failed =
        status.scanners[0].outcomes[&Covered::Failed] + status.scanners[0].outcomes[&Covered::TimedOut];
    assert_eq!((failed, status.scanners[1].outcomes[&Covered::Hit]), (200, 200));
    dead.is_now(Manner::Finds);
    life.quiet().await;
    assert_eq!(life.looker.status().scanners[0].circuit, Circuit::Closed);
    for id in ids {
        let last = ground.shelf.looks(id).pop().unwrap();
        assert!(!last.coverage.iter().any(Coverage::is_owed), "{last:?}");
    }
    life.end().await;
}

/// A scanner that is required no more, or there no more, is owed nothing.
#[tokio::test(start_paused = true)]
async fn what_a_scanner_owes_goes_with_it() {
    let ground = Ground::new();
    let bad = Eye::new("bad", Manner::FailsInPart);
    let life = ground.live(vec![post(&bad, true)]);
    life.ask_first(&[ground.mail("one")]).await;
    until(|| ground.waits_with().len() == 1).await;
    life.looker.renew(vec![post(&bad, false)], Arc::new(judge));
    life.quiet().await;
    assert_eq!((bad.asked(), life.looker.status().owed), (1, 0));
    life.end().await;
}
