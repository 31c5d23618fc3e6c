//! The gate on real sockets: opened, closed and changed while clients come and go.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sensor_ingress::{BindError, Drained, Gate, HandedIn, ListenerPlan, ListenerState, Security, Settings};
use sensor_policy::ClientRules;
use tokio::net::TcpStream;

use crate::house::{Client, House, Plan};

/// No test waits for it: it bounds what must happen at once.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// For how long a client waits for what may never come.
const GREETING_TIME_MAX: Duration = Duration::from_secs(10);

pub(crate) fn plan(name: &str, address: impl Into<SocketAddr>) -> ListenerPlan {
    let (name, address, reception) = (name.into(), address.into(), Arc::default());
    ListenerPlan { name, address, security: Security::None, tls: None, reception }
}

/// Has other listeners, open or closed as before.
pub(crate) async fn replace(gate: &Gate, plans: Vec<ListenerPlan>) -> Result<(), Vec<BindError>> {
    let prepared = gate.prepare(plans, gate.status().is_open, LONG).await?;
    prepared.carry_out().await;
    Ok(())
}

pub(crate) fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

pub(crate) fn house() -> House {
    House::new(&Plan { clients: &["127.0.0.0/8"], slots: 1_000, ..Plan::default() })
}

pub(crate) fn gate_of(house: &House, plans: Vec<ListenerPlan>) -> Gate {
    Gate::new(Arc::clone(&house.door), plans, Vec::new()).unwrap()
}

/// A gate with one open listener, and its address.
async fn opened() -> (House, Gate, SocketAddr) {
    let house = house();
    let gate = gate_of(&house, vec![plan("relay", loopback(0))]);
    gate.enable().await.unwrap();
    let address = address_of(&gate, "relay");
    (house, gate, address)
}

pub(crate) fn address_of(gate: &Gate, name: &str) -> SocketAddr {
    let listeners = gate.status().listeners;
    listeners.iter().find(|listener| &*listener.name == name).unwrap().address
}

pub(crate) fn states(gate: &Gate) -> Vec<(String, ListenerState)> {
    let listeners = gate.status().listeners;
    listeners.iter().map(|listener| (listener.name.to_string(), listener.state)).collect()
}

pub(crate) async fn connect(address: SocketAddr) -> Client<TcpStream> {
    Client(TcpStream::connect(address).await.unwrap())
}

pub(crate) async fn is_refused(address: SocketAddr) -> bool {
    match TcpStream::connect(address).await {
        Ok(_) => false,
        Err(error) => error.kind() == ErrorKind::ConnectionRefused,
    }
}

