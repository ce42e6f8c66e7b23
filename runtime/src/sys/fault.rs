//! What std's start would have installed, for a process that never reaches `main`: broken pipes
//! are errors, and a stack overflow says so before it kills. So does any other fault.

use std::ffi::{c_int, c_void};

use super::SetOnce;

/// Makes a write to a pipe that nobody reads an error rather than a signal.
#[inline]
pub(crate) fn ignore_broken_pipes() {
    // SAFETY: ignoring a signal installs no code.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// How far from the stack pointer an address may be and still be a push that went too far: big
/// frames are touched page by page, a little below the pointer.
const REACH: usize = 64 * 1024;

/// The name of the process.
static NAME: SetOnce<String> = SetOnce::new();

/// Has a fault, or a stack overflow of the calling thread, print a line before the process dies of it. A stack
/// overflow of another thread leaves nothing to print on: that thread has no second stack.
#[inline]
pub(crate) fn report_faults(name: &str) {
    NAME.set(name.to_owned());
    // A signal cannot be handled on a stack that is used up, so the handler gets its own.
    // Nobody writes to it before that: it costs no memory until then.
    let stack = Box::leak(Box::<[u8]>::new_uninit_slice(libc::SIGSTKSZ.max(16 * 1024)));
    let stack = libc::stack_t {
        ss_sp: stack.as_mut_ptr().cast::<c_void>(),
        ss_flags: 0,
        ss_size: stack.len(),
    };
    // SAFETY: the memory is leaked, so it is the handler's for the life of the process.
    unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) };
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        install(signal);
    }
}

#[inline]
fn install(signal: c_int) {
    // SAFETY: a zeroed `sigaction` means the default action with an empty mask.
    let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: `old` is of the right type; a null action only asks.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut old) };
    if asked != 0 || old.sa_sigaction != libc::SIG_DFL {
        // A sanitizer or the program's own constructor was here first.
        return;
    }
    // SAFETY: as above.
    let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
    new.sa_sigaction = on_fault as *const () as usize;
    new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the handler has the signature that SA_SIGINFO asks for and is safe in a signal.
    unsafe { libc::sigaction(signal, &raw const new, std::ptr::null_mut()) };
}

/// Prints what happened, and lets the fault happen again with nobody handling it.
extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a description of the fault.
    let info = unsafe { &*info };
    // SAFETY: these two signals come with an address.
    let address = unsafe { info.si_addr() } as usize;
    let sent = info.si_code <= 0;
    let name = NAME.get().map_or("", String::as_str);
    let signal_name = if signal == libc::SIGBUS { "SIGBUS" } else { "SIGSEGV" };
    let mut line = Line::new();
    if sent {
        // SAFETY: a signal that was sent comes with its sender.
        let sender = unsafe { info.si_pid() };
        line.add("\nprocess `").add(name).add("` was sent ").add(signal_name);
        line.add(" by process ").number(u64::from(sender.unsigned_abs()), 10);
    } else if stack_pointer(context).is_some_and(|pointer| pointer.abs_diff(address) < REACH) {
        line.add("\nthread 'main' of process `").add(name).add("` has overflowed its stack");
    } else {
        line.add("\nprocess `").add(name).add("` may not touch address 0x");
        line.number(address as u64, 16).add(": ").add(signal_name);
    }
    line.add("\n").print();
    // SAFETY: the default action installs no code; a fault repeats when this returns.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    if sent {
        // Somebody sent it, so nothing repeats by itself.
        // SAFETY: `raise` may be called in a signal handler.
        unsafe { libc::raise(signal) };
    }
}

/// A line that is put together without memory from the heap, whose locks somebody may hold.
struct Line {
    bytes: [u8; 256],
    len: usize,
}

impl Line {
    fn new() -> Self {
        Line { bytes: [0; 256], len: 0 }
    }

    /// Adds a text, as much of it as there is room for.
    fn add(&mut self, text: &str) -> &mut Self {
        let text = text.as_bytes();
        let free = self.bytes.iter_mut().skip(self.len);
        self.len += free.zip(text).map(|(to, from)| *to = *from).count();
        self
    }

    /// Adds a number to this base, at most 16.
    fn number(&mut self, number: u64, base: u64) -> &mut Self {
        if number >= base {
            self.number(number / base, base);
        }
        let digit = (number % base) as usize;
        self.add("0123456789abcdef".get(digit..=digit).unwrap_or_default())
    }

    fn print(&self) {
        // SAFETY: `write` may be called in a signal handler and reads the given bytes.
        unsafe { libc::write(2, self.bytes.as_ptr().cast::<c_void>(), self.len) };
    }
}

/// Where the stack of the faulting code was.
fn stack_pointer(context: *mut c_void) -> Option<usize> {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: with SA_SIGINFO the kernel passes the interrupted context.
    let registers = unsafe { &(*context).uc_mcontext };
    #[cfg(target_arch = "x86_64")]
    let pointer = usize::try_from(registers.gregs[libc::REG_RSP as usize]).ok();
    #[cfg(target_arch = "aarch64")]
    let pointer = usize::try_from(registers.sp).ok();
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let pointer = {
        let _ = registers;
        None
    };
    pointer
}
