//! What Outlook's formats hold becomes parts of the message, at a path of its own.

use bytes::Bytes;
use sensor_content::{Alone, Limits, explode};
use sensor_mail::part::{PartFlag, Role};

use super::{build_tnef, msg, tnef};

/// A message with one attachment.
fn mail(name: &str, octets: &[u8]) -> Bytes {
    let head = format!(
        "From: ada@example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nsee\r\n\
         --b\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\n\
         Content-Disposition: attachment\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    );
    [head.as_bytes(), octets, b"\r\n--b--\r\n"].concat().into()
}

#[test]
fn a_file_is_a_part_wherever_outlook_put_it() {
    let inner = build_tnef::Tnef::new().file(b"price.txt", b"ten crowns", &[]).0;
    let outer = build_tnef::Tnef::new().file(b"winmail.dat", &inner, &[]).0;
    for (name, octets, path) in [
        ("winmail.dat", inner, "2/winmail.dat/price.txt"),
        ("winmail.dat", outer, "2/winmail.dat/winmail.dat/price.txt"),
    ] {
        let exploded = explode(mail(name, &octets), &Limits::default(), &Alone);
        let at: Vec<_> = exploded.parts.iter().filter(|(_, own)| own == "ten crowns").collect();
        let [(part, _)] = &at[..] else { panic!("{name}: {:?}", exploded.parts) };
        assert_eq!((&*part.path.0, part.role), (path, Role::Attachment));
    }
}

#[test]
fn samples_are_taken_apart_whole_and_a_cut_one_is_damaged() {
    for (name, octets) in [("winmail.dat", tnef::sample()), ("a.msg", msg::sample())] {
        let exploded = explode(mail(name, &octets), &Limits::default(), &Alone);
        let within = |role| exploded.parts.iter().filter(|(part, _)| part.role == role).count();
        assert!(within(Role::Attachment) > 1 && within(Role::Text) > 1, "{name}: {:?}", exploded.parts);
        let damages = |octets: &[u8]| -> Vec<_> {
            let exploded = explode(mail(name, octets), &Limits::default(), &Alone);
            let damaged =
                exploded.parts.into_iter().filter(|(part, _)| part.flags.contains(&PartFlag::Damaged));
            damaged.map(|(part, _)| (part.path, part.gaps)).collect()
        };
        assert_eq!(damages(&octets), [], "{name}");
        assert_ne!(damages(&octets[..octets.len() * 2 / 3]), [], "{name}");
    }
}

#[test]
fn what_rtf_shows_is_text() {
    let html = br"{\rtf1\ansi\fromhtml1{\*\htmltag64 <a href=http://pay.example/>}Pay{\*\htmltag72 </a>}}";
    for (rtf, shown) in [(&html[..], "http://pay.example/"), (br"{\rtf1\ansi Pay \b now}", "Pay now")] {
        let exploded = explode(mail("a.rtf", rtf), &Limits::default(), &Alone);
        let mut texts = exploded.parts.iter().filter(|(part, _)| part.role == Role::Text);
        let found = texts.any(|(_, octets)| memchr::memmem::find(octets, shown.as_bytes()).is_some());
        assert!(found, "{shown}: {:?}", exploded.parts);
    }
}
