//! Counts the words of files, a process a file, as many at a time as the machine can run.
//!
//! Without arguments it counts the text and the sources of this repository:
//!
//! ```text
//! cargo run --release --example wordcount
//! cargo run --release --example wordcount -- --sabotage README.md
//! ```
//!
//! With `--sabotage` the process of one file writes through a wild pointer and dies of it, as a
//! faulty library would make it. The table says so, and every other file is counted all the same.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;
use std::{env, fs, thread};

use procession::{Failure, Output, process};
use serde::{Deserialize, Serialize};

const USAGE: &str = "\
usage: wordcount [--sabotage FILE] [FILE or DIRECTORY]...

Counts lines, words and bytes, a process a file. A directory stands for the
.md, .rs, .toml and .txt files below it, but for those in `target` and in
hidden directories. Without any argument this repository is counted, or the
current directory where the program was not started by cargo.

  --sabotage FILE  has the process that counts FILE crash
  --help           prints this

The exit code is 1 if a file was not counted that was not sabotaged.";

/// The files of a directory that are counted.
const EXTENSIONS: [&str; 4] = ["md", "rs", "toml", "txt"];

/// No file takes longer to count, or more memory. What does is not a file to be counted.
const TIME: Duration = Duration::from_secs(60);
const MEMORY: u64 = 1 << 30;

/// What is known of one file, or of all.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Count {
    lines: u64,
    words: u64,
    bytes: u64,
}

#[process]
fn count(file: PathBuf, sabotage: bool) -> Result<Count, Failure> {
    if sabotage {
        crash();
    }
    let text = fs::read(&file)?;
    let lines = text.iter().filter(|&&byte| byte == b'\n').count();
    let words = text.split(u8::is_ascii_whitespace);
    let words = words.filter(|word| !word.is_empty()).count();
    Ok(Count { lines: lines as u64, words: words as u64, bytes: text.len() as u64 })
}

/// Does what no Rust should: writes to where no memory is.
fn crash() {
    let wild = std::ptr::without_provenance_mut::<u64>(8);
    // SAFETY: there is none, which is the point. The first page of a process is never mapped, so
    // the processor refuses the write and the system ends the process with SIGSEGV.
    unsafe { wild.write_volatile(1) };
}

/// A file to count.
struct Item {
    file: PathBuf,
    /// What the table calls it.
    shown: String,
    sabotage: bool,
}

/// What became of it: a count, or the reason why there is none.
type Row = Result<Count, String>;

