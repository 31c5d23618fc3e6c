//! What testssl.sh says of both kinds of listeners. Whatever it finds worse than it should be fails the test, unless
//! the short table [`ALLOWED`] says why it may be so: a new version of the program that finds more makes it fail too.
//!
//! Plaintext behind STARTTLS, which Debian's version does not try, is `tests/dialogues/starttls-injection*.smtp`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::harness::sensor::{Home, Sensor};
use crate::harness::{program, skip};

/// The only suites: each with forward secrecy and authenticated encryption. The key of the test is of a curve, so
/// those for RSA keys are not offered.
const SUITES: [&str; 6] = [
    "TLS_AES_256_GCM_SHA384",
    "TLS_AES_128_GCM_SHA256",
    "TLS_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
];

/// What has to be found, and how it begins: a check that was not made would not be missed otherwise.
const EXPECTED: &[(&str, &str)] = &[
    ("SSLv2", "not offered"),
    ("SSLv3", "not offered"),
    ("TLS1", "not offered"),
    ("TLS1_1", "not offered"),
    ("TLS1_2", "offered"),
    ("TLS1_3", "offered"),
    ("FS", "offered"),
    ("protocol_negotiated", "Default protocol TLS1.3"),
    ("cert_chain_of_trust", "passed"),
    ("cert_trust", "Ok via SAN"),
    ("heartbleed", "not vulnerable"),
    ("CCS", "not vulnerable"),
    ("ROBOT", "not vulnerable"),
    ("secure_renego", "supported"),
    // By a refusal, or by no answer in time: its severity says what it is worth.
    ("secure_client_renego", ""),
    ("CRIME_TLS", "not vulnerable"),
    ("POODLE_SSL", "not vulnerable"),
    ("fallback_SCSV", "no protocol below TLS 1.2 offered"),
    ("SWEET32", "not vulnerable"),
    ("FREAK", "not vulnerable"),
    ("DROWN", "not vulnerable"),
    ("LOGJAM", "not vulnerable"),
    ("BEAST", "not vulnerable"),
    ("LUCKY13", "not vulnerable"),
    ("RC4", "not vulnerable"),
];

/// What may be found worse than OK, and why it is no fault.
const ALLOWED: &[(&str, &str)] = &[
    ("cipher_order", "all suites are strong, so the client may take the one that it is fastest with"),
    ("cert_revocation", "it is about the certificate of the test, which names no list"),
    ("sessionresumption_ticket", "its own try fails behind STARTTLS; nothing rests on resumption"),
    ("sessionresumption_ID", "the same"),
];

/// Two halves for each listener, all at the same time: most of the time is spent in waiting.
const CHECKS: [&[&str]; 2] = [
    &["--protocols", "--each-cipher", "--fs", "--server-preference"],
    &["--server-defaults", "--vulnerable"],
];

#[derive(Clone, Debug, serde::Deserialize)]
struct Finding {
    id: String,
    severity: String,
    finding: String,
}

impl Finding {
    /// A severity that is not known is as bad as one.
    fn is_bad(&self) -> bool {
        let is_allowed = ALLOWED.iter().any(|(id, _)| *id == self.id);
        !is_allowed && !["OK", "INFO", "DEBUG"].contains(&self.severity.as_str())
    }

    /// A check that could not be made, on a machine that is busy.
    fn is_inconclusive(&self) -> bool {
        self.is_bad() && self.severity == "WARN"
    }
}

/// An authority, and a certificate of it for localhost, valid for 90 days from yesterday, with its key.
fn make_certificate(folder: &Path) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "localhost");
    let day = |from_today: i64| {
        let zoned = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
        let date = zoned.date().saturating_add(jiff::Span::new().days(from_today));
        rcgen::date_time_ymd(
            date.year().into(),
            date.month().try_into().unwrap(),
            date.day().try_into().unwrap(),
        )
    };
    (params.not_before, params.not_after) = (day(-1), day(89));
    let key = KeyPair::generate().unwrap();
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    fs::write(folder.join("sensor.pem"), params.signed_by(&key, &authority).unwrap().pem()).unwrap();
    fs::write(folder.join("sensor.key"), key.serialize_pem()).unwrap();
}

