//! What several expansions write, and where errors in it show.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, Path, Type};

use crate::attributes::Copied;
use crate::deadline::Deadline;
use crate::parameter::Parameter;

/// How values of the type cross, which compiles only if they can.
///
/// It is asked for in the same words and at the same place, the user's own type tokens, wherever it
/// is needed: the compiler says equal errors once.
pub(crate) fn crossing(private: &TokenStream, way: &str, ty: &Type) -> TokenStream {
    let span = written_at(ty.span());
    let way = Ident::new(way, span);
    let private = shown_at(private.clone(), span);
    quote_spanned!(span=> #private::#way::<#ty>())
}

/// The tokens, each meaning what it did, with errors in them shown elsewhere.
pub(crate) fn shown_at(tokens: TokenStream, span: Span) -> TokenStream {
    let shown = tokens.into_iter().map(|mut token| {
        token.set_span(span.resolved_at(token.span()));
        token
    });
    shown.collect()
}

/// For tokens of ours that errors are to show as if they were the user's.
pub(crate) fn written_at(span: Span) -> Span {
    span.resolved_at(Span::call_site())
}

/// One thing that stands for all parameters: `()`, the only one, or the tuple of them.
pub(crate) fn input<'a, T: ToTokens + 'a>(
    parameters: &'a [Parameter],
    part: impl Fn(&'a Parameter) -> &'a T,
) -> TokenStream {
    match parameters {
        [only] => part(only).to_token_stream(),
        parameters => {
            let parts = parameters.iter().map(part);
            quote!((#(#parts),*))
        }
    }
}

/// A name for the parameter at `place` that no name of the user's can meet.
pub(crate) fn unnamed(place: usize) -> Ident {
    format_ident!("argument_{place}", span = Span::mixed_site())
}

/// The user of a deprecated function is to be warned, what is generated for it is not.
pub(crate) fn allow_deprecated(copied: &Copied) -> Option<TokenStream> {
    let deprecated = !copied.deprecated.is_empty();
    deprecated.then(|| quote!(#[allow(deprecated, reason = "it is about the users")]))
}

/// The entry in the table of processes, made by the function of that name.
pub(crate) fn entry(private: &TokenStream, of: &str, process: &TokenStream) -> TokenStream {
    let of = Ident::new(of, Span::call_site());
    quote! {
        fn entry() -> &'static #private::Entry {
            #[#private::linkme::distributed_slice(#private::ENTRIES)]
            #[linkme(crate = #private::linkme)]
            static ENTRY: #private::Entry = #private::#of::<#process>();
            &ENTRY
        }
    }
}

/// How the arguments go out, and how they come in: each by itself, in their order.
pub(crate) struct Arguments {
    /// The function `encode`.
    pub(crate) encode: TokenStream,
    /// Statements that read each.
    pub(crate) decode: TokenStream,
    /// What it was read into.
    pub(crate) names: Vec<Ident>,
}

impl Arguments {
    pub(crate) fn of(parameters: &[Parameter], private: &TokenStream) -> Self {
        let names: Vec<_> = (0..parameters.len()).map(unnamed).collect();
        let crossings: Vec<_> = parameters
            .iter()
            .map(|parameter| crossing(private, "argument", &parameter.ty))
            .collect();
        let all = match names.as_slice() {
            [only] => quote!(#only),
            names => quote!((#(#names),*)),
        };
        let encode = quote! {
            #[inline]
            fn encode<'a>(
                #all: &'a Self::Input,
                _row: &mut #private::Encoder<'a>,
            ) -> ::core::result::Result<(), #private::EncodeError> {
                #((#crossings.encode)(#names, _row)?;)*
                ::core::result::Result::Ok(())
            }
        };
        let decode = quote!(#(let #names = (#crossings.decode)(_row)?;)*);
        Arguments { encode, decode, names }
    }
}

/// The functions `encode_output` and `decode_output`.
pub(crate) fn output(output: &Type, private: &TokenStream) -> TokenStream {
    let returned = crossing(private, "returned", output);
    quote! {
        #[inline]
        fn encode_output<'a>(
            output: &'a Self::Output,
            row: &mut #private::Encoder<'a>,
        ) -> ::core::result::Result<(), #private::EncodeError> {
            (#returned.encode)(output, row)
        }

        #[inline]
        fn decode_output(
            row: &mut #private::Decoder<'_>,
        ) -> ::core::result::Result<Self::Output, #private::DecodeError> {
            (#returned.decode)(row)
        }
    }
}

/// Where the runtime keeps what only the attributes use.
pub(crate) fn private(runtime: &Path) -> TokenStream {
    quote!(#runtime::__private)
}

/// What an actor has besides what a function has.
pub(crate) fn actor_items(message: &Type, deadline: Option<&Deadline>) -> TokenStream {
    let message = quote_spanned!(written_at(message.span())=> type Message = #message;);
    let deadline = deadline.map(|deadline| {
        let deadline = deadline.expand();
        quote! {
            const DEADLINE: ::core::option::Option<::core::time::Duration> =
                ::core::option::Option::Some(#deadline);
        }
    });
    quote!(#message #deadline)
}

/// Names for functions of ours. An error in a call shows where the called thing is written: let
/// that be what the user wrote.
pub(crate) fn named_at<const N: usize>(users: &Ident, names: [&str; N]) -> [Ident; N] {
    names.map(|name| Ident::new(name, written_at(users.span())))
}

/// The parameters, for a signature and for a call.
pub(crate) fn names_and_types(parameters: &[Parameter]) -> (Vec<&Ident>, Vec<&Type>) {
    parameters.iter().map(|parameter| (&parameter.name, &parameter.ty)).unzip()
}
