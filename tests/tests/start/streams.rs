//! Standard streams that are closed in the parent: nothing of the runtime lands on their numbers,
//! and children have streams of their own.

use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use procession::{Input, Output, process};
use procession_tests::{BOTH, alone, descriptors, value_of};

#[process]
fn sum(bytes: Vec<u8>) -> (u64, Vec<u8>) {
    println!("printed by {}", procession::current().name());
    eprintln!("complained by {}", procession::current().name());
    (bytes.iter().map(|&byte| u64::from(byte)).sum(), bytes)
}

#[process]
fn standard_streams() -> Vec<String> {
    let own = descriptors(std::process::id());
    let target = |number| own.get(&number).map_or(String::new(), |to| to.display().to_string());
    (0..3).map(target).collect()
}

/// Does something while standard streams are closed, and opens them again for what is to be said
/// about it.
fn without(streams: &[i32], work: impl FnOnce()) {
    let duplicate = |stream: &dyn AsFd| stream.as_fd().try_clone_to_owned().unwrap();
    let kept: [OwnedFd; 3] = [
        duplicate(&std::io::stdin()),
        duplicate(&std::io::stdout()),
        duplicate(&std::io::stderr()),
    ];
    for &number in streams {
        // SAFETY: nothing owns these numbers: the standard library's handles never close them.
        unsafe { libc::close(number) };
    }
    let message = std::sync::Mutex::new(String::new());
    let message: &'static std::sync::Mutex<String> = Box::leak(Box::new(message));
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| message.lock().unwrap().push_str(&info.to_string())));
    let worked = catch_unwind(AssertUnwindSafe(work));
    std::panic::set_hook(before);
    for (number, kept) in (0..3).zip(&kept) {
        use std::os::fd::AsRawFd;
        // SAFETY: both descriptors are open, or the first number is free.
        unsafe { libc::dup2(kept.as_raw_fd(), number) };
    }
    let said = message.lock().unwrap().clone();
    eprintln!("{said}");
    if let Err(panic) = worked {
        resume_unwind(panic);
    }
    assert_eq!(said, "", "something panicked where nobody saw it");
}

#[test]
fn processes_start_whichever_standard_streams_are_closed() {
    alone!({
        for closed in [&[0][..], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]] {
            without(closed, || {
                for over in BOTH {
                    for size in [10, 300_000] {
                        let child = over.builder::<sum>().spawn(vec![3; size]).unwrap();
                        let (sum, back) = value_of(child).unwrap();
                        assert_eq!((sum, back), (3 * size as u64, vec![3; size]), "{closed:?}");
                    }
                }
                let open = descriptors(std::process::id());
                for &number in closed {
                    assert_eq!(open.get(&u32::try_from(number).unwrap()), None, "{closed:?}");
                }
            });
        }
    });
}

/// The region of the arguments got the number of a closed stream, and what children printed was
/// written into it.
#[test]
fn what_is_printed_where_streams_are_closed_spoils_no_message() {
    alone!({
        without(&[0, 1, 2], || {
            for over in BOTH {
                let start = || over.builder::<sum>().spawn(vec![3; 300_000]).unwrap();
                let children: Vec<_> = (0..6).map(|_| start()).collect();
                for child in children {
                    print!("{}", "x".repeat(100_000));
                    let (sum, back) = value_of(child).unwrap();
                    assert_eq!((sum, back.len()), (900_000, 300_000), "{over:?}");
                }
            }
        });
    });
}

#[test]
fn a_child_never_gets_a_descriptor_of_the_runtime_as_a_standard_stream() {
    alone!({
        without(&[0, 1, 2], || {
            let sound = |to: &String| to.is_empty() || to == "/dev/null";
            for _ in 0..3 {
                // With something large on its way, whose region needs a descriptor.
                let busy = sum::builder().stdout(Output::Null).spawn(vec![3; 300_000]).unwrap();
                let inherits = standard_streams::builder().stdin(Input::Inherit);
                let inherits = inherits.stdout(Output::Inherit).stderr(Output::Inherit);
                let streams = value_of(inherits.spawn(()).unwrap()).unwrap();
                assert!(streams.iter().all(sound), "{streams:?}");
                value_of(busy).unwrap();
            }
        });
    });
}
