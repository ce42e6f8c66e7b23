//! What a process function expands to. Nothing here can fail, all paths are absolute, and it reads
//! like what the user gets.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, Type};

use super::model::{Parameter, Process, unnamed};

/// Expands to the untouched function plus an empty enum of the same name.
///
/// A function lives in the value namespace and an enum in the type namespace, so `square(9)` still
/// calls here, `square::spawn(9)` calls in a child, and `pool.map::<square>(numbers)` can name the
/// process as a type.
pub(super) fn expand(process: &Process, function: &TokenStream) -> TokenStream {
    let handle = handle(process);
    let implementation = implementation(process);
    let methods = methods(process);
    quote!(#function #handle #implementation #methods)
}

fn handle(process: &Process) -> TokenStream {
    let Process { copied, visibility, ident, handle, .. } = process;
    let (cfgs, deprecated, docs) = (&copied.cfgs, &copied.deprecated, &copied.docs);
    let named_like_it = (handle == ident)
        .then(|| quote!(#[allow(non_camel_case_types, reason = "it is called like the function")]));
    let about = format!(" The function `{ident}` as a type, which starts it in another process.");

    quote! {
        #(#cfgs)*
        #(#docs)*
        #[doc = ""]
        #[doc = #about]
        #(#deprecated)*
        #named_like_it
        #[allow(unreachable_pub, reason = "it is as visible as the function")]
        #visibility enum #handle {}
    }
}

fn implementation(process: &Process) -> TokenStream {
    let Process { runtime, copied, ident, handle, parameters, .. } = process;
    let private = quote!(#runtime::__private);
    let cfgs = &copied.cfgs;
    let allow = allow_deprecated(process);
    // Types that are less visible than the function are an error at what is spanned here.
    let input = input(process, |parameter| &parameter.ty);
    let input = quote_spanned!(written_at(process.inputs)=> type Input = #input;);
    let output = &process.output;
    let output = quote_spanned!(written_at(output.span())=> type Output = #output;);
    let names: Vec<_> = (0..parameters.len()).map(unnamed).collect();
    let arguments: Vec<_> =
        parameters.iter().map(|parameter| crossing(&private, "argument", &parameter.ty)).collect();
    let returned = crossing(&private, "returned", &process.output);
    let all = match names.as_slice() {
        [only] => quote!(#only),
        names => quote!((#(#names),*)),
    };

    quote! {
        #(#cfgs)*
        #allow
        #[automatically_derived]
        impl #runtime::Process for #handle {
            #input
            #output

            fn entry() -> &'static #private::Entry {
                #[#private::linkme::distributed_slice(#private::ENTRIES)]
                #[linkme(crate = #private::linkme)]
                static ENTRY: #private::Entry = #private::entry_of::<#handle>();
                &ENTRY
            }

            fn encode<'a>(
                #all: &'a Self::Input,
                _row: &mut #private::Encoder<'a>,
            ) -> ::core::result::Result<(), #private::EncodeError> {
                #((#arguments.encode)(#names, _row)?;)*
                ::core::result::Result::Ok(())
            }

            fn run(
                _row: &mut #private::Decoder<'_>,
            ) -> ::core::result::Result<Self::Output, #private::DecodeError> {
                #(let #names = (#arguments.decode)(_row)?;)*
                ::core::result::Result::Ok(#ident(#(#names),*))
            }

            fn encode_output<'a>(
                output: &'a Self::Output,
                row: &mut #private::Encoder<'a>,
            ) -> ::core::result::Result<(), #private::EncodeError> {
                (#returned.encode)(output, row)
            }

            fn decode_output(
                row: &mut #private::Decoder<'_>,
            ) -> ::core::result::Result<Self::Output, #private::DecodeError> {
                (#returned.decode)(row)
            }
        }
    }
}

fn methods(process: &Process) -> TokenStream {
    let Process { runtime, copied, visibility, ident, handle, parameters, output, .. } = process;
    let (cfgs, docs) = (&copied.cfgs, &copied.docs);
    let allow = allow_deprecated(process);
    let names: Vec<_> = parameters.iter().map(|parameter| &parameter.name).collect();
    let types: Vec<_> = parameters.iter().map(|parameter| &parameter.ty).collect();
    let input = input(process, |parameter| &parameter.name);
    // An error in a call shows where the called thing is written: let that be the function's name.
    let [spawn, call, builder] =
        ["spawn", "call", "builder"].map(|name| Ident::new(name, written_at(ident.span())));
    let about_spawn = format!(" Starts `{ident}` in a process of its own, and returns at once.");
    let about_call =
        format!(" Runs `{ident}` in a process of its own, and waits for what it returns.");
    let about_builder = format!(" Starts `{ident}` with a name, limits and the like.");

    quote! {
        #(#cfgs)*
        #allow
        #[allow(
            dead_code,
            unreachable_pub,
            clippy::too_many_arguments,
            clippy::used_underscore_binding,
            reason = "not everyone starts it in every way"
        )]
        impl #handle {
            #[doc = #about_spawn]
            #[doc = ""]
            #(#docs)*
            #[doc = ""]
            #[doc = " # Errors"]
            #[doc = ""]
            #[doc = " If the process cannot be started, or an argument cannot be encoded."]
            #visibility fn #spawn(
                #(#names: #types),*
            ) -> ::core::result::Result<#runtime::Child<#output>, #runtime::SpawnError> {
                #runtime::Builder::<Self>::new().spawn(#input)
            }

            #[doc = #about_call]
            #[doc = ""]
            #(#docs)*
            #[doc = ""]
            #[doc = " # Errors"]
            #[doc = ""]
            #[doc = " If the process cannot be started, or ends without a result."]
            #visibility fn #call(
                #(#names: #types),*
            ) -> ::core::result::Result<#output, #runtime::Error> {
                let child = #runtime::Builder::<Self>::new().spawn(#input)?;
                ::core::result::Result::Ok(child.join()?)
            }

            #[doc = #about_builder]
            #[doc = ""]
            #(#docs)*
            #visibility fn #builder() -> #runtime::Builder<Self> {
                #runtime::Builder::new()
            }
        }
    }
}

