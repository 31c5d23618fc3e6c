//! Writes TNEF, sound unless told otherwise.

pub(crate) const MESSAGE: u8 = 1;
pub(crate) const ATTACHMENT: u8 = 2;

pub(crate) const OEM_CODE_PAGE: u32 = 0x0006_9007;
pub(crate) const BODY: u32 = 0x0002_800C;
pub(crate) const PROPERTIES: u32 = 0x0006_9003;
pub(crate) const BEGIN: u32 = 0x0006_9002;
pub(crate) const TITLE: u32 = 0x0001_8010;
pub(crate) const DATA: u32 = 0x0006_800F;
pub(crate) const TRANSPORT_NAME: u32 = 0x0006_9001;
pub(crate) const ATTACHMENT_PROPERTIES: u32 = 0x0006_9005;

pub(crate) const IID_MESSAGE: &[u8] = b"\x07\x03\x02\0\0\0\0\0\xC0\0\0\0\0\0\0\x46";
pub(crate) const IID_STORAGE: &[u8] = b"\x0B\0\0\0\0\0\0\0\xC0\0\0\0\0\0\0\x46";

/// A TNEF that grows.
pub(crate) struct Tnef(pub(crate) Vec<u8>);

impl Tnef {
    pub(crate) fn new() -> Self {
        Self(b"\x78\x9F\x3E\x22\x01\x00".to_vec())
    }

    pub(crate) fn attribute(mut self, level: u8, tag: u32, octets: &[u8]) -> Self {
        self.0.push(level);
        self.0.extend(tag.to_le_bytes());
        self.0.extend(u32::try_from(octets.len()).unwrap().to_le_bytes());
        self.0.extend(octets);
        let sum: u32 = octets.iter().map(|octet| u32::from(*octet)).sum();
        self.0.extend(&sum.to_le_bytes()[..2]);
        self
    }

    pub(crate) fn message(self, tag: u32, octets: &[u8]) -> Self {
        self.attribute(MESSAGE, tag, octets)
    }

    pub(crate) fn attachment(self, tag: u32, octets: &[u8]) -> Self {
        self.attribute(ATTACHMENT, tag, octets)
    }

    /// A file with a short name, data, and properties.
    pub(crate) fn file(self, title: &[u8], data: &[u8], properties: &[Vec<u8>]) -> Self {
        let file = self.attachment(BEGIN, &rendering(1)).attachment(TITLE, title).attachment(DATA, data);
        file.attachment(ATTACHMENT_PROPERTIES, &list(properties))
    }
}

/// `attAttachRendData` of a type: 1 a file, 2 an OLE object.
pub(crate) fn rendering(kind: u8) -> Vec<u8> {
    let mut octets = vec![0; 14];
    octets[0] = kind;
    octets
}

/// A list of properties.
pub(crate) fn list(properties: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(properties.len()).unwrap().to_le_bytes();
    [count.to_vec(), properties.concat()].concat()
}

/// A property of a type with a length: tag, one value.
pub(crate) fn counted(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut octets = [tag.to_le_bytes(), 1_u32.to_le_bytes()].concat();
    octets.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
    octets.extend(value);
    octets.resize(octets.len().next_multiple_of(4), 0);
    octets
}

/// A property of a type of fixed size.
pub(crate) fn fixed(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut octets = [&tag.to_le_bytes(), value].concat();
    octets.resize(octets.len().next_multiple_of(4), 0);
    octets
}

/// A named property, by text, with a text.
pub(crate) fn named(tag: u32, name: &[u8], value: &[u8]) -> Vec<u8> {
    let property = counted(tag, value);
    let mut octets = [&property[..4], &[7; 16], &1_u32.to_le_bytes()].concat();
    octets.extend(u32::try_from(name.len()).unwrap().to_le_bytes());
    octets.extend(name);
    octets.resize(octets.len().next_multiple_of(4), 0);
    octets.extend(&property[4..]);
    octets
}
