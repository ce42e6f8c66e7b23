//! A child that closes what is not its own, or scribbles over the memory it shares: its parent
//! gets a reason, and neither panics nor hangs.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use procession::{ExitReason, Output, process};
use procession_tests::{BOTH, LIMIT, end_of, eventually, failure_of, value_of, within};

/// What one does who means to become a daemon.
fn close_all_from(first: u32) {
    // SAFETY: none. That descriptors vanish under their owners is what is tested.
    unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
}

#[process]
fn close_everything(first: u32, size: usize) -> Vec<u8> {
    close_all_from(first);
    vec![7; size]
}

#[test]
fn a_child_that_closes_all_its_descriptors_gives_its_value_or_a_reason() {
    for over in BOTH {
        for first in [0, 3] {
            for size in [10, 300_000] {
                let child = over.builder::<close_everything>().spawn((first, size)).unwrap();
                match value_of(child) {
                    Ok(value) => assert_eq!(value, vec![7; size]),
                    Err(error) => assert!(
                        matches!(error.reason(), ExitReason::Exited(113) | ExitReason::Lost(_)),
                        "{over:?}, from {first}, {size} bytes: {error}"
                    ),
                }
            }
        }
    }
}

#[process]
fn close_and_wait_to_be_stopped(_unused: ()) -> u32 {
    close_all_from(3);
    println!("closed");
    procession::stopping().wait();
    7
}

/// The thread that listens finds its socket gone: that was a panic in every such worker.
#[test]
fn a_child_that_has_closed_all_its_descriptors_is_stopped_without_noise() {
    for over in BOTH {
        let child = over.builder::<close_and_wait_to_be_stopped>().spawn(()).unwrap();
        eventually(LIMIT, || child.output_tail().stdout.contains("closed"));

        let reason = child.stop(Duration::from_secs(5)).unwrap();

        // A thread that did not listen yet when all was closed cannot be told, and is ended.
        let ended = [ExitReason::Finished, ExitReason::Exited(113), ExitReason::Stopped];
        assert!(ended.contains(&reason), "{over:?}: {reason:?}");
        let stderr = child.output_tail().stderr;
        assert!(!stderr.contains("panicked"), "{over:?}: {stderr}");
    }
}

#[process]
fn close_and_panic(first: u32) {
    close_all_from(first);
    panic!("with nothing open");
}

#[process]
fn close_and_exit(first: u32, code: i32) {
    close_all_from(first);
    std::process::exit(code);
}

#[test]
fn a_child_that_closes_all_its_descriptors_and_ends_otherwise_says_what_it_can() {
    for over in BOTH {
        for first in [0, 3] {
            let error = failure_of(over.builder::<close_and_exit>().spawn((first, 5)).unwrap());
            assert_eq!(*error.reason(), ExitReason::Exited(5), "{over:?}, from {first}: {error}");
            let error = failure_of(over.builder::<close_and_panic>().spawn(first).unwrap());
            let told =
                matches!(error.reason(), ExitReason::Panicked(_) | ExitReason::Exited(101 | 113));
            assert!(told, "{over:?}, from {first}: {error}");
        }
    }
}

/// The mappings of shared memory in this process.
fn shared_memory() -> Vec<(usize, usize)> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let shared = maps.lines().filter(|line| line.contains("memfd:"));
    shared
        .map(|line| {
            let range = line.split(' ').next().unwrap();
            let (start, end) = range.split_once('-').unwrap();
            let number = |text| usize::from_str_radix(text, 16).unwrap();
            (number(start), number(end) - number(start))
        })
        .collect()
}

/// Noise that is the same for the same seed.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// How a child spoils what it shares with its parent, and what it does then.
#[process]
fn scribble(seed: u64, then: String) -> Vec<u8> {
    let mut noise = Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for (start, len) in shared_memory() {
        let words = start as *mut u64;
        for at in 0..len / 8 {
            let word = match seed % 4 {
                // All ones, small numbers, noise everywhere, noise here and there.
                0 => u64::MAX,
                1 => noise.next() % 64,
                2 => noise.next(),
                _ if noise.next().is_multiple_of(16) => noise.next() % 100_000,
                _ => continue,
            };
            // SAFETY: the address is within a mapping of this process.
            let place = unsafe { words.add(at) };
            // SAFETY: none. That words are changed under their readers is what is tested.
            unsafe { place.write_volatile(word) };
        }
    }
    match then.as_str() {
        "small" => vec![7; 10],
        "large" => vec![7; 300_000],
        "panic" => panic!("after the scribbling"),
        "exit" => std::process::exit(5),
        "abort" => std::process::abort(),
        _ => loop {
            std::thread::park();
        },
    }
}

#[test]
fn a_child_that_scribbles_over_its_lane_gets_a_typed_reason() {
    for seed in 0..24 {
        for then in ["small", "large", "panic", "exit", "abort"] {
            let builder = scribble::builder().stderr(Output::Captured);
            // Its own view of the ring is spoiled too, so it may never get rid of its value.
            let builder = builder.timeout(std::time::Duration::from_secs(3));
            let child = builder.spawn((seed, then.to_owned())).unwrap();
            end_of(&child);

            // Whatever it is, it has a text; and where it is a value, it is a whole one.
            match within(LIMIT, move || child.join()) {
                Ok(value) => assert!(value.len() <= 300_000, "seed {seed}, then {then}"),
                Err(error) => assert!(error.to_string().contains("`scribble`"), "{error}"),
            }
        }
    }
}

#[test]
fn a_child_that_scribbles_and_goes_on_can_be_killed() {
    for seed in 0..8 {
        let child = scribble::spawn(seed, "wait".to_owned()).unwrap();
        let reason = child.stop(std::time::Duration::from_millis(50)).unwrap();
        assert_eq!(reason, ExitReason::Stopped, "seed {seed}");
    }
}

/// Closes what is not its own, opens something of its own in place of it, and prints whether all that
/// was written there is still there.
#[process]
fn opens_its_own(looks_first: bool) {
    if looks_first {
        procession::stopping().is_set();
    }
    close_all_from(3);
    let mut own: Vec<UnixStream> = Vec::new();
    for _ in 0..16 {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        one.write_all(b"mine").unwrap();
        other.write_all(b"mine").unwrap();
        own.extend([one, other]);
    }
    println!("opened");
    let until = Instant::now() + Duration::from_millis(200);
    while Instant::now() < until {
        procession::stopping().wait_timeout(Duration::from_millis(10));
    }
    let kept = own.iter_mut().all(|end| {
        let mut read = [0; 4];
        end.set_nonblocking(true).unwrap();
        end.read_exact(&mut read).is_ok() && read == *b"mine"
    });
    println!("all is there: {kept}");
}

#[test]
fn what_a_child_opens_in_place_of_what_was_not_its_own_is_its_own() {
    for over in BOTH {
        for looks_first in [false, true] {
            let child = over.builder::<opens_its_own>().spawn(looks_first).unwrap();
            let printed = || child.output_tail().stdout;
            eventually(LIMIT, || !printed().is_empty() || !child.is_alive());

            let reason = child.stop(LIMIT).unwrap();

            // Over frames it cannot send its value any more.
            assert!(
                [ExitReason::Finished, ExitReason::Exited(113)].contains(&reason),
                "{reason:?}"
            );
            assert!(
                printed().contains("all is there: true"),
                "{over:?}: looks first: {looks_first}"
            );
        }
    }
}
