//! The last 64 KiB of a stream are kept.

use procession::{Output, OutputTail, process};
use procession_tests::{BOTH, end_of};

#[process]
fn print_lines(count: usize, length: usize) {
    for n in 0..count {
        println!("{n:0length$}");
        eprintln!("{n:0length$}");
    }
}

#[process]
fn print_bytes(bytes: Vec<u8>) {
    std::io::Write::write_all(&mut std::io::stdout(), &bytes).unwrap();
}

fn tail_of(bytes: Vec<u8>) -> OutputTail {
    let child = print_bytes::builder().stdout(Output::Captured).spawn(bytes).unwrap();
    end_of(&child);
    child.output_tail()
}

const KEPT: usize = 64 * 1024;

#[test]
fn the_last_64_kib_are_kept_from_the_first_whole_line_on() {
    for over in BOTH {
        let builder = over.builder::<print_lines>();
        let builder = builder.stdout(Output::Captured).stderr(Output::Captured);
        let child = builder.spawn((20_000, 9)).unwrap();
        end_of(&child);
        let tail = child.output_tail();
        for stream in [&tail.stdout, &tail.stderr] {
            assert!(stream.len() <= KEPT && stream.len() > KEPT - 20, "{}", stream.len());
            assert!(stream.ends_with("\n000019999\n"));
            assert!(stream.lines().all(|line| line.len() == 9));
        }
    }
}

#[test]
fn what_is_no_longer_than_that_is_kept_whole() {
    for size in [0, 1, 2, 100, 4_096, 16_384, KEPT - 1, KEPT] {
        let bytes: Vec<u8> = (0..size).map(|at| if at % 10 == 9 { b'\n' } else { b'x' }).collect();
        let expected = String::from_utf8(bytes.clone()).unwrap();
        let tail = tail_of(bytes);
        assert!(tail.stdout == expected, "{size}: {} bytes are left", tail.stdout.len());
        assert_eq!(tail.stderr, "");
    }
}

#[test]
fn one_endless_line_is_kept_as_far_as_it_fits() {
    let tail = tail_of(vec![b'x'; 3 * KEPT]);
    assert_eq!(tail.stdout.len(), KEPT);
    let tail = tail_of([vec![b'x'; 3 * KEPT], b"\nend".to_vec()].concat());
    assert!(tail.stdout.ends_with("end"));
}

#[test]
fn bytes_that_are_no_text_are_replaced_and_harm_nothing() {
    let bytes = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8);
    let tail = tail_of(bytes.collect());
    assert!(tail.stdout.contains('\u{fffd}'));
    let tail = tail_of(b"before\n\xff\xfe\x00\n\xf0\x9f\nafter".to_vec());
    assert!(tail.stdout.starts_with("before\n") && tail.stdout.ends_with("\nafter"));
    assert!(tail.stdout.contains('\0'));
}

#[test]
fn the_tail_can_be_looked_at_while_the_process_runs() {
    let child = talk_until_stopped::builder().stdout(Output::Captured).spawn(()).unwrap();
    procession_tests::eventually(procession_tests::LIMIT, || {
        child.output_tail().stdout.contains("talking")
    });
    assert!(child.is_alive());
    child.stop(procession_tests::LIMIT).unwrap();
    assert_eq!(child.output_tail().stdout, "talking\nstopped\n");
}

#[process]
fn talk_until_stopped() {
    println!("talking");
    procession::stopping().wait();
    println!("stopped");
}