fn main() -> ExitCode {
    let items = match items(env::args_os().skip(1).map(PathBuf::from).collect()) {
        Ok(Some(items)) => items,
        Ok(None) => {
            show(&format!("{USAGE}\n"));
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            eprintln!("wordcount: {mistake}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let at_a_time = procession::available_parallelism().min(items.len());
    let rows = count_all(&items, at_a_time);
    show(&table(&items, &rows, at_a_time));

    let mut done = items.iter().zip(&rows);
    if done.all(|(item, row)| row.is_ok() || item.sabotage) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Counts all files, so many at a time.
fn count_all(items: &[Item], at_a_time: usize) -> Vec<Row> {
    let queue = Mutex::new(items.iter().enumerate());
    let next = || queue.lock().expect("taking an item cannot panic").next();
    let (done, counted) = mpsc::channel();
    let mut rows: Vec<Option<Row>> = items.iter().map(|_| None).collect();
    thread::scope(|scope| {
        for _ in 0..at_a_time {
            let done = done.clone();
            scope.spawn(move || {
                while let Some((index, item)) = next() {
                    if done.send((index, count_one(item))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(done);
        let mut progress = Progress::new(items.len());
        for (index, row) in counted {
            rows[index] = Some(row);
            progress.step();
        }
    });
    let uncounted = || Err("nobody counted it".to_owned());
    let rows = rows.into_iter();
    rows.map(|row| row.unwrap_or_else(uncounted)).collect()
}

/// Counts one file in a process of its own. Whatever happens to that is a row of the table.
fn count_one(item: &Item) -> Row {
    let child = count::builder()
        .name(format!("count {}", item.shown))
        .stderr(Output::Captured)
        .timeout(TIME)
        .memory_limit(MEMORY)
        .spawn((item.file.clone(), item.sabotage))
        .map_err(|error| with_source(&error))?;
    match child.join() {
        Ok(Ok(count)) => Ok(count),
        Ok(Err(failure)) => Err(format!("cannot be read: {failure}")),
        Err(error) => Err(format!("no count: {}", error.reason())),
    }
}

fn with_source(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", with_source(source)),
        None => error.to_string(),
    }
}

/// A bar on standard error that shows how far the work is, if a person looks at it.
struct Progress {
    done: usize,
    of: usize,
    visible: bool,
}

impl Progress {
    const WIDTH: usize = 40;

    fn new(of: usize) -> Self {
        let visible = io::stderr().is_terminal();
        let progress = Progress { done: 0, of, visible };
        progress.draw();
        progress
    }

    fn step(&mut self) {
        self.done += 1;
        self.draw();
    }

    fn draw(&self) {
        if self.visible {
            let Progress { done, of, .. } = self;
            let full = Self::WIDTH * done / of.max(&1);
            let (bar, rest) = ("#".repeat(full), ".".repeat(Self::WIDTH - full));
            eprint!("\r[{bar}{rest}] {done}/{of} files");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.visible {
            // Back to the first column, and nothing left of the line.
            eprint!("\r\x1b[K");
        }
    }
}

fn table(items: &[Item], rows: &[Row], at_a_time: usize) -> String {
    let mut text = format!("{:>9} {:>9} {:>11}  file\n", "lines", "words", "bytes");
    let mut line = |lines: &str, words: &str, bytes: &str, what: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{lines:>9} {words:>9} {bytes:>11}  {what}");
    };
    let mut total = Count::default();
    let mut counted = 0;
    for (item, row) in items.iter().zip(rows) {
        match row {
            Ok(count) => {
                total.lines += count.lines;
                total.words += count.words;
                total.bytes += count.bytes;
                counted += 1;
                let [lines, words, bytes] = texts(*count);
                line(&lines, &words, &bytes, &item.shown);
            }
            Err(why) => line("-", "-", "-", &format!("{}: {why}", item.shown)),
        }
    }
    let [lines, words, bytes] = texts(total);
    line(&lines, &words, &bytes, "total");
    let (all, missing) = (items.len(), items.len() - counted);
    let _ =
        write!(text, "\n{counted} of {all} files counted, a process a file, {at_a_time} at a time");
    let _ = match missing {
        0 => writeln!(text),
        _ => writeln!(text, "; {missing} not counted"),
    };
    text
}

fn texts(count: Count) -> [String; 3] {
    [count.lines, count.words, count.bytes].map(|number| number.to_string())
}

/// Prints to standard output. A reader that has seen enough, as `head` has, is not an error.
fn show(text: &str) {
    let mut stdout = io::stdout().lock();
    let shown = stdout.write_all(text.as_bytes());
    if let Err(error) = shown.and_then(|()| stdout.flush())
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        eprintln!("wordcount: the table cannot be printed: {error}");
    }
}

/// What the arguments ask for; `None` if it is help.
fn items(arguments: Vec<PathBuf>) -> Result<Option<Vec<Item>>, String> {
    let mut paths = Vec::new();
    let mut victim = None;
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--help" | "-h") => return Ok(None),
            Some("--sabotage") => {
                let file = arguments.next().ok_or("--sabotage needs a file")?;
                if victim.replace(file).is_some() {
                    return Err("--sabotage was given twice".to_owned());
                }
            }
            Some("--") => paths.extend(arguments.by_ref()),
            Some(option) if option.starts_with('-') => {
                return Err(format!("there is no option `{option}`"));
            }
            _ => paths.push(argument),
        }
    }
    let mut items = Vec::new();
    if paths.is_empty() {
        let root = repository().unwrap_or_else(|| PathBuf::from("."));
        collect(&root, &root, &mut items);
    }
    for path in &paths {
        if path.is_dir() {
            collect(path, Path::new(""), &mut items);
        } else {
            items.push(Item::new(path.clone(), Path::new("")));
        }
    }
    if items.is_empty() {
        return Err("there is nothing to count there".to_owned());
    }
    if let Some(victim) = victim {
        let wanted = fs::canonicalize(&victim)
            .map_err(|error| format!("--sabotage: `{}`: {error}", victim.display()))?;
        let same = |item: &&mut Item| fs::canonicalize(&item.file).is_ok_and(|it| it == wanted);
        let item = items.iter_mut().find(same).ok_or_else(|| {
            let victim = victim.display();
            format!("--sabotage: `{victim}` is not among the files to count")
        })?;
        item.sabotage = true;
    }
    Ok(Some(items))
}

/// The workspace of this example, where cargo says where that is.
fn repository() -> Option<PathBuf> {
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    let root = package.parent()?;
    root.join("README.md").is_file().then(|| root.to_owned())
}

/// Adds the files below a directory, in order of their names.
fn collect(directory: &Path, root: &Path, items: &mut Vec<Item>) {
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let Ok(mut entries) = entries else {
        // It gets a row of its own, and that says why.
        items.push(Item::new(directory.to_owned(), root));
        return;
    };
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        if name.to_string_lossy().starts_with('.') || name == "target" {
            continue;
        }
        // Links are not followed: what they lead to is counted where it is.
        let kind = entry.file_type().ok();
        let extension = path.extension().and_then(|extension| extension.to_str());
        let wanted = extension.is_some_and(|extension| EXTENSIONS.contains(&extension));
        if kind.is_some_and(|kind| kind.is_dir()) {
            collect(&path, root, items);
        } else if wanted && kind.is_none_or(|kind| kind.is_file()) {
            items.push(Item::new(path, root));
        }
    }
}

impl Item {
    fn new(file: PathBuf, root: &Path) -> Self {
        let shown = file.strip_prefix(root).unwrap_or(&file);
        Item { shown: shown.display().to_string(), file, sabotage: false }
    }
}
