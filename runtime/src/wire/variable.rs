//! The one variable in a child's environment: that it is a worker, whose, and what it inherits.

use std::os::fd::RawFd;

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

impl Variable {
    /// As the variable's value.
    pub(crate) fn format(&self) -> String {
        let Variable { parent, in_init, by_contents, depth, greeting, nonce, .. } = self;
        let Variable { control, lifeline, up, ends, digest, users_mapped, .. } = self;
        let [in_init, by_contents, mapped] =
            [in_init, by_contents, users_mapped].map(|&it| u8::from(it));
        let ends = match ends {
            EndNumbers::Ring([memory, spills_in, spills_out]) => {
                format!("r{memory},{spills_in},{spills_out}")
            }
            EndNumbers::Frames([from_parent, to_parent]) => format!("f{from_parent},{to_parent}"),
        };
        format!(
            "2:{parent}:{in_init}:{by_contents}:{depth}:{greeting}:{nonce:032x}:{control}:{lifeline}:\
             {up}:{ends}:{digest:x}:{mapped}"
        )
    }

    /// From the variable's value; `None` if it is not one of ours.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let mut fields = value.split(':');
        (fields.next()? == "2").then_some(())?;
        Some(Variable {
            parent: fields.next()?.parse().ok()?,
            in_init: flag(fields.next()?)?,
            by_contents: flag(fields.next()?)?,
            depth: fields.next()?.parse().ok()?,
            greeting: fields.next()?.parse().ok()?,
            nonce: u128::from_str_radix(fields.next()?, 16).ok()?,
            control: fields.next()?.parse().ok()?,
            lifeline: fields.next()?.parse().ok()?,
            up: fields.next()?.parse().ok()?,
            ends: ends(fields.next()?)?,
            digest: u64::from_str_radix(fields.next()?, 16).ok()?,
            users_mapped: fields.next()? == "1",
        })
    }
}

fn ends(field: &str) -> Option<EndNumbers> {
    let (rings, numbers) = match (field.strip_prefix('r'), field.strip_prefix('f')) {
        (Some(numbers), _) => (true, numbers),
        (_, Some(numbers)) => (false, numbers),
        _ => return None,
    };
    let numbers = numbers.split(',').map(|number| number.parse().ok());
    let numbers = numbers.collect::<Option<Vec<RawFd>>>()?;
    if rings {
        numbers.try_into().ok().map(EndNumbers::Ring)
    } else {
        numbers.try_into().ok().map(EndNumbers::Frames)
    }
}

fn flag(field: &str) -> Option<bool> {
    match field {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
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
        fn rubbish_is_nobodys_variable(value in ".*") {
            // Only that it never panics: a value that happens to parse is caught by the nonce.
            let _ = Variable::parse(&value);
        }
    }
}
