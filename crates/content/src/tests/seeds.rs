//! The seeds of the fuzzers that take a whole message or one attachment, kept in `tests/corpus/`: they are
//! replayed, and are what the builders write. `SEEDS=write` writes those that are missing or differ.

use std::fs;
use std::path::Path;

use super::builders::*;
use crate::fuzz::{check_attachment, check_mail, check_page};

#[track_caller]
fn check_seeds(target: &str, seeds: &[(&str, &[u8])], check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
    for (name, octets) in seeds {
        let path = folder.join(name);
        if std::env::var_os("SEEDS").is_some_and(|seeds| seeds == "write") {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, octets).unwrap();
        }
        assert!(fs::read(&path).unwrap() == *octets, "{target}/{name} is not what its builder writes");
    }
    for file in fs::read_dir(folder).unwrap() {
        check(&fs::read(file.unwrap().path()).unwrap());
    }
}

#[test]
fn mail_seeds() {
    let multipart = mail("The password is: s3cret!", "a.zip", &zip(&[("a.txt", b"hello")]));
    let enclosed = "Content-Type: multipart/digest; boundary=a\n\npreamble\n--a\n\nSubject: one\n\nx\n--a\n\n\
                    Content-Type: text/html; charset=utf-16\n\n<p>\n--a--\nepilogue\n";
    let names = "Content-Type: application/octet-stream; name*0*=iso-8859-1'de'%FCber; name*1=\"a.exe\"\n\
                 Content-Disposition: attachment; filename=\"=?utf-8?B?w7w=?=.pdf.exe\"\n\
                 Content-Transfer-Encoding: quoted-printable\n\nMZ=90=\n=00 = x\n";
    let report = "X-MS-Journal-Report:\nTo: journal+bob=example.com@example.org\n\
                  Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n\
                  Sender: alice@example.com\nTo: bob@example.com, Expanded: all@example.com\n\n\
                  --b\nContent-Type: message/rfc822\n\nSubject: x\n\nbegin 644 cat.txt\n#0V%T\n`\nend\n--b--\n";
    let seeds: [(&str, &[u8]); 4] = [
        ("multipart", &multipart),
        ("enclosed", enclosed.as_bytes()),
        ("names", names.as_bytes()),
        ("report", report.as_bytes()),
    ];
    check_seeds("mail", &seeds, check_mail);
}

#[test]
fn attachment_seeds() {
    let members: Members<'_> = &[("d/a.txt", b"hello hello hello"), ("word/document.xml", b"<x/>")];
    let embedded = package("a.exe", b"MZ");
    let [zip, stored, tar] = [zip(members), zip_stored(members), tar(members)];
    let [gzip, bzip2, xz] = [gzip(&tar), bzip2(&[3; 300]), xz(&[3; 300])];
    let [zstd, locked, sevenz] = [zstd(&[3; 300]), zip_crypto(members, "x"), sevenz(members, None)];
    let seeds: [(&str, &[u8]); 11] = [
        ("zip", &zip),
        ("zip-stored", &stored),
        ("zip-locked", &locked),
        ("zip-in-gif", &[b"GIF89a", &zip[..]].concat()),
        ("tar", &tar),
        ("tar-gzip", &gzip),
        ("bzip2", &bzip2),
        ("xz", &xz),
        ("zstd", &zstd),
        ("package", &embedded),
        ("7z", &sevenz),
    ];
    check_seeds("attachment", &seeds, check_attachment);
}

#[test]
fn page_seeds() {
    let seeds: [(&str, &[u8]); 2] = [
        (
            "page",
            b"<!DOCTYPE html><meta charset=koi8-r><meta http-equiv=refresh content='0;url=https://example.com'>\
              <style>p{}</style><p>Pay <b>no</b>w &amp; here<a href=\"https://example.com/?a=1&b\">x</a><!-- y -->\
              <img src='data:image/png;base64,iVBORw0KGgo='><script>if (a < b) {}</script><svg><![CDATA[z]]></svg>",
        ),
        ("broken", b"<table><tr><td <a href=\"data:,%41%zz\">&#x41;&unknown;</p><title>t</titl"),
    ];
    check_seeds("page", &seeds, check_page);
}
