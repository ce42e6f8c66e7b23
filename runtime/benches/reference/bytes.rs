//! What bulk costs over ipc-channel's bytes channel, which has no serialiser in its way.
//!
//! Above about 212 kB it cuts the bytes in pieces and sends them through a socket of their own.
//! Frozen, and nothing in here is shared with the runtime.

use std::env;
use std::hint::black_box;
use std::process::{self, Command, Stdio};

use ipc_channel::ipc::{self, IpcBytesSender, IpcOneShotServer, IpcReceiver, IpcSender};

/// Marks a child of this file; what it says is the one-shot server's name.
const VARIABLE: &str = "BENCH_BYTES";

/// A child that takes bytes and counts them.
pub(crate) struct Bytes {
    to: IpcBytesSender,
    from: IpcReceiver<u64>,
    pub(crate) child: process::Child,
}

/// What the child hands over: the ends that the parent uses.
type Ends = (IpcBytesSender, IpcReceiver<u64>);

impl Bytes {
    pub(crate) fn open() -> Bytes {
        let (server, name) = IpcOneShotServer::<Ends>::new().expect("a server can be made");
        let child = Command::new("/proc/self/exe")
            .env(VARIABLE, name)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("this binary can be started again");
        let (_, (to, from)) = server.accept().expect("the child connects");
        Bytes { to, from, child }
    }

    /// One way, without an answer.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.to.send(bytes).expect("the child listens");
    }

    /// Waits until all bytes were taken; how many there were since the last time.
    pub(crate) fn sync(&mut self) -> u64 {
        self.to.send(&[]).expect("the child listens");
        self.from.recv().expect("the child answers")
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        self.child.kill().expect("the child was not waited for");
        self.child.wait().expect("the child was not waited for");
    }
}

/// Runs before `main` in every process of this binary; a child of this file never gets further.
extern "C" fn enter() {
    let Ok(name) = env::var(VARIABLE) else { return };
    let (parent_to, from) = ipc::bytes_channel().expect("a channel can be made");
    let (to, parent_from) = ipc::channel::<u64>().expect("a channel can be made");
    let server = IpcSender::<Ends>::connect(name).expect("the parent waits");
    server.send((parent_to, parent_from)).expect("the parent waits");
    let mut count = 0;
    while let Ok(bytes) = from.recv() {
        if bytes.is_empty() {
            to.send(count).expect("the parent listens");
            count = 0;
        } else {
            count += black_box(bytes).len() as u64;
        }
    }
    process::exit(0)
}

#[used]
#[unsafe(link_section = ".init_array")]
static ENTER: extern "C" fn() = enter;
