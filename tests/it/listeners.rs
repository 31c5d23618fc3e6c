//! Listeners of the real binary, driven by real programs: PROXY, XCLIENT and XFORWARD, implicit TLS, client
//! certificates, IPv6.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::Value;

use super::harness::client::Client;
use super::harness::sensor::{Home, Sensor};
use super::harness::{PATIENCE, program, skip};

/// A sensor that takes mail of 192.0.2.7 alone, with these lines for its listener.
fn behind(lines: &str) -> (Home, Sensor) {
    let home = Home::new("");
    let state = home.state();
    home.configure(&format!(
        "state_dir = {state:?}\n[smtp]\nclients = [\"192.0.2.7\", \"127.0.0.1\"]\n\
         [[smtp.listener]]\nname = \"relay\"\naddress = \"127.0.0.1:0\"\n{lines}\n"
    ));
    let sensor = home.start();
    (home, sensor)
}

pub(crate) fn swaks(name: &str, address: SocketAddr, options: &[&str]) -> Option<Output> {
    let Some(swaks) = program("swaks") else {
        skip(name, "swaks is not installed");
        return None;
    };
    let mut command = Command::new(swaks);
    command.args(["--server", "127.0.0.1", "--port", &address.port().to_string()]);
    command.args(["--from", "ada@example.com", "--to", "bob@example.test", "--timeout", "30"]);
    Some(command.args(options).stdin(Stdio::null()).output().unwrap())
}

pub(crate) fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What is recorded of where the only message came from.
#[track_caller]
fn origin(home: &Home) -> Value {
    let id = home.wait_kept(1).remove(0);
    let record: Value = serde_json::from_slice(&home.output(&["message", "show", &id])).unwrap();
    record["envelope"]["origin"].clone()
}

#[test]
fn swaks_speaks_for_another_by_xclient() {
    let (home, sensor) = behind("xclient = [\"127.0.0.1\"]");
    let of = |address: &'static str| {
        let options = ["--xclient-name", "a.example", "--xclient-delim", "--xclient-addr", address];
        swaks("swaks_speaks_for_another_by_xclient", sensor.address, &options)
    };
    let Some(output) = of("192.0.2.9") else { return };
    let text = said(&output);
    assert!(!output.status.success() && text.contains("554 your address is not allowed here"), "{text}");
    let output = of("192.0.2.7").unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let origin = origin(&home);
    assert_eq!(origin["client"], "192.0.2.7");
    assert_eq!(origin["xclient"]["by"]["address"], "127.0.0.1");
    assert_eq!(origin["xclient"]["said"]["name"], "a.example");
    assert!(home.logged("accepted").iter().all(|event| event["client"] == "192.0.2.7"));
}

#[test]
fn swaks_comes_through_a_proxy() {
    let name = "swaks_comes_through_a_proxy";
    let proxy = |version: &'static str, family: &'static str, source: &'static str| {
        ["--proxy-version", version, "--proxy-family", family, "--proxy-source", source]
            .into_iter()
            .chain(["--proxy-source-port", "4321", "--proxy-dest", "10.0.0.2", "--proxy-dest-port", "25"])
            .collect::<Vec<_>>()
    };
    for (version, family) in [("1", "TCP4"), ("2", "AF_INET")] {
        let (home, sensor) = behind("proxy = [\"127.0.0.1\"]");
        let Some(refused) = swaks(name, sensor.address, &proxy(version, family, "192.0.2.9")) else { return };
        assert!(said(&refused).contains("554 your address"), "{}", said(&refused));
        // Neither speaks first.
        let Some(bare) = swaks(name, sensor.address, &["--timeout", "1"]) else { return };
        assert!(!bare.status.success() && !said(&bare).contains(" 220 "), "{}", said(&bare));
        let output = swaks(name, sensor.address, &proxy(version, family, "192.0.2.7")).unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let origin = origin(&home);
        assert_eq!((&origin["client"], &origin["port"]), (&"192.0.2.7".into(), &4321.into()));
        assert_eq!(origin["proxy"]["address"], "127.0.0.1");
    }
}

#[test]
fn xforward_is_recorded_and_decides_nothing() {
    let (home, sensor) = behind("xforward = [\"127.0.0.0/8\"]");
    let mut client = Client::hello(sensor.address);
    client.command("XFORWARD NAME=spike.example ADDR=192.0.2.9 PORT=99 SOURCE=REMOTE", "250");
    client.data("ada@example.com", "bob@example.test", b"Subject: x\r\n\r\n");
    let origin = origin(&home);
    assert_eq!(origin["client"], "127.0.0.1");
    assert_eq!(origin["xforward"]["address"], "192.0.2.9");
    assert_eq!(origin["xforward"]["source"], "remote");
}

/// An authority, and a certificate with its key: files in PEM, made anew.
fn make_certificates(folder: &Path) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new(["relay.example.com".to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "relay.example.com");
    let key = KeyPair::generate().unwrap();
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    fs::write(folder.join("client.pem"), params.signed_by(&key, &authority).unwrap().pem()).unwrap();
    fs::write(folder.join("client.key"), key.serialize_pem()).unwrap();
}

