//! What each mail program put on the wire is what is stored, octet for octet.

use std::fs;
use std::process::{Command, Stdio};

use super::harness::client::Client;
use super::harness::postfix::Postfix;
use super::harness::recorder::Recorder;
use super::harness::sensor::{Home, Sensor};
use super::harness::{program, skip, wait_for};

/// Lines that begin with dots, a line of one dot, 8-bit text, a long line, trailing white space.
fn awkward_mail() -> String {
    format!(
        "From: Ada <ada@example.com>\r\nTo: Bob <bob@example.test>\r\nSubject: awkward\r\n\
         Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <awkward@example.com>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
         .\r\n..\r\n.dot\r\n...three\r\nGr\u{fc}\u{df}e \u{2603}\r\ntrailing  \t\r\n{}\r\n\r\n\r\nend\r\n",
        "long ".repeat(150)
    )
}

/// A sensor behind a recorder, and the check that what went through is what is kept.
struct Recorded {
    home: Home,
    _sensor: Sensor,
    recorder: Recorder,
}

impl Recorded {
    fn new(more: &str) -> Self {
        let home = Home::new(more);
        let sensor = home.start();
        let recorder = Recorder::before(sensor.address);
        Self { home, _sensor: sensor, recorder }
    }

    fn port(&self) -> String {
        self.recorder.address().port().to_string()
    }

    #[track_caller]
    fn kept_equals_wire(&self, count: usize) {
        let kept = self.home.wait_kept(count);
        let mut stored: Vec<_> = kept.iter().map(|id| self.home.message(id)).collect();
        let mut sent = self.recorder.messages();
        stored.sort();
        sent.sort();
        assert_eq!(sent.len(), count);
        assert!(stored == sent, "stored:\n{}\nsent:\n{}", show(&stored), show(&sent));
    }
}

fn show(messages: &[Vec<u8>]) -> String {
    messages
        .iter()
        .map(|message| String::from_utf8_lossy(message).into_owned())
        .collect::<Vec<_>>()
        .join("\n---\n")
}

/// Runs a program with `input`; it must succeed.
#[track_caller]
fn feed(mut command: Command, input: &[u8]) {
    use std::io::Write;
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{}\n{}", output.status, said.0, said.1);
}

#[test]
fn swaks() {
    let Some(swaks) = program("swaks") else { return skip("swaks", "swaks is not installed") };
    let recorded = Recorded::new("");
    let mut command = Command::new(swaks);
    command.args(["--server", "127.0.0.1", "--port", &recorded.port(), "--from", "ada@example.com"]);
    command.args(["--to", "bob@example.test,carol@example.test", "--data", "-"]);
    feed(command, awkward_mail().replace("\r\n", "\n").as_bytes());
    recorded.kept_equals_wire(1);
}

#[test]
fn swaks_with_starttls() {
    let Some(swaks) = program("swaks") else { return skip("swaks_with_starttls", "swaks is not installed") };
    let home = Home::new("security = \"required\"");
    let sensor = home.start();
    let mail = "Subject: secret\n\n.dot\nbody\n";
    let mut command = Command::new(swaks);
    command.args(["--server", "127.0.0.1", "--port", &sensor.address.port().to_string(), "--tls"]);
    command.args(["--from", "ada@example.com", "--to", "bob@example.test", "--data", "-"]);
    feed(command, mail.as_bytes());
    let kept = home.wait_kept(1);
    let stored = String::from_utf8(home.message(&kept[0])).unwrap();
    assert!(stored.starts_with("Subject: secret\r\n\r\n.dot\r\nbody\r\n"), "{stored}");
    let record: serde_json::Value =
        serde_json::from_slice(&home.output(&["message", "show", &kept[0]])).unwrap();
    assert_eq!(record["envelope"]["origin"]["protocol"], "ESMTPS");
    assert_eq!(record["envelope"]["origin"]["tls"]["version"], "TLSv1.3");
}

#[test]
fn python_smtplib() {
    let Some(python) = program("python3") else { return skip("python_smtplib", "python3 is not installed") };
    let recorded = Recorded::new("");
    let script = "import smtplib, sys\n\
        mail = sys.stdin.buffer.read()\n\
        with smtplib.SMTP('127.0.0.1', int(sys.argv[1])) as smtp:\n    \
            smtp.sendmail('ada@example.com', ['bob@example.test'], mail, mail_options=['BODY=8BITMIME'])\n    \
            smtp.sendmail('', ['bob@example.test'], mail)\n";
    let mut command = Command::new(python);
    command.args(["-c", script, &recorded.port()]);
    feed(command, awkward_mail().as_bytes());
    recorded.kept_equals_wire(2);
}

#[test]
fn curl() {
    let Some(curl) = program("curl") else { return skip("curl", "curl is not installed") };
    let recorded = Recorded::new("");
    let mut command = Command::new(curl);
    command.args(["--silent", "--show-error", "--mail-from", "ada@example.com"]);
    command.args(["--mail-rcpt", "bob@example.test", "--upload-file", "-"]);
    command.arg(format!("smtp://127.0.0.1:{}", recorded.port()));
    feed(command, awkward_mail().as_bytes());
    recorded.kept_equals_wire(1);
}

#[test]
fn msmtp() {
    let Some(msmtp) = program("msmtp") else { return skip("msmtp", "msmtp is not installed") };
    let recorded = Recorded::new("");
    let mut command = Command::new(msmtp);
    command.args(["--host=127.0.0.1", &format!("--port={}", recorded.port()), "--from=ada@example.com"]);
    command.args(["--tls=off", "--auth=off", "--domain=client.example.com", "bob@example.test"]);
    feed(command, awkward_mail().replace("\r\n", "\n").as_bytes());
    recorded.kept_equals_wire(1);
}

