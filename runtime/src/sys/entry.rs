//! Getting control before `main`, and leaving to others what they do there.

use std::ffi::{c_char, c_int, c_void};

/// What the system calls before `main`.
pub(crate) type Constructor = extern "C" fn(c_int, *const *const c_char, *const *const c_char);

/// Has the system call a function before `main`, in whatever program it is linked into. The
/// expression's value is what names, and so links, the constructor.
macro_rules! before_main {
    ($constructor:ident => $function:path) => {
        #[unsafe(link_section = ".procession.start")]
        extern "C" fn $constructor(
            count: ::std::ffi::c_int,
            arguments: *const *const ::std::ffi::c_char,
            environment: *const *const ::std::ffi::c_char,
        ) {
            // SAFETY: the system calls this, once, on the only thread there is.
            $function(unsafe {
                $crate::sys::BeforeMain::new($constructor, count, arguments, environment)
            })
        }

        #[used]
        // The section is an array of functions of this type, and nothing but one goes there.
        #[unsafe(link_section = ".init_array")]
        static BEFORE_MAIN: $crate::sys::Constructor = $constructor;
    };
}
pub(crate) use before_main;

/// The time before `main`: one thread, and constructors that have not run yet.
pub(crate) struct BeforeMain {
    ours: Constructor,
    count: c_int,
    arguments: *const *const c_char,
    environment: *const *const c_char,
}

impl BeforeMain {
    /// # Safety
    ///
    /// Called from the constructor `ours` while the system runs it, with what it was called with.
    pub(crate) unsafe fn new(
        ours: Constructor,
        count: c_int,
        arguments: *const *const c_char,
        environment: *const *const c_char,
    ) -> Self {
        BeforeMain { ours, count, arguments, environment }
    }

    /// Takes a variable out of the environment, so that nothing this process starts sees it.
    #[inline]
    pub(crate) fn take_variable(&self, name: &str) -> Option<String> {
        // SAFETY: no other thread runs yet that could read the environment meanwhile.
        unsafe { take_variable(name) }
    }

    /// Runs the constructors that the system would have called after ours: allocators, profilers
    /// and the like, which a process that never reaches `main` would otherwise miss.
    ///
    /// They are found in the program's own dynamic section. A program without one, which is linked
    /// neither as position independent nor dynamically, runs none.
    #[inline]
    #[unsafe(link_section = ".procession.start")]
    pub(crate) fn run_later_constructors(self) {
        let mut array = Array { ours: self.ours as usize, later: &[] };
        // SAFETY: the callback matches the declared type and `array` outlives the call.
        unsafe { libc::dl_iterate_phdr(Some(find_array), (&raw mut array).cast::<c_void>()) };
        for &constructor in array.later {
            if constructor == 0 || constructor == usize::MAX {
                continue;
            }
            // SAFETY: the array holds functions of this type, and the system would call each of
            // them now, in this order and with these arguments, if ours returned.
            let constructor: Constructor = unsafe { std::mem::transmute(constructor) };
            constructor(self.count, self.arguments, self.environment);
        }
    }
}

/// Takes a variable out of the environment where no constructor of ours ran, first thing in `main`.
pub(crate) fn take_variable_in_main(name: &str) -> Option<String> {
    // SAFETY: this is reached only in a worker, which does nothing before it but to begin `main`.
    unsafe { take_variable(name) }
}

/// # Safety
///
/// No other thread reads the environment meanwhile.
#[unsafe(link_section = ".procession.start")]
unsafe fn take_variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?;
    // SAFETY: the caller vouches for it.
    unsafe { std::env::remove_var(name) };
    value.into_string().ok()
}

struct Array {
    ours: usize,
    later: &'static [usize],
}

/// Looks through the initialiser array of one loaded object for our own constructor.
#[inline]
#[unsafe(link_section = ".procession.start")]
extern "C" fn find_array(
    object: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    array: *mut c_void,
) -> c_int {
    // SAFETY: the loader passes an object that is valid during the call.
    let object = unsafe { &*object };
    // SAFETY: this is the pointer that was passed to `dl_iterate_phdr` above.
    let array = unsafe { &mut *array.cast::<Array>() };
    // SAFETY: the loader vouches for the table of program headers and its length.
    let headers = unsafe { std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into()) };
    let base = object.dlpi_addr as usize;
    let Some(dynamic) = headers.iter().find(|header| header.p_type == libc::PT_DYNAMIC) else {
        return 0;
    };
    let mut entry = (base + dynamic.p_vaddr as usize) as *const [usize; 2];
    let (mut start, mut bytes) = (0, 0);
    loop {
        // SAFETY: the dynamic section is mapped, made of such pairs, and ends with a zero tag.
        let [tag, value] = unsafe { entry.read() };
        match tag {
            0 => break,
            DT_INIT_ARRAY => start = base + value,
            DT_INIT_ARRAYSZ => bytes = value,
            _ => {}
        }
        // SAFETY: the entry just read was not the last one.
        entry = unsafe { entry.add(1) };
    }
    if start == 0 {
        return 0;
    }
    // SAFETY: the section says where the array is and how long; it stays mapped with the object.
    let all =
        unsafe { std::slice::from_raw_parts(start as *const usize, bytes / size_of::<usize>()) };
    match all.iter().position(|&constructor| constructor == array.ours) {
        Some(at) => {
            array.later = &all[at + 1..];
            1
        }
        None => 0,
    }
}

const DT_INIT_ARRAY: usize = 25;
const DT_INIT_ARRAYSZ: usize = 27;
