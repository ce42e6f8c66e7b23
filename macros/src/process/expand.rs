//! What a process function expands to. Nothing here can fail, all paths are absolute, and it reads
//! like what the user gets.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Ident;
use syn::spanned::Spanned;

use super::methods::methods;
use super::model::{Mailed, Process};
use crate::own::without_own;
use crate::tokens::{
    self, Arguments, actor_items, allow_deprecated, crossing, entry, input, private, written_at,
};

/// Expands to the untouched function plus an empty enum of the same name.
///
/// A function lives in the value namespace and an enum in the type namespace, so `square(9)` still
/// calls here, `square::spawn(9)` calls in a child, and `pool.map::<square>(numbers)` can name the
/// process as a type.
pub(super) fn expand(process: &Process, function: TokenStream) -> TokenStream {
    let function = without_own(function);
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
    let Process { runtime, copied, handle, parameters, .. } = process;
    let private = private(runtime);
    let cfgs = &copied.cfgs;
    let allow = allow_deprecated(copied);
    // Types that are less visible than the function are an error at what is spanned here.
    let input = input(parameters, |parameter| &parameter.ty);
    let input = quote_spanned!(written_at(process.inputs)=> type Input = #input;);
    let output = &process.output;
    let output = quote_spanned!(written_at(output.span())=> type Output = #output;);
    let arguments = Arguments::of(parameters, &private);
    let encode = &arguments.encode;
    let outputs = tokens::output(&process.output, &private);
    let sort = Sort::of(process, &private, &arguments);
    let Sort { name, entry_of, items, run } = &sort;
    let entry = entry(&private, entry_of, &quote!(#handle));

    quote! {
        #(#cfgs)*
        #allow
        #[automatically_derived]
        impl #runtime::#name for #handle {
            #input
            #output
            #items
            #entry
            #encode
            #run
            #outputs
        }
    }
}

/// What functions and actors have different.
struct Sort {
    /// The trait.
    name: Ident,
    /// What makes the entry.
    entry_of: &'static str,
    /// What the trait has besides.
    items: TokenStream,
    run: TokenStream,
}

impl Sort {
    fn of(process: &Process, private: &TokenStream, arguments: &Arguments) -> Self {
        match &process.mailed {
            None => Sort::function(process, private, arguments),
            Some(mailed) => Sort::actor(process, mailed, private, arguments),
        }
    }

    fn function(process: &Process, private: &TokenStream, arguments: &Arguments) -> Self {
        let ident = &process.ident;
        let Arguments { decode, names, .. } = arguments;
        let run = quote! {
            #[inline]
            fn run(
                _row: &mut #private::Decoder<'_>,
            ) -> ::core::result::Result<Self::Output, #private::DecodeError> {
                #decode
                ::core::result::Result::Ok(#ident(#(#names),*))
            }
        };
        let name = Ident::new("Process", Span::call_site());
        Sort { name, entry_of: "entry_of", items: TokenStream::new(), run }
    }

    fn actor(
        process: &Process,
        mailed: &Mailed,
        private: &TokenStream,
        arguments: &Arguments,
    ) -> Self {
        let Process { runtime, ident, .. } = process;
        let Arguments { decode, names, .. } = arguments;
        let items = actor_items(&mailed.message, mailed.deadline.as_ref());
        let message = crossing(private, "message", &mailed.named);
        let (before, after) = names.split_at(mailed.place);
        let run = quote! {
            fn run(
                _row: &mut #private::Decoder<'_>,
                mailbox: #runtime::Mailbox<Self::Message>,
            ) -> ::core::result::Result<Self::Output, #private::Unfit> {
                const _: () = #message;
                #decode
                ::core::result::Result::Ok(#ident(#(#before,)* mailbox #(, #after)*))
            }
        };
        let name = Ident::new("ActorProcess", Span::call_site());
        Sort { name, entry_of: "actor_entry_of", items, run }
    }
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

                #[inline]
                fn encode<'a>(
                    argument_0: &'a Self::Input,
                    _row: &mut ::procession::__private::Encoder<'a>,
                ) -> ::core::result::Result<(), ::procession::__private::EncodeError> {
                    (::procession::__private::argument::<u64>().encode)(argument_0, _row)?;
                    ::core::result::Result::Ok(())
                }

                #[inline]
                fn run(
                    _row: &mut ::procession::__private::Decoder<'_>,
                ) -> ::core::result::Result<Self::Output, ::procession::__private::DecodeError> {
                    let argument_0 = (::procession::__private::argument::<u64>().decode)(_row)?;
                    ::core::result::Result::Ok(square(argument_0))
                }

                #[inline]
                fn encode_output<'a>(
                    output: &'a Self::Output,
                    row: &mut ::procession::__private::Encoder<'a>,
                ) -> ::core::result::Result<(), ::procession::__private::EncodeError> {
                    (::procession::__private::returned::<u64>().encode)(output, row)
                }

                #[inline]
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
                    ::procession::Builder::<Self>::new()
                }
            }
        };
        assert_eq!(expanded, expected.to_string());
    }

    #[test]
    fn a_function_with_a_mailbox_expands_to_an_actor() {
        let expanded = expanded(
            quote!(deadline = "2s"),
            quote!(
                fn counter(start: i64, #[mailbox] inbox: Mailbox<Count>, by: i64) {}
            ),
        );

        let parts = [
            quote!(
                fn counter(start: i64, inbox: Mailbox<Count>, by: i64) {}
            ),
            quote!(impl ::procession::ActorProcess for counter),
            quote! {
                type Input = (i64, i64);
                type Output = ();
                type Message = Count;
                const DEADLINE: ::core::option::Option<::core::time::Duration> =
                    ::core::option::Option::Some(::core::time::Duration::from_millis(2000u64));
            },
            quote!(::procession::__private::actor_entry_of::<counter>()),
            quote! {
                fn run(
                    _row: &mut ::procession::__private::Decoder<'_>,
                    mailbox: ::procession::Mailbox<Self::Message>,
                ) -> ::core::result::Result<Self::Output, ::procession::__private::Unfit> {
                    const _: () = ::procession::__private::message::<Count>();
                    let argument_0 = (::procession::__private::argument::<i64>().decode)(_row)?;
                    let argument_1 = (::procession::__private::argument::<i64>().decode)(_row)?;
                    ::core::result::Result::Ok(counter(argument_0, mailbox, argument_1))
                }
            },
            quote! {
                fn spawn(start: i64, by: i64) -> ::core::result::Result<
                    ::procession::Actor<Count, ()>,
                    ::procession::SpawnError
                > {
                    ::procession::Builder::<Self, ::procession::Mailed>::new().spawn((start, by))
                }
            },
            quote! {
                fn spec(start: i64, by: i64) -> ::procession::Spec<Self> {
                    ::procession::Spec::new((start, by))
                }
            },
        ];
        for part in parts {
            assert!(expanded.contains(&part.to_string()), "{expanded}\n\nlacks\n\n{part}");
        }
        assert!(!expanded.contains("fn call"));
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
