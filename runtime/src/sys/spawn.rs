//! Starting a program with descriptors that it alone inherits.
//!
//! std marks descriptors as inheritable in this process, and whatever another thread starts in that
//! moment inherits them too. Here they become so in the child, between its creation and its `exec`.

use std::ffi::{CString, OsStr, OsString, c_char, c_int, c_short};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::null;

use rustix::fs::{Access, AtFlags, CWD};

/// What is started, and with what.
pub(crate) struct Program<'a> {
    pub(crate) path: &'a Path,
    /// What `ps` shows.
    pub(crate) title: &'a OsStr,
    /// All of its environment.
    pub(crate) variables: Vec<(OsString, OsString)>,
    pub(crate) directory: Option<&'a Path>,
    /// Whether it leads a process group of its own.
    pub(crate) own_group: bool,
    /// Its three standard streams, where they are not this process's.
    pub(crate) streams: [Option<BorrowedFd<'a>>; 3],
    /// What it inherits under the numbers that this process has for it.
    pub(crate) inherited: Vec<BorrowedFd<'a>>,
}

impl Program<'_> {
    /// Starts it; its pid.
    pub(crate) fn spawn(&self) -> io::Result<u32> {
        let path = text(self.path.as_os_str())?;
        let title = text(self.title)?;
        let variables = self.variables.iter().map(|(name, value)| {
            let mut variable = name.clone();
            variable.push("=");
            variable.push(value);
            text(&variable)
        });
        let variables = variables.collect::<io::Result<Vec<CString>>>()?;
        let directory = self.directory.map(|path| text(path.as_os_str())).transpose()?;
        let mut actions = Actions::new()?;
        for (descriptor, number) in self.streams.iter().zip(0..) {
            if let Some(descriptor) = descriptor {
                actions.place(descriptor.as_raw_fd(), number)?;
            }
        }
        for descriptor in &self.inherited {
            // Put in its own place it is inherited: POSIX says so since 2024, the C libraries do so
            // since 2019.
            actions.place(descriptor.as_raw_fd(), descriptor.as_raw_fd())?;
        }
        if let Some(directory) = &directory {
            actions.change_directory(directory)?;
        }
        let attributes = Attributes::new(self.own_group)?;
        let arguments = [title.as_ptr().cast_mut(), null::<c_char>().cast_mut()];
        let environment = variables.iter().map(|variable| variable.as_ptr().cast_mut());
        let environment: Vec<_> = environment.chain([null::<c_char>().cast_mut()]).collect();
        let mut pid = 0;
        // SAFETY: all pointers are to what lives until the call returns, the two lists end with a null,
        // and both structures were initialised.
        let failed = unsafe {
            libc::posix_spawn(
                &raw mut pid,
                path.as_ptr(),
                actions.0.as_ptr(),
                attributes.0.as_ptr(),
                arguments.as_ptr(),
                environment.as_ptr(),
            )
        };
        check(failed)?;
        Ok(pid.unsigned_abs())
    }
}

fn text(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

fn check(failed: c_int) -> io::Result<()> {
    if failed == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(failed)) }
}

/// What the child does before its `exec`.
struct Actions(MaybeUninit<libc::posix_spawn_file_actions_t>);

impl Actions {
    fn new() -> io::Result<Self> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: the pointer is to memory for such a structure.
        check(unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) })?;
        Ok(Actions(actions))
    }

    fn place(&mut self, descriptor: c_int, number: c_int) -> io::Result<()> {
        // SAFETY: the structure was initialised.
        check(unsafe {
            libc::posix_spawn_file_actions_adddup2(self.0.as_mut_ptr(), descriptor, number)
        })
    }

    fn change_directory(&mut self, path: &CString) -> io::Result<()> {
        // SAFETY: the structure was initialised, and the call copies the path.
        check(unsafe {
            libc::posix_spawn_file_actions_addchdir_np(self.0.as_mut_ptr(), path.as_ptr())
        })
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: the structure was initialised, and nobody uses it any more.
        unsafe { libc::posix_spawn_file_actions_destroy(self.0.as_mut_ptr()) };
    }
}

/// What the child has otherwise than this process: no signal blocked, none of std's ignored.
struct Attributes(MaybeUninit<libc::posix_spawnattr_t>);

impl Attributes {
    fn new(own_group: bool) -> io::Result<Self> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: the pointer is to memory for such a structure.
        check(unsafe { libc::posix_spawnattr_init(attributes.as_mut_ptr()) })?;
        let mut attributes = Attributes(attributes);
        let it = attributes.0.as_mut_ptr();
        let mut flags = libc::POSIX_SPAWN_SETSIGMASK | libc::POSIX_SPAWN_SETSIGDEF;
        if own_group {
            flags |= libc::POSIX_SPAWN_SETPGROUP;
            // SAFETY: the structure was initialised.
            check(unsafe { libc::posix_spawnattr_setpgroup(it, 0) })?;
        }
        let mut signals = MaybeUninit::uninit();
        // SAFETY: the pointer is to memory for a set.
        unsafe { libc::sigemptyset(signals.as_mut_ptr()) };
        // SAFETY: both structures were initialised.
        check(unsafe { libc::posix_spawnattr_setsigmask(it, signals.as_ptr()) })?;
        // SAFETY: the set was initialised.
        unsafe { libc::sigaddset(signals.as_mut_ptr(), libc::SIGPIPE) };
        // SAFETY: both structures were initialised.
        check(unsafe { libc::posix_spawnattr_setsigdefault(it, signals.as_ptr()) })?;
        // SAFETY: the structure was initialised.
        check(unsafe { libc::posix_spawnattr_setflags(it, flags as c_short) })?;
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: the structure was initialised, and nobody uses it any more.
        unsafe { libc::posix_spawnattr_destroy(self.0.as_mut_ptr()) };
    }
}

/// Whether a process of this one's may begin in a directory.
pub(crate) fn may_enter(directory: &Path) -> bool {
    let may = rustix::fs::accessat(CWD, directory, Access::EXEC_OK, AtFlags::EACCESS);
    may.is_ok() && directory.is_dir()
}
