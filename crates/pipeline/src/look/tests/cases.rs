//! One look, and what may go wrong in it.

use sensor_mail::part::WhyUnopened;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_message_is_looked_into_recorded_and_told() {
    let ground = Ground::new();
    let (eye, other) = (Eye::new("eye", Manner::Finds), Eye::new("other", Manner::FailsInPart));
    let life = ground.live(vec![inspector("inside", true), post(&eye, true), post(&other, false)]);
    let ids = [ground.mail("one"), ground.mail("two")];
    life.ask_first(&ids).await;
    life.quiet().await;
    for id in ids {
        let looks = ground.shelf.looks(id);
        assert_eq!((looks.len(), looks[0].revision, looks[0].parts.len()), (1, 1, 2));
        let covered: Vec<_> =
            looks[0].coverage.iter().map(|one| (&*one.scanner, one.hit, one.gaps.len())).collect();
        assert_eq!(covered, [("inside", false, 0), ("eye", true, 0), ("other", true, 1)]);
        assert_eq!(looks[0].judgement.verdict, Verdict::Suspect);
    }
    let mut told = ground.told();
    told.sort();
    assert_eq!(told, ids.map(|id| (id, 1)));
    let status = life.looker.status();
    assert_eq!((status.jobs, status.owed, status.looks[&Verdict::Suspect]), (0, 0, 2), "{status:?}");
    life.end().await;
}

/// A feed that writes into the address of the sensor whom a message was for.
#[tokio::test(start_paused = true)]
async fn sub_addresses_of_the_envelope_are_recorded_and_not_taken_for_it() {
    let ground = Ground::new();
    let id = ground.mail("one");
    let archive = ForwardPath::parse("archive+bob=example.com@sensor.example").unwrap();
    ground.has_recipients(id, &[archive.clone(), archive]);
    for deaths in [0, 3] {
        ground.hands.deaths.store(deaths, Ordering::Relaxed);
        let life = ground.live(vec![]);
        life.looker.ask(&[(id, 1)], Why::Rescan).await.unwrap();
        life.quiet().await;
        let look = ground.shelf.looks(id).pop().unwrap();
        let named: Vec<_> = look.recipients.iter().map(|it| (it.path.as_str(), it.provenance)).collect();
        assert_eq!(named, [("bob@example.com", Provenance::SubAddress)], "after {deaths} deaths");
        life.end().await;
    }
}

/// A scanner that does not end in time costs its own coverage, and what it found before counts.
#[tokio::test(start_paused = true)]
async fn each_scanner_has_its_own_time_and_its_own_panics() {
    for (manner, told, hit) in [
        (Manner::Obeys, "TimedOut", false),
        (Manner::Ignores, "TimedOut", true),
        (Manner::Panics, "Failed(\"it panicked; standard error says where\")", false),
        (Manner::Fails, "Failed(\"refused\")", false),
    ] {
        let ground = Ground::new();
        let (eye, other) = (Eye::new("eye", manner), Eye::new("other", Manner::Finds));
        let life = ground.live(vec![post(&eye, false), post(&other, true)]);
        let id = ground.mail("one");
        life.ask_first(&[id]).await;
        life.quiet().await;
        let look = &ground.shelf.looks(id)[0];
        assert_eq!(look.coverage[0].hit, hit, "{manner:?}");
        assert_eq!(format!("{:?}", look.coverage[0].gaps[0].why), told, "{manner:?}");
        assert!(look.coverage[1].hit && look.coverage[1].gaps.is_empty(), "{manner:?}");
        assert!(look.coverage[1].micros < 1_000_000, "another's wait is not its own: {look:?}");
        life.end().await;
    }
}

