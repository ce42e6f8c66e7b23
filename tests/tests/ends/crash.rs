//! What C code does: faults, overflows, aborts.

use procession::{ExitReason, JoinError, Output, process};
use procession_tests::{BOTH, failure_of};

#[process]
fn fault(kind: String) -> u64 {
    match kind.as_str() {
        "null" => read_nothing(),
        "null in a thread" => std::thread::spawn(read_nothing).join().unwrap(),
        "abort" => std::process::abort(),
        "overflow" => overflow(1),
        "overflow in a thread" => {
            let thread = std::thread::Builder::new().name("deep".into());
            thread.spawn(|| overflow(1)).unwrap().join().unwrap()
        }
        "overflow by large frames" => overflow_in_large_steps(1),
        "double free" => {
            let raw = Box::into_raw(Box::new(1_u64));
            // SAFETY: none, as above.
            drop(unsafe { Box::from_raw(raw) });
            // SAFETY: none, as above.
            drop(unsafe { Box::from_raw(raw) });
            std::process::abort()
        }
        "illegal" => {
            // SAFETY: the call touches no memory.
            unsafe { libc::raise(libc::SIGILL) };
            0
        }
        "sent by hand" => {
            // SAFETY: as above.
            unsafe { libc::raise(libc::SIGSEGV) };
            0
        }
        _ => 0,
    }
}

fn read_nothing() -> u64 {
    let nothing = std::hint::black_box(std::ptr::null::<u64>());
    // SAFETY: none. It is what is tested.
    unsafe { nothing.read_volatile() }
}

#[expect(unconditional_recursion, reason = "it is what is tested")]
fn overflow(n: u64) -> u64 {
    let kept = std::hint::black_box([n; 64]);
    overflow(n + 1) + kept[0]
}

#[expect(unconditional_recursion, reason = "it is what is tested")]
fn overflow_in_large_steps(n: u64) -> u64 {
    let kept = std::hint::black_box([n; 12 * 1024]);
    overflow_in_large_steps(n + 1) + kept[0]
}

fn crash(over: procession_tests::Over, kind: &str) -> JoinError {
    let builder = over.builder::<fault>().stderr(Output::Captured);
    failure_of(builder.spawn(kind.to_owned()).unwrap())
}

fn signal_of(error: &JoinError) -> &str {
    match error.reason() {
        ExitReason::Signaled { signal, .. } => signal.name().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_fault_is_told_as_its_signal() {
    for over in BOTH {
        assert_eq!(signal_of(&crash(over, "null")), "SIGSEGV");
        assert_eq!(signal_of(&crash(over, "abort")), "SIGABRT");
        assert_eq!(signal_of(&crash(over, "double free")), "SIGABRT");
        assert_eq!(signal_of(&crash(over, "illegal")), "SIGILL");
    }
}

/// A handler that waits for the fault to happen again waits in vain for one that nobody made.
#[test]
fn a_fault_that_was_only_sent_is_told_as_its_signal() {
    for over in BOTH {
        assert_eq!(signal_of(&crash(over, "sent by hand")), "SIGSEGV");
    }
}

#[test]
fn the_last_words_of_the_c_library_are_in_the_error() {
    for over in BOTH {
        let error = crash(over, "double free");
        assert!(error.to_string().contains("double free"), "{error}");
    }
}

#[test]
fn a_stack_overflow_says_so() {
    for over in BOTH {
        for kind in ["overflow", "overflow by large frames"] {
            let error = crash(over, kind);
            assert!(["SIGSEGV", "SIGABRT", "SIGBUS"].contains(&signal_of(&error)), "{error}");
            assert!(error.stderr().contains("overflowed its stack"), "{kind}: {error}");
            assert!(error.stderr().contains("`fault`"), "{kind}: {error}");
        }
    }
}

#[test]
fn a_stack_overflow_in_a_side_thread_is_hinted_at() {
    for over in BOTH {
        let error = crash(over, "overflow in a thread");
        assert!(["SIGSEGV", "SIGABRT", "SIGBUS"].contains(&signal_of(&error)), "{error}");
        let text = error.to_string();
        assert!(text.contains("maybe a stack overflow in a thread other than `main`"), "{text}");
    }
}

/// Where it is known what happened there is no need to guess.
#[test]
fn any_other_fault_says_where_it_was_or_who_made_it() {
    for over in BOTH {
        for kind in ["null", "null in a thread"] {
            let text = crash(over, kind).to_string();
            assert!(text.contains("process `fault` may not touch address 0x0: SIGSEGV"), "{text}");
            assert!(!text.contains("overflow"), "{text}");
        }
        let error = crash(over, "sent by hand");
        let text = error.to_string();
        let sent = format!("process `fault` was sent SIGSEGV by process {}", error.pid());
        assert!(text.contains(&sent) && !text.contains("overflow"), "{text}");
    }
}
