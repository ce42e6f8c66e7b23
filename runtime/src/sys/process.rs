//! Processes: watching one, killing one, and dying with one.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, PidfdFlags, Signal};

/// A child that has not been reaped, held by a descriptor that no other process can ever be
/// mistaken for.
#[derive(Debug)]
pub(crate) struct Pidfd {
    descriptor: OwnedFd,
}

/// How the system says a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It left with this code.
    Exited(i32),
    /// A signal ended it.
    Signaled { signal: i32, core_dumped: bool },
    /// Someone else reaped it, or the program ignores SIGCHLD: nobody can say any more.
    Unknown,
}

impl Pidfd {
    /// Holds a child that was started just now and that nobody has reaped.
    pub(crate) fn open(pid: u32) -> io::Result<Self> {
        let pid =
            i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
        let descriptor = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
        Ok(Pidfd { descriptor })
    }

    /// Readable once the process has ended.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Sends a signal. A process that has ended already is not an error.
    pub(crate) fn signal(&self, number: i32) -> io::Result<()> {
        let signal = Signal::from_named_raw(number).ok_or(io::ErrorKind::InvalidInput)?;
        match rustix::process::pidfd_send_signal(&self.descriptor, signal) {
            Err(rustix::io::Errno::SRCH) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Reaps the process, which has ended: how it ended, and the most memory it had resident, if that
    /// was more than this process has ever had.
    pub(crate) fn reap(&self) -> (Ended, Option<u64>) {
        // SAFETY: it is a plain structure of integers, for which zero is a value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: as above.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // By descriptor: where SIGCHLD is ignored the pid may be that of another child by now. The
        // function of the C library has no place for the usage, which the system call has.
        loop {
            // SAFETY: both pointers are to local variables of the right types.
            let reaped = unsafe {
                libc::syscall(
                    libc::SYS_waitid,
                    libc::P_PIDFD,
                    self.descriptor.as_raw_fd(),
                    &raw mut info,
                    libc::WEXITED,
                    &raw mut usage,
                )
            };
            if reaped == 0 {
                break;
            }
            if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return (Ended::Unknown, None);
            }
        }
        // A child begins with what its parent had resident at that time, so no less is known of it.
        let own = most_resident();
        let peak = usage.ru_maxrss.checked_mul(1024).filter(|_| usage.ru_maxrss > own);
        let peak = peak.and_then(|peak| u64::try_from(peak).ok());
        // SAFETY: the call has filled it in for a child that ended, which has a status.
        let status = unsafe { info.si_status() };
        let ended = match info.si_code {
            libc::CLD_EXITED => Ended::Exited(status),
            code => Ended::Signaled { signal: status, core_dumped: code == libc::CLD_DUMPED },
        };
        (ended, peak)
    }
}

/// The most that this process had resident, in kilobytes.
fn most_resident() -> libc::c_long {
    // SAFETY: it is a plain structure of integers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a local variable of the right type.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    usage.ru_maxrss
}

/// Kills and reaps a child that was started just now and that nobody else knows of.
pub(crate) fn kill_child(pid: u32) {
    signal(pid, Signal::KILL);
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let wait = || rustix::process::waitpid(pid, rustix::process::WaitOptions::empty());
    while pid.is_some() && matches!(wait(), Err(rustix::io::Errno::INTR)) {}
}

/// Sends SIGKILL to the process group of a child that leads one and is not reaped yet.
pub(crate) fn kill_group(leader: u32) {
    if let Some(group) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // A group that is empty already is what we want.
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
}

/// Kills a process and everything that descends from it, with their process groups.
///
/// Whoever is found is stopped first, so that it starts nothing more and nobody loses its parent
/// before all are found. The root must be a child that is not reaped yet.
pub(crate) fn kill_tree(root: u32) {
    let mut family = vec![root];
    signal(root, Signal::STOP);
    loop {
        let found = descendants(&family);
        if found.is_empty() {
            break;
        }
        found.iter().for_each(|&pid| signal(pid, Signal::STOP));
        family.extend(found);
    }
    for pid in family {
        kill_group(pid);
        signal(pid, Signal::KILL);
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // Who has ended already needs no signal.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// The living processes, not among `known`, whose parent is.
fn descendants(known: &[u32]) -> Vec<u32> {
    let Ok(all) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let parents: Vec<(u32, u32)> = all
        .filter_map(|entry| {
            let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name in parentheses may hold anything; what follows the last one is plain.
            let mut fields = stat[stat.rfind(')')? + 2..].split(' ');
            let state = fields.next()?;
            let parent = fields.next()?.parse().ok()?;
            (state != "Z").then_some((pid, parent))
        })
        .collect();
    let mut family = known.to_vec();
    let mut at = 0;
    while let Some(&parent) = family.get(at) {
        at += 1;
        for &(pid, of) in &parents {
            if of == parent && !family.contains(&pid) {
                family.push(pid);
            }
        }
    }
    family.split_off(known.len())
}

/// Asks the kernel to kill this process when its parent goes away.
///
/// Called by the child after `exec` rather than in a `pre_exec` hook, so that `std` keeps its fast
/// `posix_spawn` path and no code of ours runs where only async-signal-safe calls are allowed.
#[inline]
pub(crate) fn die_with_parent(parent: u32) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have died before the call; then no signal is coming.
    if parent_id() != parent {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    Ok(())
}

/// Asks the kernel to kill this process when nobody holds the writing end of a pipe any more. Unlike
/// [`die_with_parent`], which a change of credentials takes back, this stays, and needs no thread; but see
/// [`are_users_mapped`].
#[inline]
pub(crate) fn die_with_pipe(reading: &File) -> io::Result<()> {
    let call = |command, argument: libc::c_int| {
        // SAFETY: each of these commands takes a number and touches no memory.
        let answer = unsafe { libc::fcntl(reading.as_raw_fd(), command, argument) };
        if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
    };
    call(libc::F_SETOWN, rustix::process::getpid().as_raw_nonzero().get())?;
    // What the kernel sends in place of SIGIO.
    call(F_SETSIG, libc::SIGKILL)?;
    let flags = call(libc::F_GETFL, 0)?;
    call(libc::F_SETFL, flags | libc::O_ASYNC)?;
    // If it was closed before that, nothing is coming.
    if super::poll::is_hung_up(reading.as_fd()) {
        Err(io::ErrorKind::BrokenPipe.into())
    } else {
        Ok(())
    }
}

/// Whether users here are others outside, as in a container that has no root. There the kernel does not
/// send the signal of [`die_with_pipe`] to who has become another user since it was asked for.
pub(crate) fn are_users_mapped() -> bool {
    static MAPPED: OnceLock<bool> = OnceLock::new();
    *MAPPED.get_or_init(|| {
        let map = std::fs::read_to_string("/proc/self/uid_map");
        map.is_ok_and(|map| !map.split_whitespace().eq(["0", "0", "4294967295"]))
    })
}

/// Whether this process is root, here.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The same for all of Linux, but missing in the bindings.
const F_SETSIG: libc::c_int = 10;

/// The parent of this process, 0 where that is not visible from here.
pub(crate) fn parent_id() -> u32 {
    rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs())
}

/// Ends this process as SIGKILL would: nothing runs any more.
pub(crate) fn die_at_once() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
    exit_now(137)
}

/// Ends this process without running what is registered for its exit.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` takes a number and does not return.
    unsafe { libc::_exit(code) }
}

