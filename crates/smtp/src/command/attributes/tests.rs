use proptest::prelude::*;

use super::*;

fn client(arguments: &str) -> Result<XClient, Reply> {
    let mut said = XClient::default();
    of_client(arguments)?.into_iter().for_each(|attribute| attribute.apply(&mut said));
    Ok(said)
}

fn forward(arguments: &str) -> Result<XForward, Reply> {
    let mut said = XForward::default();
    forwarded(arguments)?.into_iter().for_each(|attribute| attribute.apply(&mut said));
    Ok(said)
}

#[test]
fn what_a_liar_says_of_an_address_is_no_address() {
    for value in [
        "",
        "192.0.2",
        "192.0.2.7.1",
        "192.0.2.256",
        "192.0.2.07",
        "0xc0.0.2.7",
        "3221225991",
        "192.0.2.7/32",
        "192.0.2.7:25",
        "[192.0.2.7]",
        "2001:db8::7",
        "IPV6:",
        "IPV6:192.0.2.7",
        "IPV6:[2001:db8::7]",
        "IPV6:fe80::1%eth0",
        "IPV4:192.0.2.7",
        "localhost",
        "[TEMPUNAVAIL]",
        "UNAVAILABLE",
        "192.0.2.7+0D+0A",
        "192.0.2.7+20",
        "192.0.2.7+00",
        "192.0.2.7,10.0.0.1",
    ] {
        for keyword in ["ADDR", "DESTADDR"] {
            assert_eq!(client(&format!("{keyword}={value}")), Err(table::BAD_ATTRIBUTE), "{keyword}={value}");
        }
    }
}

#[test]
fn addresses_that_are_taken() {
    for (value, address) in [
        ("192.0.2.7", Some("192.0.2.7")),
        ("+31+39+32.0.2.7", Some("192.0.2.7")),
        ("IPV6:2001:db8::7", Some("2001:db8::7")),
        ("ipv6:::ffff:192.0.2.7", Some("192.0.2.7")),
        ("[UNAVAILABLE]", None),
        ("[unavailable]", None),
    ] {
        let expected = address.map(|address| address.parse().unwrap());
        assert_eq!(client(&format!("ADDR={value}")).unwrap().address, expected, "{value}");
        assert_eq!(client(&format!("DESTADDR={value}")).unwrap().destination, expected, "{value}");
    }
}

#[test]
fn values_that_are_refused() {
    let long = format!("HELO={}", "x".repeat(256));
    for arguments in [
        "",
        "NAME",
        "NAME=",
        "=value",
        "NAME=a+",
        "NAME=a+2",
        "NAME=a+2G",
        "NAME=a+-1",
        "NAME=a+0D+0AXCLIENT+20ADDR=10.0.0.1",
        "NAME=a+09",
        "NAME=a+7F",
        "NAME=b\u{fc}cher.example",
        "NAME=a+C3+BC",
        "PORT=-1",
        "PORT=+2525",
        "PORT=65536",
        "PORT=0x19",
        "PORT=smtp",
        "PROTO=LMTP",
        "PROTO=",
        "DESTPORT=65536",
        "IDENT=a",
        "SOURCE=LOCAL",
        "COLOUR=red",
        "ADDR=192.0.2.7 COLOUR=red",
        &long,
    ] {
        assert_eq!(client(arguments), Err(table::BAD_ATTRIBUTE), "{arguments}");
    }
    for arguments in ["LOGIN=a", "SOURCE=HERE", "DESTADDR=192.0.2.7", &format!("PROTO={}", "x".repeat(65))] {
        assert_eq!(forward(arguments), Err(table::BAD_ATTRIBUTE), "{arguments}");
    }
    // Two servers would disagree on which of the two counts.
    for arguments in ["ADDR=192.0.2.7 ADDR=10.0.0.1", "addr=192.0.2.7 NAME=a ADDR=192.0.2.7"] {
        assert_eq!(client(arguments), Err(table::REPEATED_PARAMETER), "{arguments}");
    }
}

#[test]
fn each_attribute_has_its_place() {
    let said = client(
        "name=a.example  PORT=4000 proto=esmtp HELO=b+2Bc.example LOGIN=ada@example.com \
         DESTADDR=IPV6:::1 DESTPORT=25 ADDR=192.0.2.7",
    );
    let expected = XClient {
        name: Some("a.example".into()),
        address: Some("192.0.2.7".parse().unwrap()),
        port: Some(4000),
        protocol: Some("ESMTP".into()),
        helo: Some("b+c.example".into()),
        login: Some("ada@example.com".into()),
        destination: Some("::1".parse().unwrap()),
        destination_port: Some(25),
    };
    assert_eq!(said, Ok(expected));
    let said = forward("NAME=[TempUnavail] ADDR=unix:7 PORT=25 PROTO=QMQP HELO=c IDENT=4FzX SOURCE=remote");
    let expected = XForward {
        name: None,
        address: Some("unix:7".into()),
        port: Some(25),
        protocol: Some("QMQP".into()),
        helo: Some("c".into()),
        ident: Some("4FzX".into()),
        source: Some(Source::Remote),
    };
    assert_eq!(said, Ok(expected));
}

#[test]
fn what_is_said_later_takes_the_place_of_what_was_said_before() {
    let mut said = client("NAME=a.example ADDR=192.0.2.7 LOGIN=ada").unwrap();
    for attribute in of_client("NAME=[UNAVAILABLE] ADDR=192.0.2.8").unwrap() {
        attribute.apply(&mut said);
    }
    assert_eq!((said.name, said.login), (None, Some("ada".into())));
    assert_eq!(said.address, Some("192.0.2.8".parse().unwrap()));
}

proptest! {
    #[test]
    fn any_printable_value_comes_back(value in "[!-~]{1,255}", all in any::<bool>()) {
        let needed = |octet: u8| all || matches!(octet, b'+' | b'=') || value.starts_with('[');
        let encoded: String = value
            .bytes()
            .map(|octet| if needed(octet) { format!("+{octet:02X}") } else { char::from(octet).into() })
            .collect();
        let said = client(&format!("HELO={encoded}")).unwrap();
        prop_assert_eq!(said.helo.as_deref(), Some(&*value));
    }

    #[test]
    fn no_value_brings_a_space_or_a_control_in(arguments in "(NAME|HELO|LOGIN)=[ -~\r\n\t+0-9A-F]{0,40}") {
        if let Ok(said) = client(&arguments) {
            let values = [said.name, said.helo, said.login];
            prop_assert!(values.iter().flatten().all(|value| value.bytes().all(|o| o.is_ascii_graphic())));
        }
    }
}
