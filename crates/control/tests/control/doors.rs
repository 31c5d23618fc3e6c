//! Slow, idle and many clients; the socket; stopping.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use sensor_control::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::raw::{Running, request};

/// A limit that no test waits for: where it is reached something is wrong.
const FOREVER: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_thousand_idle_and_slow_clients_keep_nobody_out() {
    let limits = Limits { head_time: FOREVER, connection_time: FOREVER, ..Limits::default() };
    let running = Running::start_with(limits, &[]);
    let mut held = Vec::new();
    for number in 0..1_000 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let start: &[u8] = match number % 4 {
            0 => b"",
            1 => b"GET /v1/status HT",
            2 => b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n",
            // Without the token, with a body that never comes.
            _ => b"PATCH /v1/sensors/self/smtp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
        };
        // Whoever had to make room cannot write any more.
        let _ = stream.write_all(start).await;
        held.push(stream);
        if number % 250 == 249 {
            assert_eq!(running.send("GET", "/v1/status", "", "").await.status, 200);
            assert_eq!(running.exchange_local(&request("GET", "/v1/status", "", "")).await.status, 200);
        }
    }
    // The first ones made room.
    let mut rest = Vec::new();
    let _ = held[0].read_to_end(&mut rest).await;
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn a_head_a_body_and_a_connection_have_their_time() {
    let limits = Limits {
        head_time: Duration::from_millis(50),
        connection_time: Duration::from_millis(200),
        ..Limits::default()
    };
    let running = Running::start_with(limits, &[]);
    let ended: [&[u8]; 4] = [
        b"",
        b"GET /livez HTTP/1.1\r\nHost: local",
        // Idle after an answer.
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PATCH /v1/sensors/self/smtp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
    ];
    for start in ended {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(start).await.unwrap();
        let mut answer = Vec::new();
        // Returns only because the server ends the connection.
        let _ = stream.read_to_end(&mut answer).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_a_problem() {
    let limits = Limits { head_time: FOREVER, connection_time: FOREVER, ..Limits::default() };
    let running = Running::start_with(limits, &[]);
    let start = format!(
        "PATCH /v1/sensors/self/smtp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{{",
        running.token
    );
    running.exchange(&start).await.is_problem(408, "timeout");
}

#[tokio::test]
async fn the_socket_is_its_owners_and_asks_for_no_token() {
    let running = Running::start();
    let mode = std::fs::metadata(&running.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for lines in ["", "Host: anything.example.com\r\n", "Authorization: Bearer wrong\r\n"] {
        let answer = running.exchange_local(&request("GET", "/v1/status", lines, "")).await;
        assert_eq!(answer.status, 200, "{lines}");
    }
    running.exchange_local(&request("GET", "/v1/none", "", "")).await.is_problem(404, "not-found");
    let names: Vec<_> = std::fs::read_dir(running.socket.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().all(|name| !name.ends_with(".new")), "{names:?}");
}

#[tokio::test]
async fn stopping_ends_idle_connections_and_removes_the_socket() {
    let mut running = Running::start();
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    let mut local = UnixStream::connect(&running.socket).await.unwrap();
    assert_eq!(running.send("GET", "/livez", "", "").await.status, 200);
    running.stop.cancel();
    running.task.take().unwrap().await.unwrap();
    assert!(!running.socket.exists());
    assert!(TcpStream::connect(running.address).await.is_err());
    let mut rest = Vec::new();
    let _ = idle.read_to_end(&mut rest).await;
    let _ = local.read_to_end(&mut rest).await;
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn a_connection_serves_several_requests() {
    let running = Running::start();
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let again = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = request("GET", "/livez", "Host: localhost\r\n", "");
    stream.write_all(format!("{again}{again}{last}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 3, "{answer}");
}
