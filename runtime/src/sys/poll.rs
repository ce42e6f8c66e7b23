//! Waiting for descriptors.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};

/// One descriptor to wait for, and whether its turn has come: something to read or room to write,
/// or its end.
pub(crate) struct Interest<'a> {
    descriptor: Option<BorrowedFd<'a>>,
    /// Besides its end.
    what: PollFlags,
    pub(crate) ready: bool,
}

impl<'a> Interest<'a> {
    pub(crate) fn in_reading(descriptor: Option<BorrowedFd<'a>>) -> Self {
        Interest { descriptor, what: PollFlags::IN, ready: false }
    }

    pub(crate) fn in_writing(descriptor: BorrowedFd<'a>) -> Self {
        Interest { descriptor: Some(descriptor), what: PollFlags::OUT, ready: false }
    }

    /// In nothing but that the other side hangs up.
    pub(crate) fn in_the_end(descriptor: Option<BorrowedFd<'a>>) -> Self {
        Interest { descriptor, what: PollFlags::empty(), ready: false }
    }
}

/// Sleeps until one of them is ready or the deadline has passed, and marks those that are.
pub(crate) fn poll(interests: &mut [Interest<'_>], deadline: Option<Instant>) -> io::Result<()> {
    loop {
        let mut waiting: Vec<PollFd<'_>> = interests
            .iter()
            .filter_map(|interest| {
                Some(PollFd::from_borrowed_fd(interest.descriptor?, interest.what))
            })
            .collect();
        let left = deadline.map(|at| timespec(at.saturating_duration_since(Instant::now())));
        match rustix::event::poll(&mut waiting, left.as_ref()) {
            Err(rustix::io::Errno::INTR) => continue,
            // They are more than this process may have open, since its limit was lowered.
            Err(rustix::io::Errno::INVAL) if waiting.len() > 1 => {
                return poll_each(interests, deadline);
            }
            other => other?,
        };
        let mut answers = waiting.iter();
        for interest in interests.iter_mut().filter(|interest| interest.descriptor.is_some()) {
            interest.ready = answers.next().is_some_and(|answer| !answer.revents().is_empty());
        }
        return Ok(());
    }
}

/// The same where the system waits for one at a time only, and nobody says when another is ready.
fn poll_each(interests: &mut [Interest<'_>], deadline: Option<Instant>) -> io::Result<()> {
    const PAUSE: Duration = Duration::from_millis(20);
    loop {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let mut pause = left.unwrap_or(PAUSE).min(PAUSE);
        for interest in &mut *interests {
            let Some(descriptor) = interest.descriptor else { continue };
            let mut asked = [PollFd::from_borrowed_fd(descriptor, interest.what)];
            // At the first there is a wait, so that the others are looked at after it.
            let pause = timespec(std::mem::take(&mut pause));
            match rustix::event::poll(&mut asked, Some(&pause)) {
                Err(rustix::io::Errno::INTR) => {}
                other => drop(other?),
            }
            interest.ready = !asked[0].revents().is_empty();
        }
        if interests.iter().any(|interest| interest.ready)
            || left.is_some_and(|left| left.is_zero())
        {
            return Ok(());
        }
    }
}

/// Whether whoever read from this end has gone, so that writing would be in vain.
pub(crate) fn readers_gone(descriptor: BorrowedFd<'_>) -> bool {
    let mut asked = [PollFd::from_borrowed_fd(descriptor, PollFlags::empty())];
    let now = timespec(Duration::ZERO);
    let gone = PollFlags::ERR | PollFlags::NVAL;
    rustix::event::poll(&mut asked, Some(&now)).is_ok() && asked[0].revents().intersects(gone)
}

/// Whether whoever wrote to this end of a pipe has gone.
pub(crate) fn is_hung_up(descriptor: BorrowedFd<'_>) -> bool {
    let mut asked = [PollFd::from_borrowed_fd(descriptor, PollFlags::empty())];
    let now = timespec(Duration::ZERO);
    rustix::event::poll(&mut asked, Some(&now)).is_ok()
        && asked[0].revents().contains(PollFlags::HUP)
}

/// Whether a write of so many bytes would not have to wait, as far as can be told.
pub(crate) fn takes_more(descriptor: BorrowedFd<'_>, len: usize) -> bool {
    let mut asked = [PollFd::from_borrowed_fd(descriptor, PollFlags::OUT)];
    let now = timespec(Duration::ZERO);
    // What cannot be asked is not waited for either.
    let ready = rustix::event::poll(&mut asked, Some(&now)).map_or(true, |ready| ready > 0);
    // A pipe is ready when it takes a page.
    let room = rustix::pipe::fcntl_getpipe_size(descriptor).ok().and_then(|capacity| {
        let queued = rustix::io::ioctl_fionread(descriptor).ok()?;
        Some((capacity, capacity.saturating_sub(usize::try_from(queued).ok()?)))
    });
    ready && room.is_none_or(|(capacity, room)| len <= PAGE || room >= len.min(capacity))
}

/// Whether a socket takes a datagram without a wait.
pub(crate) fn takes_datagram(socket: BorrowedFd<'_>) -> bool {
    let mut asked = [PollFd::from_borrowed_fd(socket, PollFlags::OUT)];
    let now = timespec(Duration::ZERO);
    // What cannot be asked is not waited for either.
    if rustix::event::poll(&mut asked, Some(&now)).map_or(true, |ready| ready > 0) {
        return true;
    }
    // A socket is said to be ready while a quarter of its room is used, and takes datagrams until
    // all of it is.
    super::peek::queued(socket).is_some_and(|(queued, room)| queued < room)
}

/// Something to wait for that any thread can make ready.
#[derive(Debug)]
pub(crate) struct Wake(OwnedFd);

impl Wake {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Wake(rustix::event::eventfd(0, flags)?))
    }

    /// Makes it ready.
    pub(crate) fn wake(&self) {
        // It is full only where it is ready already.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Takes note that it was ready.
    pub(crate) fn clear(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The standard output of this process, whatever it is or is not.
pub(crate) fn standard_output() -> BorrowedFd<'static> {
    rustix::stdio::stdout()
}

/// The standard error of this process, whatever it is or is not.
pub(crate) fn standard_error() -> BorrowedFd<'static> {
    rustix::stdio::stderr()
}

/// What a pipe that is ready takes.
const PAGE: usize = 4096;

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}