#[test]
fn postfix_relays_with_and_without_tls() {
    let name = "postfix_relays_with_and_without_tls";
    let recorded = Recorded::new("");
    let direct = Home::new("security = \"required\"");
    let sensor = direct.start();
    // One message, two copies: in clear through the recorder, and by TLS to a sensor that requires it.
    let main = format!(
        "transport_maps = inline:{{ {{plain.test = plain:[127.0.0.1]:{}}}, {{tls.test = tls:[127.0.0.1]:{}}} }}",
        recorded.port(),
        sensor.address.port()
    );
    let master = "plain unix - - n - - smtp\n -o smtp_tls_security_level=none\n\
                  tls unix - - n - - smtp\n -o smtp_tls_security_level=encrypt";
    let Some(postfix) = Postfix::start(name, &main, master) else { return };
    let mut client = super::harness::client::Client::hello(postfix.address);
    client.command("MAIL FROM:<ada@example.com> BODY=8BITMIME", "250");
    client.command("RCPT TO:<bob@plain.test>", "250");
    client.command("RCPT TO:<bob@tls.test>", "250");
    client.command("DATA", "354");
    client.send(&super::harness::client::stuffed(awkward_mail().as_bytes()));
    client.expect("250");
    wait_for("an empty queue", || (postfix.queued() == 0).then_some(()));
    recorded.kept_equals_wire(1);
    let plain = recorded.home.message(&recorded.home.kept()[0]);
    let kept = direct.wait_kept(1);
    assert_eq!(show(&[direct.message(&kept[0])]), show(&[plain]), "{}", postfix.log());
}

#[test]
fn the_corpus_is_stored_byte_for_byte_by_data_and_by_bdat() {
    use super::harness::client::{Client, as_stored_by_data, queued_id};
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let mut files = super::harness::files_below(own.as_ref());
    match std::env::var_os("MAIL_CORPUS") {
        Some(corpus) => files.extend(super::harness::files_below(corpus.as_ref())),
        None => skip("the corpus beyond tests/corpus", "MAIL_CORPUS is not set"),
    }
    let home = Home::new("");
    let sensor = home.start();
    let mut sent = Vec::new();
    let mut client = Client::hello(sensor.address);
    for (number, file) in files.iter().enumerate() {
        let message = fs::read(file).unwrap();
        let reply = client.data("ada@example.com", "bob@example.test", &message);
        sent.push((queued_id(&reply), as_stored_by_data(&message)));
        let reply = client.bdat("", "bob@example.test", &message, [1 << 20, 700, 13][number % 3]);
        sent.push((queued_id(&reply), message));
    }
    assert!(sent.len() >= 20, "only {} messages", sent.len());
    home.wait_kept(sent.len());
    for (id, message) in &sent {
        let day = super::harness::archived(&home.state(), id);
        assert!(fs::read(&day).unwrap() == *message, "{} differs", day.display());
    }
}

/// What README.md says about Postfix: copies of some mail, by a transport of its own that pins the certificate.
#[test]
fn the_recipe_for_postfix_delivers_to_the_pinned_certificate_only() {
    let test = "the_recipe_for_postfix_delivers_to_the_pinned_certificate_only";
    let home = Home::new("security = \"required\"\n[smtp]\ndestination_domains = [\"sensor.example.com\"]");
    let sensor = home.start();
    let status: serde_json::Value = serde_json::from_slice(&home.output(&["status", "--json"])).unwrap();
    let right = status["certificates"][0]["fingerprint"].as_str().unwrap().to_owned();
    let copied = home.path().join("sensor_bcc");
    fs::write(&copied, "@example.com    copy@sensor.example.com\n").unwrap();
    let wrong = format!("{}{}", if right.starts_with("00") { "FF" } else { "00" }, &right[2..]);
    for (fingerprint, is_taken) in [(wrong, false), (right, true)] {
        // Postfix before 3.6, and later ones that keep its defaults, would compare MD5.
        let main = format!(
            "compatibility_level = 2\nrecipient_bcc_maps = texthash:{}\n\
             transport_maps = inline:{{ sensor.example.com=sensor:[127.0.0.1]:{}, example.com=discard: }}\n",
            copied.display(),
            sensor.address.port()
        );
        let master = format!(
            "sensor unix - - n - 20 smtp\n  -o smtp_tls_security_level=fingerprint\n  \
             -o smtp_tls_fingerprint_digest=sha256\n  -o smtp_tls_fingerprint_cert_match={fingerprint}\n"
        );
        let Some(postfix) = Postfix::start(test, &main, &master) else { return };
        let sent = Client::hello(postfix.address).data(
            "ada@example.test",
            "bob@example.com",
            b"Subject: copy\r\n\r\n.\r\n",
        );
        assert!(sent.starts_with("250"), "{sent}");
        if is_taken {
            postfix.wait_empty();
            let kept = home.wait_kept(1);
            let record: serde_json::Value =
                serde_json::from_slice(&home.output(&["message", "show", &kept[0]])).unwrap();
            assert_eq!(record["envelope"]["recipients"][0]["path"], "copy@sensor.example.com", "{record}");
        } else {
            wait_for("the copy to be deferred", || {
                postfix.log().contains("Server certificate not verified").then_some(())
            });
            assert!(home.kept().is_empty());
        }
    }
}
