//! What a pool costs at least: two workers, a ring of slots to each and one back.
//!
//! No serialiser, no scheduling, no checks on what the other side writes: the chunks are cut by hand
//! and dealt in turn, results are taken in the order of the tasks. Who finds nothing yields for at most
//! [`SPIN`] and then sleeps. Frozen, and nothing in here is shared with the runtime.

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

/// Marks a child of this file; what it says is the kind of message and the region's descriptor.
const VARIABLE: &str = "BENCH_RINGS";

const WORKERS: usize = 2;

/// The longest that somebody burns a core for the next message.
const SPIN: Duration = Duration::from_micros(20);

/// How many tasks a hand-made chunk has.
const CHUNK: usize = 500;

/// Workers that are given five hundred tasks at once.
pub(crate) type InChunks = Rings<Chunk, 16>;

/// Workers that are given one task at a time.
pub(crate) type OneByOne = Rings<u64, 1024>;

/// So many of the numbers are tasks, or results.
#[derive(Clone, Copy)]
pub(crate) struct Chunk {
    count: usize,
    numbers: [u64; CHUNK],
}

/// What goes to a worker, and comes back.
pub(crate) trait Message: Copy + 'static {
    const KIND: &'static str;

    /// How many numbers go into one.
    const SIZE: usize;

    fn of(numbers: &[u64]) -> Self;

    fn square(&mut self);

    fn add_to(&self, results: &mut Vec<u64>);
}

/// The workers; `SLOTS` messages may be on their way to each of them.
pub(crate) struct Rings<M: Message, const SLOTS: usize> {
    workers: Vec<Worker<M, SLOTS>>,
}

struct Worker<M: Message, const SLOTS: usize> {
    to: Producer<M, SLOTS>,
    from: Consumer<M, SLOTS>,
    child: Child,
}

/// What is shared. All zeros is how it starts.
#[repr(C)]
struct Region<M, const SLOTS: usize> {
    to: Lane<M, SLOTS>,
    from: Lane<M, SLOTS>,
}

/// A ring that is never full: there are as many slots as messages may be on their way, and who has
/// seen a result knows that its task was taken.
#[repr(C)]
struct Lane<M, const SLOTS: usize> {
    written: Written,
    slots: [UnsafeCell<M>; SLOTS],
}

/// How many messages were ever written, and how many there must be before the other side is to be
/// woken; it sleeps if that is not zero.
#[repr(C, align(64))]
struct Written {
    count: AtomicU32,
    wanted: AtomicU32,
}

struct Producer<M: 'static, const SLOTS: usize> {
    lane: &'static Lane<M, SLOTS>,
    written: u32,
}

struct Consumer<M: 'static, const SLOTS: usize> {
    lane: &'static Lane<M, SLOTS>,
    taken: u32,
    /// The last that was seen of the producer; looked up again only when the ring seems empty.
    written: u32,
}

impl Message for u64 {
    const KIND: &'static str = "one";
    const SIZE: usize = 1;

    fn of(numbers: &[u64]) -> Self {
        numbers[0]
    }

    fn square(&mut self) {
        *self = square(*self);
    }

    fn add_to(&self, results: &mut Vec<u64>) {
        results.push(*self);
    }
}

impl Message for Chunk {
    const KIND: &'static str = "chunk";
    const SIZE: usize = CHUNK;

    fn of(numbers: &[u64]) -> Self {
        let mut chunk = Chunk { count: numbers.len(), numbers: [0; CHUNK] };
        chunk.numbers[..numbers.len()].copy_from_slice(numbers);
        chunk
    }

    fn square(&mut self) {
        self.numbers[..self.count].iter_mut().for_each(|number| *number = square(*number));
    }

    fn add_to(&self, results: &mut Vec<u64>) {
        results.extend_from_slice(&self.numbers[..self.count]);
    }
}

/// The task. The compiler shall not do four at once: tasks of a pool are calls.
#[inline(never)]
fn square(number: u64) -> u64 {
    black_box(number).wrapping_mul(number)
}

impl<M: Message, const SLOTS: usize> Rings<M, SLOTS> {
    pub(crate) fn start() -> Self {
        Rings { workers: (0..WORKERS).map(|_| Worker::start()).collect() }
    }

    /// The squares of the numbers, in order.
    pub(crate) fn map(&mut self, numbers: &[u64]) -> Vec<u64> {
        let messages = numbers.len().div_ceil(M::SIZE);
        let mut chunks = numbers.chunks(M::SIZE);
        let mut results = Vec::with_capacity(numbers.len());
        let (mut sent, mut received) = (0, 0);
        while received < messages {
            // Half a ring at once: two sides on one core would otherwise take turns for every message.
            if sent - received <= SLOTS * WORKERS / 2 {
                let room = SLOTS * WORKERS - (sent - received);
                for chunk in chunks.by_ref().take(room) {
                    self.workers[sent % WORKERS].to.send(M::of(chunk));
                    sent += 1;
                }
            }
            let underway = (sent - received).div_ceil(WORKERS);
            let patience = underway.min(SLOTS / 4);
            self.workers[received % WORKERS].from.recv(patience).add_to(&mut results);
            received += 1;
        }
        results
    }
}

