//! A function that is known to be one that can run in another process.

use proc_macro2::Span;
use quote::format_ident;
use syn::{FnArg, Ident, Pat, PatType, Path, Result, ReturnType, Type, Visibility, parse_quote};

use super::crossing::{self, Way};
use crate::attributes::Copied;
use crate::function::Function;
use crate::mistakes::Mistakes;
use crate::options::Options;

/// All that the expansion says, ready to be written down.
pub(super) struct Process {
    pub(super) runtime: Path,
    pub(super) copied: Copied,
    pub(super) visibility: Visibility,
    /// The function.
    pub(super) ident: Ident,
    /// The type that stands for it.
    pub(super) handle: Ident,
    /// Where the parameters are written.
    pub(super) inputs: Span,
    pub(super) parameters: Vec<Parameter>,
    pub(super) output: Type,
}

/// One value that the function takes.
pub(super) struct Parameter {
    pub(super) name: Ident,
    pub(super) ty: Type,
}

impl Process {
    /// Checks options and function together, so that the mistakes in both are said at once.
    pub(super) fn new(options: Result<Options>, function: Result<Function>) -> Result<Self> {
        let mut mistakes = Mistakes::default();
        let options = mistakes.unless(options);
        let function = mistakes.unless(function);
        let parts = function.as_ref().map(|function| check(function, &mut mistakes));
        mistakes.finish()?;

        let (Some(options), Some(function), Some((parameters, output))) =
            (options, function, parts)
        else {
            unreachable!("what is missing was a mistake")
        };
        let inputs = function.signature.paren_token.span.join();
        let ident = function.signature.ident;
        Ok(Process {
            runtime: options.runtime,
            copied: Copied::of(&function.attributes),
            visibility: function.visibility,
            handle: options.handle.unwrap_or_else(|| ident.clone()),
            ident,
            inputs,
            parameters,
            output,
        })
    }
}

fn check(function: &Function, mistakes: &mut Mistakes) -> (Vec<Parameter>, Type) {
    function.check_callable("a process function", mistakes);
    let signature = &function.signature;
    if let Some(asyncness) = signature.asyncness {
        mistakes.at(
            asyncness,
            "a process function is not async: remove `async`, and start a runtime in the body",
        );
    }
    for attribute in &function.attributes {
        if attribute.path().is_ident("target_feature") {
            let message = "a process function is called on any machine: remove this, and call \
                           the function that has it in the body";
            mistakes.at(attribute, message);
        }
    }
    let inputs = signature.inputs.iter().enumerate();
    let parameters =
        inputs.filter_map(|(place, input)| Parameter::new(place, input, mistakes)).collect();
    let output = match &signature.output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, ty) => {
            crossing::check(ty, Way::Back, mistakes);
            Type::clone(ty)
        }
    };
    (parameters, output)
}

impl Parameter {
    fn new(place: usize, input: &FnArg, mistakes: &mut Mistakes) -> Option<Self> {
        match input {
            FnArg::Receiver(receiver) => {
                mistakes.at(
                    receiver,
                    "a process function stands outside of `impl` blocks and has no `self`: take \
                     the value as a parameter",
                );
                None
            }
            FnArg::Typed(PatType { pat, ty, .. }) => {
                crossing::check(ty, Way::There, mistakes);
                let name = name(place, pat, mistakes)?;
                Some(Parameter { name, ty: Type::clone(ty) })
            }
        }
    }
}

/// What the parameter is called where `spawn` takes it.
fn name(place: usize, pat: &Pat, mistakes: &mut Mistakes) -> Option<Ident> {
    match pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => Some(pat.ident.clone()),
        Pat::Wild(_) => Some(unnamed(place)),
        _ => {
            let message = "give the parameter a name, and take it apart in the body";
            mistakes.at(pat, message);
            None
        }
    }
}

/// A name for the parameter at `place` that no name of the user's can meet.
pub(super) fn unnamed(place: usize) -> Ident {
    format_ident!("argument_{place}", span = Span::mixed_site())
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::{ToTokens, quote};

    use super::*;
    use crate::options::Known;

    fn process(arguments: TokenStream, item: TokenStream) -> Result<Process> {
        let options = Options::parse(arguments, &[Known::Crate, Known::Handle]);
        Process::new(options, Function::parse(item, "process"))
    }

    fn said(arguments: TokenStream, item: TokenStream) -> Vec<String> {
        let errors = process(arguments, item).err().unwrap();
        errors.into_iter().map(|error| error.to_string()).collect()
    }

    #[test]
    fn the_type_is_called_like_the_function_unless_told() {
        let like_it = process(
            quote!(),
            quote!(
                fn square() {}
            ),
        )
        .unwrap();
        let told = process(
            quote!(handle = Square),
            quote!(
                fn square() {}
            ),
        )
        .unwrap();

        assert_eq!(like_it.handle, "square");
        assert_eq!(
            (told.ident.to_string(), told.handle.to_string()),
            ("square".into(), "Square".into())
        );
    }

    #[test]
    fn parameters_keep_their_names_and_types() {
        let item = quote!(
            fn f(mut a: u8, _: Vec<u8>, _b: (u8, u8), r#type: u8) {}
        );

        let process = process(quote!(), item).unwrap();

        let of = |parameter: &Parameter| {
            let ty = parameter.ty.to_token_stream().to_string().replace(' ', "");
            format!("{}: {ty}", parameter.name)
        };
        let parameters: Vec<_> = process.parameters.iter().map(of).collect();
        assert_eq!(parameters, ["a: u8", "argument_1: Vec<u8>", "_b: (u8,u8)", "r#type: u8"]);
        assert_eq!(process.output.to_token_stream().to_string(), "()");
    }

    #[test]
    fn mistakes_in_options_and_function_are_said_together() {
        let said = said(
            quote!(name = "x"),
            quote! {
                #[target_feature(enable = "avx2")]
                async fn f<T>(&self, (a, b): (u8, u8), c: &str, ..: u8) -> ! { loop {} }
            },
        );

        assert_eq!(said.len(), 9, "{said:#?}");
    }
}