/// A sensor that shows the certificate, on a listener of one kind.
fn listening(folder: &Path, security: &str) -> (Home, Sensor) {
    let (certificate, key) = (folder.join("sensor.pem"), folder.join("sensor.key"));
    let tls = format!("[smtp.tls]\ncertificate = {certificate:?}\nkey = {key:?}");
    let home = Home::new(&format!("security = {security:?}\n{tls}"));
    let sensor = home.start();
    (home, sensor)
}

/// One run of testssl.sh.
struct Examination<'a> {
    testssl: &'a Path,
    folder: &'a Path,
    port: u16,
    security: &'a str,
    checks: &'static [&'static str],
}

impl Examination<'_> {
    /// What is found; what could not be looked at is tried again, twice at most.
    fn findings(&self) -> Vec<Finding> {
        let mut findings = self.run();
        for _ in 0..2 {
            if findings.iter().any(Finding::is_inconclusive) {
                eprintln!("again: {findings:#?}");
                findings = self.run();
            }
        }
        findings
    }

    fn run(&self) -> Vec<Finding> {
        let own = tempfile::tempdir_in(self.folder).unwrap();
        let report = own.path().join("report.json");
        let mut command = Command::new(self.testssl);
        command.current_dir(own.path()).stdin(Stdio::null());
        command.args(["--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none"]);
        command
            .arg("--add-ca")
            .arg(self.folder.join("ca.pem"))
            .arg("--jsonfile")
            .arg(&report)
            .args(self.checks);
        if self.security != "implicit" {
            command.args(["--starttls", "smtp"]);
        }
        let output =
            command.args(["--ip", "127.0.0.1", &format!("localhost:{}", self.port)]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let found = fs::read(&report).unwrap_or_else(|error| panic!("no report: {error}: {said}"));
        serde_json::from_slice(&found).unwrap_or_else(|error| panic!("no findings: {error}: {said}"))
    }
}

#[test]
fn testssl_finds_nothing_old_weak_or_broken_on_either_kind_of_listener() {
    let test = "testssl_finds_nothing_old_weak_or_broken_on_either_kind_of_listener";
    // Debian calls it testssl.
    let testssl: Option<PathBuf> = program("testssl").or_else(|| program("testssl.sh"));
    let Some(testssl) = testssl else { return skip(test, "testssl.sh is not installed") };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    make_certificate(folder);
    let kinds = ["opportunistic", "implicit"].map(|security| (security, listening(folder, security)));
    thread::scope(|scope| {
        let examined = kinds.each_ref().map(|(security, (_, sensor))| {
            let port = sensor.address.port();
            let examinations =
                CHECKS.map(|checks| Examination { testssl: &testssl, folder, port, security, checks });
            let running = examinations.map(|examination| scope.spawn(move || examination.findings()));
            (security, running)
        });
        for (security, running) in examined {
            judge(security, &running.map(|half| half.join().unwrap()).concat());
        }
    });
}

#[track_caller]
fn judge(security: &str, findings: &[Finding]) {
    let bad: Vec<_> = findings.iter().filter(|finding| finding.is_bad()).collect();
    assert!(bad.is_empty(), "{security}: {bad:#?}");
    // Version 3.0 calls forward secrecy PFS, later ones FS.
    let found: BTreeMap<_, _> =
        findings.iter().map(|f| (f.id.replace("PFS", "FS"), f.finding.trim_start())).collect();
    for (id, begin) in EXPECTED {
        let finding = found.get(*id);
        assert!(finding.is_some_and(|text| text.starts_with(begin)), "{security}: {id}: {finding:?}");
    }
    let suites: BTreeSet<_> = found
        .iter()
        .filter(|(id, _)| id.starts_with("cipher_x"))
        .filter_map(|(_, text)| suite(text))
        .collect();
    assert_eq!(suites, BTreeSet::from(SUITES), "{security}");
}

/// The name of the suite in `xc02c   ECDHE-ECDSA-AES256-GCM-SHA384   ECDH 253   AESGCM ...`.
fn suite(finding: &str) -> Option<&str> {
    finding.split_whitespace().nth(1)
}
