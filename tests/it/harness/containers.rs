//! Containers around a file, made by others' programs and libraries where there are any.

use std::io::{Cursor, Write};
use std::process::Command;

use zip::unstable::write::FileOptionsExt;
use zip::write::SimpleFileOptions;
use zip::{AesMode, ZipWriter};

use super::program;

/// A zip archive of one member.
pub(crate) fn zipped(name: &str, octets: &[u8]) -> Vec<u8> {
    zip_of(&[(name, octets)], SimpleFileOptions::default())
}

/// A document of Word with a file in it.
pub(crate) fn docx(name: &str, octets: &[u8]) -> Vec<u8> {
    let types = br#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#;
    let document = br#"<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body/></w:document>"#;
    let members = [("[Content_Types].xml", &types[..]), ("word/document.xml", &document[..]), (name, octets)];
    zip_of(&members, SimpleFileOptions::default())
}

/// A zip archive whose member is encrypted as PKZIP has always done it.
pub(crate) fn zip_crypto(name: &str, octets: &[u8], password: &str) -> Vec<u8> {
    zip_of(
        &[(name, octets)],
        SimpleFileOptions::default().with_deprecated_encryption(password.as_bytes()).unwrap(),
    )
}

/// A zip archive whose member is encrypted by AES-256, as WinZip does.
pub(crate) fn zip_aes(name: &str, octets: &[u8], password: &str) -> Vec<u8> {
    zip_of(&[(name, octets)], SimpleFileOptions::default().with_aes_encryption(AesMode::Aes256, password))
}

fn zip_of(members: &[(&str, &[u8])], options: zip::write::FileOptions<'_, ()>) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, octets) in members {
        writer.start_file(*name, options).unwrap();
        writer.write_all(octets).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// An archive that `bsdtar` makes in the format of a file name such as `a.7z`; none where it is not installed.
pub(crate) fn packed(archive: &str, name: &str, octets: &[u8]) -> Option<Vec<u8>> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(name), octets).unwrap();
    let mut command = Command::new(program("bsdtar")?);
    let status =
        command.current_dir(directory.path()).args(["-a", "-c", "-f", archive, name]).status().unwrap();
    assert!(status.success());
    Some(std::fs::read(directory.path().join(archive)).unwrap())
}

/// What Outlook sends as winmail.dat (MS-OXTNEF): the attributes of one attachment.
pub(crate) fn tnef(name: &str, octets: &[u8]) -> Vec<u8> {
    const ATT_RENDER: u32 = 0x0006_9002;
    const ATT_TITLE: u32 = 0x0001_8010;
    const ATT_DATA: u32 = 0x0006_800f;
    const LEVEL_ATTACHMENT: u8 = 2;
    let mut tnef = 0x223e_9f78_u32.to_le_bytes().to_vec();
    tnef.extend(1_u16.to_le_bytes());
    let render = [1, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0];
    let title = [name.as_bytes(), b"\0"].concat();
    for (attribute, value) in [(ATT_RENDER, &render[..]), (ATT_TITLE, &title), (ATT_DATA, octets)] {
        tnef.push(LEVEL_ATTACHMENT);
        tnef.extend(attribute.to_le_bytes());
        tnef.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        tnef.extend(value);
        let sum = value.iter().fold(0_u16, |sum, octet| sum.wrapping_add(u16::from(*octet)));
        tnef.extend(sum.to_le_bytes());
    }
    tnef
}

/// A message with a text and an attachment in base64.
pub(crate) fn mail(text: &str, media_type: &str, name: &str, octets: &[u8]) -> Vec<u8> {
    let body = base64(octets);
    format!(
        "From: Ada <ada@example.com>\r\nTo: bob@example.com\r\nSubject: A file\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n\
         --b\r\nContent-Type: {media_type}\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n{body}--b--\r\n"
    )
    .into_bytes()
}

/// The same with the attachment as it is: lines of text.
pub(crate) fn mail_as_it_is(text: &str, media_type: &str, name: &str, octets: &str) -> Vec<u8> {
    format!(
        "From: Ada <ada@example.com>\r\nTo: bob@example.com\r\nSubject: A file\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: text/plain\r\n\r\n{text}\r\n\
         --c\r\nContent-Type: {media_type}\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n{octets}\r\n--c--\r\n"
    )
    .into_bytes()
}

fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (number, chunk) in octets.chunks(3).enumerate() {
        let bits =
            chunk.iter().fold(0_u32, |bits, octet| bits << 8 | u32::from(*octet)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let index = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap();
            text.push(if place <= chunk.len() { char::from(ALPHABET[index]) } else { '=' });
        }
        if number % 19 == 18 || (number + 1) * 3 >= octets.len() {
            text.push_str("\r\n");
        }
    }
    text
}
