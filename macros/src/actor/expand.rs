//! What an `impl` block expands to. Nothing here can fail, and all paths are absolute.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Visibility;

use super::handles::handles;
use super::message::message;
use super::model::StructActor;
use super::starts::{process, starts};
use crate::own::without_own;
use crate::tokens::private;

/// Expands to the untouched block, a handle and an address with the same methods, and what makes
/// them work, which nobody can name.
///
/// Handle and address are public whatever the struct is, because the block does not say what that
/// is; none of their own methods is more visible than the user's. In the documentation they stand
/// where the constructor does.
pub(super) fn expand(actor: &StructActor, block: TokenStream) -> TokenStream {
    let StructActor { runtime, cfgs, self_ty, name, handle, address, .. } = actor;
    let private = private(runtime);
    let block = without_own(block);
    let hidden = match actor.constructor.visibility {
        Visibility::Public(_) => None,
        _ => Some(quote!(#[doc(hidden)])),
    };
    let message = quote!(<#self_ty as #runtime::ActorProcess>::Message);
    let about_handle = format!(
        " Owns the process of a `{name}`, whose methods it has: they run there and wait for the \
         answer. It ends when this is dropped."
    );
    let about_address = format!(
        " Where a `{name}` is, with its methods: plain data, to be kept and sent anywhere."
    );
    let written = written_by(actor);

    quote! {
        #block

        #(#cfgs)*
        #[doc = #about_handle]
        #hidden
        #[allow(private_interfaces, unreachable_pub, reason = "it is as visible as can be")]
        #[derive(::core::fmt::Debug)]
        #[must_use = "the actor ends when this is dropped"]
        pub struct #handle(#private::StructActor<#message>);

        #(#cfgs)*
        #[doc = #about_address]
        #hidden
        #[allow(
            dead_code,
            private_interfaces,
            unreachable_pub,
            reason = "it is as visible as can be, and not everyone uses it"
        )]
        #[derive(
            ::core::clone::Clone,
            ::core::fmt::Debug,
            ::core::cmp::PartialEq,
            ::core::cmp::Eq,
            ::core::hash::Hash,
        )]
        pub struct #address(#private::StructAddress<#message>);

        #written
    }
}

