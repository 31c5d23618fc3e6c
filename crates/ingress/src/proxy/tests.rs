use proptest::prelude::*;
use proxy_header::{ProxiedAddress, Tlv};

use super::*;

/// A header of version 2: the octet of version and command, that of family and protocol, and the rest.
fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [V2_START, &[command, family], &length, rest].concat()
}

const V4_ADDRESSES: &[u8] = &[192, 0, 2, 7, 10, 0, 0, 1, 0x0f, 0xa0, 0, 25];

fn proxied(address: &str) -> Result<Header, Garbage> {
    Ok(Header::Proxied(address.parse().unwrap()))
}

/// Reads `input` cut in two at every place, with octets of the client behind it; none of those is taken.
#[track_caller]
fn check(input: &[u8], expected: Result<Header, Garbage>) {
    let shown = input.escape_ascii();
    for cut in 0..=input.len() {
        let (first, second) = input.split_at(cut);
        let mut reader = HeaderReader::default();
        let (taken, read) = reader.read(first);
        match read {
            Ok(None) => assert_eq!(taken, cut, "{shown} at {cut}"),
            Ok(Some(header)) => {
                assert_eq!((cut, taken, Ok(header)), (input.len(), cut, expected), "{shown}");
            }
            Err(garbage) => {
                assert_eq!(Err(garbage), expected, "{shown} at {cut}");
                continue;
            }
        }
        if cut < input.len() {
            let rest = [second, b"EHLO client.example\r\n"].concat();
            let (taken, read) = reader.read(&rest);
            assert_eq!(read, expected.map(Some), "{shown} at {cut}");
            assert!(
                taken <= second.len() || expected.is_err(),
                "{shown} at {cut}: the client's octets are taken"
            );
        }
    }
}

#[test]
fn what_is_no_header_is_told() {
    use Garbage::{NoHeader, TooLong, Unreadable};
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(200));
    let drip = format!("PROXY TCP4 {}", "1".repeat(200));
    for (input, garbage) in [
        (&b"EHLO client.example\r\n"[..], NoHeader),
        (b"GET / HTTP/1.1\r\n", NoHeader),
        (b"\x16\x03\x01\x02\x00\x01", NoHeader),
        (b"PROXYTCP4 1.1.1.1 2.2.2.2 1 2\r\n", NoHeader),
        (b"proxy TCP4 192.0.2.7 10.0.0.1 4000 25\r\n", NoHeader),
        (b"\r\n\r\n\0\r\nQUIT\r\n", NoHeader),
        (b"\r\nPROXY TCP4 192.0.2.7 10.0.0.1 4000 25\r\n", NoHeader),
        (b"PROXY \r\n", Unreadable),
        (b"PROXY TCP4\r\n", Unreadable),
        (b"PROXY TCP5 192.0.2.7 10.0.0.1 4000 25\r\n", Unreadable),
        (b"PROXY UDP4 192.0.2.7 10.0.0.1 4000 25\r\n", Unreadable),
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 4000\r\n", Unreadable),
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 4000 25 26\r\n", Unreadable),
        (b"PROXY TCP4  192.0.2.7 10.0.0.1 4000 25\r\n", Unreadable),
        (b"PROXY TCP4 192.0.2.07 10.0.0.1 4000 25\r\n", Unreadable),
        (b"PROXY TCP4 192.0.2.300 10.0.0.1 4000 25\r\n", Unreadable),
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 65536 25\r\n", Unreadable),
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 +4000 25\r\n", Unreadable),
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 4000 -1\r\n", Unreadable),
        (b"PROXY TCP4 2001:db8::7 2001:db8::1 4000 25\r\n", Unreadable),
        (b"PROXY TCP6 192.0.2.7 10.0.0.1 4000 25\r\n", Unreadable),
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 4000 25\rEHLO\r\n", Unreadable),
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 4000 25\nEHLO x\r\n", Unreadable),
        (b"PROXY TCP4 192.0.2.7\x00 10.0.0.1 4000 25\r\n", Unreadable),
        (b"PROXY UNKNOWNS\r\n", Unreadable),
        (long.as_bytes(), TooLong),
        (drip.as_bytes(), TooLong),
        // Another version, another command, a protocol that is none of mail's.
        (&v2(0x11, 0x11, V4_ADDRESSES), Unreadable),
        (&v2(0x22, 0x11, V4_ADDRESSES), Unreadable),
        (&v2(0x21, 0x12, V4_ADDRESSES), Unreadable),
        (&v2(0x21, 0x41, V4_ADDRESSES), Unreadable),
        // A length that does not hold the addresses, or says more than is read.
        (&v2(0x21, 0x11, &V4_ADDRESSES[..11]), Unreadable),
        (&v2(0x21, 0x11, &[]), Unreadable),
        (&v2(0x21, 0x21, V4_ADDRESSES), Unreadable),
        (&v2(0x21, 0x11, &[0; 9_000]), TooLong),
        // A TLV that ends in the middle of its head, or says more than is there.
        (&v2(0x21, 0x11, &[V4_ADDRESSES, &[4, 0]].concat()), Unreadable),
        (&v2(0x21, 0x11, &[V4_ADDRESSES, &[4, 0, 9, 0]].concat()), Unreadable),
    ] {
        check(input, Err(garbage));
    }
}