/// The name that `ps -o comm`, `top` and core files show.
#[inline]
pub(crate) fn set_process_name(name: &str) {
    let mut short = [0; 16];
    let bytes = name.bytes().filter(|&byte| byte != 0);
    short[..15].iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    if let Ok(name) = CStr::from_bytes_until_nul(&short) {
        // It is for people; a system that refuses it changes nothing else.
        let _ = rustix::thread::set_name(name);
    }
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        filled += match rustix::rand::getrandom(
            &mut bytes[filled..],
            rustix::rand::GetRandomFlags::empty(),
        ) {
            Err(rustix::io::Errno::INTR) => 0,
            other => other?,
        };
    }
    Ok(bytes)
}

/// Whether this is the thread that the process began with.
pub(crate) fn on_initial_thread() -> bool {
    rustix::thread::gettid() == rustix::process::getpid()
}

/// This process is a copy.
static COPY: AtomicBool = AtomicBool::new(false);

/// Whether this process is a copy that `fork` made of one that had asked this before. Costs no
/// system call; copies that were made without the C library do not notice.
#[inline]
pub(crate) fn is_copy() -> bool {
    if !WATCHED.load(Ordering::Relaxed) {
        watch_for_copies();
    }
    COPY.load(Ordering::Relaxed)
}

static WATCHED: AtomicBool = AtomicBool::new(false);

#[cold]
fn watch_for_copies() {
    extern "C" fn in_the_copy() {
        COPY.store(true, Ordering::Relaxed);
    }
    // Not a `Once`: a copy that was made meanwhile would wait for the one who runs it.
    if !WATCHED.swap(true, Ordering::Relaxed) {
        // SAFETY: the function stores one atomic, which may be done in any copy of any process.
        unsafe { libc::pthread_atfork(None, None, Some(in_the_copy)) };
    }
}

/// Ends a copy of a process that has asked whether it [is one](is_copy): somebody waits for the
/// original.
#[inline]
pub(crate) fn leave_if_copy() {
    if COPY.load(Ordering::Relaxed) {
        super::exit_now(0);
    }
}
