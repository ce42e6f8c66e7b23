//! Runs every example as its user does and compares what it prints with `expected/`.
//!
//! What differs from run to run (pids, ports, random numbers) is looked at here and then replaced
//! by a word; where processes print side by side the order of their lines is left open. Each run
//! has a directory for temporary files to itself and must leave it empty.

#![expect(clippy::unwrap_used, reason = "all of this is tests")]

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
fn cell_04_runs_two_functions_and_then_is_done() {
    let stdout = stdout_of("cell_04_two_functions");

    let expected = expected("cell_04_two_functions");
    assert_eq!(in_any_order(&stdout), in_any_order(&expected));
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
fn cell_10_downloads_three_files_and_leaves_none() {
    let mut stdout = stdout_of("cell_10_downloads");

    let ports = replace_numbers(&mut stdout, "http://127.0.0.1:", "PORT");
    assert_eq!(ports.len(), 3, "{ports:?}");
    let expected = expected("cell_10_downloads");
    assert_eq!(in_any_order(&stdout), in_any_order(&expected));
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
fn cell_15_starts_one_after_another() {
    let stdout = stdout_of("cell_15_one_after_another");

    assert_eq!(stdout, expected("cell_15_one_after_another"));
}

/// Some files to count, and some that a directory does not stand for.
fn fixture() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("empty.md", "");
    scratch.write("no_newline.txt", "one two\tthree");
    scratch.write("notes/two lines.md", "  Grüße,\n\n  Welt!  \n");
    scratch.write("program.rs", "fn main() {}\n");
    scratch.write("picture.png", "not text");
    scratch.write("target/built.rs", "fn built() {}\n");
    scratch.write(".git/hidden.md", "hidden\n");
    scratch.write(".git/objects/00", "packed");
    scratch
}

/// `wordcount` as if started by hand: not by cargo, which would say where the repository is.
fn wordcount(directory: &Scratch) -> Command {
    let mut command = example("wordcount");
    command.env_remove("CARGO_MANIFEST_DIR").current_dir(&directory.0);
    command
}

/// The table without the remark of how many ran at a time, which is the machine's matter.
fn table(ran: &Ran) -> String {
    let mut stdout = ran.stdout.clone();
    let at_a_time = replace_numbers(&mut stdout, "a process a file, ", "N");
    assert!(matches!(at_a_time[..], [n] if n > 0), "{stdout}");
    stdout
}

#[test]
fn wordcount_counts_a_directory() {
    let fixture = fixture();

    let ran = run(&mut wordcount(&fixture));

    assert_eq!(ran.stderr, "");
    assert_eq!(table(&ran), expected("wordcount"));
    assert_eq!(ran.code, Some(0));
}

#[test]
fn wordcount_goes_on_when_a_process_dies_of_a_segmentation_fault() {
    let fixture = fixture();

    let ran = run(wordcount(&fixture).args(["--sabotage", "program.rs"]));

    // What follows the signal's name is a remark: a core file, or what else may have sent it.
    let table: String = table(&ran)
        .lines()
        .map(|line| match line.split_once("SIGSEGV") {
            Some((before, _remark)) => format!("{before}SIGSEGV\n"),
            None => format!("{line}\n"),
        })
        .collect();
    assert_eq!(ran.stderr, "");
    assert_eq!(table, expected("wordcount_sabotage"));
    assert_eq!(ran.code, Some(0));
}

#[test]
fn wordcount_shows_why_a_file_cannot_be_read() {
    let fixture = fixture();

    let ran = run(wordcount(&fixture).args(["program.rs", "no_such_file", "notes"]));

    assert_eq!(ran.stderr, "");
    assert_eq!(table(&ran), expected("wordcount_unreadable"));
    assert_eq!(ran.code, Some(1));
}

#[test]
fn wordcount_explains_itself_where_the_arguments_are_wrong() {
    let fixture = fixture();
    for (arguments, mistake) in [
        (&["--sabotage"][..], "--sabotage needs a file"),
        (
            &["--sabotage", "no_such_file"],
            "--sabotage: `no_such_file`: No such file or directory (os error 2)",
        ),
        (
            &["--sabotage", "picture.png"],
            "--sabotage: `picture.png` is not among the files to count",
        ),
        (&["--fast"], "there is no option `--fast`"),
        (&[".git/objects"], "there is nothing to count there"),
    ] {
        let ran = run(wordcount(&fixture).args(arguments));

        let said = format!("wordcount: {mistake}\n\nusage: wordcount ");
        assert!(ran.stderr.starts_with(&said), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
        assert_eq!(ran.code, Some(2));
    }
}

#[test]
fn wordcount_without_arguments_counts_the_repository() {
    let directory = Scratch::new();
    let package = env!("CARGO_MANIFEST_DIR");
    let root = Path::new(package).parent().unwrap();
    let sabotaged = root.join("README.md");
    for sabotage in [false, true] {
        let mut command = wordcount(&directory);
        command.env("CARGO_MANIFEST_DIR", package);
        if sabotage {
            command.arg("--sabotage").arg(&sabotaged);
        }

        let ran = run(&mut command);

        assert_eq!(ran.stderr, "");
        assert_eq!(ran.code, Some(0), "{}", ran.stdout);
        let mut lines = ran.stdout.lines().skip(1);
        let mut rows: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        let total = words(rows.pop().unwrap());
        let died: Vec<&&str> = rows.iter().filter(|row| words(row).is_none()).collect();
        assert_eq!(died.len(), usize::from(sabotage), "{died:?}");
        assert!(
            died.iter().all(|row| row.contains("README.md: no count: it was ended by SIGSEGV"))
        );
        assert_eq!(total, Some(rows.iter().filter_map(|row| words(row)).sum()));
        assert!(rows.iter().any(|row| row.ends_with("  examples/wordcount.rs")));
        assert!(!rows.iter().any(|row| row.contains("  target/")));
    }
}

/// The words that a row of the table says a file has.
fn words(row: &str) -> Option<u64> {
    row.split_whitespace().nth(1)?.parse().ok()
}
