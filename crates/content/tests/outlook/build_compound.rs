//! Writes compound files of version 3 (MS-CFB), sound unless told otherwise: directory, FAT of the mini
//! stream, mini stream, large streams, FAT; siblings hang in a row.

pub(crate) enum Node {
    Storage(String, Vec<Node>),
    Stream(String, Vec<u8>),
}

pub(crate) fn storage(name: &str, children: Vec<Node>) -> Node {
    Node::Storage(name.to_owned(), children)
}

pub(crate) fn stream(name: &str, octets: &[u8]) -> Node {
    Node::Stream(name.to_owned(), octets.to_vec())
}

/// A property in a stream of its own.
pub(crate) fn value(tag: u32, octets: &[u8]) -> Node {
    Node::Stream(format!("__substg1.0_{tag:08X}"), octets.to_vec())
}

/// A stream of numbers: 32 octets of head in a file, 24 in a message within, 8 in an attachment.
pub(crate) fn numbers(head: usize, numbers: &[(u32, u32)]) -> Node {
    let mut octets = vec![0; head];
    for (tag, number) in numbers {
        octets.extend(tag.to_le_bytes());
        octets.extend([6, 0, 0, 0]);
        octets.extend(number.to_le_bytes());
        octets.extend([0; 4]);
    }
    stream("__properties_version1.0", &octets)
}

pub(crate) fn attachment(number: u32, mut children: Vec<Node>) -> Node {
    children.push(numbers(8, &[(0x0E21_0003, number)]));
    Node::Storage(format!("__attach_version1.0_#{number:08X}"), children)
}

const SECTOR: usize = 512;
/// Sectors of the FAT that the head lists.
const LISTED: usize = 109;
const END: u32 = 0xFFFF_FFFE;
const NONE: u32 = u32::MAX;

struct Entry {
    name: String,
    kind: u8,
    octets: Vec<u8>,
    next: u32,
    child: u32,
    start: u32,
}

pub(crate) fn file(children: Vec<Node>) -> Vec<u8> {
    let mut entries = vec![entry("Root Entry", 5, &[])];
    entries[0].child = add(&mut entries, children);
    let (mini_stream, mini_fat) = place_small(&mut entries);
    let mut fat = Vec::new();
    let mut body = Vec::new();
    let directory_octets = (entries.len() * 128).next_multiple_of(SECTOR);
    let directory = append(&mut fat, &mut body, &vec![0; directory_octets]);
    let mini_fat_at = append(&mut fat, &mut body, &mini_fat);
    entries[0].start = append(&mut fat, &mut body, &mini_stream);
    entries[0].octets = mini_stream;
    for entry in entries.iter_mut().filter(|entry| entry.kind == 2 && entry.octets.len() >= 4096) {
        entry.start = append(&mut fat, &mut body, &entry.octets);
    }
    let written: Vec<u8> = entries.iter().flat_map(directory_entry).collect();
    body[..written.len()].copy_from_slice(&written);
    let fat_at = fat.len();
    let fat_sectors = (fat.len() + 1..).find(|all| (all - fat_at) * 128 > *all).unwrap() - fat_at;
    fat.extend(vec![0xFFFF_FFFD; fat_sectors]);
    fat.extend((fat_sectors > LISTED).then_some(0xFFFF_FFFC));
    fat.resize(fat_sectors * 128, NONE);
    let mut file = head(directory, mini_fat_at, mini_fat.len() / SECTOR, fat_at, fat_sectors);
    file.extend(body);
    file.extend(fat.iter().flat_map(|link| link.to_le_bytes()));
    file.extend(list(fat_at, fat_sectors));
    file
}

/// Where the link of a sector stands in such a file.
pub(crate) fn link_at(file: &[u8], sector: u32) -> usize {
    let fat = u32::from_le_bytes(file[76..80].try_into().unwrap());
    (fat as usize + 1) * SECTOR + sector as usize * 4
}

/// Where the directory entry of a name stands in such a file.
pub(crate) fn entry_at(file: &[u8], name: &str) -> usize {
    let units: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    (SECTOR..file.len()).step_by(128).find(|at| file[*at..].starts_with(&units)).unwrap()
}

