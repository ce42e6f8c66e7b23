//! What only the compiler can say of a function's types, asked for beside what the attribute says.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, Path, ReturnType, Type};

use super::inbox::is_mailbox;
use crate::crossing::{Way, check};
use crate::function::Function;
use crate::mistakes::Mistakes;
use crate::tokens::{crossing, private};

/// Asks whether those types can cross of which the spelling does not tell that they cannot. Where a function
/// has a mistake there is no expansion that would ask, and all mistakes are to show in one compile.
pub(super) fn asked(runtime: &Path, function: &Function) -> TokenStream {
    let signature = &function.signature;
    let is_method = signature.receiver().is_some() || function.has_no_body();
    if is_method || !signature.generics.params.is_empty() {
        // Beside it its types may mean nothing, and nothing of the kind may stand there.
        return TokenStream::new();
    }
    let there = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(input) if input.attrs.is_empty() && !is_mailbox(input) => {
            Some(("argument", &*input.ty, Way::There))
        }
        _ => None,
    });
    let back = match &signature.output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(("returned", &**ty, Way::Back)),
    };
    let private = private(runtime);
    let asked = there.chain(back).filter(|(_, ty, way)| may_cross(ty, *way));
    let asked = asked.map(|(way, ty, _)| crossing(&private, way, ty));
    quote!(const _: () = { #(let _ = #asked;)* };)
}

fn may_cross(ty: &Type, way: Way) -> bool {
    let mut mistakes = Mistakes::default();
    check(ty, way, &mut mistakes);
    mistakes.finish().is_ok()
}
