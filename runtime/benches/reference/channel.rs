//! What ipc-channel costs as it comes: typed messages, one `sendmsg` and one `recvmsg` each.
//!
//! Frozen, and nothing in here is shared with the runtime. Bytes channels are in `bytes.rs`.

use std::env;
use std::hint::black_box;
use std::process::{self, Command, Stdio};

use ipc_channel::ipc::{self, IpcOneShotServer, IpcReceiver, IpcSender};
use serde::{Deserialize, Serialize};

/// Marks a child of this file; what it says is the task and the one-shot server's name.
const VARIABLE: &str = "BENCH_CHANNEL";

/// Forty bytes in memory and on the wire: postcard writes floats in full.
pub(crate) type Message = [f64; 5];

/// A child and a channel each way.
pub(crate) struct Channel<T> {
    to: IpcSender<T>,
    from: IpcReceiver<u64>,
    pub(crate) child: process::Child,
}

/// What the child hands over: the ends that the parent uses.
type Ends<T> = (IpcSender<T>, IpcReceiver<u64>);

impl<T: Serialize + for<'de> Deserialize<'de>> Channel<T> {
    fn open(task: &str) -> Channel<T> {
        let (server, name) = IpcOneShotServer::<Ends<T>>::new().expect("a server can be made");
        let child = Command::new("/proc/self/exe")
            .env(VARIABLE, format!("{task}:{name}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("this binary can be started again");
        let (_, (to, from)) = server.accept().expect("the child connects");
        Channel { to, from, child }
    }
}

impl Channel<u64> {
    /// A child that sends every number back.
    pub(crate) fn echo() -> Channel<u64> {
        Channel::open("echo")
    }

    /// There and back.
    pub(crate) fn round_trip(&mut self, n: u64) -> u64 {
        self.to.send(n).expect("the child listens");
        self.from.recv().expect("the child answers")
    }
}

impl Channel<Message> {
    /// A child that takes messages and counts them.
    pub(crate) fn sink() -> Channel<Message> {
        Channel::open("sink")
    }

    /// One way, without an answer.
    pub(crate) fn send(&mut self, message: Message) {
        self.to.send(message).expect("the child listens");
    }

    /// Waits until all messages were taken; how many there were since the last time.
    pub(crate) fn sync(&mut self) -> u64 {
        self.to.send([-1.0; 5]).expect("the child listens");
        self.from.recv().expect("the child answers")
    }
}

impl<T> Drop for Channel<T> {
    fn drop(&mut self) {
        self.child.kill().expect("the child was not waited for");
        self.child.wait().expect("the child was not waited for");
    }
}

/// Runs before `main` in every process of this binary; a child of this file never gets further.
extern "C" fn enter() {
    let Ok(task) = env::var(VARIABLE) else { return };
    let (task, name) = task.split_once(':').expect("the task is `what:server`");
    match task {
        "echo" => echo(name),
        _ => sink(name),
    }
    process::exit(0)
}

fn echo(name: &str) {
    let (from, to) = connect::<u64>(name);
    while let Ok(n) = from.recv() {
        to.send(n).expect("the parent listens");
    }
}

fn sink(name: &str) {
    let (from, to) = connect::<Message>(name);
    let mut count = 0;
    while let Ok(message) = from.recv() {
        if black_box(message)[0] < 0.0 {
            to.send(count).expect("the parent listens");
            count = 0;
        } else {
            count += 1;
        }
    }
}

/// Makes both channels and hands the parent its ends.
fn connect<T: Serialize + for<'de> Deserialize<'de>>(
    name: &str,
) -> (IpcReceiver<T>, IpcSender<u64>) {
    let (parent_to, from) = ipc::channel::<T>().expect("a channel can be made");
    let (to, parent_from) = ipc::channel::<u64>().expect("a channel can be made");
    let server = IpcSender::<Ends<T>>::connect(name.to_owned()).expect("the parent waits");
    server.send((parent_to, parent_from)).expect("the parent waits");
    (from, to)
}

#[used]
#[unsafe(link_section = ".init_array")]
static ENTER: extern "C" fn() = enter;
