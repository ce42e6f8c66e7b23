//! The house keeps its shape: rows look down only, three doors, no file too long, no `unwrap`.
//!
//! Each rule is shown to fail on a planted violation, so that none is a check that cannot fail.

use std::fs;
use std::path::{Path, PathBuf};

/// The rows of the house, from the ground up. A module may use its own row where that is said, and
/// every row below.
const ROWS: [(&[&str], bool); 10] = [
    (&["sys"], false),
    (&["id", "error", "outcome", "policy", "event"], true),
    (&["wire"], false),
    (&["registry", "sync", "shm"], false),
    (&["launch", "worker"], false),
    (&["route"], false),
    (&["process", "actor"], false),
    (&["pool", "supervise", "directory"], false),
    (&["observe"], false),
    (&["lib", "private"], true),
];

/// What only some modules may say: the words, who may, and what the door is called.
const DOORS: [(&[&str], &[&str], &str); 3] = [
    (&["ipc_channel"], &["wire"], "ipc-channel"),
    (&["libc::", "rustix::", "windows_sys::", "cfg(target_os"], &["sys"], "the system"),
    (&["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"], &["sys", "shm", "wire"], "unsafe"),
];

/// What is wrong with one source file, a line each.
fn violations(path: &str, source: &str) -> Vec<String> {
    let module = path.split(['/', '.']).next().unwrap_or_default();
    let mut found = Vec::new();
    let mut note = |number: usize, what: String| found.push(format!("{path}:{number}: {what}"));
    if source.lines().count() > 500 {
        note(501, "more than 500 lines".to_owned());
    }
    let is_test = path.contains("/tests") || path.contains("/model");
    let code = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    for (number, line) in code.lines().enumerate() {
        let line = line.trim_start();
        let number = number + 1;
        if line.starts_with("//") {
            continue;
        }
        for used in line.split("crate::").skip(1) {
            // `use crate::{a, b}` names several at once.
            for name in used.trim_start_matches('{').split(", ") {
                let used: String =
                    name.chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect();
                if !may_use(module, &used) {
                    note(number, format!("`{module}` looks up at `{used}`"));
                }
                if !name.ends_with(char::is_alphanumeric) {
                    break;
                }
            }
        }
        for (words, may, door) in DOORS {
            if !may.contains(&module) && words.iter().any(|word| line.contains(word)) {
                note(number, format!("`{module}` goes through the door of {door}"));
            }
        }
        for word in [".unwrap()", "thread::sleep", "todo!(", "unimplemented!("] {
            if line.contains(word) && !is_test {
                note(number, format!("says `{word}`"));
            }
        }
    }
    found
}

fn may_use(module: &str, used: &str) -> bool {
    let row = |name: &str| ROWS.iter().position(|(modules, _)| modules.contains(&name));
    match (row(module), row(used)) {
        _ if module == used => true,
        // An actor is a process.
        _ if (module, used) == ("actor", "process") => true,
        (Some(from), Some(to)) => to < from || to == from && ROWS[from].1,
        // What is no module of the top level is an item of `lib.rs`, for which rustdoc has links.
        (Some(_), None) => true,
        (None, _) => false,
    }
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("its entries can be read").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "md") {
            into.push(path);
        }
    }
}

#[test]
fn every_row_looks_down_and_every_door_is_kept() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src");
    let mut all = Vec::new();
    sources(&root, &mut all);

    let found: Vec<String> = all
        .iter()
        .flat_map(|file| {
            let path = file.strip_prefix(&root).expect("it is below").to_string_lossy();
            violations(&path, &fs::read_to_string(file).expect("it can be read"))
        })
        .collect();

    assert!(all.len() > 20, "only {} files were found", all.len());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_file_is_too_long_wherever_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = Vec::new();
    for folder in ["runtime", "macros", "tests", "examples", "book"] {
        sources(&root.join(folder), &mut all);
    }
    let long = |path: &&PathBuf| {
        let text = fs::read_to_string(path).expect("it can be read");
        text.lines().count() > 500
    };

    assert_eq!(all.iter().filter(long).collect::<Vec<_>>(), Vec::<&PathBuf>::new());
}

