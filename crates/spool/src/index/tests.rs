use super::*;

fn entry(id: u64, place: (u32, u32), first: u32) -> Entry {
    let place = Place { generation: place.0, offset: place.1 };
    Entry::new(id, id, Extent { place, first, octets: 80 }, History::NEW)
}

/// Entries 1 to `count`, all fresh in segment 1.
fn index(count: u64) -> Index {
    let mut index = Index::default();
    for id in 1..=count {
        index.insert(id, entry(id, (1, 512), 1), Origin::New);
    }
    index
}

#[test]
fn an_entry_costs_what_the_page_says() {
    assert_eq!(size_of::<Entry>(), 32);
}

#[test]
fn what_is_due_comes_oldest_first() {
    let mut index = index(5);
    assert_eq!(index.take(2, 0), [1, 2]);
    index.defer(1, 50, Place::default());
    index.give_back(2);
    assert_eq!(index.next_due(), Some(0));
    assert_eq!(index.take(2, 0), [2, 3], "given back comes before fresh");
    assert_eq!(index.take(9, 49), [4, 5]);
    assert_eq!(index.take(9, 49), [0; 0]);
    assert_eq!((index.next_due(), index.take(9, 50)), (Some(50), vec![1]));
    assert_eq!(index.find(1).map(|entry| (entry.attempts, entry.failures)), Some((2, 1)));
}

#[test]
fn what_comes_late_is_not_passed_over() {
    let mut index = index(2);
    assert_eq!(index.take(1, 0), [1]);
    index.defer(1, 0, Place::default());
    index.insert(9, entry(9, (1, 600), 1), Origin::New);
    assert_eq!(index.take(1, 0), [1]);
    assert_eq!(index.take(1, 0), [2]);
    assert_eq!(index.take(5, 0), [9]);
}

#[test]
fn suspects_come_alone_after_all_that_was_there() {
    let mut index = index(4);
    index.take(2, 0);
    index.interrupt(1);
    index.interrupt(2);
    index.begin_life(5);
    assert_eq!(index.take(9, 0), [3, 4]);
    assert_eq!(index.take(9, 0), [1]);
    // What comes in takes turns with them.
    index.insert(5, entry(5, (1, 600), 1), Origin::New);
    index.insert(6, entry(6, (1, 700), 1), Origin::New);
    assert_eq!(index.take(1, 0), [5]);
    assert_eq!(index.take(1, 0), [2]);
    assert_eq!(index.take(1, 0), [6]);
    assert_eq!(index.find(2).map(|entry| (entry.failures, entry.interrupted)), Some((0, 1)));
    index.give_back(2);
    assert_eq!(index.take(9, 0), [2], "given back it is still a suspect");
}

#[test]
fn the_census_follows_every_change() {
    let mut index = index(4);
    index.take(4, 0);
    index.set_aside(1, Place::default());
    index.defer(2, 9, Place::default());
    index.remove(3);
    let doubtful = Entry::new(7, 0, Extent { place: Place::default(), first: 0, octets: 8 }, History::NEW);
    index.insert(7, doubtful, Origin::New);
    let expected = Census { in_spool: 2, set_aside: 1, in_doubt: 1, leased: 1, octets: 3 * 80 + 8 };
    assert_eq!(index.census(), expected);
    for id in [1, 2, 4, 7] {
        index.remove(id);
    }
    assert_eq!(index.census(), Census::default());
    assert!(index.reasons.is_empty() && index.queue.is_empty() && index.suspects.is_empty());
}

#[test]
fn a_segment_is_held_by_what_has_a_part_in_it() {
    let mut index = index(3);
    index.insert(4, entry(4, (2, 512), 1), Origin::New);
    index.insert(5, entry(5, (2, 600), 2), Origin::New);
    assert_eq!(index.held_in(1, 9), [1, 2, 3, 4]);
    assert_eq!(index.held_in(1, 2), [1, 2]);
    index.remove(2);
    let moved = Place { generation: 3, offset: 512 };
    index.relocate(1, Extent { place: moved, first: 3, octets: 160 });
    assert_eq!(index.held_in(1, 9), [3, 4]);
    index.relocate(4, Extent { place: moved, first: 2, octets: 80 });
    index.remove(3);
    assert!(!index.holds(1) && index.holds(2) && index.holds(3));
    assert_eq!(index.held_in(2, 9), [4, 5]);
    assert_eq!(index.held_in(3, 9), [1]);
    assert_eq!(index.census().octets, 160 + 80 + 80);
}

#[test]
fn a_reason_moves_with_its_entry() {
    let mut index = index(1);
    index.take(1, 0);
    let said = Place { generation: 2, offset: 900 };
    index.set_aside(1, said);
    assert_eq!(index.reason(1), Some(said));
    let moved = Place { generation: 3, offset: 512 };
    index.relocate(1, Extent { place: moved, first: 3, octets: 80 });
    assert_eq!(index.reason(1), Some(moved));
}
