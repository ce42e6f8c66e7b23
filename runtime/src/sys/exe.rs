//! Which program this is: where its file is, and what makes two files the same build.

use std::fs::File;
use std::hash::Hasher;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is equal only for the same build of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// The very file: device, inode, size, time of change in nanoseconds.
    File { device: u64, inode: u64, size: u64, changed: i128 },
    /// A file with these contents, wherever it lies.
    Contents { size: u64, digest: u64 },
}

impl Build {
    /// As numbers.
    pub(crate) fn words(&self) -> [u64; 6] {
        match *self {
            Build::File { device, inode, size, changed } => {
                [0, device, inode, size, changed as u64, (changed >> 64) as u64]
            }
            Build::Contents { size, digest } => [1, size, digest, 0, 0, 0],
        }
    }

    /// The same from numbers; `None` if they are none of a build.
    pub(crate) fn of_words(words: [u64; 6]) -> Option<Self> {
        match words {
            [0, device, inode, size, low, high] => {
                let changed = i128::from(high.cast_signed()) << 64 | i128::from(low);
                Some(Build::File { device, inode, size, changed })
            }
            [1, size, digest, 0, 0, 0] => Some(Build::Contents { size, digest }),
            _ => None,
        }
    }
}

/// The file of this program. Opening it works even after it was replaced or removed on disk.
pub(crate) fn own_program() -> &'static Path {
    Path::new("/proc/self/exe")
}

/// The build of the running program, by its file.
#[inline]
pub(crate) fn own_build() -> io::Result<Build> {
    let file = std::fs::metadata(own_program())?;
    Ok(Build::File {
        device: file.dev(),
        inode: file.ino(),
        size: file.size(),
        changed: i128::from(file.mtime()) * 1_000_000_000 + i128::from(file.mtime_nsec()),
    })
}

/// The build of the program in a file, by what is in it.
pub(crate) fn build_of(path: &Path) -> io::Result<Build> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    // Both sides are the same build where the answer matters, so they have the same hasher.
    let mut digest = std::hash::DefaultHasher::new();
    let mut size = 0;
    loop {
        let block = file.fill_buf()?;
        if block.is_empty() {
            return Ok(Build::Contents { size, digest: digest.finish() });
        }
        digest.write(block);
        size += block.len() as u64;
        let len = block.len();
        file.consume(len);
    }
}

/// Whether executing [`own_program`] gives this program again. It does not where an interpreter
/// loaded us as a plug-in, or where the program was started through an explicit loader: there the
/// error is the file that would be executed.
pub(crate) fn runs_own_program() -> Result<(), PathBuf> {
    let executed = std::fs::read_link(own_program()).unwrap_or_default();
    let here = runs_own_program as fn() -> Result<(), PathBuf> as usize;
    // A newline in a name is written as its number there.
    let shown = executed.to_string_lossy().replace('\n', "\\012");
    match mapped_at(here) {
        // Where the maps cannot be read there is nothing to hold against it.
        Some(file) if file.to_string_lossy() != shown => Err(executed),
        _ => Ok(()),
    }
}

/// The file that this code is in: the program, or a plug-in of one.
pub(crate) fn own_file() -> PathBuf {
    let here = own_file as fn() -> PathBuf as usize;
    mapped_at(here).or_else(|| std::env::current_exe().ok()).unwrap_or_default()
}

/// The file that is mapped at an address of this process, as the maps spell it.
fn mapped_at(address: usize) -> Option<PathBuf> {
    let mut maps = String::new();
    File::open("/proc/self/maps").ok()?.read_to_string(&mut maps).ok()?;
    maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let start = usize::from_str_radix(start, 16).ok()?;
        let end = usize::from_str_radix(end, 16).ok()?;
        let path = rest.find('/').map(|at| PathBuf::from(&rest[at..]));
        (start..end).contains(&address).then_some(path).flatten()
    })
}