/// What a source file has of the public items that has no running example.
fn without_example<'s>(source: &'s str, public: &[&str]) -> Vec<&'s str> {
    let kinds = ["struct", "enum", "trait", "fn", "type"];
    let blocks = source.split("\n\n").filter_map(|block| {
        let item = block.lines().find_map(|line| line.strip_prefix("pub "))?;
        let (kind, rest) = item.split_once(' ')?;
        let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
        // What is no example begins with its kind, and ends as an example does.
        let examples = block.lines().filter(|line| *line == "/// ```").count() >= 2;
        let is_public = kinds.contains(&kind) && public.contains(&name);
        (is_public && !examples && !block.contains("#[doc(hidden)]")).then_some(name)
    });
    blocks.collect()
}

#[test]
fn every_public_item_has_a_running_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src");
    let mut all = Vec::new();
    sources(&root, &mut all);
    let read = |file: &Path| fs::read_to_string(file).expect("it can be read");
    let lib = read(&root.join("lib.rs"));
    let uses = lib.split("\npub use ").skip(1).filter_map(|used| used.split_once(';'));
    let names = uses.flat_map(|(used, _)| used.split(|c: char| !c.is_alphanumeric() && c != '_'));
    let public: Vec<&str> = names.collect();

    let found: Vec<String> = all
        .iter()
        .flat_map(|file| {
            let source = read(file);
            let found = without_example(&source, &public).into_iter();
            found.map(|name| format!("{}: {name}", file.display())).collect::<Vec<_>>()
        })
        .collect();

    assert!(public.len() > 80, "{public:?}");
    assert!(found.is_empty(), "{}", found.join("\n"));
    let planted =
        "/// ```text\n/// a\n/// ```\npub struct A;\n\n/// ```\n/// b\n/// ```\npub fn b() {}";
    assert_eq!(without_example(planted, &["A", "b"]), ["A"]);
}

#[test]
fn a_planted_violation_is_found() {
    let planted = [
        ("wire/lane.rs", "use crate::launch::Plan;", "looks up at `launch`"),
        ("launch/plan.rs", "use crate::worker::init;", "looks up at `worker`"),
        ("sys/wait.rs", "let x = crate::wire::Lane;", "looks up at `wire`"),
        ("error/mod.rs", "use crate::{id, wire};", "looks up at `wire`"),
        ("process/child.rs", "use crate::actor::Mailbox;", "looks up at `actor`"),
        ("process/child.rs", "use crate::{actor, id};", "looks up at `actor`"),
        ("actor/spec.rs", "use crate::supervise::Supervisor;", "looks up at `supervise`"),
        ("stray.rs", "use crate::sys::poll;", "looks up at `sys`"),
        ("route/life.rs", "use ipc_channel::ipc;", "door of ipc-channel"),
        ("process/child.rs", "libc::kill(1, 9);", "door of the system"),
        ("wire/frames.rs", "#[cfg(target_os = \"linux\")]", "door of the system"),
        ("worker/body.rs", "let x = unsafe { y };", "door of unsafe"),
        ("route/life.rs", "value.unwrap();", "says `.unwrap()`"),
        ("route/life.rs", "std::thread::sleep(d);", "says `thread::sleep`"),
        ("process/mod.rs", "#[cfg(test)]\nuse x;\nlibc::kill(1, 9);", "door of the system"),
    ];
    for (path, line, expected) in planted {
        let found = violations(path, line);
        assert!(found.iter().any(|one| one.contains(expected)), "{path}: {line}: {found:?}");
    }
    assert!(!violations("wire/long.rs", &"\n".repeat(501)).is_empty());
}

#[test]
fn what_is_allowed_is_not_a_violation() {
    let allowed = [
        ("route/life.rs", "use crate::sys::{self, Pidfd};"),
        ("outcome.rs", "use crate::sys::{self, Ended};"),
        ("wire/lane.rs", "use ipc_channel::ipc;"),
        ("route/life.rs", "// unsafe { } and .unwrap() in a comment"),
        ("error/mod.rs", "/// See [`wait`](crate::Child::wait)."),
        ("actor/handle.rs", "use crate::process::Builder;"),
        ("sys/wait.rs", "#[cfg(test)]\nmod tests { fn f() { x.unwrap(); } }"),
    ];
    for (path, line) in allowed {
        assert_eq!(violations(path, line), Vec::<String>::new());
    }
}
