//! Receivers by a script, one act a connection; when it has ended they work.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What a receiver does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Takes what comes.
    Work,
    /// Takes one message, and closes.
    Once,
    /// Closes at once.
    Close,
    /// Resets once something has come.
    Reset,
    /// Neither reads nor answers.
    Hang,
    /// Answers an octet every now and then, for ever.
    Drip,
    /// Answers HTTP with this status.
    Status(u16),
    /// Answers with what is no HTTP.
    Lie,
}

/// What has been received, each message or request in a text.
pub(crate) type Inbox = Arc<Mutex<Vec<String>>>;

pub(crate) fn taken(inbox: &Inbox) -> Vec<String> {
    inbox.lock().unwrap().clone()
}

/// What a connection is read as.
#[derive(Clone, Copy)]
pub(crate) enum Speech {
    /// Octet counting.
    Frames,
    /// HTTP.
    Requests,
}

pub(crate) async fn listen(speech: Speech, script: &[Act], tls: Option<TlsAcceptor>) -> (SocketAddr, Inbox) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let inbox = Inbox::default();
    let filled = Arc::clone(&inbox);
    let mut script: VecDeque<Act> = script.iter().copied().collect();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let act = script.pop_front().unwrap_or(Act::Work);
            tokio::spawn(serve(socket, act, speech, tls.clone(), Arc::clone(&filled)));
        }
    });
    (address, inbox)
}

async fn serve(socket: TcpStream, act: Act, speech: Speech, tls: Option<TlsAcceptor>, inbox: Inbox) {
    match (act, tls) {
        (Act::Hang, _) => {
            std::future::pending::<()>().await;
            drop(socket);
        }
        (Act::Close, _) => drop(socket),
        (Act::Reset, None) => {
            socket.readable().await.unwrap();
            // Closed with octets unread, the kernel resets.
            drop(socket);
        }
        (_, None) => speak(socket, act, speech, inbox).await,
        (_, Some(tls)) => {
            // A handshake may fail: that is what is tested.
            if let Ok(stream) = tls.accept(socket).await {
                speak(stream, act, speech, inbox).await;
            }
        }
    }
}

async fn speak(mut stream: impl AsyncRead + AsyncWrite + Unpin, act: Act, speech: Speech, inbox: Inbox) {
    loop {
        let message = match speech {
            Speech::Frames => frame(&mut stream).await,
            Speech::Requests => request(&mut stream).await,
        };
        let Some(message) = message else { return };
        if act == Act::Once {
            // Closed before anybody can know that the message is here.
            drop(stream);
            inbox.lock().unwrap().push(message);
            return;
        }
        let answer = match act {
            Act::Work => Some("HTTP/1.1 204 No Content\r\n\r\n".to_owned()),
            Act::Status(status) => Some(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n")),
            Act::Lie => Some("220 this is a mail server\r\n".repeat(10_000)),
            Act::Once | Act::Close | Act::Reset | Act::Hang => return,
            Act::Drip => None,
        };
        if act == Act::Work {
            inbox.lock().unwrap().push(message);
        }
        match (answer, speech) {
            (Some(_), Speech::Frames) => {}
            (Some(answer), Speech::Requests) => {
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
            (None, _) => return drip(stream).await,
        }
    }
}

async fn drip(mut stream: impl AsyncWrite + Unpin) {
    while stream.write_all(b"H").await.is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// RFC 6587 section 3.4.1, to the letter.
async fn frame(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut length = String::new();
    loop {
        match char::from(stream.read_u8().await.ok()?) {
            ' ' => break,
            digit => length.push(digit),
        }
    }
    assert!(length.bytes().all(|o| o.is_ascii_digit()) && !length.starts_with('0'), "{length:?}");
    let mut message = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut message).await.ok()?;
    Some(String::from_utf8(message).unwrap())
}

async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = header(&head, "content-length").unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(head + &String::from_utf8(body).unwrap())
}

/// The value of a header field of a request.
pub(crate) fn header(request: &str, name: &str) -> Option<String> {
    let head = request.split_once("\r\n\r\n").map_or(request, |(head, _)| head);
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
}
