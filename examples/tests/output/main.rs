//! Runs every example as its user does and compares what it prints with `expected/`.
//!
//! What differs from run to run (pids, ports, random numbers) is looked at here and then replaced
//! by a word; where processes print side by side the order of their lines is left open. Each run
//! has a directory for temporary files to itself and must leave it empty.

#![expect(clippy::unwrap_used, reason = "all of this is tests")]

mod mandelbrot;
mod wordcount;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// What an example did.
struct Ran {
    stdout: String,
    stderr: String,
    code: Option<i32>,
}

/// A directory of one test, removed with what is in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("procession-output-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    fn write(&self, name: &str, contents: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The built example, which `cargo test` puts into a directory beside this test's.
fn example(name: &str) -> Command {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.set_file_name("examples");
    path.push(name);
    assert!(path.exists(), "{} is not there; `cargo build --examples` builds it", path.display());
    Command::new(path)
}

/// Runs it in a directory for temporary files of its own, and checks that it left nothing there.
fn run(command: &mut Command) -> Ran {
    let temporary = Scratch::new();
    let output = command.env("TMPDIR", &temporary.0).output().unwrap();

    let left: Vec<_> = fs::read_dir(&temporary.0).unwrap().collect();
    assert!(left.is_empty(), "it left {left:?} behind");
    Ran {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    }
}

/// Runs an example without arguments; what it printed to standard output.
fn stdout_of(name: &str) -> String {
    let Ran { stdout, stderr, code } = run(&mut example(name));
    assert_eq!(stderr, "");
    assert_eq!(code, Some(0));
    stdout
}

/// The two ways in which messages travel: a ring in shared memory, and frames.
const CARRIERS: [&str; 2] = ["ring", "frames"];

/// Runs an example whose messages travel this way; what it printed to standard output. It may have
/// written to standard error, where processes crash on purpose.
fn stdout_over(carrier: &str, name: &str) -> String {
    let Ran { stdout, stderr, code } = run(example(name).env("PROCESSION_CARRIER", carrier));
    assert_eq!(code, Some(0), "over {carrier}: {stdout}{stderr}");
    stdout
}

/// What `expected/` holds for an example.
fn expected(name: &str) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("expected");
    fs::read_to_string(directory.join(format!("{name}.txt"))).unwrap()
}

/// The text with all lines but the last sorted: processes that run side by side print in any
/// order, and the parent prints after them.
fn in_any_order(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    if let [side_by_side @ .., _last] = lines.as_mut_slice() {
        side_by_side.sort_unstable();
    }
    lines
}

/// Replaces the number that follows each `before` by a word, and returns the numbers.
fn replace_numbers(text: &mut String, before: &str, word: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    let mut from = 0;
    while let Some(found) = text[from..].find(before) {
        let start = from + found + before.len();
        let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
        numbers.push(text[start..start + digits].parse().unwrap());
        text.replace_range(start..start + digits, word);
        from = start;
    }
    numbers
}

#[test]
fn hello() {
    let mut stdout = stdout_of("hello");

    let pids = replace_numbers(&mut stdout, "runs as pid ", "PID");
    assert!(matches!(pids[..], [pid] if pid > 0), "{pids:?}");
    assert_eq!(stdout, expected("hello"));
}

#[test]
fn hello_is_the_program_of_the_readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let hello = fs::read_to_string(root.join("examples/hello.rs")).unwrap();
    let (_header, program) = hello.split_once("\n\n").unwrap();

    assert!(readme.contains(program), "{program}");
}

#[test]
fn the_book_shows_every_twin_and_what_it_was() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let chapter = fs::read_to_string(root.join("book/src/coming-from-python.md")).unwrap();
    let twins: Vec<_> = fs::read_dir(root.join("examples/seeds")).unwrap().collect();

    for twin in &twins {
        let name = twin.as_ref().unwrap().file_name().into_string().unwrap();
        let line = format!("{{{{#include ../../examples/seeds/{name}}}}}");
        assert!(chapter.contains(&line), "{name}");
    }
    assert_eq!(twins.len(), 15);
    assert_eq!(chapter.matches("```python").count(), 15);
}

#[test]
fn counter_actor_counts_as_a_function_and_as_a_struct() {
    for carrier in CARRIERS {
        assert_eq!(stdout_over(carrier, "counter_actor"), expected("counter_actor"), "{carrier}");
    }
}

#[test]
fn supervised_accounts_for_every_job_across_six_crashes() {
    for carrier in CARRIERS {
        assert_eq!(stdout_over(carrier, "supervised"), expected("supervised"), "{carrier}");
    }
}

#[test]
fn addresses_go_in_messages_and_so_does_the_right_to_answer() {
    for carrier in CARRIERS {
        assert_eq!(stdout_over(carrier, "addresses"), expected("addresses"), "{carrier}");
    }
}