async fn wait_for(what: &str, reached: impl Fn() -> bool) {
    let waited = tokio::time::timeout(LONG, async {
        while !reached() {
            tokio::task::yield_now().await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain for {what}");
}

#[tokio::test]
async fn a_listener_of_ours_that_is_in_the_way_is_named() {
    let house = house();
    let free = std::net::TcpListener::bind("[::]:0").unwrap().local_addr().unwrap();
    let narrow = loopback(free.port());
    let named = |faults: Vec<BindError>, expected: String| {
        let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(said, [expected]);
    };
    let gate = gate_of(&house, vec![plan("all", free), plan("own", narrow)]);
    let in_the_way = "listener all listens on";
    named(
        gate.enable().await.unwrap_err(),
        format!("listener own: cannot listen on {narrow}: {in_the_way} {free}, which takes IPv4 too"),
    );
    // Where it is there already, and where its socket was handed in.
    replace(&gate, vec![plan("all", free)]).await.unwrap();
    gate.enable().await.unwrap();
    named(
        replace(&gate, vec![plan("all", free), plan("own", narrow)]).await.unwrap_err(),
        format!("listener own: cannot listen on {narrow}: {in_the_way} {free}, which takes IPv4 too"),
    );
    gate.drain(LONG).await;
    let socket = std::net::TcpListener::bind(narrow).unwrap();
    let handed_in = vec![HandedIn { name: "held".into(), socket }];
    let plans = vec![plan("held", loopback(0)), plan("own", narrow)];
    let gate = Gate::new(Arc::clone(&house.door), plans, handed_in).unwrap();
    named(
        gate.enable().await.unwrap_err(),
        format!("listener own: cannot listen on {narrow}: listener held listens on {narrow}"),
    );
}

#[tokio::test]
async fn an_address_that_is_taken_leaves_the_gate_closed_and_is_named() {
    let house = house();
    let taken = std::net::TcpListener::bind(loopback(0)).unwrap();
    let free = std::net::TcpListener::bind(loopback(0)).unwrap().local_addr().unwrap();
    let address = taken.local_addr().unwrap();
    let gate = gate_of(&house, vec![plan("first", free), plan("second", address)]);
    for _ in 0..2 {
        let faults = gate.enable().await.unwrap_err();
        assert!(matches!(&*faults, [BindError::Address { address: of, .. }] if *of == address), "{faults:?}");
        let said = faults[0].to_string();
        assert!(said.starts_with(&format!("listener second: cannot listen on {address}: ")), "{said}");
        let status = gate.status();
        assert_eq!((status.is_open, status.fault.as_deref()), (false, Some(&*said)));
        assert!(is_refused(free).await, "bound although the other is not");
        assert!(!house.door.live().is_open());
    }
    drop(taken);
    gate.enable().await.unwrap();
    assert_eq!((gate.status().is_open, gate.status().fault), (true, None));
    connect(free).await.expect("220 ").await;
    connect(address).await.expect("220 ").await;
}

#[tokio::test]
async fn closing_refuses_at_once_and_lets_a_message_end() {
    let (house, gate, address) = opened().await;
    let mut idle = connect(address).await;
    idle.expect("220 ").await;
    let mut busy = connect(address).await;
    busy.open().await;
    busy.ask("DATA", "354 ").await;
    busy.say("first\r\n").await;
    // Ordered by somebody who does not wait.
    let _ = tokio::time::timeout(Duration::ZERO, gate.disable(LONG)).await;
    gate.disable(LONG).await;
    assert!(is_refused(address).await);
    assert_eq!(states(&gate), [("relay".to_owned(), ListenerState::Closed)]);
    idle.expect("421 4.3.2").await;
    idle.expect_end().await;
    gate.enable().await.unwrap();
    // The same address, where it was a free one.
    assert_eq!(address_of(&gate, "relay"), address);
    connect(address).await.expect("220 ").await;
    busy.say("second\r\n.\r\n").await;
    busy.expect("250 2.0.0 queued").await;
    busy.expect("421 4.3.2").await;
    assert_eq!(house.bodies().await, [b"first\r\nsecond\r\n".to_vec()]);
}

/// Closed over them, they would hear a reset, which looks like a broken sensor and not like one that is off.
#[tokio::test]
async fn who_waits_in_a_socket_that_closes_is_told_so() {
    let (_house, gate, address) = opened().await;
    // Nobody was awaited since they connected: they are in the socket's queue.
    let waiting: Vec<_> = (0..5).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    gate.disable(LONG).await;
    assert!(is_refused(address).await);
    for stream in waiting {
        stream.set_nonblocking(true).unwrap();
        let mut client = Client(TcpStream::from_std(stream).unwrap());
        client.expect("421 4.3.2").await;
        client.expect_end().await;
    }
}

#[tokio::test]
async fn who_takes_longer_than_the_deadline_is_cut_and_who_comes_later_is_not() {
    let (house, gate, address) = opened().await;
    let mut stalled = connect(address).await;
    stalled.open().await;
    stalled.ask("DATA", "354 ").await;
    gate.disable(Duration::ZERO).await;
    gate.enable().await.unwrap();
    let mut later = connect(address).await;
    later.open().await;
    stalled.expect_end().await;
    wait_for("the end of the one that was cut", || house.door.slots.open() == 1).await;
    later.say("BDAT 2 LAST\r\nhi").await;
    later.expect("250 2.0.0 queued").await;
    assert_eq!(house.bodies().await, [b"hi".to_vec()]);
}

#[tokio::test]
async fn a_socket_that_was_handed_in_answers_while_the_gate_is_closed() {
    let house = house();
    let socket = std::net::TcpListener::bind(loopback(0)).unwrap();
    let kept = socket.try_clone().unwrap();
    let address = socket.local_addr().unwrap();
    let plans = || vec![plan("activated", loopback(1)), plan("own", loopback(0))];
    let unknown = HandedIn { name: "unknown".into(), socket: socket.try_clone().unwrap() };
    let refused = Gate::new(Arc::clone(&house.door), plans(), vec![unknown]).err().unwrap();
    assert!(matches!(refused, BindError::Unplanned { .. }), "{refused}");
    let handed_in = vec![HandedIn { name: "activated".into(), socket }];
    let gate = Gate::new(Arc::clone(&house.door), plans(), handed_in).unwrap();
    for _ in 0..3 {
        assert_eq!(states(&gate)[0].1, ListenerState::TurningAway);
        let mut turned_away = connect(address).await;
        turned_away.expect("421 4.3.2").await;
        turned_away.expect_end().await;
        gate.enable().await.unwrap();
        assert_eq!(address_of(&gate, "activated"), address);
        let mut served = connect(address).await;
        served.open().await;
        gate.disable(LONG).await;
        served.say("BDAT 2 LAST\r\nhi").await;
        served.expect("250 2.0.0 queued").await;
        served.expect("421 4.3.2").await;
    }
    // It is not ours to close, neither with a plan nor with the sensor.
    let faults = gate.prepare(vec![plan("own", loopback(0))], true, LONG).await.map(drop).unwrap_err();
    assert!(matches!(&*faults, [BindError::HandedIn { name }] if &**name == "activated"), "{faults:?}");
    assert_eq!(gate.drain(LONG).await, Drained { cut: 0 });
    let waiting = connect(address).await;
    let (_, next) = kept.accept().unwrap();
    assert_eq!(next, waiting.0.local_addr().unwrap());
}

/// Senders go on while the gate opens and closes all the time; one is in the middle of a message throughout.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn toggled_200_times_under_load_nothing_is_cut_or_lost() {
    let (house, gate, address) = opened().await;
    let mut busy = connect(address).await;
    busy.open().await;
    busy.ask("DATA", "354 ").await;
    let over = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..8).map(|n| tokio::spawn(send(address, n, Arc::clone(&over)))).collect();
    for toggle in 0..200 {
        gate.disable(LONG).await;
        assert!(is_refused(address).await, "{toggle}");
        busy.say(format!("line {toggle}\r\n")).await;
        // Told twice, by two at a time.
        let (one, two) = tokio::join!(gate.enable(), gate.enable());
        one.and(two).unwrap();
        connect(address).await.expect("220 ").await;
    }
    busy.say(".\r\n").await;
    busy.expect("250 2.0.0 queued").await;
    over.store(true, Ordering::Relaxed);
    let mut sent = 1;
    for sender in senders {
        sent += sender.await.unwrap();
    }
    assert_eq!(gate.drain(LONG).await, Drained { cut: 0 });
    house.spool.shut_down().await;
    let status = house.spool.status();
    assert!(sent > 8, "{sent} messages only");
    assert_eq!((status.accepted, status.in_spool), (sent, sent));
    assert_eq!(house.door.slots.open(), 0);
}

/// Sends until it is over; counts what was acknowledged. What a transaction hears is 2yz, or 421 before it.
async fn send(address: SocketAddr, number: u64, over: Arc<AtomicBool>) -> u64 {
    let mut acknowledged = 0;
    while !over.load(Ordering::Relaxed) {
        let Ok(stream) = TcpStream::connect(address).await else { continue };
        let mut client = Client(stream);
        for (words, is_begun) in [
            ("", false),
            ("EHLO client.example.com\r\n", false),
            ("MAIL FROM:<ada@example.com>\r\n", false),
            ("RCPT TO:<bob@example.com>\r\n", true),
            ("BDAT 4 LAST\r\nbody", true),
        ] {
            // Where the sensor is done with us, what we say may come back as a reset.
            if !words.is_empty() && client.try_say(words).await.is_err() && !is_begun {
                break;
            }
            // Where a socket closes in the middle of a handshake, the kernel may forget it without a word: the
            // client is connected to nobody. It gives up, as RFC 5321 section 4.5.3.2.1 has it do.
            let heard = tokio::time::timeout(GREETING_TIME_MAX, client.hear()).await;
            assert!(heard.is_ok() || words.is_empty(), "{number}: no answer to {words:?}");
            let reply = heard.unwrap_or_default();
            acknowledged += u64::from(reply.starts_with("250 2.0.0 queued"));
            if !reply.starts_with('2') {
                let turned_away = reply.is_empty() || reply.starts_with("421 4.3.2");
                assert!(turned_away && !is_begun, "{number}: {reply:?} to {words:?}");
                break;
            }
        }
    }
    acknowledged
}

/// One socket for both families: IPv4 by it is IPv4 to the rules and to the limits.
#[tokio::test]
async fn ipv4_by_a_listener_of_both_families_is_ipv4() {
    let house = house();
    let Ok(gate) = bound(&house, "[::]:0").await else {
        return println!("skipped: this host has no IPv6");
    };
    let port = address_of(&gate, "relay").port();
    let over_v6 = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port));
    connect(loopback(port)).await.expect("220 ").await;
    // ::1 is not in 127.0.0.0/8.
    connect(over_v6).await.expect("554 ").await;
    let with = |clients: &[&str]| Settings {
        rules: sensor_policy::Rules { clients: ClientRules::parse(clients).unwrap(), ..Default::default() },
        grace: Duration::ZERO,
        ..Plan::default().settings()
    };
    house.door.change(with(&["::/0"]));
    connect(loopback(port)).await.expect("554 ").await;
    connect(over_v6).await.expect("220 ").await;
    house.door.change(with(&["::ffff:127.0.0.0/104"]));
    connect(loopback(port)).await.expect("220 ").await;
    connect(over_v6).await.expect("554 ").await;
}

