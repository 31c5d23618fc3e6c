//! Syslog by UDP.

use sensor_notify::keys::KindName;
use tokio::net::UdpSocket;

use super::*;

#[tokio::test]
async fn each_event_is_a_datagram() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let running = Running::start(KindName::Syslog, &[("transport", "udp"), ("address", &address)]);
    let keys = running.emit(20).await;
    let mut taken = Vec::new();
    let mut buffer = vec![0; 70_000];
    while taken.len() < keys.len() {
        let octets = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await.unwrap().unwrap();
        assert!(
            buffer.starts_with(b"<131>1 2026-11-22T10:00:00.000Z sensor.example.com mailsensor - look - {")
        );
        taken.push(key_in(std::str::from_utf8(&buffer[..octets]).unwrap()));
    }
    assert_eq!(taken, keys);
    running.until_delivered(20).await;
}

/// The kernel learns by ICMP that nobody listens.
#[tokio::test]
async fn a_receiver_that_is_not_there_is_waited_for() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let running = Running::start(
        KindName::Syslog,
        &[("transport", "udp"), ("address", &address.to_string()), ("format", "structured")],
    );
    // The refusal of a datagram is told with a later one: the first may be lost.
    running.emit(20).await;
    let status = running.until("refused", |status| status.failed_tries > 0).await;
    assert!(status.is_open && status.last_error.unwrap().text.contains("cannot be sent"));
    let Ok(socket) = UdpSocket::bind(address).await else {
        return skip("a_receiver_that_is_not_there_is_waited_for", "somebody else took the port");
    };
    let mut buffer = vec![0; 70_000];
    let octets = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await.unwrap().unwrap();
    assert!(key_in(std::str::from_utf8(&buffer[..octets]).unwrap()).ends_with("-1"));
    running.until("delivered", |status| status.queued == 0).await;
}
