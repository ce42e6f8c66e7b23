//! What each function of the block is for the actor.

use proc_macro2::{Spacing, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    FnArg, GenericArgument, Ident, PathArguments, PathSegment, Receiver, ReturnType, Signature,
    Type, parse2,
};

use crate::crossing::bare;
use crate::function::Function;

/// What a function is for the actor.
pub(super) enum Role<'a> {
    /// Makes the value, or may fail to.
    Constructor { fallible: bool },
    /// Is called with a message.
    Method(&'a Receiver),
    /// Is called when the actor is asked to stop.
    Stop,
    /// Nothing: stays what it is.
    None,
}

impl<'a> Role<'a> {
    pub(super) fn of(function: &'a Function, self_ty: &Type) -> Self {
        if function.attributes.iter().any(|attribute| attribute.path().is_ident("stop")) {
            return Role::Stop;
        }
        if let Some(FnArg::Receiver(receiver)) = function.signature.inputs.first() {
            return Role::Method(receiver);
        }
        let ReturnType::Type(_, output) = &function.signature.output else {
            return Role::None;
        };
        if is_self(output, self_ty) {
            return Role::Constructor { fallible: false };
        }
        match last_segment(output) {
            Some(result) if result.ident == "Result" && holds_self(result, self_ty) => {
                Role::Constructor { fallible: true }
            }
            _ => Role::None,
        }
    }
}

/// The last name of the type.
pub(super) fn name(ty: &Type) -> Option<&Ident> {
    last_segment(ty).map(|segment| &segment.ident)
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match bare(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

fn is_self(ty: &Type, self_ty: &Type) -> bool {
    let (Some(segment), Some(own)) = (last_segment(ty), last_segment(self_ty)) else {
        return false;
    };
    let same = || segment.to_token_stream().to_string() == own.to_token_stream().to_string();
    segment.ident == "Self" || same()
}

fn holds_self(result: &PathSegment, self_ty: &Type) -> bool {
    let PathArguments::AngleBracketed(arguments) = &result.arguments else {
        return false;
    };
    matches!(arguments.args.first(), Some(GenericArgument::Type(ty)) if is_self(ty, self_ty))
}

/// The signature with the type's own name for `Self`, which means something else where the
/// expansion writes the types of the parameters again.
pub(super) fn without_self(signature: &Signature, self_ty: &Type) -> Signature {
    let named = replaced(signature.to_token_stream(), &self_ty.to_token_stream());
    parse2(named).unwrap_or_else(|_| signature.clone())
}

fn replaced(tokens: TokenStream, by: &TokenStream) -> TokenStream {
    let mut tokens = tokens.into_iter().peekable();
    let mut all = TokenStream::new();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if ident == "Self" => {
                // `Self::LEN` may be an expression, where a type's arguments need brackets.
                let joint = |token: &TokenTree| {
                    matches!(token, TokenTree::Punct(colon)
                        if colon.as_char() == ':' && colon.spacing() == Spacing::Joint)
                };
                let by = if tokens.peek().is_some_and(joint) { quote!(<#by>) } else { by.clone() };
                all.extend(by.into_iter().map(|mut token| {
                    token.set_span(ident.span());
                    token
                }));
            }
            TokenTree::Group(group) => {
                let inner = replaced(group.stream(), by);
                let mut group_again = proc_macro2::Group::new(group.delimiter(), inner);
                group_again.set_span(group.span());
                all.extend([TokenTree::Group(group_again)]);
            }
            token => all.extend([token]),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;
    use syn::parse_quote;

    use super::*;

    fn is_constructor(output: TokenStream) -> Option<bool> {
        let function = Function::parse(quote!(fn f() -> #output {}), "process").unwrap();
        match Role::of(&function, &parse_quote!(shop::Counter<u8>)) {
            Role::Constructor { fallible } => Some(fallible),
            _ => None,
        }
    }

    #[test]
    fn a_constructor_is_known_by_what_it_returns() {
        for output in [quote!(Self), quote!(Counter<u8>), quote!(crate::shop::Counter<u8>)] {
            assert_eq!(is_constructor(output), Some(false));
        }
        for output in [quote!(Result<Self, E>), quote!(io::Result<Counter<u8>>)] {
            assert_eq!(is_constructor(output), Some(true));
        }
        for output in [quote!(u8), quote!(Counter), quote!(Box<Self>), quote!(Result<u8, Self>)] {
            assert_eq!(is_constructor(output), None);
        }
    }

    #[test]
    fn self_is_written_out() {
        let signature = parse_quote!(fn f(&self, other: Vec<Self>, by: [u8; Self::LEN]) -> Self);

        let said = without_self(&signature, &parse_quote!(Counter<u8>)).to_token_stream();

        let said = said.to_string().replace(' ', "");
        let expected = "fnf(&self,other:Vec<Counter<u8>>,by:[u8;<Counter<u8>>::LEN])->Counter<u8>";
        assert_eq!(said, expected);
    }
}
