//! Functions that run in a process of their own: what `#[process]` makes of them, how they are
//! started, and the handle on one that runs.

mod builder;
mod child;
mod context;
pub(crate) mod door;
mod start;
#[cfg(test)]
mod tests;

pub use builder::{Builder, Called, Input, Output};
pub use child::{Child, JoinFuture, OutputTail};
pub use context::{
    ProcessInfo, Stopping, available_parallelism, children, current, exit, parent, stopping,
    worker_exe,
};

pub(crate) use context::{is_fork, tree};
pub(crate) use start::{Begun, Lanes, Settings, no_room};

use crate::error::{DecodeError, EncodeError};
use crate::registry::{Answer, Body, Entry, Many, Work};
use crate::sys;
use crate::wire::{Decoder, Encoder, Fault, NUMBERS, Results, Tag, Workbench, is_number, word_of};

/// A function annotated with [`#[process]`](crate::process), as a type.
///
/// The attribute implements this; it cannot be implemented by hand. Use it as a bound where code
/// is generic over the function that runs:
///
/// ```
/// use procession::{Process, process};
///
/// #[process]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// fn twice<P: Process<Input = u64, Output = u64>>(n: u64) -> Result<u64, procession::Error> {
///     let first = P::builder().spawn(n)?.join()?;
///     Ok(P::builder().spawn(first)?.join()?)
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// assert_eq!(twice::<square>(3)?, 81);
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a process function",
    note = "annotate the function with `#[process]`, which makes a type of the function's name",
    note = "an actor, which is a struct or has a `Mailbox`, is none: it is spawned and sent messages, \
            and is no task for a pool"
)]
pub trait Process: Sized + 'static {
    /// The arguments: `()`, the only parameter, or the tuple of them.
    type Input: 'static;
    /// What the function returns.
    type Output: 'static;

    /// How to start it: name, environment, output, limits.
    fn builder() -> Builder<Self> {
        Builder::new()
    }

    #[doc(hidden)]
    fn entry() -> &'static Entry;
    #[doc(hidden)]
    fn encode<'a>(input: &'a Self::Input, row: &mut Encoder<'a>) -> Result<(), EncodeError>;
    #[doc(hidden)]
    fn run(row: &mut Decoder<'_>) -> Result<Self::Output, DecodeError>;
    #[doc(hidden)]
    fn encode_output<'a>(
        output: &'a Self::Output,
        row: &mut Encoder<'a>,
    ) -> Result<(), EncodeError>;
    #[doc(hidden)]
    fn decode_output(row: &mut Decoder<'_>) -> Result<Self::Output, DecodeError>;
}

/// The entry of `P` in the table of processes.
#[doc(hidden)]
pub const fn entry_of<P: Process>() -> Entry {
    let call: Body = |row, limit, send| {
        crate::route::prepare();
        let output = match P::run(row) {
            Ok(output) => output,
            Err(error) => return send(Answer::BadArguments(error.to_string())),
        };
        let mut encoder = Encoder::new(limit);
        match P::encode_output(&output, &mut encoder) {
            Ok(()) => send(Answer::Value(&encoder)),
            Err(error) => send(Answer::Unencodable(error.to_string())),
        }
    };
    let many: Many = |bench, limit, tag| {
        crate::route::ready();
        if tag & NUMBERS != 0 {
            return run_numbers::<P>(bench, limit);
        }
        while let Some(mut row) = bench.take_alike(tag)? {
            let output = P::run(&mut row);
            sys::leave_if_copy();
            give::<P>(&mut bench.results, limit, output)?;
        }
        Ok(())
    };
    let types = std::any::type_name::<fn(P::Input) -> P::Output>;
    Entry::new(std::any::type_name::<P>, types, Work::Call(call, Some(many)))
}

/// Runs tasks whose arguments are numbers, one after the other, while they are of one frame.
fn run_numbers<P: Process>(bench: &mut Workbench<'_>, limit: usize) -> Result<(), Fault> {
    bench.take_numbers(|results, word| {
        let output = P::run(&mut Decoder::of_bytes(&word.to_le_bytes()));
        sys::leave_if_copy();
        match &output {
            Ok(value) if is_number::<P::Output>() && limit >= size_of::<P::Output>() => {
                results.number(word_of(value).unwrap_or_default())
            }
            _ => give::<P>(results, limit, output),
        }
    })
}

/// Gives what a task returned, or why it did not run.
#[inline(always)]
fn give<P: Process>(
    results: &mut Results,
    limit: usize,
    output: Result<P::Output, DecodeError>,
) -> Result<(), Fault> {
    let output = match output {
        Ok(output) => output,
        Err(error) => return results.say(Tag::BadArguments, &error.to_string()),
    };
    let mut row = results.row(limit);
    match P::encode_output(&output, &mut row) {
        Ok(()) => results.value(&row)?,
        Err(error) => results.say(Tag::Unencodable, &error.to_string())?,
    }
    results.put_back(&mut row);
    if row.owns_nothing() {
        // To have its drop look for that once more takes longer than this.
        std::mem::forget(row);
    }
    Ok(())
}
