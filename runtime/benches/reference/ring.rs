//! What a message costs at least: a ring of slots in shared memory, woken by futex.
//!
//! One producer, one consumer, no serialiser, no checks on what the other side writes. Who finds
//! nothing yields for at most [`SPIN`] and then sleeps; only a sleeper is woken. This is the
//! "shm futex, yield-spin 20us" that the design was measured against. Frozen, and nothing in here
//! is shared with the runtime.

use std::cell::UnsafeCell;
use std::env;
use std::fs::File;
use std::hint::black_box;
use std::os::fd::{AsRawFd, FromRawFd};
use std::process::{Child, Command, Stdio};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Marks a child of this file; what it says is the task and the region's descriptor.
const VARIABLE: &str = "BENCH_RING";

/// Messages that fit; a power of two, so that cursors may wrap.
const SLOTS: u32 = 1024;

/// The longest that somebody burns a core for the next message.
const SPIN: Duration = Duration::from_micros(20);

/// Forty bytes.
pub(crate) type Message = [f64; 5];

/// A child and a ring each way.
pub(crate) struct Ring<T: 'static> {
    to: Producer<T>,
    from: Consumer<u64>,
    pub(crate) child: Child,
}

/// What is shared: a ring to the child and one back. All zeros is how it starts.
#[repr(C)]
struct Region<T> {
    to: Lane<T>,
    from: Lane<u64>,
}

#[repr(C)]
struct Lane<T> {
    written: Cursor,
    taken: Cursor,
    slots: [UnsafeCell<T>; SLOTS as usize],
}

/// How far one side is, and whether the other sleeps until it is further.
#[repr(C, align(64))]
struct Cursor {
    count: AtomicU32,
    sleeper: AtomicU32,
}

struct Producer<T: 'static> {
    lane: &'static Lane<T>,
    written: u32,
    /// The last that was seen of the consumer; looked up again only when the ring seems full.
    taken: u32,
}

struct Consumer<T: 'static> {
    lane: &'static Lane<T>,
    taken: u32,
    /// The last that was seen of the producer; looked up again only when the ring seems empty.
    written: u32,
}