fn entry(name: &str, kind: u8, octets: &[u8]) -> Entry {
    Entry { name: name.to_owned(), kind, octets: octets.to_vec(), next: NONE, child: NONE, start: END }
}

/// Adds siblings, and gives the first.
fn add(entries: &mut Vec<Entry>, children: Vec<Node>) -> u32 {
    let mut next = NONE;
    for node in children.into_iter().rev() {
        let (mut entry, below) = match node {
            Node::Storage(name, below) => (entry(&name, 1, &[]), below),
            Node::Stream(name, octets) => (entry(&name, 2, &octets), Vec::new()),
        };
        entry.next = next;
        next = u32::try_from(entries.len()).unwrap();
        entries.push(entry);
        let child = add(entries, below);
        entries[next as usize].child = child;
    }
    next
}

fn place_small(entries: &mut [Entry]) -> (Vec<u8>, Vec<u8>) {
    let (mut stream, mut links) = (Vec::new(), Vec::new());
    for entry in entries.iter_mut().filter(|entry| (1..4096).contains(&entry.octets.len())) {
        entry.start = chain(&mut links, entry.octets.len().div_ceil(64));
        stream.extend(&entry.octets);
        stream.resize(links.len() * 64, 0);
    }
    let mut fat: Vec<u8> = links.iter().flat_map(|link: &u32| link.to_le_bytes()).collect();
    fat.resize(fat.len().next_multiple_of(SECTOR), 0xFF);
    (stream, fat)
}

fn append(fat: &mut Vec<u32>, body: &mut Vec<u8>, octets: &[u8]) -> u32 {
    let start = chain(fat, octets.len().div_ceil(SECTOR));
    body.extend(octets);
    body.resize(body.len().next_multiple_of(SECTOR), 0);
    start
}

fn chain(links: &mut Vec<u32>, sectors: usize) -> u32 {
    if sectors == 0 {
        return END;
    }
    let start = u32::try_from(links.len()).unwrap();
    links.extend((1..u32::try_from(sectors).unwrap()).map(|sector| start + sector));
    links.push(END);
    start
}

fn directory_entry(entry: &Entry) -> [u8; 128] {
    let mut octets = [0; 128];
    let name: Vec<u8> = entry.name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    octets[..name.len()].copy_from_slice(&name);
    octets[64] = u8::try_from(name.len()).unwrap();
    octets[66] = entry.kind;
    octets[67] = 1;
    octets[68..72].copy_from_slice(&NONE.to_le_bytes());
    octets[72..76].copy_from_slice(&entry.next.to_le_bytes());
    octets[76..80].copy_from_slice(&entry.child.to_le_bytes());
    octets[116..120].copy_from_slice(&entry.start.to_le_bytes());
    octets[120..124].copy_from_slice(&u32::try_from(entry.octets.len()).unwrap().to_le_bytes());
    octets
}

fn head(directory: u32, mini_fat: u32, mini_fat_sectors: usize, fat: usize, fat_sectors: usize) -> Vec<u8> {
    let mut head = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    head.resize(24, 0);
    let halves = [0x3E, 3, 0xFFFE, 9, 6, 0, 0, 0_u16];
    head.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
    let [fat, fat_sectors, mini_fat_sectors] =
        [fat, fat_sectors, mini_fat_sectors].map(|number| u32::try_from(number).unwrap());
    let (list, lists) = if fat_sectors as usize > LISTED { (fat + fat_sectors, 1) } else { (END, 0) };
    let numbers = [0, fat_sectors, directory, 0, 4096, mini_fat, mini_fat_sectors, list, lists];
    head.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    head.extend((fat..fat + fat_sectors).take(LISTED).flat_map(u32::to_le_bytes));
    head.resize(SECTOR, 0xFF);
    head
}

/// The sector that lists what the head has no room for: up to 127 sectors of the FAT, and no further list.
fn list(fat: usize, fat_sectors: usize) -> Vec<u8> {
    if fat_sectors <= LISTED {
        return Vec::new();
    }
    let numbers = (fat + LISTED..fat + fat_sectors).map(|sector| u32::try_from(sector).unwrap());
    let mut list: Vec<u8> = numbers.flat_map(u32::to_le_bytes).collect();
    list.resize(SECTOR - 4, 0xFF);
    list.extend(END.to_le_bytes());
    list
}
