//! The table of all processes in this program, filled by the linker.
//!
//! An entry is known by its index, which holds in an equal build only; [`digest`] is what two
//! sides compare besides the build. Names are for people: two tests may each have a `helper`.

use linkme::distributed_slice;

use crate::wire::{Decoder, Encoder, Fault, LaneReceiver, Tag, Workbench};

/// Every annotated function that is linked into this program.
#[distributed_slice]
pub static ENTRIES: [Entry];

/// What `#[procession::setup]` asks to run in each worker before its body.
#[distributed_slice]
pub static SETUPS: [fn()];

/// One annotated function, as the worker finds it.
#[derive(Debug)]
pub struct Entry {
    name: Text,
    /// What goes in and what comes out.
    types: Text,
    work: Work,
}

/// What there is to say of an entry. The name of a type has to be asked for.
#[derive(Clone, Copy, Debug)]
enum Text {
    Known(&'static str),
    Asked(fn() -> &'static str),
}

impl Text {
    #[inline]
    fn get(self) -> &'static str {
        match self {
            Text::Known(text) => text,
            Text::Asked(ask) => ask(),
        }
    }
}

/// What an entry does once its process has begun.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// One call: arguments in, outcome out. And a run of them, where it can be a task.
    Call(Body, Option<Many>),
    /// A conversation over the lanes, until the function returns.
    Converse(fn(&mut LaneReceiver, Speak)),
}

/// Sends to whoever started the process.
pub(crate) type Speak = fn(Tag, &Encoder<'_>) -> Result<(), Fault>;

/// Reads the arguments, runs the function and sends what became of it, once.
/// The number is the most bytes a result may have.
pub(crate) type Body = fn(&mut Decoder<'_>, usize, &mut dyn FnMut(Answer<'_>));

/// Takes tasks with this tag and leaves their results, one after the other, until another comes.
pub(crate) type Many = fn(&mut Workbench<'_>, usize, u32) -> Result<(), Fault>;

/// What became of a call.
#[derive(Debug)]
pub(crate) enum Answer<'a> {
    /// The function returned this.
    Value(&'a Encoder<'a>),
    /// The function returned, but its value cannot be encoded.
    Unencodable(String),
    /// The arguments could not be read; the function did not run.
    BadArguments(String),
}

impl Entry {
    pub(crate) const fn new(
        name: fn() -> &'static str,
        types: fn() -> &'static str,
        work: Work,
    ) -> Self {
        Entry { name: Text::Asked(name), types: Text::Asked(types), work }
    }

    /// One of the runtime's own.
    pub(crate) const fn own(name: &'static str, work: Work) -> Self {
        Entry { name: Text::Known(name), types: Text::Known(""), work }
    }

    /// The last part of the function's path: what people call it.
    pub(crate) fn name(&self) -> &'static str {
        last_name(self.path())
    }

    /// The function's full path.
    pub(crate) fn path(&self) -> &'static str {
        self.name.get()
    }

    pub(crate) fn work(&self) -> Work {
        self.work
    }

    /// Where this entry stands in the table; `None` if this program's table does not have it,
    /// as when the entry is in one shared object and the table in another.
    pub(crate) fn index(&'static self) -> Option<u32> {
        let offset = (std::ptr::from_ref(self) as usize).checked_sub(ENTRIES.as_ptr() as usize)?;
        let index = offset / size_of::<Entry>();
        let found = ENTRIES.get(index)?;
        std::ptr::eq(found, self).then_some(u32::try_from(index).ok()?)
    }

    /// The entry at `index` of this program's table.
    #[inline]
    pub(crate) fn at(index: u32) -> Option<&'static Entry> {
        ENTRIES.get(index as usize)
    }
}

/// The last name of a path. An actor's type may have arguments, which are paths themselves.
fn last_name(path: &str) -> &str {
    let mut depth = 0_usize;
    let own = path.rmatch_indices(['<', '>', ':']).find(|(_, found)| {
        match *found {
            ">" => depth += 1,
            "<" => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    });
    own.map_or(path, |(colon, _)| &path[colon + 1..])
}

/// A number that two programs share only if their tables name the same functions of the
/// same types in the same order.
#[unsafe(link_section = ".procession.start")]
pub(crate) fn digest() -> u64 {
    // FNV-1a: no keys, the same in every process, and a few nanoseconds a name.
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    for entry in ENTRIES.iter() {
        let types = entry.types.get().as_bytes();
        for &byte in entry.path().as_bytes().iter().chain(&[0]).chain(types).chain(&[0]) {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_name_is_what_people_call_it() {
        for (path, name) in [
            ("square", "square"),
            ("app::inner::square", "square"),
            ("<app::Counter as app::Count>::count::helper", "helper"),
            ("app::generic<T>::helper", "helper"),
            ("app::main::{{closure}}::helper", "helper"),
            ("app::Shelf<u8>", "Shelf<u8>"),
            ("app::Shelf<alloc::vec::Vec<app::Wood>>", "Shelf<alloc::vec::Vec<app::Wood>>"),
        ] {
            assert_eq!(last_name(path), name);
        }
    }
}
