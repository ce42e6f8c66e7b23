//! Lines arrive whole, whoever else prints at the same time, and before the end is told.

use std::io::Write;

use procession::{Output, process};
use procession_tests::{BOTH, Running, as_program, end_of, value_of};

/// Prints lines in pieces, as slowly as a formatter does.
#[process]
fn print_in_pieces(who: char, lines: u32, length: usize) {
    let mut out = std::io::stdout();
    for n in 0..lines {
        let line = format!("<{who}{n}:{}>\n", who.to_string().repeat(length));
        for piece in line.as_bytes().chunks(100) {
            // Around the buffer of the standard library, which would send whole lines.
            // SAFETY: the pointer and the length are those of a slice.
            unsafe { libc::write(1, piece.as_ptr().cast(), piece.len()) };
        }
    }
    out.flush().unwrap();
}

/// Whether a line is one of `print_in_pieces` and nothing else.
fn is_whole(line: &str, length: usize) -> bool {
    let Some(inner) = line.strip_prefix('<').and_then(|line| line.strip_suffix('>')) else {
        return false;
    };
    let Some((name, body)) = inner.split_once(':') else { return false };
    let who = name.chars().next().unwrap();
    body.chars().count() == length && body.chars().all(|one| one == who)
}

#[test]
fn lines_of_many_processes_are_never_torn() {
    let program = as_program(|| {
        let children: Vec<_> = ('a'..'i')
            .zip(BOTH.into_iter().cycle())
            .map(|(who, over)| over.builder::<print_in_pieces>().spawn((who, 200, 150)).unwrap())
            .collect();
        for _ in 0..500 {
            println!("<P0:{}>", "P".repeat(150));
        }
        children.into_iter().for_each(|child| value_of(child).unwrap());
    });
    let mut program = Running::start(program);
    assert!(program.end().success());
    let (printed, _) = program.told();
    let ours: Vec<&str> = printed.lines().filter(|line| line.contains(['<', '>'])).collect();
    // The first line of the harness may stand before the first of ours.
    let whole = ours.iter().filter(|line| is_whole(line, 150)).count();
    assert_eq!(whole, ours.len(), "{:?}", ours.iter().find(|line| !is_whole(line, 150)));
    assert_eq!(whole, 8 * 200 + 500);
}

/// A line that is passed on whole must be one that fits into what is kept: the next one had its
/// head cut off.
#[test]
fn lines_almost_as_long_as_what_is_kept_are_whole() {
    let program = as_program(|| {
        for length in [10_000, 16_300, 16_384, 30_000, 60_000, 65_000] {
            print_in_pieces::builder().spawn(('x', 6, length)).unwrap().join().unwrap();
        }
    });
    let mut program = Running::start(program);
    assert!(program.end().success());
    let (printed, _) = program.told();
    let mut lines = printed.lines().filter(|line| line.contains(['<', '>']));
    for length in [10_000, 16_300, 16_384, 30_000, 60_000, 65_000] {
        for n in 0..6 {
            let line = lines.next().unwrap();
            assert!(is_whole(line, length), "{length}, {n}: {} bytes", line.len());
        }
    }
}

#[process]
fn print_umlauts(count: usize) {
    // One byte first, so that a character lies across every round number of bytes.
    let line = format!("x{}", "ä".repeat(count));
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

#[test]
fn a_line_longer_than_what_is_kept_loses_no_character() {
    let program = as_program(|| {
        print_umlauts::call(100_001).unwrap();
    });
    let mut program = Running::start(program);
    assert!(program.end().success());
    let (printed, _) = program.told();
    assert_eq!(printed.matches('ä').count(), 100_001);
    assert_eq!(printed.matches('\u{fffd}').count(), 0);
}

#[process]
fn print_and_end(how: String) {
    for n in 0..500 {
        println!("line {n}");
        eprintln!("complaint {n}");
    }
    print!("no newline");
    eprint!("none either");
    match how.as_str() {
        "exit" => std::process::exit(1),
        "exit by us" => procession::exit(1),
        "panic" => panic!("the end"),
        "abort" => {
            std::io::stdout().flush().unwrap();
            std::process::abort()
        }
        "crash" => {
            std::io::stdout().flush().unwrap();
            // SAFETY: the call touches no memory.
            unsafe { libc::raise(libc::SIGKILL) };
        }
        _ => {}
    }
}

#[test]
fn everything_printed_is_there_when_the_end_is_told_whatever_the_end() {
    for over in BOTH {
        for how in ["return", "exit", "exit by us", "panic", "abort", "crash"] {
            for output in [Output::Captured, Output::Lines, Output::Prefixed] {
                let builder = over.builder::<print_and_end>().stdout(output).stderr(output);
                let child = builder.spawn(how.to_owned()).unwrap();
                end_of(&child);
                let tail = child.output_tail();
                let stdout: Vec<&str> = tail.stdout.lines().collect();
                assert_eq!(stdout.len(), 501, "{over:?}, {how}, {output:?}");
                assert_eq!(stdout[0], "line 0");
                assert_eq!(stdout[500], "no newline");
                let stderr: Vec<&str> = tail.stderr.lines().collect();
                assert_eq!(stderr[499], "complaint 499");
                assert!(stderr[500].starts_with("none either"), "{}", stderr[500]);
            }
        }
    }
}

#[process]
fn print_through_a_child(n: u32) {
    println!("level {n}");
    if n > 0 {
        print_through_a_child::call(n - 1).unwrap();
    }
}

#[test]
fn what_children_of_children_print_arrives_as_well() {
    let child = print_through_a_child::builder().stdout(Output::Captured).spawn(3).unwrap();
    end_of(&child);
    assert_eq!(child.output_tail().stdout, "level 3\nlevel 2\nlevel 1\nlevel 0\n");
}
