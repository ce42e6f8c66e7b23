//! How a child and its parent meet: the one-shot server, the hello, and what follows it.
//!
//! ```text
//!  parent                                child
//!  Server::new ── name, nonce (variable) ──►  Greeting::send
//!  Server::accept ◄──────── Hello ─────────   (its end of the control channel in it)
//!       └─ checks ── Control::Begin ──────►   ControlReceiver::begin
//! ```
//!
//! The child writes one byte to the greeting pipe after its hello, and only then does the parent
//! accept: so accepting never waits, for a child that is stopped or one that dies.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::Mutex;

use ipc_channel::ipc::{self, IpcOneShotServer, IpcReceiver, IpcSender};
use serde::{Deserialize, Serialize};

use super::channel::{self, ChannelError};
use super::lane::ChildEnds;
use super::mailbox::MailboxEnds;
use super::upward::UpSender;
use super::workbench::BeltEnds;
use crate::id::Place;
use crate::sys::{Build, Room};

/// What a child says first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) nonce: u128,
    pub(crate) pid: u32,
    pub(crate) build: Build,
    pub(crate) table: u64,
    control: IpcSender<Control>,
}

/// What a parent says to a child, besides messages.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Control {
    /// The first word: what to run and over what.
    Begin(Box<Bootstrap>),
    /// Please stop.
    Stop,
    /// A part of a word.
    Frame(#[serde(with = "super::bytes")] Vec<u8>),
}

/// All that a child needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Bootstrap {
    pub(crate) entry: u32,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) parent: ParentIs,
    pub(crate) memory_limit: Option<u64>,
    pub(crate) max_message: u64,
    pub(crate) ends: ChildEnds,
    pub(crate) up: UpSender,
    /// The number that all processes of this run of the program share.
    pub(crate) tree: u64,
    pub(crate) serves: Option<Serves>,
    /// What tasks and results of a pool travel on; without one they do as words and over the lane.
    pub(crate) belt: Option<BeltEnds>,
}

/// The slot that a child serves.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Serves {
    pub(crate) place: Place,
    pub(crate) incarnation: u32,
    /// The ring that holds its messages; without one they come as words.
    pub(crate) ends: Option<MailboxEnds>,
}

/// What a child knows of its parent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ParentIs {
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) id: String,
}

/// The longest temporary directory whose sockets have names that fit: ipc-channel silently cuts
/// what is longer.
const LONGEST_DIRECTORY: usize = 85;

/// Where a child that is not started yet will say hello.
///
/// The socket has a name in the file system only while it is made, for some microseconds. A child
/// reaches it through a descriptor that it inherits, so nobody else can be first, and a parent that
/// is killed leaves nothing behind but in those microseconds, which are ipc-channel's.
pub(crate) struct Server {
    server: IpcOneShotServer<Hello>,
    socket: OwnedFd,
}

impl Server {
    pub(crate) fn new(_room: &Room) -> io::Result<Self> {
        channel::warm_up();
        // It is made absolute there as well, and may become long by that.
        let directory = std::path::absolute(std::env::temp_dir())?;
        check(&directory)?;
        // ipc-channel panics where it cannot make a directory there.
        crate::sys::try_directory(&directory)?;
        let Some(_named) = crate::sys::not_while_exiting() else {
            return Err(io::Error::other("the program is ending"));
        };
        // It does not look whether there was a descriptor for the socket, and then has none to bind.
        let made = channel::within_room(IpcOneShotServer::new).map_err(|_| no_room())?;
        let (server, name) =
            made.map_err(|error| if crate::sys::is_closed(&error) { no_room() } else { error })?;
        let socket = crate::sys::unlink_but_hold(Path::new(&name))?;
        Ok(Server { server, socket })
    }

    /// What the child inherits, to connect to.
    pub(crate) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// Takes the hello of a child that has sent it.
    ///
    /// The receiver that comes with it is dropped at once: it is not close-on-exec. The socket's
    /// descriptor is handed out to be closed when nobody waits any more: the system frees the
    /// directory then, which can mean a disk.
    pub(crate) fn accept(self) -> io::Result<(Hello, ControlSender, OwnedFd)> {
        let Some(_room) = crate::sys::make_room(8) else { return Err(no_room()) };
        let Server { server, socket } = self;
        let accepted = channel::within_room(|| server.accept()).map_err(|_| no_room())?;
        let (receiver, hello) = accepted.map_err(io::Error::other)?;
        drop(receiver);
        let control = ControlSender::new(&hello.control)?;
        Ok((hello, control, socket))
    }
}

/// What the system says where there is no descriptor left.
fn no_room() -> io::Error {
    crate::sys::descriptor_limit_error()
}