#[test]
fn headers_are_read_wherever_they_are_cut() {
    let tlvs = [Tlv::Authority("mx.example.com".into()), Tlv::Noop(3), Tlv::Custom(0xe0, b"x"[..].into())];
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let with_tlvs = |source: &str, destination: &str| {
        let addresses = ProxiedAddress::stream(address(source), address(destination));
        let mut octets = Vec::new();
        ProxyHeader::with_tlvs(Some(addresses), tlvs.clone()).encode_v2(&mut octets).unwrap();
        octets
    };
    let longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    for (input, expected) in [
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 4000 25\r\n".to_vec(), proxied("192.0.2.7:4000")),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n".to_vec(), proxied("1.1.1.1:1")),
        (b"PROXY TCP6 2001:db8::7 ::1 65535 25\r\n".to_vec(), proxied("[2001:db8::7]:65535")),
        (
            format!("PROXY TCP6 {longest} {longest} 65535 65535\r\n").into_bytes(),
            proxied(&format!("[{longest}]:65535")),
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), Ok(Header::Local)),
        (b"PROXY UNKNOWN what ever 1 2 3\r\n".to_vec(), Ok(Header::Local)),
        (v2(0x21, 0x11, V4_ADDRESSES), proxied("192.0.2.7:4000")),
        (with_tlvs("192.0.2.7:4000", "10.0.0.1:25"), proxied("192.0.2.7:4000")),
        (with_tlvs("[2001:db8::7]:4000", "[::1]:25"), proxied("[2001:db8::7]:4000")),
        // LOCAL, also with addresses, which are to be ignored; no family; a UNIX socket.
        (v2(0x20, 0, &[]), Ok(Header::Local)),
        (v2(0x20, 0x11, V4_ADDRESSES), Ok(Header::Local)),
        (v2(0x21, 0, &[]), Ok(Header::Local)),
        (v2(0x21, 0x31, &[0; 216]), Ok(Header::Local)),
    ] {
        check(&input, expected);
    }
}

proptest! {
    /// However it is cut, the same comes of it, no more is held than may be, and nothing panics.
    #[test]
    fn any_cut_of_any_octets_gives_the_same(
        start in prop_oneof![Just(V1_START), Just(V2_START), Just(&b"PROXY TCP4 "[..]), Just(&b""[..])],
        rest in proptest::collection::vec(any::<u8>(), 0..300),
        piece in 1_usize..20,
    ) {
        let input = [start, &rest].concat();
        let (taken, whole) = HeaderReader::default().read(&input);
        let (mut reader, mut at, mut read) = (HeaderReader::default(), 0, Ok(None));
        for octets in input.chunks(piece) {
            let (taken, result) = reader.read(octets);
            at += taken;
            read = result;
            prop_assert!(reader.held.len() <= V2_OCTETS_MAX);
            if read != Ok(None) {
                break;
            }
        }
        prop_assert_eq!(read, whole);
        prop_assert!(whole.is_err() || at == taken, "{at} and {taken}");
    }
}
