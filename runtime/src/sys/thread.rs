//! Threads without what std gives a thread.

use std::ffi::{CStr, c_void};
use std::io;
use std::panic::catch_unwind;
use std::thread::{Builder, JoinHandle};

use super::descriptors::leave_descriptors;
use super::signal::block_signals;

/// The stack of a thread of the runtime.
const STACK: usize = 256 * 1024;

/// Runs a function on a thread of the runtime, which takes no signal.
pub(crate) fn run_aside(
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    run_aside_on(STACK, name, body)
}

/// Runs a function of whoever uses the runtime on such a thread, with a stack as long as that needs.
pub(crate) fn run_aside_on(
    stack: usize,
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let _blocked = block_signals();
    Builder::new().name(name.to_owned()).stack_size(stack).spawn(body)
}

/// Runs a function where no other thread takes a descriptor: on a thread of its own that has only the
/// standard ones of this process. Where the system does not allow that, it runs in the usual way.
pub(crate) fn run_unshared(body: fn()) {
    let unshared = run_aside("procession-unshared", move || {
        leave_descriptors();
        body();
    });
    match unshared {
        // The hook has reported a panic.
        Ok(thread) => drop(thread.join()),
        Err(_) => body(),
    }
}

/// Runs a function on such a thread, with little more than its stack: what std gives a thread
/// makes the C library give it an arena of the heap, which a thread that only waits has no use for.
#[unsafe(link_section = ".procession.start")]
pub(crate) fn run_bare(body: fn()) -> io::Result<()> {
    let _blocked = block_signals();
    // SAFETY: zeros are room for attributes.
    let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
    // SAFETY: the attributes are a local variable.
    checked(unsafe { libc::pthread_attr_init(&raw mut attributes) })?;
    // SAFETY: the attributes were just made. A size that is refused leaves the usual one.
    unsafe { libc::pthread_attr_setstacksize(&raw mut attributes, STACK) };
    let mut thread = 0;
    let mut start = |attributes| {
        // SAFETY: the function takes what is passed here, a function.
        checked(unsafe {
            libc::pthread_create(&raw mut thread, attributes, begin, body as *mut c_void)
        })
    };
    // Where a program has more variables of its threads than fit, the usual stack has room for them.
    let started = match start(&raw const attributes) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => start(std::ptr::null()),
        started => started,
    };
    // SAFETY: the attributes were made above, and nobody needs them any more.
    unsafe { libc::pthread_attr_destroy(&raw mut attributes) };
    started?;
    // SAFETY: the thread was just made and is not detached yet. Nobody joins it.
    unsafe { libc::pthread_detach(thread) };
    Ok(())
}

#[unsafe(link_section = ".procession.start")]
extern "C" fn begin(body: *mut c_void) -> *mut c_void {
    // SAFETY: this is the function that was passed above.
    let body: fn() = unsafe { std::mem::transmute(body) };
    // The hook has reported it.
    let _ = catch_unwind(body).map_err(std::mem::forget);
    std::ptr::null_mut()
}

fn checked(code: i32) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}

/// Whether the calling thread is about to end and its variables are gone, as on the initial thread
/// while the program exits: ipc-channel, which needs some, panics then. Only a thread that has asked
/// before can tell.
pub(crate) fn is_ending() -> bool {
    struct Marker;
    impl Drop for Marker {
        fn drop(&mut self) {}
    }
    thread_local! {
        static MARKER: Marker = const { Marker };
    }
    MARKER.try_with(|_| ()).is_err()
}

/// Names the calling thread, and takes no memory for that. Whoever names another goes by `/proc`,
/// and each process whose entries there were looked at takes longer to be reaped.
#[unsafe(link_section = ".procession.start")]
pub(crate) fn name_thread(name: &'static CStr) {
    // It is for people; a system that refuses it changes nothing else.
    let _ = rustix::thread::set_name(name);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    static SAYS: Mutex<Option<Sender<String>>> = Mutex::new(None);

    #[test]
    fn a_bare_thread_has_the_name_it_gives_itself_and_panics_alone() {
        let (says, said) = channel();
        *SAYS.lock().unwrap() = Some(says);

        run_bare(|| {
            name_thread(c"bare");
            let says = SAYS.lock().unwrap().take().unwrap();
            says.send(std::fs::read_to_string("/proc/thread-self/comm").unwrap()).unwrap();
            panic!("this is seen in the output and ends nothing else");
        })
        .unwrap();

        assert_eq!(said.recv().unwrap(), "bare\n");
        // The panic has dropped it.
        assert!(said.recv().is_err());
    }
}
