//! Processes as seen from outside, by `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// A process and what it is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its pid.
    pub pid: u32,
    /// `R` runs, `S` sleeps, `T` is stopped, `Z` is a zombie.
    pub state: char,
    /// Who started it, or who took it in.
    pub parent: u32,
}

fn see(pid: u32) -> Option<Seen> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; what follows the last one is plain.
    let mut fields = stat[stat.rfind(')')? + 2..].split(' ');
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    Some(Seen { pid, state, parent })
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").expect("`/proc` is there");
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// The children of a process, zombies included.
pub fn children_of(pid: u32) -> Vec<Seen> {
    all().filter_map(see).filter(|seen| seen.parent == pid).collect()
}

/// What a process is doing; `None` if there is no such process.
pub fn state_of(pid: u32) -> Option<char> {
    see(pid).map(|seen| seen.state)
}

/// Whether a process is gone, or a zombie that its parent has not reaped.
pub fn is_gone(pid: u32) -> bool {
    matches!(state_of(pid), None | Some('Z'))
}

/// How many threads a process has.
pub fn threads_of(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

/// The living processes that were started with this entry, `NAME=value`, in their environment.
/// Other than the family tree, it survives the death of parents.
pub fn marked(entry: &str) -> Vec<u32> {
    let is_marked = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|one| one == entry.as_bytes())
    };
    all().filter(is_marked).filter(|&pid| !is_gone(pid)).collect()
}

/// The open descriptors of a process and what they are; without the one that it takes to look.
pub fn descriptors(pid: u32) -> BTreeMap<u32, PathBuf> {
    let directory = format!("/proc/{pid}/fd");
    let entries = fs::read_dir(&directory).expect("the process is there and may be looked at");
    let numbers: Vec<u32> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    let target = |number| Some((number, fs::read_link(format!("{directory}/{number}")).ok()?));
    // What was open only for looking is gone by now.
    numbers.into_iter().filter_map(target).collect()
}

/// How many descriptors a process has open once that changes no more: what the next start needs is laid
/// ready a moment after each, and what has ended is given up a moment after it is told.
pub fn settled_descriptors(pid: u32) -> usize {
    let (mut last, mut looks) = (0, 0);
    crate::eventually(crate::LIMIT, || {
        let now = descriptors(pid).len();
        looks = if now == last { looks + 1 } else { 0 };
        last = now;
        looks == 20
    });
    last
}

/// How much memory this process has of its own, in bytes.
pub fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("there is a /proc");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.expect("the kernel says how much is resident") << 10
}
