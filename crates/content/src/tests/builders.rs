//! Mail and archives, written here.

use std::io::{Cursor, Write};

use base64_simd::STANDARD;
use bytes::Bytes;
use zip::unstable::write::FileOptionsExt;
use zip::write::SimpleFileOptions;
use zip::{AesMode, CompressionMethod, ZipWriter};

/// EICAR's test file, put together where it is needed, so that no scanner finds it in this source.
pub(super) fn eicar() -> Vec<u8> {
    let (begin, end) = ("X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*");
    format!("{begin}{end}").into_bytes()
}

/// A mail with a text, and with one file as its part 2.
pub(super) fn mail(text: &str, name: &str, file: &[u8]) -> Bytes {
    let lines: Vec<String> = file.chunks(57).map(|line| STANDARD.encode_to_string(line)).collect();
    let mail = format!(
        "From: alice@example.com\nSubject: x\nContent-Type: multipart/mixed; boundary=\"=_b\"\n\n\
         --=_b\nContent-Type: text/plain; charset=utf-8\n\n{text}\n--=_b\nContent-Type: application/octet-stream\n\
         Content-Disposition: attachment; filename=\"{name}\"\nContent-Transfer-Encoding: base64\n\n{}\n--=_b--\n",
        lines.join("\n")
    );
    mail.replace('\n', "\r\n").into()
}

pub(super) type Members<'a> = &'a [(&'a str, &'a [u8])];

fn zip_by(members: Members<'_>, options: &SimpleFileOptions) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, octets) in members {
        writer.start_file(*name, *options).unwrap();
        writer.write_all(octets).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub(super) fn zip(members: Members<'_>) -> Vec<u8> {
    zip_by(members, &SimpleFileOptions::default().compression_method(CompressionMethod::Deflated))
}

pub(super) fn zip_stored(members: Members<'_>) -> Vec<u8> {
    zip_by(members, &SimpleFileOptions::default().compression_method(CompressionMethod::Stored))
}

/// With the cipher of old.
pub(super) fn zip_crypto(members: Members<'_>, password: &str) -> Vec<u8> {
    let options = SimpleFileOptions::default().with_deprecated_encryption(password.as_bytes()).unwrap();
    zip_by(members, &options)
}

pub(super) fn zip_aes(members: Members<'_>, password: &str) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, octets) in members {
        let options = SimpleFileOptions::default().with_aes_encryption(AesMode::Aes256, password);
        writer.start_file(*name, options).unwrap();
        writer.write_all(octets).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub(super) fn tar(members: Members<'_>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, octets) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(octets.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *octets).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(super) fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn bzip2(octets: &[u8]) -> Vec<u8> {
    let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn xz(octets: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(1);
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstd(octets: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(octets, 1).unwrap()
}

/// With a password its header is encrypted too, or not. A name that ends with a slash is a folder.
pub(super) fn sevenz(members: Members<'_>, lock: Option<(&str, bool)>) -> Vec<u8> {
    use sevenz_rust2::encoder_options::AesEncoderOptions;
    use sevenz_rust2::{ArchiveEntry, ArchiveWriter, EncoderMethod};
    let mut writer = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    if let Some((password, with_header)) = lock {
        let cipher = AesEncoderOptions::new(password.into());
        writer.set_content_methods(vec![cipher.into(), EncoderMethod::LZMA2.into()]);
        writer.set_encrypt_header(with_header);
    } else {
        writer.set_content_methods(vec![EncoderMethod::LZMA2.into()]);
    }
    for (name, octets) in members {
        match name.strip_suffix('/') {
            Some(folder) => writer.push_archive_entry::<&[u8]>(ArchiveEntry::new_directory(folder), None),
            None => writer.push_archive_entry(ArchiveEntry::new_file(name), Some(*octets)),
        }
        .unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub(super) fn ole(streams: Members<'_>) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    for (name, octets) in streams {
        let path = format!("/{name}");
        if let Some((folder, _)) = path.rsplit_once('/').filter(|(folder, _)| !folder.is_empty()) {
            file.create_storage_all(folder).unwrap();
        }
        file.create_stream(&path).unwrap().write_all(octets).unwrap();
    }
    file.into_inner().into_inner()
}

/// A package of one file, as Windows embeds it in a document.
pub(super) fn package(name: &str, octets: &[u8]) -> Vec<u8> {
    let path = format!("C:\\{name}");
    let length = |octets: &[u8]| u32::try_from(octets.len()).unwrap().to_le_bytes();
    let text = |text: &str| [text.as_bytes(), b"\0"].concat();
    let temporary = text(&path);
    let head = [[2, 0].to_vec(), text(name), text(&path), vec![0, 0, 3, 0]].concat();
    let body = [&head, &length(&temporary)[..], &temporary, &length(octets), octets].concat();
    [&length(&body)[..], &body].concat()
}
