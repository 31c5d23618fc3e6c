//! What a disk must do, real or simulated, and what the simulated one does to those who trust it too far.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::ErrorKind;
use std::path::Path;

use sensor_spool::disk::{Access, Disk, Faults, RealDisk, SimDisk, read_full};

fn path(text: &str) -> &Path {
    Path::new(text)
}

fn content(disk: &dyn Disk, name: &str) -> Vec<u8> {
    let file = disk.open(path(name), Access::Read).unwrap();
    let mut octets = vec![0; usize::try_from(file.octets().unwrap()).unwrap()];
    assert_eq!(read_full(&*file, &mut octets, 0).unwrap(), octets.len());
    octets
}

fn put(disk: &dyn Disk, name: &str, octets: &[u8]) {
    let file = disk.create(path(name)).unwrap();
    file.write_at(octets, 0).unwrap();
    file.sync_data().unwrap();
}

/// What both disks must do.
fn check_conformance(disk: &dyn Disk) {
    disk.make_dir_all(path("a/b")).unwrap();
    disk.make_dir_all(path("a/b")).unwrap();
    put(disk, "a/b/one", b"octets");
    assert_eq!(disk.create(path("a/b/one")).err().map(|e| e.kind()), Some(ErrorKind::AlreadyExists));
    assert_eq!(disk.open(path("a/none"), Access::Read).err().map(|e| e.kind()), Some(ErrorKind::NotFound));
    assert!(disk.create(path("none/x")).is_err(), "directories are made, not guessed");

    let file = disk.open(path("a/b/one"), Access::ReadWrite).unwrap();
    file.write_at(b"!", 8).unwrap();
    file.prefetch();
    assert_eq!(content(disk, "a/b/one"), b"octets\0\0!");
    file.set_octets(3).unwrap();
    assert_eq!(content(disk, "a/b/one"), b"oct");
    assert_eq!(file.read_at(&mut [0; 4], 3).unwrap(), 0, "nothing behind the end");
    let read_only = disk.open(path("a/b/one"), Access::Read).unwrap();
    assert!(read_only.write_at(b"x", 0).is_err());

    put(disk, "two", b"2");
    disk.rename(path("two"), path("a/b/one")).unwrap();
    assert_eq!(content(disk, "a/b/one"), b"2");
    assert_eq!(content_of(&*file), b"oct", "whoever has it open reads on");
    assert_eq!(disk.list(path("")).unwrap(), ["a"]);
    disk.sync_dir(path("a/b")).unwrap();
    disk.remove(path("a/b/one")).unwrap();
    assert_eq!(disk.remove(path("a/b/one")).err().map(|e| e.kind()), Some(ErrorKind::NotFound));
    assert_eq!(disk.list(path("a/b")).unwrap(), [""; 0]);
    disk.sync_file_system().unwrap();

    let lock = disk.lock(path("lock")).unwrap();
    assert_eq!(disk.lock(path("lock")).err().map(|e| e.kind()), Some(ErrorKind::WouldBlock));
    drop(lock);
    disk.lock(path("lock")).unwrap();
    assert!(disk.space().unwrap().octets > 0);
}

fn content_of(file: &dyn sensor_spool::disk::File) -> Vec<u8> {
    let mut octets = vec![0; 16];
    let read = read_full(file, &mut octets, 0).unwrap();
    octets.truncate(read);
    octets
}

#[test]
fn both_disks_conform() {
    let directory = tempfile::tempdir().unwrap();
    check_conformance(&RealDisk::new(directory.path()).unwrap());
    check_conformance(&SimDisk::new(1));
}

#[test]
fn what_was_synced_survives_and_the_rest_is_a_matter_of_chance() {
    let mut outcomes = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let disk = SimDisk::new(seed);
        put(&disk, "kept", &[1; 1024]);
        disk.sync_dir(path("")).unwrap();
        let file = disk.open(path("kept"), Access::ReadWrite).unwrap();
        file.write_at(&[2; 1024], 0).unwrap();
        put(&disk, "nameless", b"synced, but its name is not");
        disk.crash();
        assert!(file.read_at(&mut [0], 0).is_err(), "opened before the crash");
        let octets = content(&disk, "kept");
        outcomes.insert((octets[0], octets[512], disk.list(path("")).unwrap().len()));
        assert!(octets[..512].iter().all(|&o| o == octets[0]), "sectors are whole");
    }
    // Each sector old or new, the name there or not.
    assert_eq!(outcomes.len(), 8, "{outcomes:?}");
}

#[test]
fn a_failed_sync_loses_what_reads_still_show() {
    let lost = (0..100).filter(|&seed| {
        let disk = SimDisk::new(seed);
        put(&disk, "file", &[1; 512]);
        disk.sync_dir(path("")).unwrap();
        let file = disk.open(path("file"), Access::ReadWrite).unwrap();
        file.write_at(&[2; 512], 0).unwrap();
        disk.set_faults(Faults { sync: 1, ..Faults::default() });
        assert!(file.sync_data().is_err());
        disk.set_faults(Faults::default());
        file.sync_data().unwrap();
        assert_eq!(content(&disk, "file")[0], 2);
        disk.crash();
        content(&disk, "file")[0] == 1
    });
    assert!((20..80).contains(&lost.count()), "a later sync does not bring it back");
}

#[test]
fn a_full_disk_refuses_and_a_removed_file_makes_room() {
    let disk = SimDisk::new(3);
    disk.set_capacity(1000);
    put(&disk, "a", &[0; 900]);
    let file = disk.create(path("b")).unwrap();
    assert_eq!(file.write_at(&[0; 200], 0).err().map(|e| e.kind()), Some(ErrorKind::StorageFull));
    disk.open(path("a"), Access::ReadWrite).unwrap().write_at(&[1; 900], 0).unwrap();
    disk.remove(path("a")).unwrap();
    file.write_at(&[0; 200], 0).unwrap();
    assert_eq!(disk.space().unwrap().octets, 800);
}

#[test]
fn without_power_nothing_works_until_the_crash() {
    let disk = SimDisk::new(4);
    let file = disk.create(path("a")).unwrap();
    disk.cut_power_after(2);
    file.write_at(b"1", 0).unwrap();
    assert!(file.write_at(b"2", 1).is_err() && disk.is_dark());
    assert!(file.read_at(&mut [0], 0).is_err() && disk.space().is_err());
    disk.crash();
    assert!(disk.space().is_ok());
}
