//! Output without end: the process is not held up by a parent that does not look, and the parent
//! not by what it cannot get rid of.

use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use procession::{ExitReason, Output, process};
use procession_tests::{BOTH, LIMIT, alone, as_program, end_of, eventually, value_of};

#[process]
fn flood(megabytes: usize) -> usize {
    let line = format!("{}\n", "x".repeat(99));
    let mut out = std::io::stdout().lock();
    for _ in 0..megabytes * 10_000 {
        std::io::Write::write_all(&mut out, line.as_bytes()).unwrap();
    }
    megabytes
}

#[test]
fn a_flood_that_nobody_reads_holds_nobody_up_and_takes_no_memory() {
    alone!({
        for over in BOTH {
            let builder = over.builder::<flood>().stdout(Output::Captured);
            let child = builder.spawn(60).unwrap();
            assert_eq!(end_of(&child), ExitReason::Finished);
            assert!(child.output_tail().stdout.len() > 60_000);
        }
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak < 50 << 10, "{peak} KiB were resident");
    });
}

#[test]
fn a_flood_without_line_ends_takes_no_memory() {
    alone!({
        let child = endless_line::builder().stdout(Output::Prefixed);
        let child = child.timeout(Duration::from_secs(1)).spawn(()).unwrap();
        assert!(matches!(end_of(&child), ExitReason::TimedOut(_)));
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak < 50 << 10, "{peak} KiB were resident");
    });
}

#[process]
fn endless_line(_unused: ()) {
    let much = vec![b'x'; 10_000];
    loop {
        let _ = std::io::Write::write_all(&mut std::io::stdout(), &much);
    }
}

/// The terminal is paused, or the pager waits for a key: nobody reads what the program prints.
#[test]
fn a_deadline_holds_although_nobody_reads_what_the_program_prints() {
    let mut program = as_program(|| {
        let child = endless_line::builder().timeout(Duration::from_millis(300)).spawn(()).unwrap();
        eprintln!("pid={}", child.pid());
        let other = end_when_told::builder().stdout(Output::Captured).spawn(()).unwrap();
        eprintln!("other={}", other.pid());
        let reason = child.wait_timeout(LIMIT);
        eprintln!("reason={reason:?}");
        other.stop(LIMIT).unwrap();
        eprintln!("stopped={:?}", other.join());
        std::process::exit(0);
    });
    let mut child = Unread::start(&mut program);
    let stderr = child.0.stderr.take().unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(stderr));
    let mut lines = lines.map_while(Result::ok).filter(|line| line.contains('='));
    let flooder: u32 = lines.next().unwrap().strip_prefix("pid=").unwrap().parse().unwrap();
    lines.next().unwrap();

    let killed = procession_tests::soon(LIMIT / 3, || procession_tests::is_gone(flooder));
    assert!(killed, "it is still running");
    // Only now is anything read.
    let mut stdout = child.0.stdout.take().unwrap();
    let reader = std::thread::spawn(move || stdout.read_to_end(&mut Vec::new()));
    assert!(lines.next().unwrap().contains("TimedOut"));
    assert_eq!(lines.next().unwrap(), "stopped=Ok(7)");
    child.0.wait().unwrap();
    reader.join().unwrap().unwrap();
}

/// As above, but who waits is the one that looks after the child.
#[test]
fn a_join_returns_although_nobody_reads_what_the_program_prints() {
    let mut program = as_program(|| {
        let child = endless_line::builder().timeout(Duration::from_millis(300)).spawn(()).unwrap();
        eprintln!("joined={:?}", child.join().map_err(|error| error.reason().clone()));
        std::process::exit(0);
    });
    let mut child = Unread::start(&mut program);
    let mut stderr = child.0.stderr.take().unwrap();
    let (said, hear) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        said.send(text).unwrap();
    });

    let text = hear.recv_timeout(LIMIT).expect("it ends before anything is read");
    assert!(text.contains("joined=Err(TimedOut("), "{text}");
    child.0.wait().unwrap();
    reader.join().unwrap();
}

/// A program whose output is piped to a test that reads it when it likes.
struct Unread(std::process::Child);

impl Unread {
    fn start(program: &mut std::process::Command) -> Self {
        program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Unread(program.spawn().unwrap())
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[process]
fn end_when_told(_unused: ()) -> u32 {
    procession::stopping().wait();
    7
}

/// `program | head -1`: the reader goes, and what is printed afterwards goes nowhere.
#[test]
fn a_reader_that_goes_away_harms_neither_parent_nor_child() {
    let mut program = as_program(|| {
        for over in BOTH {
            let child = over.builder::<flood>().spawn(2).unwrap();
            assert_eq!(value_of(child).unwrap(), 2);
        }
        eprintln!("done");
        // SAFETY: the call takes a number and does not return. The harness would print.
        unsafe { libc::_exit(0) };
    });
    let mut child = Unread::start(&mut program);
    let mut some = [0; 100];
    let mut stdout = child.0.stdout.take().unwrap();
    stdout.read_exact(&mut some).unwrap();
    drop(stdout);
    let mut complained = String::new();
    child.0.stderr.take().unwrap().read_to_string(&mut complained).unwrap();
    assert!(child.0.wait().unwrap().success(), "{complained}");
    // The reader may go between the look for it and the print: then std says so, and nothing else does.
    let noise = ["procession-attendant", "failed printing to stdout", "note: run with"];
    let is_noise = |line: &&str| line.is_empty() || noise.iter().any(|noise| line.contains(noise));
    let said: Vec<&str> = complained.lines().filter(|line| !is_noise(line)).collect();
    assert_eq!(said, ["done"], "{complained}");
}

#[test]
fn a_flood_of_many_children_at_once_arrives_in_whole() {
    let children: Vec<_> =
        (0..6).map(|_| flood::builder().stdout(Output::Captured).spawn(5).unwrap()).collect();
    for child in children {
        assert_eq!(value_of(child).unwrap(), 5);
    }
    eventually(LIMIT, || procession::children().is_empty());
}
