//! What `wordcount` counts, and what it says where it cannot.

use std::path::Path;
use std::process::Command;

use crate::{Ran, Scratch, example, expected, replace_numbers, run};

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
