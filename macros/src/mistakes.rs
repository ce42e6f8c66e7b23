//! Collects what is wrong with one item, so that the user sees all of it in one compile.

use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, Result};

use crate::own::without_own;

/// The mistakes found so far.
#[derive(Default)]
pub(crate) struct Mistakes {
    found: Option<Error>,
}

impl Mistakes {
    /// Notes a mistake at the user's own tokens. The message says what to do.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.add(Error::new_spanned(tokens, message));
    }

    pub(crate) fn add(&mut self, error: Error) {
        match &mut self.found {
            Some(found) => found.combine(error),
            None => self.found = Some(error),
        }
    }

    /// Notes the mistakes of `result`, or gives what it holds.
    pub(crate) fn unless<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// Fails if there was any mistake.
    pub(crate) fn finish(self) -> Result<()> {
        self.found.map_or(Ok(()), Err)
    }
}

/// Expands an attribute. Where that fails the errors come beside the item as it was written, so
/// that one mistake does not also report every caller as unresolved.
pub(crate) fn or_errors(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
    expand: fn(TokenStream, TokenStream) -> Result<TokenStream>,
) -> proc_macro::TokenStream {
    let item = TokenStream::from(item);
    let expanded = expand(arguments.into(), item.clone());
    expanded.unwrap_or_else(|errors| beside(&errors, item, None)).into()
}

/// The errors beside the item, and what else is to be found out about it.
pub(crate) fn beside(errors: &Error, item: TokenStream, asked: Option<TokenStream>) -> TokenStream {
    let errors = errors.to_compile_error();
    let item = without_own(item);
    quote!(#errors #item #asked)
}
