//! Supervised actors that are killed all the time, and a ledger in which nothing may be missing.
//!
//! `CHAOS_SECONDS` says how long; a few seconds unless told. A random actor is SIGKILLed every 20
//! milliseconds, while threads of this process and processes beside it tell and ask.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use procession::{
    Address, AskError, Loss, Mailbox, Reply, SendError, Supervisor, Undelivered, dead_letters,
    process,
};
use serde::{Deserialize, Serialize};

procession_tests::leaves_nothing_behind!();

const ACTORS: usize = 20;
const THREADS: u32 = 3;
const PROCESSES: u32 = 2;

/// Who sent it, to which actor, and the how manieth it is of those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Id {
    sender: u32,
    actor: u32,
    number: u32,
}

#[derive(Serialize, Deserialize)]
enum Job {
    Do(Id),
    Ask(Id, Reply<Id>),
}

impl Job {
    fn id(&self) -> Id {
        match self {
            Job::Do(id) | Job::Ask(id, _) => *id,
        }
    }
}

/// Writes what it has done into the ledger, a line of sixteen bytes in one step: one that lay across two
/// pages could be cut between them by a kill.
#[process]
fn clerk(ledger: PathBuf, mailbox: Mailbox<Job>) {
    let mut ledger = OpenOptions::new().append(true).open(ledger).expect("it is there");
    for job in mailbox {
        let Id { sender, actor, number } = job.id();
        let line: Vec<u8> =
            [sender, actor, number, 0].into_iter().flat_map(u32::to_le_bytes).collect();
        ledger.write_all(&line).expect("there is room");
        if number.is_multiple_of(8) {
            // Long enough to die of it now and then.
            std::thread::sleep(Duration::from_micros(500));
        }
        if let Job::Ask(id, reply) = job {
            reply.send(id);
        }
    }
}

/// What a client has sent, and what it was told was not delivered.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Account {
    sent: Vec<Id>,
    refused: Vec<Id>,
    answered: u64,
    doubtful: u64,
}

impl Account {
    fn ask(&mut self, actor: &Address<Job>, id: Id, limit: Duration) {
        match actor.ask_timeout(|reply| Job::Ask(id, reply), limit) {
            Ok(answer) => {
                assert_eq!(answer, id);
                self.answered += 1;
            }
            // The first says so to who asked, the others are dead letters as well, or done.
            Err(AskError::NotDelivered { message: Some(_), .. }) => self.refused.push(id),
            Err(AskError::NotDelivered { .. } | AskError::MaybeExecuted { .. }) => {
                self.doubtful += 1;
            }
            Err(AskError::TimedOut { .. }) if limit == LITTLE => self.doubtful += 1,
            Err(error) => panic!("{id:?}: {error}"),
        }
    }

    fn told(&mut self, told: Result<(), SendError<Job>>) {
        if let Err(error) = told {
            assert!(!matches!(error.reason(), Undelivered::Encode(_)), "{error}");
            self.refused.push(error.into_message().id());
        }
    }
}

/// Too little for an actor that is just starting again.
const LITTLE: Duration = Duration::from_millis(2);