/// How values of the type cross, which compiles only if they can.
///
/// It is asked for in the same words and at the same place, the user's own type tokens, wherever it
/// is needed: the compiler says equal errors once.
fn crossing(private: &TokenStream, way: &str, ty: &Type) -> TokenStream {
    let span = written_at(ty.span());
    let way = Ident::new(way, span);
    let private = private.clone().into_iter().map(|mut token| {
        token.set_span(span.resolved_at(token.span()));
        token
    });
    let private = TokenStream::from_iter(private);
    quote_spanned!(span=> #private::#way::<#ty>())
}

/// For tokens of ours that errors are to show as if they were the user's.
fn written_at(span: Span) -> Span {
    span.resolved_at(Span::call_site())
}

/// One thing that stands for all parameters: `()`, the only one, or the tuple of them.
fn input<'a, T: ToTokens + 'a>(
    process: &'a Process,
    part: impl Fn(&'a Parameter) -> &'a T,
) -> TokenStream {
    match process.parameters.as_slice() {
        [only] => {
            let only = part(only);
            quote!(#only)
        }
        parameters => {
            let parts = parameters.iter().map(part);
            quote!((#(#parts),*))
        }
    }
}

/// The user of a deprecated function is to be warned, what is generated for it is not.
fn allow_deprecated(process: &Process) -> Option<TokenStream> {
    let deprecated = !process.copied.deprecated.is_empty();
    deprecated.then(|| quote!(#[allow(deprecated, reason = "it is about the users")]))
}

#[cfg(test)]
mod tests {
    use super::super::process;
    use super::*;

    fn expanded(arguments: TokenStream, function: TokenStream) -> String {
        process(arguments, function).unwrap().to_string()
    }

    #[test]
    fn a_function_expands_to_itself_and_a_type() {
        let expanded = expanded(
            quote!(),
            quote! {
                /// Squares.
                pub fn square(n: u64) -> u64 { n * n }
            },
        );

        let expected = quote! {
            /// Squares.
            pub fn square(n: u64) -> u64 { n * n }

            #[cfg_attr(not(doctest), doc = r" Squares.")]
            #[doc = ""]
            #[doc = " The function `square` as a type, which starts it in another process."]
            #[allow(non_camel_case_types, reason = "it is called like the function")]
            #[allow(unreachable_pub, reason = "it is as visible as the function")]
            pub enum square {}

            #[automatically_derived]
            impl ::procession::Process for square {
                type Input = u64;
                type Output = u64;

                fn entry() -> &'static ::procession::__private::Entry {
                    #[::procession::__private::linkme::distributed_slice(
                        ::procession::__private::ENTRIES
                    )]
                    #[linkme(crate = ::procession::__private::linkme)]
                    static ENTRY: ::procession::__private::Entry =
                        ::procession::__private::entry_of::<square>();
                    &ENTRY
                }

                fn encode<'a>(
                    argument_0: &'a Self::Input,
                    _row: &mut ::procession::__private::Encoder<'a>,
                ) -> ::core::result::Result<(), ::procession::__private::EncodeError> {
                    (::procession::__private::argument::<u64>().encode)(argument_0, _row)?;
                    ::core::result::Result::Ok(())
                }

                fn run(
                    _row: &mut ::procession::__private::Decoder<'_>,
                ) -> ::core::result::Result<Self::Output, ::procession::__private::DecodeError> {
                    let argument_0 = (::procession::__private::argument::<u64>().decode)(_row)?;
                    ::core::result::Result::Ok(square(argument_0))
                }

                fn encode_output<'a>(
                    output: &'a Self::Output,
                    row: &mut ::procession::__private::Encoder<'a>,
                ) -> ::core::result::Result<(), ::procession::__private::EncodeError> {
                    (::procession::__private::returned::<u64>().encode)(output, row)
                }

                fn decode_output(
                    row: &mut ::procession::__private::Decoder<'_>,
                ) -> ::core::result::Result<Self::Output, ::procession::__private::DecodeError> {
                    (::procession::__private::returned::<u64>().decode)(row)
                }
            }

            #[allow(
                dead_code,
                unreachable_pub,
                clippy::too_many_arguments,
                clippy::used_underscore_binding,
                reason = "not everyone starts it in every way"
            )]
            impl square {
                #[doc = " Starts `square` in a process of its own, and returns at once."]
                #[doc = ""]
                #[cfg_attr(not(doctest), doc = r" Squares.")]
                #[doc = ""]
                #[doc = " # Errors"]
                #[doc = ""]
                #[doc = " If the process cannot be started, or an argument cannot be encoded."]
                pub fn spawn(n: u64) -> ::core::result::Result<
                    ::procession::Child<u64>,
                    ::procession::SpawnError
                > {
                    ::procession::Builder::<Self>::new().spawn(n)
                }

                #[doc = " Runs `square` in a process of its own, and waits for what it returns."]
                #[doc = ""]
                #[cfg_attr(not(doctest), doc = r" Squares.")]
                #[doc = ""]
                #[doc = " # Errors"]
                #[doc = ""]
                #[doc = " If the process cannot be started, or ends without a result."]
                pub fn call(n: u64) -> ::core::result::Result<u64, ::procession::Error> {
                    let child = ::procession::Builder::<Self>::new().spawn(n)?;
                    ::core::result::Result::Ok(child.join()?)
                }

                #[doc = " Starts `square` with a name, limits and the like."]
                #[doc = ""]
                #[cfg_attr(not(doctest), doc = r" Squares.")]
                pub fn builder() -> ::procession::Builder<Self> {
                    ::procession::Builder::new()
                }
            }
        };
        assert_eq!(expanded, expected.to_string());
    }

    #[test]
    fn what_the_function_says_of_itself_is_said_of_all() {
        let expanded = expanded(
            quote!(handle = Square, crate = my::procession),
            quote! {
                #[cfg(unix)]
                #[deprecated]
                pub(super) fn square() {}
            },
        );

        let count = |part: TokenStream| expanded.matches(&part.to_string()).count();
        assert_eq!(count(quote!(#[cfg(unix)])), 4);
        assert_eq!(count(quote!(#[deprecated])), 2);
        assert_eq!(count(quote!(pub(super) fn)), 4);
        assert_eq!(
            count(quote!(
                pub(super) enum Square {}
            )),
            1
        );
        assert_eq!(count(quote!(::procession)), count(quote!(my::procession)));
        assert_eq!(count(quote!(#[allow(non_camel_case_types)])), 0);
    }

    #[test]
    fn one_thing_stands_for_the_parameters_and_each_crosses_alone() {
        for (parameters, input, pattern, crossings) in [
            (quote!(), quote!(()), quote!(()), 0),
            (quote!(a: (u8, u8)), quote!((u8, u8)), quote!(argument_0), 1),
            (quote!(a: u8, _: u16), quote!((u8, u16)), quote!((argument_0, argument_1)), 2),
        ] {
            let expanded = expanded(quote!(), quote!(fn f(#parameters) {}));

            let has = |part: TokenStream| expanded.contains(&part.to_string());
            assert!(has(quote!(type Input = #input;)), "{expanded}");
            assert!(has(quote!(#pattern: &'a Self::Input)), "{expanded}");
            assert_eq!(expanded.matches(":: argument ::").count(), 2 * crossings);
        }
    }
}