/// A sensor that insists on certificates, and their folder.
fn insisting(security: &str) -> (Home, Sensor, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    let (home, sensor) = behind(&format!(
        "security = \"{security}\"\nclient_certificates = \"require\"\nclient_ca = {:?}",
        folder.path().join("ca.pem")
    ));
    (home, sensor, folder)
}

#[test]
fn swaks_shows_a_certificate() {
    for (security, tls) in [("required", "--tls"), ("implicit", "--tls-on-connect")] {
        let (home, sensor, folder) = insisting(security);
        let Some(bare) = swaks("swaks_shows_a_certificate", sensor.address, &[tls]) else { return };
        assert!(!bare.status.success(), "{}", said(&bare));
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (certificate, key) = (path("client.pem"), path("client.key"));
        let options = [tls, "--tls-cert", &certificate, "--tls-key", &key];
        let output = swaks("swaks_shows_a_certificate", sensor.address, &options).unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let tls = origin(&home)["tls"].clone();
        assert_eq!((&tls["version"], &tls["client"]["status"]), (&"TLSv1.3".into(), &"verified".into()));
        assert_eq!(tls["client"]["subject"], "CN=relay.example.com");
        assert_eq!(tls["client"]["sha256"].as_str().unwrap().len(), 64);
    }
}

#[test]
fn openssl_speaks_implicit_tls_and_nobody_speaks_anything_else() {
    let name = "openssl_speaks_implicit_tls_and_nobody_speaks_anything_else";
    let (home, sensor, folder) = insisting("implicit");
    let mut plain = TcpStream::connect(sensor.address).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(b"EHLO client.example.com\r\n").unwrap();
    let mut heard = Vec::new();
    let _ = plain.read_to_end(&mut heard);
    assert!(!heard.starts_with(b"2") && !heard.starts_with(b"4"), "{heard:?}");
    super::harness::wait_for("the log", || (home.logged("TLS handshake failed").len() == 1).then_some(()));
    let Some(openssl) = program("openssl") else { return skip(name, "openssl is not installed") };
    let mut child = Command::new(openssl)
        .args(["s_client", "-quiet", "-crlf", "-connect", &sensor.address.to_string()])
        .arg("-cert")
        .arg(folder.path().join("client.pem"))
        .arg("-key")
        .arg(folder.path().join("client.key"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut greeting = [0; 4];
    child.stdout.as_mut().unwrap().read_exact(&mut greeting).unwrap();
    child.stdin.take().unwrap().write_all(b"quit\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let rest = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(&greeting == b"220 " && rest.contains("221 2.0.0"), "{rest}");
}

#[test]
fn one_listener_takes_ipv4_and_ipv6_and_shows_each_as_what_it_is() {
    if TcpStream::connect("[::1]:1").is_err_and(|e| e.kind() != std::io::ErrorKind::ConnectionRefused) {
        return skip("one_listener_takes_ipv4_and_ipv6", "this host has no IPv6");
    }
    for (host, client) in [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1")] {
        let home = Home::on("[::]:0", "xclient = [\"127.0.0.1\", \"::1\"]");
        let sensor = home.start();
        let mut peer = Client::hello(format!("{host}:{}", sensor.address.port()).parse().unwrap());
        peer.data("ada@example.com", "bob@example.test", b"Subject: x\r\n\r\n");
        assert_eq!(origin(&home)["client"], client);
        assert!(home.logged("accepted").iter().all(|event| event["client"] == client));
        peer.command("XCLIENT ADDR=IPV6:::ffff:127.0.0.9", "220");
    }
}

#[test]
fn what_cannot_work_is_a_fault_of_check() {
    let home = Home::new("");
    for (lines, fault) in [
        ("client_certificates = 'require'\nclient_ca = 'ca.pem'", "nobody can be made to show"),
        ("security = 'none'\nclient_certificates = 'request'\nclient_ca = 'ca.pem'", "there is no TLS"),
        ("security = 'implicit'\nclient_certificates = 'require'", "set client_ca too"),
        ("client_ca = 'ca.pem'", "not asked for"),
        ("client_certificates = 'request'\nclient_ca = 'missing.pem'", "missing.pem: No such file"),
        ("proxy = ['proxy.example.com']", "names are not looked up"),
        ("xclient = ['10.0.0.1/8']", "host bits are set"),
    ] {
        home.configure(&format!("[[smtp.listener]]\naddress = '127.0.0.1:0'\n{lines}\n"));
        let output = home.command(&["check"]);
        assert!(
            output.status.code() == Some(78) && said(&output).contains(fault),
            "{lines}: {}",
            said(&output)
        );
    }
    home.configure("[[smtp.listener]]\nname = 'front'\naddress = '127.0.0.1:0'\nproxy = ['10.0.0.1']\n");
    let output = home.command(&["check"]);
    let text = said(&output);
    assert!(output.status.success() && text.contains("note: listener front is behind a proxy"), "{text}");
}
