use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;

/// What a session answers to `input`, written in pieces of `step` octets.
async fn answers(input: &str, step: usize, store: Option<Store>) -> String {
    answers_with_tls(input, step, store, false).await
}

async fn answers_with_tls(input: &str, step: usize, store: Option<Store>, offers_tls: bool) -> String {
    let (mut client, server) = duplex(1 << 20);
    let session = Session::new(server, store, offers_tls);
    // The stream of a session that wants a handshake is dropped, and the client sees its end.
    let session = tokio::spawn(async move { session.run().await.map(drop) });
    for piece in input.as_bytes().chunks(step) {
        client.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    client.shutdown().await.unwrap();
    let mut answers = String::new();
    client.read_to_string(&mut answers).await.unwrap();
    drop(session.await.unwrap());
    answers
}

fn codes(answers: &str) -> Vec<&str> {
    answers.lines().filter(|line| line.as_bytes()[3] == b' ').map(|line| &line[..3]).collect()
}

fn temporary_store() -> (tempfile::TempDir, PathBuf, Store) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let store = Store::create(&path, 1 << 20, false).unwrap();
    (dir, path, store)
}

#[tokio::test]
async fn any_split_of_the_input_gives_the_same_replies_and_the_same_file() {
    for (input, expected, kept) in [
        ("EHLO a\r\nQUIT\r\n", "220 250 221", ""),
        ("ehlo a\r\nnoop\r\nquit\r\n", "220 250 250 221", ""),
        ("MAIL\r\nRCPT\r\nDATA\r\nx\r\n.\r\nQUIT\r\n", "220 250 250 354 250 221", "x\r\n.\r\n"),
        ("DATA\r\n.\r\nDATA\r\ny\r\n.\r\n", "220 354 250 354 250", ".\r\ny\r\n.\r\n"),
        ("DATA\r\na\r\n..\r\n.\n\r\n.\r\nQUIT\r\n", "220 354 250 221", "a\r\n..\r\n.\n\r\n.\r\n"),
        ("BDAT 3\r\nx\r\nBDAT 2 LAST\r\nyzQUIT\r\n", "220 250 250 221", "x\r\nyz"),
        ("BDAT 0 LAST\r\nBDAT 5 last\r\n.\r\n.\nQUIT\r\n", "220 250 250 221", ".\r\n.\n"),
        ("BDAT many\r\nQUIT\r\n", "220 501 221", ""),
        ("DATA\r\nnever ended\r\n", "220 354", ""),
        ("BDAT 4\r\nx\r\n.BDAT 268435453\r\n", "220 250", ""),
        ("BDAT 18446744073709551615 LAST\r\n", "220", ""),
    ] {
        for step in [1, 2, 3, 7, input.len()] {
            let (_dir, path, store) = temporary_store();
            let answers = answers(input, step, Some(store)).await;
            assert_eq!(codes(&answers).join(" "), expected, "{input:?} by {step}");
            assert_eq!(std::fs::read_to_string(path).unwrap(), kept, "{input:?} by {step}");
        }
    }
}

#[tokio::test]
async fn what_could_not_be_stored_is_answered_with_451() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let store = Store::start(full, 1 << 20, false).unwrap();
    let answers = answers("DATA\r\nx\r\n.\r\nQUIT\r\n", 64, Some(store)).await;
    assert_eq!(codes(&answers), ["220", "354", "451", "221"]);
}

#[tokio::test]
async fn a_command_without_an_end_and_a_durable_promise_without_a_file_are_refused() {
    let endless = "x".repeat(100_000);
    assert_eq!(codes(&answers(&endless, endless.len(), None).await), ["220"]);
    let options = Options {
        addr: "127.0.0.1:0".parse().unwrap(),
        promise: Promise::Growing,
        file: None,
        capacity: ByteSize::mib(1),
        tls: None,
        threads: 1,
    };
    assert!(matches!(Server::bind(&options), Err(BareError::NoFile)));
}

#[tokio::test]
async fn starttls_ends_the_plaintext_and_nothing_may_come_behind_it() {
    for (offered, input, expected) in [
        (true, "EHLO a\r\nSTARTTLS\r\n", "220 250 220"),
        (true, "EHLO a\r\nSTARTTLS\r\nMAIL\r\n", "220 250"),
        (false, "EHLO a\r\nSTARTTLS\r\nQUIT\r\n", "220 250 502 221"),
    ] {
        let said = answers_with_tls(input, input.len(), None, offered).await;
        assert_eq!(codes(&said).join(" "), expected, "{input:?}");
        assert_eq!(said.contains("250-STARTTLS"), offered, "{input:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_there_is_an_error() {
    let options = Options {
        addr: "127.0.0.1:0".parse().unwrap(),
        promise: Promise::Discard,
        file: None,
        capacity: ByteSize::mib(1),
        tls: Some("/nonexistent".into()),
        threads: 1,
    };
    assert!(matches!(Server::bind(&options), Err(BareError::Tls(TlsError::Pem { .. }))));
}