/// The third time what there is has to do: the message as a whole.
#[tokio::test(start_paused = true)]
async fn a_message_that_kills_its_worker_three_times_is_looked_at_as_a_whole() {
    let ground = Ground::new();
    ground.hands.deaths.store(3, Ordering::Relaxed);
    let eye = Eye::new("eye", Manner::Finds);
    let life = ground.live(vec![inspector("inside", false), post(&eye, false)]);
    let id = ground.mail("deadly");
    life.ask_first(&[id]).await;
    life.quiet().await;
    let look = &ground.shelf.looks(id)[0];
    assert_eq!(ground.hands.taken.load(Ordering::Relaxed), 3);
    assert_eq!((look.parts.len(), look.parts[0].gaps.len()), (1, 1));
    let failed = sensor_mail::finding::Missed::Failed("the worker process aborted".into());
    assert!(look.coverage.iter().all(|coverage| coverage.gaps[0].why == failed), "{look:?}");
    assert!(look.coverage[1].hit, "who takes whole messages looks all the same");
    assert_eq!(life.looker.status().not_taken_apart, 1);
    life.end().await;
}

/// A death is on the disk before the next try: the end of the program between two of them does not make it forgotten.
#[tokio::test(start_paused = true)]
async fn deaths_are_counted_over_lives() {
    for first_life in [1, 2] {
        let ground = Ground::new();
        ground.hands.deaths.store(3, Ordering::Relaxed);
        let eye = Eye::new("eye", Manner::Finds);
        let posts = || vec![inspector("inside", false), post(&eye, false)];
        let life = ground.live(posts());
        let id = ground.mail("deadly");
        life.ask_first(&[id]).await;
        let taken = || ground.hands.taken.load(Ordering::Relaxed);
        until(|| taken() == first_life && ground.failures() == [first_life]).await;
        assert_eq!(ground.waits_with(), ["the worker process aborted"]);
        life.die();
        assert!(ground.shelf.looks(id).is_empty());
        let life = ground.live(posts());
        life.quiet().await;
        let looks = ground.shelf.looks(id);
        assert_eq!((taken(), looks.len(), looks[0].parts.len()), (3, 1, 1), "after {first_life} deaths");
        let gap = &looks[0].parts[0].gaps[0];
        assert_eq!(
            (gap.why, gap.detail.as_deref()),
            (WhyUnopened::Failed, Some("the worker process aborted"))
        );
        assert!(looks[0].coverage.iter().all(|coverage| !coverage.gaps.is_empty()), "{looks:?}");
        assert_eq!(life.looker.status().not_taken_apart, 1);
        life.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn fewer_deaths_and_ends_of_the_program_condemn_nobody() {
    let ground = Ground::new();
    ground.hands.deaths.store(2, Ordering::Relaxed);
    let id = ground.mail("unlucky");
    let slow = Eye::new("eye", Manner::Obeys);
    for life_number in 0..8 {
        let life = ground.live(vec![post(&slow, false)]);
        if life_number == 0 {
            life.ask_first(&[id]).await;
        }
        let asked = slow.asked();
        until(|| slow.asked() > asked).await;
        // In mid-look.
        life.die();
    }
    assert!(ground.shelf.looks(id).is_empty());
    let life = ground.live(vec![post(&slow, false)]);
    life.quiet().await;
    let looks = ground.shelf.looks(id);
    assert_eq!((looks.len(), looks[0].parts.len()), (1, 2), "{looks:?}");
    assert_eq!(ground.told(), [(id, 1)]);
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn without_workers_or_with_a_full_archive_a_message_waits_and_is_not_blamed() {
    let ground = Ground::new();
    let eye = Eye::new("eye", Manner::Finds);
    ground.hands.absent.store(true, Ordering::Relaxed);
    let life = ground.live(vec![post(&eye, true)]);
    let id = ground.mail("patient");
    life.ask_first(&[id]).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!((eye.asked(), ground.waits_with()), (0, Vec::<String>::new()));
    ground.hands.absent.store(false, Ordering::Relaxed);
    ground.shelf.fails.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(eye.asked() > 3 && ground.told().is_empty());
    ground.shelf.fails.store(false, Ordering::Relaxed);
    life.quiet().await;
    assert_eq!((ground.shelf.looks(id).len(), ground.told()), (1, vec![(id, 1)]));
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_is_told_at_least_once_before_its_job_is_gone() {
    let ground = Ground::new();
    ground.ear.is_deaf.store(true, Ordering::Relaxed);
    let eye = Eye::new("eye", Manner::Finds);
    let life = ground.live(vec![post(&eye, true)]);
    let id = ground.mail("one");
    life.ask_first(&[id]).await;
    until(|| !ground.shelf.looks(id).is_empty()).await;
    // The look is recorded, nobody knows it, and the program ends.
    life.die();
    ground.ear.is_deaf.store(false, Ordering::Relaxed);
    let life = ground.live(vec![post(&eye, true)]);
    life.quiet().await;
    assert_eq!((ground.shelf.looks(id).len(), ground.told()), (1, vec![(id, 1)]));
    assert_eq!(eye.asked(), 1, "there is no second look");
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_job_makes_no_second_look_and_a_rescan_does() {
    let ground = Ground::new();
    let eye = Eye::new("eye", Manner::Finds);
    let life = ground.live(vec![post(&eye, true)]);
    let id = ground.mail("one");
    life.ask_first(&[id, id, id]).await;
    life.quiet().await;
    assert_eq!((ground.shelf.looks(id).len(), eye.asked()), (1, 1));
    life.looker.ask(&[(id, 1)], Why::Rescan).await.unwrap();
    life.quiet().await;
    let revisions: Vec<u32> = ground.shelf.looks(id).iter().map(|look| look.revision).collect();
    assert_eq!(revisions, [1, 2]);
    assert_eq!(ground.told().last(), Some(&(id, 2)));
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_skipped_and_not_owed() {
    let ground = Ground::new();
    let eye = Eye::new("eye", Manner::Finds);
    let options = LookOptions { executor: Executor::Inline, size_max: 5, ..LookOptions::default() };
    let life = ground.live_with(vec![inspector("inside", true), post(&eye, true)], options);
    let id = ground.mail("large");
    life.ask_first(&[id]).await;
    life.quiet().await;
    let look = &ground.shelf.looks(id)[0];
    assert_eq!(ground.hands.taken.load(Ordering::Relaxed), 0);
    assert!(look.coverage.iter().all(|coverage| coverage.gaps.len() == 1 && !coverage.is_owed()), "{look:?}");
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_panics_leaves_the_verdict_open() {
    let ground = Ground::new();
    let eye = Eye::new("eye", Manner::Finds);
    let life = ground.live(vec![post(&eye, true)]);
    let id = ground.mail("panic");
    life.ask_first(&[id]).await;
    life.quiet().await;
    let look = &ground.shelf.looks(id)[0];
    assert_eq!((look.judgement.verdict, look.findings.len()), (Verdict::Undetermined, 1));
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_gone_or_altered_holds_nothing_up() {
    let ground = Ground::new();
    let eye = Eye::new("eye", Manner::Finds);
    let life = ground.live(vec![post(&eye, true)]);
    let (gone, removed) = (ground.mail("gone"), ground.mail("removed"));
    lock(&ground.shelf.mails).remove(&gone);
    lock(&ground.shelf.mails).get_mut(&removed).unwrap().octets = None;
    life.ask_first(&[gone, removed]).await;
    life.quiet().await;
    assert_eq!(eye.asked(), 0);
    // Its octets are others than those that were accepted, and it is not taken apart.
    ground.hands.deaths.store(u64::MAX, Ordering::Relaxed);
    let altered = ground.mail("altered");
    let other = Octets::Held(Bytes::from_static(b"other"));
    lock(&ground.shelf.mails).get_mut(&altered).unwrap().octets = Some(other);
    life.ask_first(&[altered]).await;
    until(|| ground.waits_with().iter().any(|reason| reason.starts_with("altered since it was kept"))).await;
    assert!(ground.shelf.looks(altered).is_empty());
    life.end().await;
}
