//! Looking at a datagram before anybody takes it, and at how many wait.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// The next datagram of a socket, still there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Peeked {
    /// Its first bytes.
    pub(crate) head: [u8; 16],
    /// How many it has in all; none at the end of the socket.
    pub(crate) len: usize,
    /// Whether it carries descriptors.
    pub(crate) carries: bool,
}

/// There is nothing to look at, and will not be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoSocket;

/// Looks at the next datagram, if there is one, and waits for it if asked to.
#[unsafe(link_section = ".procession.start")]
pub(crate) fn peek(socket: RawFd, wait: bool) -> Result<Option<Peeked>, NoSocket> {
    let mut peeked = Peeked::default();
    let mut part =
        libc::iovec { iov_base: peeked.head.as_mut_ptr().cast(), iov_len: peeked.head.len() };
    // SAFETY: a zeroed `msghdr` asks for nothing.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    // Without room for them, descriptors are not taken but only told of.
    let flags = libc::MSG_PEEK | libc::MSG_TRUNC | if wait { 0 } else { libc::MSG_DONTWAIT };
    loop {
        // SAFETY: the message describes one buffer of ours that outlives the call.
        let len = unsafe { libc::recvmsg(socket, &raw mut message, flags) };
        if let Ok(len) = usize::try_from(len) {
            peeked.len = len;
            peeked.carries = message.msg_flags & libc::MSG_CTRUNC != 0;
            return Ok(Some(peeked));
        }
        // Nothing is to be dropped in it, which the compiler does not know.
        let error = ManuallyDrop::new(io::Error::last_os_error());
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EAGAIN) => return Ok(None),
            _ => return Err(NoSocket),
        }
    }
}

/// Takes the next datagram, which is so long; whether it was there.
pub(crate) fn receive(socket: RawFd, len: usize, into: &mut Vec<u8>) -> bool {
    into.resize(len, 0);
    loop {
        // SAFETY: the pointer and the length are those of a buffer of ours.
        let taken = unsafe { libc::recv(socket, into.as_mut_ptr().cast(), len, 0) };
        match usize::try_from(taken) {
            Ok(taken) => return taken == len,
            Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}

/// How much room the datagrams take up that were sent and not received, and how much there is.
pub(super) fn queued(socket: BorrowedFd<'_>) -> Option<(libc::c_int, libc::c_int)> {
    let (mut queued, mut room): (libc::c_int, libc::c_int) = (0, 0);
    let mut len = libc::socklen_t::try_from(size_of_val(&room)).ok()?;
    let number = socket.as_raw_fd();
    // SAFETY: the request writes one integer, which is a local variable.
    if unsafe { libc::ioctl(number, libc::TIOCOUTQ, &raw mut queued) } != 0 {
        return None;
    }
    // SAFETY: the option is one integer, a local variable of the length that is told.
    let asked = unsafe {
        libc::getsockopt(
            number,
            libc::SOL_SOCKET,
            libc::SO_SNDBUF,
            (&raw mut room).cast(),
            &raw mut len,
        )
    };
    (asked == 0).then_some((queued, room))
}
