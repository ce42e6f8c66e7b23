//! Looking at a datagram before anybody takes it.

use std::io;
use std::os::fd::RawFd;

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

/// Looks at the next datagram, and waits for one if asked to.
pub(crate) fn peek(socket: RawFd, wait: bool) -> io::Result<Peeked> {
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
            return Ok(peeked);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
