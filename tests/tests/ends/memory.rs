//! A bound on memory, and what is told of a process that went beyond it.

use procession::{ExitReason, Output, SpawnError, process};
use procession_tests::{BOTH, Over, alone, failure_of, value_of};

#[process]
fn take(megabytes: usize) -> usize {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for _ in 0..megabytes {
        all.push(std::hint::black_box(vec![1; 1 << 20]));
    }
    all.iter().map(Vec::len).sum::<usize>() >> 20
}

#[process]
fn refuse_gently(megabytes: usize) -> bool {
    Vec::<u8>::new().try_reserve(megabytes << 20).is_err()
}

const LIMIT_OF_MEMORY: u64 = 100 << 20;

fn peak_of(over: Over, output: Output) -> Option<u64> {
    let builder = over.builder::<take>().memory_limit(LIMIT_OF_MEMORY).stderr(output);
    let error = failure_of(builder.spawn(200).unwrap());
    assert!(error.to_string().contains("out of memory"), "{error}");
    match error.reason() {
        ExitReason::OutOfMemory { peak } => *peak,
        other => panic!("{over:?}: {other:?}"),
    }
}

#[test]
fn a_process_that_takes_more_than_its_limit_ran_out_of_memory() {
    // In a program of its own, which has less resident than the process has.
    alone!({
        for over in BOTH {
            for output in [Output::Captured, Output::Lines] {
                let peak = peak_of(over, output);
                assert!(peak.is_some_and(|peak| peak < 2 * LIMIT_OF_MEMORY), "{peak:?}");
            }
        }
    });
}

/// The system counts a process's peak from what its parent had resident when it began: that was told.
#[test]
fn what_a_program_has_resident_is_not_told_as_the_peak_of_its_process() {
    alone!({
        let much = std::hint::black_box(vec![1_u8; 300 << 20]);
        assert_eq!(peak_of(Over::Usual, Output::Captured), None);
        drop(much);
    });
}

#[test]
fn a_process_that_stays_below_its_limit_is_left_alone() {
    for over in BOTH {
        let child = over.builder::<take>().memory_limit(LIMIT_OF_MEMORY).spawn(50).unwrap();
        assert_eq!(value_of(child).unwrap(), 50);
    }
}

#[test]
fn an_allocation_that_may_fail_fails_and_is_not_the_end() {
    let child = refuse_gently::builder().memory_limit(LIMIT_OF_MEMORY).spawn(200).unwrap();
    assert!(value_of(child).unwrap());
}

#[test]
fn a_limit_that_is_no_limit_does_no_harm_and_one_of_nothing_is_a_typed_end() {
    let most = take::builder().memory_limit(u64::MAX).spawn(10).unwrap();
    assert_eq!(value_of(most).unwrap(), 10);
    for bytes in [0, 1, 4096, 1 << 20] {
        for over in BOTH {
            let child = over.builder::<take>().memory_limit(bytes).spawn(10).unwrap();
            let error = value_of(child).expect_err(&format!("{over:?} within {bytes} bytes"));
            let told = matches!(
                error.reason(),
                ExitReason::OutOfMemory { .. }
                    | ExitReason::StartFailed(_)
                    | ExitReason::Signaled { .. }
                    | ExitReason::Panicked(_)
            );
            assert!(told, "{over:?}, {bytes}: {error}");
        }
    }
}

#[process]
fn large(megabytes: usize) -> Vec<u8> {
    vec![1; megabytes << 20]
}

#[test]
fn a_result_that_does_not_fit_beside_itself_is_a_typed_end() {
    for over in BOTH {
        let child = over.builder::<large>().memory_limit(LIMIT_OF_MEMORY).spawn(90).unwrap();
        match value_of(child) {
            // It was sent without a copy.
            Ok(value) => assert_eq!(value.len(), 90 << 20),
            Err(error) => assert!(
                matches!(
                    error.reason(),
                    ExitReason::OutOfMemory { .. } | ExitReason::Undeliverable(_)
                ),
                "{over:?}: {error}"
            ),
        }
    }
}

/// The parent's own memory may be what is short: then that is an error, and not its end.
#[test]
fn a_parent_short_of_address_space_is_told_so() {
    alone!({
        let first = value_of(large::spawn(1).unwrap()).unwrap();
        let status = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = status.split(' ').next().unwrap().parse().unwrap();
        let most = pages * 4096 + (64 << 20);
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: the pointer is to a local variable of the right type.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);

        let child = match large::spawn(200) {
            Ok(child) => child,
            Err(error) => {
                assert!(matches!(error, SpawnError::System { .. }), "{error}");
                assert!(error.to_string().contains("shared memory"), "{error}");
                return;
            }
        };
        let error = failure_of(child);
        let told = !matches!(error.reason(), ExitReason::Lost(_));
        assert!(told, "{error}");
        drop(first);
    });
}
