//! Packs RTF without compressing it: each octet for itself, the end mark last (MS-OXRTFCP).

pub(crate) fn packed(rtf: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    let end_at = (207 + rtf.len()) % 4096;
    let end = u16::try_from(end_at << 4).unwrap().to_be_bytes();
    for octets in rtf.chunks(8) {
        content.push(if octets.len() < 8 { 1 << octets.len() } else { 0 });
        content.extend(octets);
    }
    if rtf.len().is_multiple_of(8) {
        content.push(1);
    }
    content.extend(end);
    head(b"LZFu", crc(&content), rtf.len(), &content)
}

pub(crate) fn plain(rtf: &[u8]) -> Vec<u8> {
    head(b"MELA", 0, rtf.len(), rtf)
}

pub(crate) fn head(kind: &[u8; 4], crc: u32, raw: usize, content: &[u8]) -> Vec<u8> {
    let number = |octets: usize| u32::try_from(octets).unwrap().to_le_bytes();
    [&number(content.len() + 12)[..], &number(raw), kind, &crc.to_le_bytes(), content].concat()
}

/// Bit by bit, apart from the table of the code under test.
fn crc(octets: &[u8]) -> u32 {
    let bit = |crc: u32| if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 };
    octets.iter().fold(0, |crc, octet| (0..8).fold(crc ^ u32::from(*octet), |crc, _| bit(crc)))
}
