//! `#[process]`: the function as it is, and a type of the same name that starts it elsewhere.

mod crossing;
mod expand;
mod model;
mod undecided;

use proc_macro2::TokenStream;
use syn::Result;

use self::expand::expand;
use self::model::Process;
use self::undecided::Undecided;
use crate::function::Function;
use crate::options::{Known, Options};

/// Expands `#[process(arguments)]` on `item`.
pub(crate) fn process(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options = Options::parse(arguments.clone(), &[Known::Crate, Known::Handle]);
    let function = Function::parse(item.clone(), "process");
    if let Ok(options) = &options
        && let Ok(function) = &function
        && let Some(undecided) = Undecided::find(function)
    {
        return Ok(undecided.decide(&options.runtime, &arguments));
    }
    Process::new(options, function).map(|process| expand(&process, &item))
}