impl<M: Message, const SLOTS: usize> Worker<M, SLOTS> {
    fn start() -> Self {
        // Not close-on-exec: the child inherits the region under the same number.
        // SAFETY: the name is a C string that lives for ever.
        let fd = unsafe { libc::memfd_create(c"bench-rings".as_ptr(), 0) };
        assert_ne!(fd, -1, "a memfd can be made");
        // SAFETY: the descriptor was just made and nobody else has it.
        let file = unsafe { File::from_raw_fd(fd) };
        file.set_len(size_of::<Region<M, SLOTS>>() as u64).expect("the region fits");
        let region = map::<M, SLOTS>(&file);
        let child = Command::new("/proc/self/exe")
            .env(VARIABLE, format!("{}:{}", M::KIND, file.as_raw_fd()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("this binary can be started again");
        Worker { to: Producer::of(&region.to), from: Consumer::of(&region.from), child }
    }
}

impl<M: Message, const SLOTS: usize> Drop for Worker<M, SLOTS> {
    fn drop(&mut self) {
        // The mapping stays until the bench ends: it starts a handful of these.
        self.child.kill().expect("the child was not waited for");
        self.child.wait().expect("the child was not waited for");
    }
}

impl<M: Copy, const SLOTS: usize> Producer<M, SLOTS> {
    fn of(lane: &'static Lane<M, SLOTS>) -> Self {
        Producer { lane, written: 0 }
    }

    fn send(&mut self, message: M) {
        let slot = self.lane.slots[self.written as usize % SLOTS].get();
        // SAFETY: the consumer reads this slot only after the count below says that it may, and it is
        // done with what was there before: never are more messages on their way than slots.
        unsafe { slot.write(message) };
        self.written = self.written.wrapping_add(1);
        self.lane.written.publish(self.written);
    }
}

impl<M: Copy, const SLOTS: usize> Consumer<M, SLOTS> {
    fn of(lane: &'static Lane<M, SLOTS>) -> Self {
        Consumer { lane, taken: 0, written: 0 }
    }

    /// Takes the next message. Who has to sleep for it sleeps until there are a few, which are known
    /// to come.
    fn recv(&mut self, few: usize) -> M {
        if self.taken == self.written {
            self.written = self.lane.written.wait(self.taken, few.max(1) as u32);
        }
        let slot = self.lane.slots[self.taken as usize % SLOTS].get();
        // SAFETY: the producer published this slot and writes it again only after it has had a message
        // of ours that follows from this one.
        let message = unsafe { slot.read() };
        self.taken = self.taken.wrapping_add(1);
        message
    }
}

impl Written {
    /// Says how far this side is, and wakes the other if that is what it waits for. `SeqCst`: either
    /// this sees the sleeper, or the sleeper sees the count before it sleeps.
    fn publish(&self, count: u32) {
        self.count.store(count, Ordering::SeqCst);
        let wanted = self.wanted.load(Ordering::SeqCst);
        if wanted != 0 && count.wrapping_sub(wanted) < u32::MAX / 2 {
            self.wanted.store(0, Ordering::SeqCst);
            // SAFETY: the futex is a live word; waking touches no memory of ours.
            unsafe { libc::syscall(libc::SYS_futex, self.wanted.as_ptr(), libc::FUTEX_WAKE, 1) };
        }
    }

    /// Waits until there is more than was taken: looks, then yields, then sleeps until there are a few.
    fn wait(&self, taken: u32, few: u32) -> u32 {
        let begun = Instant::now();
        loop {
            let count = self.count.load(Ordering::Acquire);
            if count != taken {
                return count;
            }
            if begun.elapsed() >= SPIN {
                break;
            }
            thread::yield_now();
        }
        // Zero says that nobody sleeps: once in four thousand million messages it is one early.
        let wanted = taken.wrapping_add(few);
        let wanted = if wanted == 0 { u32::MAX } else { wanted };
        loop {
            self.wanted.store(wanted, Ordering::SeqCst);
            let count = self.count.load(Ordering::SeqCst);
            if count != taken {
                self.wanted.store(0, Ordering::SeqCst);
                return count;
            }
            let (futex, no_timeout) = (self.wanted.as_ptr(), ptr::null::<libc::timespec>());
            // SAFETY: the futex is a live word; without a timeout the kernel reads nothing else.
            unsafe { libc::syscall(libc::SYS_futex, futex, libc::FUTEX_WAIT, wanted, no_timeout) };
        }
    }
}

/// Maps the region, for ever.
fn map<M, const SLOTS: usize>(file: &File) -> &'static Region<M, SLOTS> {
    let (size, access) = (size_of::<Region<M, SLOTS>>(), libc::PROT_READ | libc::PROT_WRITE);
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
    let (kind, fd) = task.split_once(':').expect("the task is `kind:descriptor`");
    let fd = fd.parse().expect("the task is `kind:descriptor`");
    // Nothing tells this child that its parent went away, so the kernel has to end it.
    // SAFETY: with these arguments `prctl` takes integers and touches no memory of ours.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) };
    // SAFETY: the parent left this descriptor open for us and nobody else here knows of it.
    let file = unsafe { File::from_raw_fd(fd) };
    match kind {
        u64::KIND => work::<u64, 1024>(&file),
        _ => work::<Chunk, 16>(&file),
    }
}

fn work<M: Message, const SLOTS: usize>(file: &File) -> ! {
    let region = map::<M, SLOTS>(file);
    let (mut from, mut to) = (Consumer::of(&region.to), Producer::of(&region.from));
    loop {
        let mut message = from.recv(1);
        message.square();
        to.send(message);
    }
}

#[used]
#[unsafe(link_section = ".init_array")]
static ENTER: extern "C" fn() = enter;
