//! `#[process]` on an `impl` block: the block as it is, and a handle with the same methods.

mod block;
mod expand;
mod handles;
mod message;
mod model;
mod role;
mod starts;

use proc_macro2::TokenStream;
use syn::Result;

pub(crate) use self::block::is_block;
use self::block::{Block, Member};
use self::expand::expand;
use self::model::StructActor;
use self::role::Role;
use crate::function::Function;
use crate::options::Options;
use crate::process::KNOWN;
use crate::undecided::Undecided;

/// Expands `#[process(arguments)]` on `item`, an `impl` block.
pub(crate) fn process(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options = Options::parse(arguments.clone(), KNOWN);
    let block = Block::parse(item.clone());
    if let Ok(options) = &options
        && let Ok(block) = &block
        && let Some(undecided) = undecided(block)
    {
        return Ok(undecided.decide(&options.runtime, &arguments));
    }
    StructActor::new(options, block).map(|actor| expand(&actor, item))
}

/// The first parameter with a condition, or the first function with one of which there is only
/// one. Methods carry theirs along.
fn undecided(block: &Block) -> Option<Undecided<Block>> {
    block.members.iter().enumerate().find_map(|(place, member)| {
        let Member::Function(function) = member else {
            return None;
        };
        let put = |function: Option<Function>| block.with(place, function);
        match Role::of(function, &block.self_ty) {
            Role::None => return None,
            Role::Constructor { .. } | Role::Stop => {
                if let Some(undecided) = Undecided::whole(function) {
                    return Some(undecided.within(put));
                }
            }
            Role::Method(_) => {}
        }
        Undecided::find(function).map(|undecided| undecided.within(|function| put(Some(function))))
    })
}