fn written_by(actor: &StructActor) -> TokenStream {
    let cfgs = &actor.cfgs;
    let message = message(actor);
    let process = process(actor);
    let starts = starts(actor);
    let handles = handles(actor);

    quote! {
        #(#cfgs)*
        #[allow(
            clippy::all,
            clippy::pedantic,
            dead_code,
            deprecated,
            missing_debug_implementations,
            missing_docs,
            non_camel_case_types,
            private_interfaces,
            unnameable_types,
            unreachable_pub,
            unused_mut,
            variant_size_differences,
            reason = "it is written by an attribute, and not everyone uses all of it"
        )]
        const _: () = {
            #message
            #process
            #starts
            #handles
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::process;
    use super::*;

    fn expanded(arguments: TokenStream, block: TokenStream) -> String {
        process(arguments, block).unwrap().to_string()
    }

    fn counter() -> TokenStream {
        quote! {
            impl Counter {
                /// Counts from here.
                pub fn new(start: i64) -> Self { Counter(start) }
                /// Counts on.
                #[cfg(unix)]
                pub fn add(&mut self, n: i64) -> i64 { self.0 += n; self.0 }
                #[stop]
                fn end(&mut self) {}
            }
        }
    }

    fn assert_has(expanded: &str, parts: &[TokenStream]) {
        for part in parts {
            assert!(expanded.contains(&part.to_string()), "{expanded}\n\nlacks\n\n{part}");
        }
    }

    #[test]
    fn a_block_expands_to_itself_a_handle_and_an_address() {
        let expanded = expanded(quote!(), counter());

        assert!(expanded.starts_with("impl Counter { # [doc = r\" Counts from here.\"]"));
        assert!(!expanded.contains("[stop]"));
        assert_has(
            &expanded,
            &[
                quote! {
                    pub struct CounterHandle(::procession::__private::StructActor<
                        <Counter as ::procession::ActorProcess>::Message
                    >);
                },
                quote! {
                    pub struct CounterAddress(::procession::__private::StructAddress<
                        <Counter as ::procession::ActorProcess>::Message
                    >);
                },
                quote! {
                    impl ::procession::ProcessStruct for Counter {
                        type Handle = CounterHandle;
                        type Address = CounterAddress;
                    }
                },
                quote! {
                    pub fn spawn(start: i64) -> ::core::result::Result<
                        CounterHandle,
                        ::procession::SpawnError
                    > {
                        let actor =
                            ::procession::Builder::<Self, ::procession::Mailed>::new()
                                .spawn(start)?;
                        ::core::result::Result::Ok(::core::convert::From::from(actor))
                    }
                },
            ],
        );
    }

    #[test]
    fn each_method_is_a_kind_of_message_that_the_process_hands_on() {
        let expanded = expanded(quote!(), counter());

        assert_has(
            &expanded,
            &[
                quote! {
                    pub enum __CounterMessage {
                        #[cfg(unix)]
                        add(i64, ::core::option::Option<::procession::Reply<i64>>),
                    }
                },
                quote! {
                    let mut actor = <Counter>::new(argument_0);
                    while let ::core::result::Result::Ok(message) = mailbox.recv() {
                        match message {
                            #[cfg(unix)]
                            __CounterMessage::add(argument_0, reply) => {
                                <i64 as ::procession::__private::parts::Answered>::answer(
                                    <Counter>::add(&mut actor, argument_0), reply
                                )
                            }
                        }
                    }
                    <Counter>::end(&mut actor);
                    ::core::result::Result::Ok(())
                },
                quote! {
                    pub fn add(&self, n: i64) -> ::core::result::Result<
                        i64,
                        ::procession::AskError
                    > {
                        <i64 as ::procession::__private::parts::Answered>::ask(
                            ::procession::__private::StructActor::reach(&self.0),
                            ::core::option::Option::None,
                            |reply| __CounterMessage::add(n, reply)
                        )
                    }
                },
                quote! {
                    pub fn add(&self, n: i64) -> ::procession::AskFuture<i64> {
                        <i64 as ::procession::__private::parts::Answered>::ask_async(
                            self.to,
                            self.limit,
                            |reply| __CounterMessage::add(n, reply)
                        )
                    }
                },
                quote! {
                    ::procession::__private::parts::tell(
                        self.to,
                        __CounterMessage::add(n, ::core::option::Option::None),
                    )
                },
            ],
        );
        // The block itself, the message, writing, reading, handing on, and five that send.
        assert_eq!(expanded.matches("# [cfg (unix)]").count(), 10);
    }

    #[test]
    fn handle_and_address_are_documented_where_the_constructor_is() {
        let private = quote!(impl Counter { fn new() -> Self { Counter } });

        assert_eq!(expanded(quote!(), private).matches("# [doc (hidden)]").count(), 2);
        assert!(!expanded(quote!(), counter()).contains("# [doc (hidden)]"));
    }

    #[test]
    fn options_name_the_handle_and_the_runtime() {
        let expanded = expanded(quote!(handle = HitsHandle, crate = my::procession), counter());

        assert!(expanded.contains("pub struct HitsHandle"));
        assert!(expanded.contains("pub struct HitsAddress"));
        let count = |part: TokenStream| expanded.matches(&part.to_string()).count();
        assert_eq!(count(quote!(::procession)), count(quote!(my::procession)));
    }

    #[test]
    fn a_constructor_with_a_condition_is_decided_first() {
        let block = quote! {
            impl Counter {
                #[cfg(unix)] fn new() -> Self { Counter }
                #[cfg(not(unix))] fn new(a: u8) -> Self { Counter }
            }
        };

        let expected = quote! {
            #[cfg(unix)]
            #[::procession::process(handle = Hits)]
            impl Counter {
                fn new() -> Self { Counter }
                #[cfg(not(unix))] fn new(a: u8) -> Self { Counter }
            }

            #[cfg(not(unix))]
            #[::procession::process(handle = Hits)]
            impl Counter {
                #[cfg(not(unix))] fn new(a: u8) -> Self { Counter }
            }
        };
        assert_eq!(expanded(quote!(handle = Hits), block), expected.to_string());
    }

    #[test]
    fn what_is_wrong_is_said_together() {
        let wrong = process(
            quote!(deadline = "soon"),
            quote! {
                impl Counter {
                    fn new(text: &str) -> Self { Counter }
                    fn again() -> Counter { Counter }
                    fn spawn(self) {}
                    async fn add<T>(&mut self, (n, m): (u8, u8)) -> &T {}
                    #[stop] fn end(&self, now: bool) -> bool { now }
                }
            },
        );

        let said: Vec<_> = wrong.unwrap_err().into_iter().map(|error| error.to_string()).collect();
        assert_eq!(said.len(), 11, "{said:#?}");
    }
}
