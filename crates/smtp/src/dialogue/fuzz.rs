//! What must hold for any input: the bodies of fuzz targets.

use super::driver::Driver;
use super::run::{Cuts, Knife};
use super::{Kept, Scene};
use crate::CloseReason;

/// What a session came to.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    heard: Vec<u8>,
    kept: Vec<Kept>,
    end: Option<CloseReason>,
}

/// Asserts that `input` gives the same replies, messages and end however it is cut; that events come in
/// an order that makes sense; and that nothing piles up. Some limits are low, so that they are met.
///
/// # Panics
/// When that does not hold.
pub fn check_session(input: &[u8]) {
    let scene = scene();
    let whole = outcome(&scene, input, Cuts::Whole);
    assert_eq!(whole, outcome(&scene, input, Cuts::Octets), "by octets");
    for seed in 0..3 {
        assert_eq!(whole, outcome(&scene, input, Cuts::Random(seed)), "cut by seed {seed}");
    }
}

/// Asserts that nothing is run between STARTTLS and the handshake, however `input` is cut.
///
/// # Panics
/// When that does not hold.
pub fn check_starttls(input: &[u8]) {
    let mut scene = scene();
    scene.set("starttls", "offered").expect("a setting of dialogues");
    for cuts in [Cuts::Whole, Cuts::Octets, Cuts::Random(0), Cuts::Random(1)] {
        outcome(&scene, input, cuts);
    }
}

fn outcome(scene: &Scene, input: &[u8], cuts: Cuts) -> Outcome {
    let mut driver = Driver::new(scene);
    driver.greet();
    for piece in Knife(cuts).pieces(input) {
        driver.feed(piece);
    }
    Outcome { heard: driver.heard(), kept: std::mem::take(&mut driver.kept), end: driver.end }
}

fn scene() -> Scene {
    let mut scene = Scene::default();
    for (key, value) in [
        ("size", "300"),
        ("recipients-max", "3"),
        ("messages-max", "5"),
        ("drain-octets-max", "400"),
        ("xclient", "permitted"),
        ("xforward", "permitted"),
    ] {
        scene.set(key, value).expect("a setting of dialogues");
    }
    scene
        .refuse(&["address", "192.0.2.9", "clients[1]"], sensor_mail::Admission::Refuse)
        .expect("a refusal of dialogues");
    scene
        .refuse(&["recipient", "refused.example", "destination_domains[1]"], sensor_mail::Admission::Refuse)
        .expect("a refusal of dialogues");
    scene
}