impl<T: Copy> Ring<T> {
    fn open(task: &str) -> Ring<T> {
        // Not close-on-exec: the child inherits the region under the same number.
        // SAFETY: the name is a C string that lives for ever.
        let fd = unsafe { libc::memfd_create(c"bench-ring".as_ptr(), 0) };
        assert_ne!(fd, -1, "a memfd can be made");
        // SAFETY: the descriptor was just made and nobody else has it.
        let file = unsafe { File::from_raw_fd(fd) };
        file.set_len(size_of::<Region<T>>() as u64).expect("the region fits");
        let region = map::<T>(&file);
        let child = Command::new("/proc/self/exe")
            .env(VARIABLE, format!("{task}:{}", file.as_raw_fd()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("this binary can be started again");
        Ring { to: Producer::of(&region.to), from: Consumer::of(&region.from), child }
    }
}

impl Ring<u64> {
    /// A child that sends every number back.
    pub(crate) fn echo() -> Ring<u64> {
        Ring::open("echo")
    }

    /// There and back.
    pub(crate) fn round_trip(&mut self, n: u64) -> u64 {
        self.to.send(n);
        self.from.recv()
    }
}

impl Ring<Message> {
    /// A child that takes messages and counts them.
    pub(crate) fn sink() -> Ring<Message> {
        Ring::open("sink")
    }

    /// One way, without an answer.
    pub(crate) fn send(&mut self, message: Message) {
        self.to.send(message);
    }

    /// Waits until all messages were taken; how many there were since the last time.
    pub(crate) fn sync(&mut self) -> u64 {
        self.to.send([-1.0; 5]);
        self.from.recv()
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        // The mapping stays until the bench ends: it opens a handful of these.
        self.child.kill().expect("the child was not waited for");
        self.child.wait().expect("the child was not waited for");
    }
}

impl<T: Copy> Producer<T> {
    fn of(lane: &'static Lane<T>) -> Producer<T> {
        Producer { lane, written: 0, taken: 0 }
    }

    fn send(&mut self, value: T) {
        if self.written.wrapping_sub(self.taken) == SLOTS {
            // Half the ring at once: two sides on one core would otherwise take turns for
            // every message.
            let written = self.written;
            let half = |taken| written.wrapping_sub(taken) <= SLOTS / 2;
            self.taken = self.lane.taken.wait(half);
        }
        let slot = self.lane.slots[(self.written % SLOTS) as usize].get();
        // SAFETY: the consumer reads this slot only after the count below says that it may, and
        // the check above says that it is done with what was there before.
        unsafe { slot.write(value) };
        self.written = self.written.wrapping_add(1);
        self.lane.written.publish(self.written);
        if self.lane.written.has_sleeper() {
            self.lane.written.wake();
        }
    }
}

impl<T: Copy> Consumer<T> {
    fn of(lane: &'static Lane<T>) -> Consumer<T> {
        Consumer { lane, taken: 0, written: 0 }
    }

    fn recv(&mut self) -> T {
        if self.taken == self.written {
            let taken = self.taken;
            self.written = self.lane.written.wait(|written| written != taken);
        }
        let slot = self.lane.slots[(self.taken % SLOTS) as usize].get();
        // SAFETY: the producer published this slot and writes it again only after the count below
        // says that it may.
        let value = unsafe { slot.read() };
        self.taken = self.taken.wrapping_add(1);
        self.lane.taken.publish(self.taken);
        if self.lane.taken.has_sleeper() {
            let written = self.lane.written.count.load(Ordering::SeqCst);
            if written.wrapping_sub(self.taken) <= SLOTS / 2 {
                self.lane.taken.wake();
            }
        }
        value
    }
}

impl Cursor {
    /// Says how far this side is. What follows looks for a sleeper, hence `SeqCst`: either it
    /// sees the sleeper, or the sleeper sees the count before it sleeps.
    fn publish(&self, count: u32) {
        self.count.store(count, Ordering::SeqCst);
    }

    fn has_sleeper(&self) -> bool {
        self.sleeper.load(Ordering::SeqCst) != 0
    }

    fn wake(&self) {
        self.sleeper.store(0, Ordering::SeqCst);
        // SAFETY: the futex is a live word; waking touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_futex, self.sleeper.as_ptr(), libc::FUTEX_WAKE, 1) };
    }

    /// Waits until the other side is far enough: looks, then yields, then sleeps.
    fn wait(&self, enough: impl Fn(u32) -> bool) -> u32 {
        let mut count = self.count.load(Ordering::Acquire);
        if enough(count) {
            return count;
        }
        let begun = Instant::now();
        while begun.elapsed() < SPIN {
            thread::yield_now();
            count = self.count.load(Ordering::Acquire);
            if enough(count) {
                return count;
            }
        }
        loop {
            self.sleeper.store(1, Ordering::SeqCst);
            count = self.count.load(Ordering::SeqCst);
            if enough(count) {
                self.sleeper.store(0, Ordering::SeqCst);
                return count;
            }
            // On the word that says so: who is late to wake it for the message before takes that back.
            let (futex, no_timeout) = (self.sleeper.as_ptr(), ptr::null::<libc::timespec>());
            // SAFETY: the futex is a live word; without a timeout the kernel reads nothing else.
            unsafe { libc::syscall(libc::SYS_futex, futex, libc::FUTEX_WAIT, 1, no_timeout) };
        }
    }
}

/// Maps the region, for ever.
fn map<T>(file: &File) -> &'static Region<T> {
    let (size, access) = (size_of::<Region<T>>(), libc::PROT_READ | libc::PROT_WRITE);
    let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
    // SAFETY: a new mapping at an address of the kernel's choice disturbs nobody.
    let region = unsafe { libc::mmap(ptr::null_mut(), size, access, flags, file.as_raw_fd(), 0) };
    assert_ne!(region, libc::MAP_FAILED, "the region can be mapped");
    // SAFETY: the mapping is as large as the type, page-aligned, never unmapped, and starts as
    // zeros, which all its types may be. Whatever the other side writes is atomic or in a cell.
    unsafe { &*region.cast() }
}

/// Runs before `main` in every process of this binary; a child of this file never gets further.
extern "C" fn enter() {
    let Ok(task) = env::var(VARIABLE) else { return };
    let (task, fd) = task.split_once(':').expect("the task is `what:descriptor`");
    let fd = fd.parse().expect("the task is `what:descriptor`");
    // Nothing tells this child that its parent went away, so the kernel has to end it.
    // SAFETY: with these arguments `prctl` takes integers and touches no memory of ours.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) };
    // SAFETY: the parent left this descriptor open for us and nobody else here knows of it.
    let file = unsafe { File::from_raw_fd(fd) };
    match task {
        "echo" => echo(map(&file)),
        _ => sink(map(&file)),
    }
}

fn echo(region: &'static Region<u64>) -> ! {
    let (mut from, mut to) = (Consumer::of(&region.to), Producer::of(&region.from));
    loop {
        to.send(from.recv());
    }
}

fn sink(region: &'static Region<Message>) -> ! {
    let (mut from, mut to) = (Consumer::of(&region.to), Producer::of(&region.from));
    let mut count = 0;
    loop {
        if black_box(from.recv())[0] < 0.0 {
            to.send(count);
            count = 0;
        } else {
            count += 1;
        }
    }
}

#[used]
#[unsafe(link_section = ".init_array")]
static ENTER: extern "C" fn() = enter;
