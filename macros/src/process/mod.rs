//! `#[process]`: the function as it is, and a type of the same name that starts it elsewhere.

mod asked;
mod expand;
mod inbox;
mod methods;
mod model;

use proc_macro2::TokenStream;
use syn::Result;

use self::asked::asked;
use self::expand::expand;
pub(crate) use self::inbox::is_mailbox;
use self::model::Process;
use crate::actor;
use crate::function::Function;
use crate::mistakes::beside;
use crate::options::{Known, Options};
use crate::undecided::Undecided;

/// The options of `#[process]`.
pub(crate) const KNOWN: &[Known] = &[Known::Crate, Known::Handle, Known::Deadline];

/// Expands `#[process(arguments)]` on `item`.
pub(crate) fn process(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    if actor::is_block(&item) {
        return actor::process(arguments, item);
    }
    let options = Options::parse(arguments.clone(), KNOWN);
    let function = Function::parse(item.clone(), "process");
    if let Ok(options) = &options
        && let Ok(function) = &function
        && let Some(undecided) = Undecided::find(function)
    {
        return Ok(undecided.decide(&options.runtime, &arguments));
    }
    // With a mistake in what says where the runtime is, that is said nowhere.
    let runtime = Options::runtime_of(arguments, KNOWN);
    let asked =
        runtime.zip(function.as_ref().ok()).map(|(runtime, function)| asked(&runtime, function));
    match Process::new(options, function) {
        Ok(process) => Ok(expand(&process, item)),
        Err(mistakes) => Ok(beside(&mistakes, item, asked)),
    }
}
