//! Sizes around every boundary that a carrier has, and far beyond.

use procession::{ExitReason, Output, process};
use procession_tests::{BOTH, LIMIT, end_of, eventually, value_of, within};

#[process]
fn echo(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

#[process]
fn make(size: usize) -> Vec<u8> {
    pattern(size)
}

/// Bytes of which each block says where it belongs, so that a misplaced one shows.
fn pattern(size: usize) -> Vec<u8> {
    let mut block: Vec<u8> = (0..4_093_u32).map(|at| (at * 31 / 7 + at) as u8).collect();
    let mut bytes = Vec::with_capacity(size + block.len());
    while bytes.len() < size {
        block[..8].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&block);
    }
    bytes.truncate(size);
    bytes
}

fn assert_crosses(over: procession_tests::Over, size: usize) {
    let bytes = pattern(size);
    let child = over.builder::<echo>().spawn(bytes.clone()).unwrap();
    let back = value_of(child).unwrap();
    // Not `assert_eq`: nobody wants to read that many bytes.
    assert!(back == bytes, "{over:?}: {size} bytes came back as {} others", back.len());
}

#[test]
fn small_values_cross_both_ways() {
    for over in BOTH {
        for size in [0, 1, 2, 7, 8, 9, 63, 64, 65, 1_000, 4_095, 4_096, 4_097] {
            assert_crosses(over, size);
        }
    }
}

/// A quarter of the ring is the most that goes through it: 4 KiB to the parent, 8 KiB to the
/// child. What is larger lies in a region of its own.
#[test]
fn values_around_a_quarter_of_a_ring_cross_both_ways() {
    for quarter in [4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10] {
        for less in [0, 1, 7, 8, 9, 15, 16, 17, 24, 32] {
            for over in BOTH {
                assert_crosses(over, quarter - less);
            }
        }
    }
}

#[test]
fn values_around_the_length_of_a_frame_cross_both_ways() {
    for frame in [60 << 10, 120 << 10, 180 << 10] {
        for less in [0, 1, 2, 8, 12, 13, 14, 15, 20, 21, 22, 23] {
            for over in BOTH {
                assert_crosses(over, frame - less);
            }
        }
    }
}

#[test]
fn values_around_the_size_of_a_region_cross_both_ways() {
    for power in [17, 18, 20] {
        for size in [(1 << power) - 8, (1 << power) - 1, 1 << power, (1 << power) + 1] {
            for over in BOTH {
                assert_crosses(over, size);
            }
        }
    }
}

#[test]
fn two_hundred_megabytes_cross_both_ways() {
    for over in BOTH {
        assert_crosses(over, 200 << 20);
    }
}

#[test]
fn a_large_result_that_nobody_joins_does_not_keep_the_process() {
    for over in BOTH {
        let child = over.builder::<make>().spawn(200 << 20).unwrap();
        let pid = child.pid();
        assert_eq!(end_of(&child), ExitReason::Finished, "{over:?}");
        assert!(!child.is_alive());
        assert_eq!(child.exit_reason(), Some(ExitReason::Finished));
        eventually(LIMIT, || procession_tests::state_of(pid).is_none());
        drop(child);
    }
}

#[test]
fn a_value_is_still_there_long_after_the_end() {
    let children: Vec<_> = (0..5)
        .flat_map(|n| BOTH.map(|over| over.builder::<make>().spawn(n * 100_000).unwrap()))
        .collect();
    children.iter().for_each(|child| drop(end_of(child)));
    for (n, child) in children.into_iter().enumerate() {
        assert!(child.join().unwrap() == pattern(n / 2 * 100_000));
    }
}

#[process]
fn never_read(bytes: Vec<u8>) -> usize {
    bytes.len()
}

/// The child is gone while what was sent to it is on its way.
#[test]
fn a_child_that_dies_while_its_arguments_are_sent_is_a_reason_and_no_hang() {
    for over in BOTH {
        for round in 0..6 {
            let child = over.builder::<never_read>().stderr(Output::Captured);
            let child = child.spawn(vec![1; 20 << 20]).unwrap();
            let pid = i32::try_from(child.pid()).unwrap();
            // At a different moment each time.
            let _ = child.wait_timeout(std::time::Duration::from_millis(round));
            // SAFETY: the call touches no memory; the pid is that of a child not reaped yet.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            let reason = within(LIMIT, move || child.wait());
            let told = matches!(
                reason,
                ExitReason::StartFailed(_) | ExitReason::Signaled { .. } | ExitReason::Finished
            );
            assert!(told, "{over:?}: {reason:?}");
        }
    }
}

/// The result is on its way while the child is killed: it arrived in whole or not at all.
#[test]
fn a_child_that_is_killed_while_it_sends_its_result_gives_it_whole_or_not_at_all() {
    for over in BOTH {
        for round in 0..8 {
            let child = over.builder::<make>().spawn(20 << 20).unwrap();
            let time = std::time::Duration::from_millis(10 * round);
            let _ = child.wait_timeout(time);
            child.kill().unwrap();
            match value_of(child) {
                Ok(value) => assert!(value == pattern(20 << 20)),
                Err(error) => assert_eq!(*error.reason(), ExitReason::Killed),
            }
        }
    }
}
