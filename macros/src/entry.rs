//! `#[procession::main]`: a worker leaves the program's path as the first thing `main` does.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Path, Result, Visibility};

use crate::attributes::Copied;
use crate::function::Function;
use crate::mistakes::Mistakes;
use crate::options::{Known, Options};

const KIND: &str = "`main`";

/// Expands `#[main(arguments)]` on `item`.
pub(crate) fn main(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let mut mistakes = Mistakes::default();
    let options = mistakes.unless(Options::parse(arguments, &[Known::Crate]));
    let function = mistakes.unless(Function::parse(item, "procession::main"));
    if let Some(function) = &function {
        check(function, &mut mistakes);
    }
    mistakes.finish()?;

    let (Some(options), Some(function)) = (options, function) else {
        unreachable!("what is missing was a mistake")
    };
    Ok(expand(&options.runtime, function))
}

fn check(function: &Function, mistakes: &mut Mistakes) {
    let signature = &function.signature;
    function.check_callable(KIND, mistakes);
    function.check_no_parameters(KIND, mistakes);
    if signature.ident != "main" {
        let message = "`#[procession::main]` goes on `fn main`; set other workers up with \
                       `#[procession::setup]`";
        mistakes.at(&signature.ident, message);
    }
    // An attribute that stood above has already made the function a synchronous one.
    if let Some(asyncness) = signature.asyncness
        && !function.attributes.iter().any(may_make_synchronous)
    {
        let message = "an async `main` needs the attribute of a runtime, such as \
                       `#[tokio::main]`, below `#[procession::main]`";
        mistakes.at(asyncness, message);
    }
}

/// Whether this is anything but an attribute of the language.
fn may_make_synchronous(attribute: &Attribute) -> bool {
    let known = ["allow", "cfg", "cold", "deny", "doc", "deprecated", "expect", "inline", "warn"];
    !known.iter().any(|known| attribute.path().is_ident(known))
}

/// Expands to a `main` around the user's own, which keeps its attributes: what they make of it
/// starts after `init`. In a test `main` is the harness's, and this one at most a function that a
/// test calls: workers must not be sent there.
fn expand(runtime: &Path, mut function: Function) -> TokenStream {
    let Copied { cfgs, docs, .. } = Copied::of(&function.attributes);
    let visibility = std::mem::replace(&mut function.visibility, Visibility::Inherited);
    let output = &function.signature.output;

    quote! {
        #(#cfgs)*
        #(#docs)*
        #visibility fn main() #output {
            #function

            #[cfg(not(test))]
            #runtime::init();
            main()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(item: TokenStream) -> Vec<String> {
        let errors = main(TokenStream::new(), item).unwrap_err();
        errors.into_iter().map(|error| error.to_string()).collect()
    }

    #[test]
    fn init_comes_before_what_other_attributes_make_of_main() {
        let item = quote! {
            /// Starts.
            #[cfg(unix)]
            #[tokio::main(flavor = "current_thread")]
            pub async fn main() -> Result<(), Error> { serve().await }
        };

        let expanded = main(quote!(crate = my::procession), item).unwrap();

        let expected = quote! {
            #[cfg(unix)]
            #[cfg_attr(not(doctest), doc = r" Starts.")]
            pub fn main() -> Result<(), Error> {
                /// Starts.
                #[cfg(unix)]
                #[tokio::main(flavor = "current_thread")]
                async fn main() -> Result<(), Error> { serve().await }

                #[cfg(not(test))]
                my::procession::init();
                main()
            }
        };
        assert_eq!(expanded.to_string(), expected.to_string());
    }

    #[test]
    fn an_async_main_needs_somebody_to_run_it() {
        assert_eq!(
            said(quote!(
                async fn main() {}
            ))
            .len(),
            1
        );
        assert_eq!(
            said(quote!(
                #[allow(unused)]
                async fn main() {}
            ))
            .len(),
            1
        );
    }

    #[test]
    fn all_that_is_wrong_is_said() {
        let said = said(quote!(
            unsafe extern "C" fn start<T>(a: T, b: u8) {}
        ));

        assert_eq!(said.len(), 6, "{said:#?}");
    }
}
