//! A child that writes rubbish to every socket it has. Over frames, which are for children that
//! are not trusted, this is the most they can do.

use std::fs;
use std::time::Duration;

use procession::{ExitReason, Output, process};
use procession_tests::{BOTH, LIMIT, Over, alone, end_of, value_of};

fn own_sockets() -> Vec<i32> {
    let own = procession_tests::descriptors(std::process::id());
    let sockets = own.iter().filter(|(_, to)| to.display().to_string().starts_with("socket:"));
    sockets.map(|(&number, _)| i32::try_from(number).unwrap()).collect()
}

fn write(socket: i32, bytes: &[u8]) {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the pointer and the length are those of a slice.
    unsafe { libc::send(socket, bytes.as_ptr().cast(), bytes.len(), flags) };
}

/// One datagram as ipc-channel writes it: its own length, the length of the whole, the bytes.
fn datagram(own: u64, whole: u64, bytes: &[u8]) -> Vec<u8> {
    [&own.to_le_bytes(), &whole.to_le_bytes(), bytes].concat()
}

#[process]
fn babble(what: String, then: String) -> Vec<u8> {
    let rubbish = match what.as_str() {
        "three bytes" => vec![1, 2, 3],
        "nothing" => vec![],
        "noise" => (0..200_u8).map(|n| n.wrapping_mul(97)).collect(),
        "zeros" => vec![0; 100],
        "a length without bytes" => datagram(16, 1_000, b""),
        "an endless length" => datagram(16, u64::MAX, b""),
        "a terabyte" => datagram(17, 1 << 40, b"x"),
        "a wrong length" => datagram(500, 4, b"four"),
        "a short length" => datagram(3, 4, b"four"),
        // Well formed for ipc-channel, but nothing that a worker sends.
        "an empty frame" => datagram(16, 0, b""),
        "an unknown frame" => datagram(20, 4, b"\x09abc"),
        "a frame of a terabyte" => {
            let frame = [&[1_u8][..], &1_u32.to_le_bytes(), &(1_u64 << 40).to_le_bytes()].concat();
            datagram(16 + frame.len() as u64, frame.len() as u64, &frame)
        }
        other => panic!("{other}"),
    };
    for socket in own_sockets() {
        for _ in 0..3 {
            write(socket, &rubbish);
        }
    }
    match then.as_str() {
        "small" => vec![7; 10],
        "large" => vec![7; 300_000],
        "exit" => std::process::exit(5),
        _ => loop {
            std::thread::park();
        },
    }
}

const WHAT: [&str; 12] = [
    "three bytes",
    "nothing",
    "noise",
    "zeros",
    "a length without bytes",
    "an endless length",
    "a terabyte",
    "a wrong length",
    "a short length",
    "an empty frame",
    "an unknown frame",
    "a frame of a terabyte",
];

/// In a program of its own: a panic of a thread of the runtime shows on its standard error.
#[test]
fn rubbish_in_every_socket_is_a_typed_reason_over_frames() {
    alone!({ assert_all_typed(Over::Frames) });
}

#[test]
fn rubbish_in_every_socket_is_a_typed_reason_over_a_ring() {
    alone!({ assert_all_typed(Over::Usual) });
}

fn assert_all_typed(over: Over) {
    let all = WHAT.iter().flat_map(|what| ["small", "large", "exit"].map(|then| (*what, then)));
    let wrong: Vec<_> = all
        .filter_map(|(what, then)| {
            let builder = over.builder::<babble>().stderr(Output::Captured).timeout(LIMIT / 10);
            let child = builder.spawn((what.to_owned(), then.to_owned())).unwrap();
            let Some(_) = child.wait_timeout(LIMIT / 5) else {
                return Some(format!("{what}, then {then}: it hung"));
            };
            let wrong = |error| format!("{what}, then {then}: {error}");
            child.join().map_or_else(
                |error| (!is_typed(error.reason())).then(|| wrong(error.to_string())),
                |value| value.iter().any(|&byte| byte != 7).then(|| wrong("a wrong value".into())),
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{over:?}: {wrong:#?}");
}

fn is_typed(reason: &ExitReason) -> bool {
    matches!(
        reason,
        ExitReason::Lost(_)
            | ExitReason::Exited(_)
            | ExitReason::Undeliverable(_)
            | ExitReason::TimedOut(_)
    )
}

#[process]
fn flood(_unused: ()) {
    loop {
        for socket in own_sockets() {
            write(socket, &datagram(20, 4, b"\x03abc"));
            write(socket, &[3; 5_000]);
        }
    }
}

#[test]
fn a_child_that_floods_its_sockets_can_be_killed_and_takes_no_memory() {
    alone!({
        for over in BOTH {
            let builder = over.builder::<flood>().timeout(Duration::from_millis(500));
            let child = builder.spawn(()).unwrap();
            let reason = end_of(&child);
            let told = matches!(reason, ExitReason::TimedOut(_) | ExitReason::Lost(_));
            assert!(told, "{over:?}: {reason:?}");
        }
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak < 200 << 10, "{peak} KiB were resident");
    });
}

/// Descriptors that come along with a message are nobody's, so that nobody closes them.
#[process]
fn send_descriptors(times: u32) -> Vec<u8> {
    for _ in 0..times {
        for socket in own_sockets() {
            send_descriptor(socket, 2);
        }
    }
    vec![7; 10]
}

fn send_descriptor(socket: i32, descriptor: i32) {
    let mut bytes = datagram(20, 4, b"\x03abc");
    let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let mut control = [0_u64; 4];
    // SAFETY: a zeroed header is a value.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    // SAFETY: the macro computes with a number.
    header.msg_controllen = unsafe { libc::CMSG_SPACE(4) } as usize;
    // SAFETY: the buffer is as long as the header says.
    let first = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
    // SAFETY: the macro computes with a number.
    let len = unsafe { libc::CMSG_LEN(4) } as usize;
    let message =
        libc::cmsghdr { cmsg_len: len, cmsg_level: libc::SOL_SOCKET, cmsg_type: libc::SCM_RIGHTS };
    // SAFETY: `first` points into the buffer, which is aligned for it.
    unsafe { first.write(message) };
    // SAFETY: as above.
    let data = unsafe { libc::CMSG_DATA(first) };
    // SAFETY: there is room for one number after the header.
    unsafe { data.cast::<i32>().write_unaligned(descriptor) };
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: all that the header points to lives until the call returns.
    unsafe { libc::sendmsg(socket, &raw const header, flags) };
}

#[test]
fn descriptors_that_a_child_sends_unasked_do_not_stay_in_the_parent() {
    alone!({
        for over in BOTH {
            drop(value_of(over.builder::<send_descriptors>().spawn(1).unwrap()));
            let own = std::process::id();
            let before = procession_tests::settled_descriptors(own);
            for _ in 0..5 {
                let child = over.builder::<send_descriptors>().spawn(20).unwrap();
                drop(value_of(child));
            }
            let few = || procession_tests::descriptors(own).len() <= before + 4;
            assert!(procession_tests::soon(LIMIT / 10, few), "{over:?}: they stay");
        }
    });
}
