//! The one variable in a child's environment: that it is a worker, whose, and what it inherits.

use std::fmt::Write;

use super::lane::EndNumbers;

/// Its name.
pub(crate) const VARIABLE: &str = "PROCESSION_WORKER";

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    /// The parent's pid. Where that is not who started the process, the variable was inherited
    /// by someone it was not meant for.
    pub(crate) parent: u32,
    /// Whether the worker begins in `init()` rather than before `main`: as its parent did.
    pub(crate) in_init: bool,
    /// Whether builds are compared by contents, because the file is another one.
    pub(crate) by_contents: bool,
    /// How many processes are above.
    pub(crate) depth: u32,
    /// The descriptor of the greeting pipe.
    pub(crate) greeting: i32,
    /// What makes a hello that of the right child.
    pub(crate) nonce: u128,
    /// The descriptor of its end of the control channel.
    pub(crate) control: i32,
    /// The descriptor of the pipe that its parent holds open for as long as it lives.
    pub(crate) lifeline: i32,
    /// The descriptor of the channel on which it sends words up.
    pub(crate) up: i32,
    /// Those of its ends of the lanes.
    pub(crate) ends: EndNumbers,
    /// Of the build and the table that it must have.
    pub(crate) digest: u64,
    /// Whether users here are others outside.
    pub(crate) users_mapped: bool,
}

/// The first field, which says how the others are to be read.
const VERSION: u128 = 3;

impl Variable {
    /// As the variable's value: numbers, each with a colon behind it.
    pub(crate) fn format(&self) -> String {
        let descriptor = |number: i32| u128::from(number.cast_unsigned());
        let flags = [self.in_init, self.by_contents, self.users_mapped].map(u128::from);
        let own = [self.greeting, self.control, self.lifeline, self.up];
        let (ends, rings) = match &self.ends {
            EndNumbers::Ring(numbers) => (&numbers[..], true),
            EndNumbers::Frames(numbers) => (&numbers[..], false),
        };
        [VERSION, self.parent.into()]
            .into_iter()
            .chain(flags)
            .chain([self.depth.into(), self.nonce, self.digest.into()])
            .chain(own.map(descriptor))
            .chain([u128::from(rings)])
            .chain(ends.iter().copied().map(descriptor))
            .fold(String::with_capacity(128), |mut value, number| {
                // A text takes whatever is written to it.
                let _ = write!(value, "{number:x}:");
                value
            })
    }

    /// From the variable's value; `None` if it is not one of ours.
    #[unsafe(link_section = ".procession.start")]
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let mut fields = Fields(value.as_bytes());
        (fields.next()? == VERSION).then_some(())?;
        let parent = fields.small()?;
        let [in_init, by_contents, users_mapped] = [fields.flag()?, fields.flag()?, fields.flag()?];
        let (depth, nonce) = (fields.small()?, fields.next()?);
        let digest = u64::try_from(fields.next()?).ok()?;
        let [greeting, control] = [fields.descriptor()?, fields.descriptor()?];
        let [lifeline, up] = [fields.descriptor()?, fields.descriptor()?];
        let rings = fields.flag()?;
        let [first, second] = [fields.descriptor()?, fields.descriptor()?];
        let ends = if rings {
            EndNumbers::Ring([first, second, fields.descriptor()?])
        } else {
            EndNumbers::Frames([first, second])
        };
        fields.0.is_empty().then_some(Variable {
            parent,
            in_init,
            by_contents,
            depth,
            greeting,
            nonce,
            control,
            lifeline,
            up,
            ends,
            digest,
            users_mapped,
        })
    }
}

/// What is left of the value.
struct Fields<'v>(&'v [u8]);

impl Fields<'_> {
    /// The next number. Read by hand, because each start runs through this: what std has for it lies all
    /// over the program.
    #[unsafe(link_section = ".procession.start")]
    fn next(&mut self) -> Option<u128> {
        let (mut number, mut digits) = (0_u128, 0);
        loop {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                b':' if (1..=32).contains(&digits) => return Some(number),
                _ => return None,
            };
            (number, digits) = (number << 4 | u128::from(digit), digits + 1);
        }
    }

    #[inline]
    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.next()?).ok()
    }

    #[inline]
    fn descriptor(&mut self) -> Option<i32> {
        self.small().map(u32::cast_signed)
    }

    #[inline]
    fn flag(&mut self) -> Option<bool> {
        match self.next()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            parent: u32,
            flags: (bool, bool, bool),
            depth: u32,
            greeting: i32,
            nonce: u128,
            own: (i32, i32, i32),
            lanes: (bool, [i32; 3]),
            digest: u64,
        ) {
            let (in_init, by_contents, users_mapped) = flags;
            let ((control, lifeline, up), (rings, numbers)) = (own, lanes);
            let ends = if rings {
                EndNumbers::Ring(numbers)
            } else {
                EndNumbers::Frames([numbers[0], numbers[1]])
            };
            let said = Variable {
                parent,
                in_init,
                by_contents,
                depth,
                greeting,
                nonce,
                control,
                lifeline,
                up,
                ends,
                digest,
                users_mapped,
            };

            prop_assert_eq!(Variable::parse(&said.format()), Some(said));
        }

        #[test]
        fn rubbish_is_nobodys_variable(value in "(3:)?(.*|[0-9a-f:]*)") {
            // Only that it never panics: a value that happens to parse is caught by the nonce.
            let _ = Variable::parse(&value);
        }
    }
}