fn work(sender: u32, actors: &[Address<Job>], until: impl Fn() -> bool) -> Account {
    let mut account = Account::default();
    let mut numbers = vec![0; actors.len()];
    let mut turn = sender as usize;
    while until() {
        turn += 1;
        let actor = turn * 7 % actors.len();
        numbers[actor] += 1;
        let id = Id { sender, actor: actor as u32, number: numbers[actor] };
        let to = &actors[actor];
        account.sent.push(id);
        match turn % 32 {
            0 => account.ask(to, id, LITTLE),
            8 | 16 | 24 => account.ask(to, id, Duration::from_secs(20)),
            1 | 5 | 9 | 13 | 17 | 21 | 25 | 29 => account.told(to.try_tell(Job::Do(id))),
            _ => account.told(to.tell(Job::Do(id))),
        }
        // Not so fast that nobody is ever idle.
        if turn.is_multiple_of(64) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    account
}

#[process]
fn client(sender: u32, actors: Vec<Address<Job>>, time: Duration) -> Account {
    let begun = Instant::now();
    work(sender, &actors, || begun.elapsed() < time)
}

#[test]
fn nothing_is_lost_without_a_word_whoever_is_killed() {
    let seconds = std::env::var("CHAOS_SECONDS").ok().and_then(|text| text.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(4));
    let ledger = std::env::temp_dir().join(format!("procession-chaos-{}", std::process::id()));
    File::create(&ledger).unwrap();
    let mut builder = Supervisor::builder()
        .intensity(1_000_000, Duration::from_secs(60))
        .backoff(Duration::from_millis(1)..Duration::from_millis(20));
    for actor in 0..ACTORS {
        let room = if actor % 4 < 2 { 2 } else { 1024 };
        let spec = clerk::spec(ledger.clone()).id(format!("clerk-{actor}")).mailbox(room);
        builder = builder.child(if actor % 2 == 0 { spec } else { spec.with(|b| b.untrusted()) });
    }
    let mut letters = dead_letters();
    let tree = builder.start().unwrap();
    let actors: Vec<Address<Job>> =
        (0..ACTORS).map(|actor| tree.address(&format!("clerk-{actor}")).unwrap()).collect();

    let running = AtomicBool::new(true);
    let mut killed = 0;
    let mut before = None;
    let mut lost = Vec::new();
    let accounts: Vec<Account> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|sender| {
                let (actors, running) = (&actors, &running);
                scope.spawn(move || work(sender, actors, || running.load(Ordering::Relaxed)))
            })
            .collect();
        let children: Vec<_> = (THREADS..THREADS + PROCESSES)
            .map(|sender| client::spawn(sender, actors.clone(), time).unwrap())
            .collect();
        let begun = Instant::now();
        let mut turn = 0_usize;
        while begun.elapsed() < time {
            std::thread::sleep(Duration::from_millis(20));
            turn = turn.wrapping_mul(25).wrapping_add(7);
            let child = format!("clerk-{}", turn / 8 % ACTORS);
            if let Some(pid) = tree.status().child(&child).and_then(|child| child.pid) {
                // SAFETY: it only sends a signal, to a child that is not reaped while it has a pid.
                unsafe { libc::kill(pid as i32, libc::SIGKILL) };
                killed += 1;
            }
            while let Some(letter) = letters.try_recv() {
                lost.push(letter);
            }
            if before.is_none() && begun.elapsed() > time / 4 {
                before = Some(procession_tests::resident());
            }
        }
        running.store(false, Ordering::Relaxed);
        let threads = threads.into_iter().map(|thread| thread.join().unwrap());
        let mut accounts: Vec<_> = threads.collect();
        accounts.extend(children.into_iter().map(|child| child.join().unwrap()));
        accounts
    });
    // What waits is handled before the actors stop: each is asked once more, and its mailbox is in
    // order.
    for (actor, address) in (0..).zip(&actors) {
        let id = Id { sender: u32::MAX, actor, number: 0 };
        while address.ask(|reply| Job::Ask(id, reply)).is_err() {}
    }
    let after = procession_tests::resident();
    tree.stop(Duration::from_secs(5));
    while let Some(letter) = letters.try_recv() {
        lost.push(letter);
    }
    assert_eq!(letters.missed(), 0);

    let mut done = Vec::new();
    File::open(&ledger).unwrap().read_to_end(&mut done).unwrap();
    std::fs::remove_file(&ledger).unwrap();
    let word = |at: &[u8]| u32::from_le_bytes(at.try_into().unwrap());
    let done: Vec<Id> = done
        .chunks(16)
        .map(|l| Id { sender: word(&l[..4]), actor: word(&l[4..8]), number: word(&l[8..12]) })
        .filter(|id| id.sender != u32::MAX)
        .collect();
    let mut crashed = HashSet::new();
    let mut undelivered = HashSet::new();
    for letter in &lost {
        let id = letter.decode::<Job>().unwrap().id();
        match letter.loss() {
            Loss::Crashed { .. } => crashed.insert(id),
            _ => undelivered.insert(id),
        };
    }

    // Nothing is done twice, and nobody's messages overtake each other.
    let mut last: HashMap<(u32, u32), u32> = HashMap::new();
    for id in &done {
        let before = last.insert((id.sender, id.actor), id.number);
        assert!(before.is_none_or(|before| before < id.number), "{id:?} came after {before:?}");
    }
    // Each message is done, lost or refused. What was in the hands of who was killed may be done as
    // well: that is what its letter says.
    let done: HashSet<Id> = done.into_iter().collect();
    let mut missing = BTreeMap::new();
    let (mut sent, mut refused) = (0, 0);
    for account in &accounts {
        let given_back: HashSet<Id> = account.refused.iter().copied().collect();
        sent += account.sent.len();
        refused += given_back.len();
        for id in &account.sent {
            let fates = [done.contains(id), undelivered.contains(id), given_back.contains(id)];
            let fates = fates.iter().filter(|fate| **fate).count();
            let fine = if crashed.contains(id) { fates <= 1 } else { fates == 1 };
            if !fine {
                *missing.entry((id.sender, id.actor)).or_insert(0) += 1;
            }
        }
    }
    eprintln!(
        "{sent} sent, {} done, {} lost in hand, {} lost before, {refused} refused; {killed} killed",
        done.len(),
        crashed.len(),
        undelivered.len(),
    );
    assert!(missing.is_empty(), "by sender and actor: {missing:?}");
    assert!(killed > 10 && done.len() > 1000);
    assert!(!undelivered.is_empty() && refused > 0, "both are to happen");
    let before = before.unwrap();
    assert!(after < before + (32 << 20), "memory grew from {before} to {after} bytes");
}