async fn bound(house: &House, address: &str) -> Result<Gate, Vec<BindError>> {
    let gate = gate_of(house, vec![plan("relay", address.parse::<SocketAddr>().unwrap())]);
    gate.enable().await.map(|()| gate)
}

#[tokio::test]
async fn a_drain_waits_for_messages_and_cuts_at_its_deadline() {
    for (deadline, ends) in [(LONG, true), (Duration::from_millis(1), false)] {
        let (house, gate, address) = opened().await;
        let mut busy = connect(address).await;
        busy.open().await;
        busy.ask("DATA", "354 ").await;
        let drained = tokio::spawn({
            let gate = gate.clone();
            async move { gate.drain(deadline).await }
        });
        wait_for("the closed gate", || !gate.status().is_open).await;
        assert!(is_refused(address).await);
        if ends {
            busy.say("hi\r\n.\r\n").await;
            busy.expect("250 2.0.0 queued").await;
            busy.expect("421 4.3.2").await;
        }
        assert_eq!(drained.await.unwrap(), Drained { cut: usize::from(!ends) });
        assert_eq!(house.door.slots.open(), 0);
        // It is over for good.
        assert!(matches!(&*gate.enable().await.unwrap_err(), [BindError::GoingDown]));
        gate.disable(LONG).await;
        assert_eq!(gate.drain(LONG).await, Drained { cut: 0 });
    }
}

/// The gate was closed with a deadline, then the sensor goes down with a longer one.
#[tokio::test]
async fn a_drain_gives_no_session_a_later_deadline_than_it_had() {
    let (house, gate, address) = opened().await;
    let mut stalled = connect(address).await;
    stalled.open().await;
    stalled.ask("DATA", "354 ").await;
    // Both orders wait before the first is carried out.
    let both = async { tokio::join!(gate.disable(Duration::ZERO), gate.drain(LONG * 60)) };
    let (_, drained) = tokio::time::timeout(LONG, both).await.expect("the earlier deadline holds");
    assert_eq!((drained, house.door.slots.open()), (Drained { cut: 1 }, 0));
    stalled.expect_end().await;
}

#[tokio::test]
async fn where_the_gate_has_no_owner_it_closes_and_sessions_end() {
    let (house, gate, address) = opened().await;
    let mut client = connect(address).await;
    client.expect("220 ").await;
    drop(gate);
    client.expect("421 ").await;
    client.expect_end().await;
    wait_for("the end of the session", || house.door.slots.open() == 0).await;
}
