//! `mailsensor send`: a test message, by the way that mail takes.
//!
//! ```text
//!  connect [TLS] greeting EHLO [STARTTLS EHLO] MAIL RCPT DATA text QUIT
//!     |              |               |          |    |    |    |
//!     +--------------+---------------+----------+----+----+----+--> what was answered, and what to do
//! ```
//!
//! The dialogue is that of a well-kept client crate: the TLS side of an own one would be longer than
//! everything here. It lacks what a test has no use for: authentication, several recipients, a queue.

mod advice;
mod dialogue;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use jiff::{Timestamp, Zoned, fmt::rfc2822, tz::TimeZone};

use super::trial::Trial;
use super::{configured, one_line, print};
use crate::cli::{Place, Send, SendTls};
use crate::config::Config;
use dialogue::{Accepted, Dialogue};

/// EX_TEMPFAIL of sysexits.h: the same may succeed later.
const TRY_LATER: u8 = 75;

/// The longest part of a reply that is shown.
const SHOWN_MAX: usize = 1_000;

pub(crate) fn send(place: &Place, test: &Send) -> anyhow::Result<ExitCode> {
    let (server, tls) = match &test.server {
        Some(server) => (server.clone(), test.tls),
        None => match configured(place)? {
            Ok(loaded) => own_listener(&loaded.config, test.tls)?,
            Err(status) => return Ok(status),
        },
    };
    let dialogue =
        Dialogue { server: &server, tls, from: test.from.as_ref(), to: &test.to, message: &message(test)? };
    match dialogue.run() {
        Ok(accepted) => say(&server, &accepted),
        Err(failure) => {
            let said = one_line(&failure.to_string(), SHOWN_MAX);
            eprintln!("mailsensor: {server}: {said}");
            eprintln!("{}", advice::what_to_do(&failure, test));
            Ok(if failure.is_for_later() { ExitCode::from(TRY_LATER) } else { ExitCode::FAILURE })
        }
    }
}

fn say(server: &str, accepted: &Accepted) -> anyhow::Result<ExitCode> {
    print(|out| {
        if let Some(fingerprint) = &accepted.certificate {
            writeln!(out, "{server} shows the certificate with SHA-256 {fingerprint}")?;
        }
        writeln!(out, "{server} took it: {}", one_line(&accepted.reply, SHOWN_MAX))?;
        match accepted.queued_id() {
            Some(id) => writeln!(out, "read it back: mailsensor message show {id}"),
            None => writeln!(out, "the reply names no mail id: another server than mailsensor answers there"),
        }
    })
}

/// A listener of this host's own sensor that takes a test, and the TLS that it wants.
fn own_listener(config: &Config, asked: Option<SendTls>) -> anyhow::Result<(String, Option<SendTls>)> {
    let Trial { listener, server, tls } = Trial::by(&config.smtp.listeners, asked).with_context(|| {
        let asked = if asked.is_some() { ", or has no such TLS" } else { "" };
        format!(
            "no listener takes a test from this host: each wants a PROXY header or a client certificate{asked}; \
             name another server by --server"
        )
    })?;
    ensure!(
        server.port() != 0,
        "listener {listener} takes a free port, which the sensor printed at its start: name it by --server"
    );
    Ok((server.to_string(), tls))
}

/// The message as it goes on the wire: each line ends in CR LF, and so does the last.
fn message(test: &Send) -> anyhow::Result<Vec<u8>> {
    let text = match &test.message {
        Some(path) => fs::read(path).with_context(|| format!("cannot read {}", path.display()))?,
        None => {
            #[expect(clippy::disallowed_methods, reason = "the one look at the clock of this command")]
            let now = Timestamp::now().to_zoned(TimeZone::UTC);
            built_in(test, &now)?.into_bytes()
        }
    };
    Ok(with_crlf(&text))
}

fn built_in(test: &Send, now: &Zoned) -> anyhow::Result<String> {
    let from = test.from.as_ref().map_or("postmaster".to_owned(), ToString::to_string);
    let date = rfc2822::to_string(now)?;
    Ok(format!(
        "From: <{from}>\nTo: <{}>\nDate: {date}\nMessage-ID: <{}.test@mailsensor.invalid>\n\
         Subject: Test of mailsensor\nMIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\n\n\
         This is a test message of mailsensor send.\n",
        test.to,
        now.timestamp().as_nanosecond(),
    ))
}

/// RFC 5321 section 2.3.8: a line ends in CR LF, and neither octet stands alone. What a Unix editor wrote
/// has LF alone.
fn with_crlf(text: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(text.len() + text.len() / 32 + 2);
    for line in text.split_inclusive(|&octet| octet == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        wire.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        wire.extend_from_slice(b"\r\n");
    }
    wire
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn typed(line: &str) -> Result<Send, clap::Error> {
        let cli = Cli::try_parse_from(line.split(' '))?;
        let Command::Send(send) = cli.command else { panic!("{line} sends nothing") };
        Ok(send)
    }

    #[test]
    fn lines_end_as_smtp_wants() {
        for (text, wire) in [
            ("", ""),
            ("a", "a\r\n"),
            ("a\nb\n", "a\r\nb\r\n"),
            ("a\r\nb\r\n", "a\r\nb\r\n"),
            ("a\n\n.\n", "a\r\n\r\n.\r\n"),
        ] {
            assert_eq!(with_crlf(text.as_bytes()), wire.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn an_address_cannot_bring_lines_of_its_own() {
        for line in ["a@b.example\r\nDATA", "a@b.example>", "no-domain", ""] {
            let arguments = ["mailsensor", "send", "--to", line];
            assert!(Cli::try_parse_from(arguments).is_err(), "{line:?}");
        }
    }

    #[test]
    fn the_built_in_message_names_both_ends_and_has_a_date() {
        let at: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let now = at.to_zoned(TimeZone::UTC);
        for (line, from) in [
            ("mailsensor send --to bob@example.com", "From: <postmaster>\n"),
            ("mailsensor send --to bob@example.com --from ada@example.com", "From: <ada@example.com>\n"),
        ] {
            let text = built_in(&typed(line).unwrap(), &now).unwrap();
            assert!(text.contains(from) && text.contains("To: <bob@example.com>\n"), "{text}");
            assert!(text.contains("Date: Sun, 22 Nov 2026 10:00:00 +0000\n"), "{text}");
        }
    }
}