fn check(directory: &Path) -> io::Result<()> {
    let long = directory.as_os_str().len();
    if long > LONGEST_DIRECTORY {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("its path has {long} bytes, and a socket in it can have {LONGEST_DIRECTORY}"),
        ));
    }
    if directory.to_str().is_none() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "its path is not UTF-8"));
    }
    match std::fs::metadata(directory)?.is_dir() {
        true => Ok(()),
        false => Err(io::ErrorKind::NotADirectory.into()),
    }
}

/// The parent's end of the control channel. That it is open is what the child's life hangs on.
#[derive(Debug)]
pub(crate) struct ControlSender {
    sender: Mutex<IpcSender<Control>>,
    socket: RawFd,
}

impl ControlSender {
    fn new(sender: &IpcSender<Control>) -> io::Result<Self> {
        let socket = channel::socket_of(sender).ok_or(io::ErrorKind::Unsupported)?;
        Ok(ControlSender { sender: Mutex::new(sender.clone()), socket })
    }

    pub(crate) fn begin(&self, bootstrap: Bootstrap) -> Result<(), ChannelError> {
        self.send(Control::Begin(Box::new(bootstrap)))
    }

    pub(crate) fn stop(&self) -> Result<(), ChannelError> {
        self.send(Control::Stop)
    }

    /// Sends a part of a word. It does not wait where the channel [takes it](Self::takes_more).
    pub(crate) fn frame(&self, frame: Vec<u8>) -> Result<(), ChannelError> {
        self.send(Control::Frame(frame))
    }

    /// Whether one more message would not have to wait. Who sends asks, and sends alone.
    pub(crate) fn takes_more(&self) -> bool {
        crate::sys::takes_datagram(self.as_fd())
    }

    /// Where it can be waited for.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: it is the socket of the sender, which is open for as long as that is borrowed.
        unsafe { BorrowedFd::borrow_raw(self.socket) }
    }

    fn send(&self, control: Control) -> Result<(), ChannelError> {
        let sender = self.sender.lock().map_err(|_| ChannelError::Gone)?;
        channel::send(&sender, control)
    }
}

/// The child's side of the meeting.
pub(crate) struct Greeting {
    control: IpcReceiver<Control>,
    /// Closed when the parent has taken the hello out: closing a socket with descriptors on their
    /// way has the system look for cycles of them.
    hello: IpcSender<Hello>,
}

impl Greeting {
    /// Says hello at the place that the parent named.
    pub(crate) fn send(
        server: RawFd,
        nonce: u128,
        build: Build,
        table: u64,
    ) -> Result<Self, String> {
        let connected = IpcSender::<Hello>::connect(format!("/proc/self/fd/{server}"));
        // Closed first here and last by the parent: who is last has the system free it.
        drop(crate::sys::take_inherited(server));
        let hello = connected.map_err(|error| format!("connecting to its parent: {error}"))?;
        let (control, receiver) = ipc::channel().map_err(|error| format!("a channel: {error}"))?;
        let sent = hello.send(Hello { nonce, pid: std::process::id(), build, table, control });
        sent.map_err(|error| format!("the hello: {error}"))?;
        Ok(Greeting { control: receiver, hello })
    }

    /// Waits for the first word.
    pub(crate) fn begin(self) -> Result<(Bootstrap, ControlReceiver), ChannelError> {
        let first = channel::receive(&self.control);
        drop(self.hello);
        match first? {
            Control::Begin(bootstrap) => {
                let socket = channel::socket_of_receiver(&self.control);
                Ok((*bootstrap, ControlReceiver { receiver: self.control, socket }))
            }
            Control::Stop | Control::Frame(_) => Err(ChannelError::Gone),
        }
    }
}

/// The length of the datagram that asks to stop: two words of ipc-channel's, and one byte. No other
/// is as short.
const STOP: usize = 16 + 1;

/// The child's end of the control channel.
pub(crate) struct ControlReceiver {
    receiver: IpcReceiver<Control>,
    socket: Option<RawFd>,
}

impl ControlReceiver {
    /// Waits until there is something to receive, and takes no memory for that; whether it is the
    /// wish to stop. That can be told even if the function has closed the channel meanwhile.
    pub(crate) fn wait(&self) -> bool {
        // What is wrong here is wrong for whoever receives.
        let peeked = self.socket.map(|socket| crate::sys::peek(socket, true));
        matches!(peeked, Some(Ok(peeked)) if peeked.len == STOP)
    }

    /// Waits for a word; an error is the end of the parent.
    pub(crate) fn receive(&self) -> Result<Control, ChannelError> {
        channel::receive_plain(&self.receiver)
    }
}
