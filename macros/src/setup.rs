//! `#[procession::setup]`: the function as it is, and a place in the table of set-ups.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, Path, Result, ReturnType, Type};

use crate::attributes::Copied;
use crate::function::Function;
use crate::mistakes::Mistakes;
use crate::options::{Known, Options};

const KIND: &str = "a setup function";

/// Expands `#[setup(arguments)]` on `item`.
pub(crate) fn setup(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let mut mistakes = Mistakes::default();
    let options = mistakes.unless(Options::parse(arguments, &[Known::Crate]));
    let function = mistakes.unless(Function::parse(item.clone(), "procession::setup"));
    if let Some(function) = &function {
        check(function, &mut mistakes);
    }
    mistakes.finish()?;

    let (Some(options), Some(function)) = (options, function) else {
        unreachable!("what is missing was a mistake")
    };
    let copied = Copied::of(&function.attributes);
    Ok(expand(&options.runtime, &copied, &function.signature.ident, &item))
}

fn check(function: &Function, mistakes: &mut Mistakes) {
    let signature = &function.signature;
    function.check_callable(KIND, mistakes);
    function.check_no_parameters(KIND, mistakes);
    if let Some(asyncness) = signature.asyncness {
        mistakes.at(asyncness, format!("{KIND} is called before any runtime: remove `async`"));
    }
    match &signature.output {
        ReturnType::Type(_, ty) if !is_unit(ty) => {
            let message = "has nobody to return to: handle errors in the body, and remove this";
            mistakes.at(&signature.output, format!("{KIND} {message}"));
        }
        _ => {}
    }
}

fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}

fn expand(runtime: &Path, copied: &Copied, ident: &Ident, function: &TokenStream) -> TokenStream {
    let private = quote!(#runtime::__private);
    let cfgs = &copied.cfgs;
    let deprecated = !copied.deprecated.is_empty();
    let allow = deprecated.then(|| quote!(#[allow(deprecated, reason = "it is about the users")]));

    quote! {
        #function

        #(#cfgs)*
        #allow
        const _: () = {
            #[#private::linkme::distributed_slice(#private::SETUPS)]
            #[linkme(crate = #private::linkme)]
            static SETUP: fn() = #ident;
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(item: TokenStream) -> Vec<String> {
        let errors = setup(TokenStream::new(), item).unwrap_err();
        errors.into_iter().map(|error| error.to_string()).collect()
    }

    #[test]
    fn the_function_stays_and_is_listed() {
        let item = quote!(
            #[cfg(unix)]
            fn logging() {
                start();
            }
        );

        let expanded = setup(quote!(crate = my::procession), item).unwrap();

        let expected = quote! {
            #[cfg(unix)]
            fn logging() { start(); }

            #[cfg(unix)]
            const _: () = {
                #[my::procession::__private::linkme::distributed_slice(
                    my::procession::__private::SETUPS
                )]
                #[linkme(crate = my::procession::__private::linkme)]
                static SETUP: fn() = logging;
            };
        };
        assert_eq!(expanded.to_string(), expected.to_string());
    }

    #[test]
    fn all_that_is_wrong_is_said() {
        let said = said(quote!(
            async unsafe fn logging<T>(level: T) -> u8 {
                0
            }
        ));

        assert_eq!(said.len(), 5, "{said:#?}");
    }
}
