//! A process on the way that is stopped: who does not need it goes on, and nothing that was said is lost.

use std::path::{Path, PathBuf};
use std::time::Duration;

use procession::{Address, process};
use procession_tests::{LIMIT, Place, eventually, soon, state_of};

use crate::cast::{BOTH, Carrier, Heard, Note, Stopped, ask, keeps};

/// More than the sockets on the way hold, and no more than there is credit for.
const LARGE: usize = 1 << 20;

fn wait_for(file: &Path) -> String {
    eventually(LIMIT, || file.exists());
    std::fs::read_to_string(file).unwrap()
}

/// Leaves a text where all of it is there at once.
fn leave(place: &Path, name: &str, text: &str) {
    std::fs::write(place.join("unfinished"), text).unwrap();
    std::fs::rename(place.join("unfinished"), place.join(name)).unwrap();
}

fn note(n: u64, size: usize) -> Note {
    Note::Number { from: 1, n, load: vec![n as u8; size] }
}

/// Has a family below it of which it knows nothing more.
#[process]
fn grandparent(over: Carrier, far: Address<Note>, place: PathBuf) {
    let below = over.plain().builder::<parent>();
    below.spawn((over, far, place, std::process::id())).unwrap().join().unwrap();
}

#[process]
fn parent(over: Carrier, far: Address<Note>, place: PathBuf, above: u32) {
    let near = over.keeper();
    let child = over.plain().builder::<child>();
    child.spawn((far, near.address(), place, above)).unwrap().join().unwrap();
}

/// Tells somebody behind the grandparent, and then asks its sibling.
#[process]
fn child(far: Address<Note>, near: Address<Note>, place: PathBuf, above: u32) {
    far.tell(note(1, 1)).unwrap();
    leave(&place, "begun", "");
    eventually(LIMIT, || state_of(above) == Some('T'));
    far.tell(note(2, LARGE)).unwrap();
    let answers = [10, 11, 12].map(|_| ask(&near, LIMIT / 3) == Heard::Answer(42));
    leave(&place, "asked", &format!("{answers:?}"));
}

#[test]
fn a_stopped_grandparent_freezes_nobody_who_does_not_need_it() {
    for carrier in BOTH {
        let (far, place) = (carrier.keeper(), Place::new());
        let above = carrier.plain().builder::<grandparent>();
        let above = above.spawn((carrier, far.address(), place.path().to_owned())).unwrap();
        wait_for(&place.path().join("begun"));

        let stopped = Stopped::new(above.pid());
        assert_eq!(wait_for(&place.path().join("asked")), "[true, true, true]", "{carrier:?}");

        drop(stopped);
        above.join().unwrap();
        keeps(&far.address(), 2);
    }
}

#[process]
fn host(over: Carrier, far: Address<Note>, place: PathBuf) {
    let guest = over.plain().builder::<guest>();
    guest.spawn((far, place, std::process::id())).unwrap().join().unwrap();
}

#[process]
fn guest(far: Address<Note>, place: PathBuf, above: u32) {
    far.tell(note(1, 1)).unwrap();
    leave(&place, "begun", "");
    eventually(LIMIT, || state_of(above) == Some('T'));
    far.tell(note(2, LARGE)).unwrap();
    leave(&place, "told", &std::process::id().to_string());
}

/// What was left of it went with the process, and nobody heard of that.
#[test]
fn who_returns_while_its_parent_is_stopped_has_said_what_it_said() {
    for carrier in BOTH {
        let (far, place) = (carrier.keeper(), Place::new());
        let above = carrier.plain().builder::<host>();
        let above = above.spawn((carrier, far.address(), place.path().to_owned())).unwrap();
        wait_for(&place.path().join("begun"));

        let stopped = Stopped::new(above.pid());
        let guest: u32 = wait_for(&place.path().join("told")).parse().unwrap();
        let left = soon(Duration::from_millis(500), || state_of(guest) == Some('Z'));

        drop(stopped);
        above.join().unwrap();
        assert!(!left, "{carrier:?}");
        keeps(&far.address(), 2);
    }
}