#[test]
fn cell_01_logs_in_order_from_both_processes() {
    let Ran { stdout, stderr, code } = run(&mut example("cell_01_logging"));

    assert_eq!(stderr, expected("cell_01_logging"));
    assert_eq!(stdout, "");
    assert_eq!(code, Some(0));
}

#[test]
fn cell_02_squares_in_order() {
    assert_eq!(stdout_of("cell_02_squares"), expected("cell_02_squares"));
}

#[test]
fn cell_03_prints_four_whole_lines() {
    let stdout = stdout_of("cell_03_four_numbers");

    let mut lines: Vec<&str> = stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.join("\n") + "\n", expected("cell_03_four_numbers"));
}

#[test]
fn cell_04_runs_two_functions_and_then_is_done() {
    let stdout = stdout_of("cell_04_two_functions");

    let expected = expected("cell_04_two_functions");
    assert_eq!(in_any_order(&stdout), in_any_order(&expected));
}

#[test]
fn cell_05_has_two_workers_wait_at_a_time() {
    let stdout = stdout_of("cell_05_two_at_a_time");

    let lines: Vec<&str> = stdout.lines().collect();
    let mut waiting = 0_i32;
    for line in &lines {
        waiting += if line.ends_with("Finished.") { -1 } else { 1 };
        assert!((0..=2).contains(&waiting), "{stdout}");
    }
    let place = |wanted: &str| lines.iter().position(|line| line.starts_with(wanted));
    // C is not left to the worker that has A to do, as it would be by fixed halves.
    assert!(place(" Process C Finished.") < place(" Process A Finished."), "{stdout}");
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted(&stdout), sorted(&expected("cell_05_two_at_a_time")));
}

#[test]
fn cell_06_says_who_worked_and_then_prints_the_squares() {
    let mut stdout = stdout_of("cell_06_who_worked");

    let mut pids = Vec::new();
    for n in 1..=5 {
        let before = format!("Worker process id for {n}: ");
        pids.extend(replace_numbers(&mut stdout, &before, "PID"));
    }
    assert_eq!(pids.len(), 5);
    assert!(pids.iter().all(|&pid| pid > 1), "{pids:?}");
    assert_eq!(in_any_order(&stdout), in_any_order(&expected("cell_06_who_worked")));
}

#[test]
fn cell_07_prints_four_whole_lines_and_then_finishes() {
    let stdout = stdout_of("cell_07_four_at_once");

    let expected = expected("cell_07_four_at_once");
    assert_eq!(in_any_order(&stdout), in_any_order(&expected));
}

#[test]
fn cell_08_prints_in_order() {
    let stdout = stdout_of("cell_08_hello_from_the_worker");

    assert_eq!(stdout, expected("cell_08_hello_from_the_worker"));
}

#[test]
fn cell_09_has_its_results_after_the_pool() {
    assert_eq!(stdout_of("cell_09_after_the_pool"), expected("cell_09_after_the_pool"));
}

#[test]
fn cell_10_downloads_three_files_and_leaves_none() {
    let mut stdout = stdout_of("cell_10_downloads");

    let ports = replace_numbers(&mut stdout, "http://127.0.0.1:", "PORT");
    assert_eq!(ports.len(), 3, "{ports:?}");
    let expected = expected("cell_10_downloads");
    assert_eq!(in_any_order(&stdout), in_any_order(&expected));
}

#[test]
fn cell_11_prints_what_python_prints_to_the_last_digit() {
    assert_eq!(stdout_of("cell_11_gamma"), expected("cell_11_gamma"));
}

#[test]
fn cell_12_draws_four_numbers_from_1_to_100_of_which_not_all_are_equal() {
    // That four are equal happens once in a million runs; that they are in three runs, never.
    let all_differ = (0..3).any(|_| {
        let mut stdout = stdout_of("cell_12_random_numbers");
        let numbers = replace_numbers(&mut stdout, "generated : ", "R");

        let mut lines: Vec<&str> = stdout.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines.join("\n") + "\n", expected("cell_12_random_numbers"));
        assert_eq!(numbers.len(), 4);
        assert!(numbers.iter().all(|number| (1..=100).contains(number)));
        numbers.iter().any(|number| *number != numbers[0])
    });

    assert!(all_differ, "all four drew the same number, three times");
}

#[test]
fn cell_13_prints_in_order() {
    let stdout = stdout_of("cell_13_started_and_finished");

    assert_eq!(stdout, expected("cell_13_started_and_finished"));
}

#[test]
fn cell_14_gives_ten_results_in_order() {
    assert_eq!(stdout_of("cell_14_ten_tasks"), expected("cell_14_ten_tasks"));
}

#[test]
fn cell_15_starts_one_after_another() {
    let stdout = stdout_of("cell_15_one_after_another");

    assert_eq!(stdout, expected("cell_15_one_after_another"));
}
