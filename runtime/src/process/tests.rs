//! Words between processes that are really there: parents, children, cousins.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

use linkme::distributed_slice;
use serde::{Deserialize, Serialize};

use super::start::{Begun, Lanes, Settings};
use crate::id::{ProcessId, Right};
use crate::outcome::{ExitReason, Intent};
use crate::registry::{ENTRIES, Entry, Speak, Work};
use crate::route::{self, Life, Listeners, Post};
use crate::wire::{Encoder, LaneReceiver, Packet, Word};
use crate::worker;

#[distributed_slice(ENTRIES)]
static NODE: Entry = Entry::own("procession::node", Work::Converse(node));

/// What a node is told to do with the packet that says so.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Order {
    /// Answer with as many bytes.
    Echo(#[serde(with = "crate::wire::bytes")] Vec<u8>),
    /// Start another node below, and answer with its id.
    Spawn,
    /// Have another node do it.
    PassOn(ProcessId, Box<Order>),
    /// Answer to someone who is not there.
    Misaddress(ProcessId),
    /// Never answer.
    Hold,
    /// Answer whether this process is asked to stop.
    Stopping(#[serde(with = "crate::wire::bytes")] Vec<u8>),
    /// Say so many words to the parent alone, each so much longer than the last, and abort.
    Babble(u32, usize),
    /// Kill the child with that number.
    KillChild(u64),
    /// Send these bytes up, which are no word.
    Rubbish(Vec<u8>),
    /// Say the next local word of the parent back to it.
    EchoLocal,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Answer {
    Echo(#[serde(with = "crate::wire::bytes")] Vec<u8>),
    Spawned(ProcessId),
    Stopping(bool),
    Unroutable,
    Lost(String),
    Done,
}

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(20);

fn bytes_of<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("it is plain data")
}

/// One node: its handlers queue what comes, and the function works it off.
fn node(_from: &mut LaneReceiver, _to: Speak) {
    static ORDERS: OnceLock<Mutex<Sender<Packet>>> = OnceLock::new();
    static LOCAL: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
    let (orders, ordered): (_, Receiver<Packet>) = channel();
    ORDERS.set(Mutex::new(orders)).expect("once");
    worker::hear_local(|bytes| LOCAL.lock().expect("no panic").push(bytes));
    route::set_post(Post {
        received: |packet| {
            let orders = ORDERS.get().expect("it is set").lock().expect("no panic");
            orders.send(packet).expect("the function listens");
        },
        unroutable: |packet, _| answer(packet.rights, &Answer::Unroutable),
        lost: |right, _, reason| answer(vec![right], &Answer::Lost(reason.to_string())),
    });
    let mut below: Vec<Begun> = Vec::new();
    for packet in ordered {
        let order: Order = postcard::from_bytes(&packet.parcel).expect("it is an order");
        let rights = packet.rights;
        match order {
            Order::Echo(bytes) => answer(rights, &Answer::Echo(bytes)),
            Order::Spawn => {
                let begun = start(Listeners::default());
                answer(rights, &Answer::Spawned(begun.life.id.clone()));
                below.push(begun);
            }
            Order::PassOn(to, order) => send(to, rights, &order).expect("there is a way"),
            Order::Misaddress(to) => send(to, rights, &Order::Hold).expect("there is a way"),
            Order::Hold => {}
            Order::Stopping(_) => {
                answer(rights, &Answer::Stopping(worker::stop_flag().is_raised()));
            }
            Order::Babble(count, step) => {
                let word = |at: u32| Word::Local(vec![at as u8; at as usize * step]);
                (0..count).for_each(|at| worker::up(&word(at)).expect("the parent lives"));
                std::process::abort()
            }
            Order::KillChild(at) => {
                let life = &below[at as usize].life;
                life.kill(Intent::Kill).expect("it is ours");
            }
            Order::Rubbish(bytes) => worker::up_rubbish(&bytes),
            Order::EchoLocal => {
                let mut local = LOCAL.lock().expect("no panic");
                worker::up(&Word::Local(local.remove(0))).expect("the parent lives");
                answer(rights, &Answer::Done);
            }
        }
    }
}

fn own_id() -> ProcessId {
    super::current().id().clone()
}

fn send(to: ProcessId, rights: Vec<Right>, order: &Order) -> Result<(), Packet> {
    route::send(Packet { to, from: own_id(), rights, answers: None, parcel: bytes_of(order) })
        .map_err(|(packet, _)| packet)
}

fn answer(rights: Vec<Right>, answer: &Answer) {
    for right in rights {
        let answers = Some(right.number);
        let parcel = bytes_of(answer);
        let (to, from) = (right.asker, own_id());
        // Who asked may be gone.
        let _ = route::send(Packet { to, from, rights: Vec::new(), answers, parcel });
    }
}

fn start(listeners: Listeners) -> Begun {
    let settings = Settings::default();
    let ready = settings.ready(&NODE).expect("it can be started");
    let row = Encoder::new(100);
    settings.start(ready, row, Lanes::Open, listeners).expect("it starts")
}

/// A node of the test's own, which dies with it.
struct Node(Begun);

impl Node {
    fn start() -> Self {
        Node(start(Listeners::default()))
    }

    fn id(&self) -> ProcessId {
        self.0.life.id.clone()
    }

    fn signal(&self, name: &str) {
        let pid = self.0.life.pid.to_string();
        let sent = std::process::Command::new("kill").args([name, pid.as_str()]).status();
        assert!(sent.expect("`kill` runs").success());
    }

    fn child(&self) -> ProcessId {
        spawn_below(self.id())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.life.kill(Intent::Kill);
        self.0.life.wait(None);
    }
}

fn spawn_below(id: ProcessId) -> ProcessId {
    match ask(id, &Order::Spawn) {
        Answer::Spawned(id) => id,
        other => panic!("{other:?}"),
    }
}

/// What was heard of each right of this process.
static HEARD: Mutex<Option<HashMap<u64, Vec<Answer>>>> = Mutex::new(None);
static NEWS: Condvar = Condvar::new();

fn note(number: u64, answer: Answer) {
    let mut heard = HEARD.lock().expect("no panic");
    heard.get_or_insert_default().entry(number).or_default().push(answer);
    NEWS.notify_all();
}

fn new_right() -> Right {
    static NEXT: Mutex<u64> = Mutex::new(1);
    static POSTED: std::sync::Once = std::sync::Once::new();
    POSTED.call_once(|| {
        route::set_post(Post {
            received: |packet| {
                let answer = postcard::from_bytes(&packet.parcel).expect("it is an answer");
                note(packet.answers.expect("it answers"), answer);
            },
            unroutable: |packet, _| {
                packet.rights.iter().for_each(|right| note(right.number, Answer::Unroutable));
            },
            lost: |right, _, reason| note(right.number, Answer::Lost(reason.to_string())),
        });
    });
    let mut next = NEXT.lock().expect("no panic");
    *next += 1;
    Right::new(*next, own_id(), u64::MAX)
}

/// Orders something, without waiting.
fn order(to: ProcessId, order: &Order) -> u64 {
    let right = new_right();
    let number = right.number;
    send(to, vec![right], order).expect("there is a way");
    number
}

fn heard(number: u64) -> Vec<Answer> {
    let heard = HEARD.lock().expect("no panic");
    heard.as_ref().and_then(|heard| heard.get(&number).cloned()).unwrap_or_default()
}

fn hear(number: u64) -> Answer {
    let until = Instant::now() + LIMIT;
    let mut all = HEARD.lock().expect("no panic");
    loop {
        if let Some(answers) = all.as_ref().and_then(|heard| heard.get(&number)) {
            return answers[0].clone();
        }
        let left = until.checked_duration_since(Instant::now()).expect("it is heard in time");
        all = NEWS.wait_timeout(all, left).expect("no panic").0;
    }
}

fn ask(to: ProcessId, what: &Order) -> Answer {
    hear(order(to, what))
}

fn lost(life: &Life) -> bool {
    matches!(life.wait(Some(Instant::now() + LIMIT)), Some(ExitReason::Lost(_)))
}

#[test]
fn words_of_any_size_go_down_and_up() {
    let node = Node::start();
    for len in [0, 1, 61_426, 61_427, 61_428, 130_000, 5_000_000] {
        let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();

        let answer = ask(node.id(), &Order::Echo(bytes.clone()));

        assert!(answer == Answer::Echo(bytes), "{len}");
    }
}

#[test]
fn cousins_find_each_other_and_rights_leave_no_trace() {
    let (left, right) = (Node::start(), Node::start());
    let cousin = left.child();
    let other = spawn_below(right.child());
    assert_eq!(other.depth(), 3);
    let there = Order::PassOn(other.clone(), Box::new(Order::Echo(vec![7; 100_000])));

    let answer = ask(cousin.clone(), &Order::PassOn(other, Box::new(there)));

    assert!(answer == Answer::Echo(vec![7; 100_000]));
    assert_eq!(left.0.life.edge().take_rights(), []);
    assert_eq!(right.0.life.edge().take_rights(), []);
}

#[test]
fn a_right_is_noted_where_it_is() {
    let node = Node::start();

    let held = order(node.id(), &Order::Hold);

    assert!(node.0.life.edge().settle(held));
    assert!(!node.0.life.edge().settle(held));
}

#[test]
fn local_words_stay_between_parent_and_child() {
    let (said, listened) = channel();
    let said = Mutex::new(said);
    let node = Node(start(Listeners {
        local: Some(Box::new(move |bytes| said.lock().expect("no panic").send(bytes).expect("on"))),
        ended: None,
    }));
    node.0.life.edge().send(&Word::Local(vec![5; 70_000])).expect("it lives");

    ask(node.id(), &Order::EchoLocal);

    assert!(listened.recv_timeout(LIMIT).expect("it comes") == vec![5; 70_000]);
}

#[test]
fn a_stopped_child_holds_up_nobody_and_hears_a_stop_before_what_is_queued() {
    let (stopped, other) = (Node::start(), Node::start());
    ask(stopped.id(), &Order::Echo(Vec::new()));
    stopped.signal("-STOP");
    let begun = Instant::now();

    let asked: Vec<u64> =
        (0..200).map(|_| order(stopped.id(), &Order::Stopping(vec![0; 60_000]))).collect();
    stopped.0.life.ask_to_stop();
    assert_eq!(ask(other.id(), &Order::Echo(vec![1])), Answer::Echo(vec![1]));
    assert!(begun.elapsed() < LIMIT / 2);
    assert!(asked.iter().all(|&number| heard(number).is_empty()));
    stopped.signal("-CONT");

    let answers: Vec<Answer> = asked.into_iter().map(hear).collect();
    let late = answers.iter().filter(|&answer| *answer == Answer::Stopping(false)).count();
    assert!(late < 20, "{late}");
    assert_eq!(answers.last(), Some(&Answer::Stopping(true)));
}

#[test]
fn a_stopped_grandchild_holds_up_neither_its_parent_nor_its_siblings() {
    let node = Node::start();
    let stopped = node.child();
    let sibling = node.child();
    let pid = children_of(node.0.life.pid)[0].to_string();
    let kill = |name: &str| std::process::Command::new("kill").args([name, pid.as_str()]).status();
    assert!(kill("-STOP").expect("`kill` runs").success());

    let asked: Vec<u64> =
        (0..100).map(|_| order(stopped.clone(), &Order::Echo(vec![2; 60_000]))).collect();

    assert_eq!(ask(sibling, &Order::Echo(vec![1])), Answer::Echo(vec![1]));
    assert_eq!(ask(node.id(), &Order::Echo(vec![1])), Answer::Echo(vec![1]));
    assert!(kill("-CONT").expect("`kill` runs").success());
    assert!(asked.into_iter().all(|number| hear(number) == Answer::Echo(vec![2; 60_000])));
}

fn children_of(pid: u32) -> Vec<u32> {
    let mut all = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).expect("it lives").flatten() {
        let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    all.sort_unstable();
    all
}

#[test]
fn what_a_child_said_before_it_died_is_heard_before_its_end_and_that_before_lost_rights() {
    static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let log = |line: String| LOG.lock().expect("no panic").push(line);
    let node = Node(start(Listeners {
        local: Some(Box::new(move |bytes| log(bytes.len().to_string()))),
        ended: Some(Box::new(move |edge, reason| {
            let rights = edge.take_rights();
            log(format!("{} rights, {reason}", rights.len()));
            rights.into_iter().for_each(|right| {
                log(format!("{:?}", heard(right.number)));
                edge.lend(right).expect_err("the child is gone");
            });
        })),
    }));
    let held = order(node.id(), &Order::Hold);
    node.0.life.edge().settle(held);

    let number = order(node.id(), &Order::Babble(1000, 150));
    let reason = node.0.life.wait(Some(Instant::now() + LIMIT)).expect("it ends");

    let log = LOG.lock().expect("no panic");
    let said: Vec<String> = (0..1000).map(|at| (at * 150).to_string()).collect();
    assert_eq!(log[..1000], said);
    assert_eq!(log[1000..], [format!("1 rights, {reason}"), "[]".to_owned()]);
    assert_eq!(heard(number), []);
}

#[test]
fn what_a_child_sent_is_heard_although_it_died_before_anybody_looked() {
    let (said, listened) = channel();
    let said = Mutex::new(said);
    let (tell, told) = channel();
    let told = Mutex::new(told);
    let node = Node(start(Listeners {
        local: Some(Box::new(move |bytes| {
            // Only the first one waits, for the child's end.
            if let Ok(pid) = told.lock().expect("no panic").recv() {
                let stat = format!("/proc/{pid}/stat");
                while !std::fs::read_to_string(&stat).expect("nobody reaps it").contains(") Z") {
                    std::thread::yield_now();
                }
            }
            said.lock().expect("no panic").send(bytes.len()).expect("on");
        })),
        ended: None,
    }));
    tell.send(node.0.life.pid).map(|()| drop(tell)).expect("it listens");

    order(node.id(), &Order::Babble(200, 1));
    node.0.life.wait(Some(Instant::now() + LIMIT)).expect("it ends");

    assert_eq!(listened.try_iter().collect::<Vec<usize>>(), (0..200).collect::<Vec<usize>>());
}

#[test]
fn rights_in_a_dead_child_are_lost_once_where_its_parent_is() {
    let node = Node::start();
    let child = node.child();
    // What is sent before it can hear comes back, and is not lost, when it is killed.
    ask(child.clone(), &Order::Echo(Vec::new()));
    let below = order(child, &Order::Hold);
    let here = order(node.id(), &Order::Hold);

    send(node.id(), Vec::new(), &Order::KillChild(0)).expect("there is a way");

    assert_eq!(hear(below), Answer::Lost("it was killed".to_owned()));
    node.0.life.kill(Intent::Kill).expect("it is ours");
    node.0.life.wait(None);
    assert_eq!(heard(here), [Answer::Lost("it was killed".to_owned())]);
    assert_eq!(heard(below).len(), 1);
}

#[test]
fn a_packet_to_nobody_comes_back_from_where_the_way_ends() {
    let node = Node::start();
    let nobody = node.id().child(99);
    let root = ProcessId::root();

    assert_eq!(ask(nobody.clone(), &Order::Hold), Answer::Unroutable);
    assert_eq!(ask(node.id(), &Order::Misaddress(root.child(1 << 40))), Answer::Unroutable);
    assert_eq!(ask(node.child(), &Order::Misaddress(nobody)), Answer::Unroutable);
    assert!(send(root.child(1 << 40), Vec::new(), &Order::Hold).is_err());
    assert!(send(ProcessId::parse("rubbish"), Vec::new(), &Order::Hold).is_err());
    let gone = node.id();
    drop(node);
    assert!(send(gone, Vec::new(), &Order::Hold).is_err());
}

#[test]
fn each_packet_to_a_child_that_is_killed_is_lost_or_comes_back_once() {
    let node = Node::start();
    ask(node.id(), &Order::Echo(Vec::new()));
    node.signal("-STOP");
    let asked: Vec<u64> =
        (0..100).map(|_| order(node.id(), &Order::Echo(vec![3; 50_000]))).collect();

    node.0.life.kill(Intent::Kill).expect("it is ours");
    node.0.life.wait(None);

    let heard: Vec<Vec<Answer>> = asked.into_iter().map(heard).collect();
    assert!(heard.iter().all(|answers| answers.len() == 1));
    // It may have answered some before it was stopped.
    let back = heard.iter().filter(|answers| **answers == [Answer::Unroutable]).count();
    assert!(back > 50, "{back}");
}

#[test]
fn rubbish_from_a_child_ends_that_child_alone() {
    let other = Node::start();
    for rubbish in [vec![], vec![9], vec![1, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0]] {
        let node = Node::start();

        send(node.id(), Vec::new(), &Order::Rubbish(rubbish)).expect("there is a way");

        assert!(lost(&node.0.life), "{:?}", node.0.life.reason());
    }
    assert_eq!(ask(other.id(), &Order::Echo(vec![1])), Answer::Echo(vec![1]));
}

#[test]
fn many_threads_send_through_one_another_without_a_deadlock() {
    let nodes = [Node::start(), Node::start()];
    let below = [nodes[0].child(), nodes[1].child()];

    std::thread::scope(|scope| {
        for thread in 0..4 {
            let below = &below;
            scope.spawn(move || {
                for at in 0..50 {
                    let (via, to) = (&below[thread % 2], &below[(thread + at) % 2]);
                    let bytes = vec![thread as u8; 20_000];
                    let order = Order::PassOn(to.clone(), Box::new(Order::Echo(bytes.clone())));
                    assert!(ask(via.clone(), &order) == Answer::Echo(bytes));
                }
            });
        }
    });
}
