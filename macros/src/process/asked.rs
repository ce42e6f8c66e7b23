//! What only the compiler can say of a function's types, asked for beside what the attribute says.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{FnArg, GenericParam, Path, ReturnType, Type};

use super::inbox::{is_mailbox, message};
use crate::crossing::{Way, check};
use crate::function::Function;
use crate::mistakes::Mistakes;
use crate::tokens::{crossing, private};

/// Asks whether those types can cross of which the spelling does not tell that they cannot. Where a function
/// has a mistake there is no expansion that would ask, and all mistakes are to show in one compile.
pub(super) fn asked(runtime: &Path, function: &Function) -> TokenStream {
    let signature = &function.signature;
    if signature.receiver().is_some() || function.has_no_body() {
        // Beside it nothing of the kind may stand.
        return TokenStream::new();
    }
    let own: Vec<&Ident> = signature.generics.params.iter().filter_map(name).collect();
    let there = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(input) if is_mailbox(input) => {
            Some(("message", message(&input.ty)?, Way::There))
        }
        FnArg::Typed(input) if input.attrs.is_empty() => Some(("argument", &*input.ty, Way::There)),
        _ => None,
    });
    let back = match &signature.output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(("returned", &**ty, Way::Back)),
    };
    let private = private(runtime);
    let asked = there
        .chain(back)
        .filter(|(_, ty, way)| !mentions(ty.to_token_stream(), &own) && may_cross(ty, *way));
    let asked = asked.map(|(way, ty, _)| crossing(&private, way, ty));
    quote!(const _: () = { #(let _ = #asked;)* };)
}

/// What a generic parameter is called in types.
fn name(parameter: &GenericParam) -> Option<&Ident> {
    match parameter {
        GenericParam::Lifetime(_) => None,
        GenericParam::Type(ty) => Some(&ty.ident),
        GenericParam::Const(value) => Some(&value.ident),
    }
}

/// Whether one of these is named there, which beside the function means nothing.
fn mentions(tokens: TokenStream, names: &[&Ident]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => mentions(group.stream(), names),
        TokenTree::Ident(ident) => names.contains(&&ident),
        _ => false,
    })
}

fn may_cross(ty: &Type, way: Way) -> bool {
    let mut mistakes = Mistakes::default();
    check(ty, way, &mut mistakes);
    mistakes.finish().is_ok()
}
