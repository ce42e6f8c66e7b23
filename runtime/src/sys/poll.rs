//! Waiting for descriptors.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

/// One descriptor to wait for, and whether its turn has come: something to read, or its end.
pub(crate) struct Interest<'a> {
    pub(crate) descriptor: Option<BorrowedFd<'a>>,
    pub(crate) ready: bool,
}

impl<'a> Interest<'a> {
    pub(crate) fn in_reading(descriptor: Option<BorrowedFd<'a>>) -> Self {
        Interest { descriptor, ready: false }
    }
}

/// Sleeps until one of them is ready or the deadline has passed, and marks those that are.
pub(crate) fn poll(interests: &mut [Interest<'_>], deadline: Option<Instant>) -> io::Result<()> {
    loop {
        let mut waiting: Vec<PollFd<'_>> = interests
            .iter()
            .filter_map(|interest| interest.descriptor)
            .map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN))
            .collect();
        let left = deadline.map(|at| timespec(at.saturating_duration_since(Instant::now())));
        match rustix::event::poll(&mut waiting, left.as_ref()) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        let mut answers = waiting.iter();
        for interest in interests.iter_mut().filter(|interest| interest.descriptor.is_some()) {
            interest.ready = answers.next().is_some_and(|answer| !answer.revents().is_empty());
        }
        return Ok(());
    }
}

/// Whether whoever read from this end has gone, so that writing would be in vain.
pub(crate) fn readers_gone(descriptor: BorrowedFd<'_>) -> bool {
    let mut asked = [PollFd::from_borrowed_fd(descriptor, PollFlags::empty())];
    let now = timespec(Duration::ZERO);
    let gone = PollFlags::ERR | PollFlags::NVAL;
    rustix::event::poll(&mut asked, Some(&now)).is_ok() && asked[0].revents().intersects(gone)
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}
