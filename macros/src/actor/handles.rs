//! What has the user's methods on this side: the handle, the address, and what each of them gives
//! for not waiting, for waiting so long, and for waiting without a thread.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::message::{as_answered, message_name, reply};
use super::model::{Method, StructActor};
use crate::tokens::{names_and_types, private};

pub(super) fn handles(actor: &StructActor) -> TokenStream {
    let StructActor { runtime, handle, address, methods, .. } = actor;
    let private = private(runtime);
    let message = message_name(actor);
    let tell = format_ident!("__{}Tell", actor.name);
    let within = format_ident!("__{}Within", actor.name);
    let asking_async = format_ident!("__{}AskAsync", actor.name);
    let no_limit = quote!(::core::option::Option::None);
    let limit = quote!(::core::option::Option::Some(self.limit));
    let by_handle = quote!(#private::StructActor::reach(&self.0));
    let by_address = quote!(#private::StructAddress::reach(&self.0));
    let all = |each: &dyn Fn(&Method) -> TokenStream| methods.iter().map(each).collect();
    let asking = |to, limit| -> TokenStream { all(&|method| ask(actor, method, to, limit)) };
    let handle_asks = asking(&by_handle, &no_limit);
    let address_asks = asking(&by_address, &no_limit);
    let within_asks = asking(&quote!(self.to), &limit);
    let tells: TokenStream = all(&|method| self::tell(actor, method));
    let async_asks: TokenStream = all(&|method| ask_async(actor, method));
    let handle_goes = conversions(actor, &quote!(#handle), "StructActor", &quote!(Actor), "actor");
    let address_goes =
        conversions(actor, &quote!(#address), "StructAddress", &quote!(Address), "address");

    quote! {
        impl #handle { #handle_asks }
        #handle_goes

        impl #address { #address_asks }
        #address_goes

        impl #private::serde::Serialize for #address {
            fn serialize<__To: #private::serde::Serializer>(
                &self,
                to: __To,
            ) -> ::core::result::Result<__To::Ok, __To::Error> {
                #private::serde::Serialize::serialize(&self.0, to)
            }
        }

        impl<'de> #private::serde::Deserialize<'de> for #address {
            fn deserialize<__From: #private::serde::Deserializer<'de>>(
                from: __From,
            ) -> ::core::result::Result<Self, __From::Error> {
                let address = #private::serde::Deserialize::deserialize(from)?;
                ::core::result::Result::Ok(Self(address))
            }
        }

        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
        pub struct #tell<'a> {
            to: &'a #runtime::Address<#message>,
        }

        impl #tell<'_> { #tells }

        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
        pub struct #within<'a> {
            to: &'a #runtime::Address<#message>,
            limit: ::core::time::Duration,
        }

        impl #within<'_> { #within_asks }

        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
        pub struct #asking_async<'a> {
            to: &'a #runtime::Address<#message>,
            limit: ::core::time::Duration,
        }

        impl #asking_async<'_> { #async_asks }

        impl #private::Methods for #message {
            type Address = #address;
            type Tell<'a> = #tell<'a>;
            type Within<'a> = #within<'a>;
            type AskAsync<'a> = #asking_async<'a>;

            fn tell(to: &#runtime::Address<Self>) -> #tell<'_> {
                #tell { to }
            }

            fn within(
                to: &#runtime::Address<Self>,
                limit: ::core::time::Duration,
            ) -> #within<'_> {
                #within { to, limit }
            }

            fn ask_async(
                to: &#runtime::Address<Self>,
                limit: ::core::time::Duration,
            ) -> #asking_async<'_> {
                #asking_async { to, limit }
            }
        }
    }
}

/// A method that waits for the answer.
fn ask(actor: &StructActor, method: &Method, to: &TokenStream, limit: &TokenStream) -> TokenStream {
    let StructActor { runtime, .. } = actor;
    let Method { ident, output, .. } = method;
    let (answered, message) = asked(actor, method);
    let about = format!(" Has the actor run `{ident}`, and waits for what it returns.");
    let errors = Some(" If the message was not sent, or not answered in time.");
    let returns = quote!(::core::result::Result<#output, #runtime::AskError>);
    sent(method, &about, errors, &returns, &quote!(#answered::ask(#to, #limit, #message)))
}

/// A method that waits without a thread.
fn ask_async(actor: &StructActor, method: &Method) -> TokenStream {
    let StructActor { runtime, .. } = actor;
    let Method { ident, output, .. } = method;
    let (answered, message) = asked(actor, method);
    let about = format!(" Has the actor run `{ident}`; what it returns is what is awaited.");
    let returns = quote!(#runtime::AskFuture<#output>);
    let body = quote!(#answered::ask_async(self.to, self.limit, #message));
    sent(method, &about, None, &returns, &body)
}

/// The result as what can be answered, and how the message is made from the right to answer.
fn asked(actor: &StructActor, method: &Method) -> (TokenStream, TokenStream) {
    let Method { ident, parameters, output, .. } = method;
    let (message, reply) = (message_name(actor), reply());
    let (names, _) = names_and_types(parameters);
    let made = quote!(|#reply| #message::#ident(#(#names,)* #reply));
    (as_answered(output, &private(&actor.runtime)), made)
}

/// A method that does not wait.
fn tell(actor: &StructActor, method: &Method) -> TokenStream {
    let StructActor { runtime, .. } = actor;
    let private = private(runtime);
    let message = message_name(actor);
    let Method { ident, parameters, .. } = method;
    let (names, _) = names_and_types(parameters);
    let about = format!(" Has the actor run `{ident}`, and does not wait for it.");
    let errors = Some(" If the message was not sent.");
    let returns = quote!(::core::result::Result<(), #runtime::SendError>);
    let body = quote! {
        #private::parts::tell(
            self.to,
            #message::#ident(#(#names,)* ::core::option::Option::None),
        )
    };
    sent(method, &about, errors, &returns, &body)
}

/// A method that sends what the user's method of that name takes.
fn sent(
    method: &Method,
    about: &str,
    errors: Option<&str>,
    returns: &TokenStream,
    body: &TokenStream,
) -> TokenStream {
    let Method { visibility, copied, ident, parameters, .. } = method;
    let (cfgs, deprecated, docs) = (&copied.cfgs, &copied.deprecated, &copied.docs);
    let (names, types) = names_and_types(parameters);
    let errors = errors.map(|errors| {
        quote! {
            #[doc = ""]
            #[doc = " # Errors"]
            #[doc = ""]
            #[doc = #errors]
        }
    });
    quote! {
        #(#cfgs)*
        #(#deprecated)*
        #[doc = #about]
        #[doc = ""]
        #(#docs)*
        #errors
        #visibility fn #ident(&self, #(#names: #types),*) -> #returns {
            #body
        }
    }
}

/// How a handle or an address becomes what it is made of, and is made of it.
fn conversions(
    actor: &StructActor,
    own: &TokenStream,
    wrapper: &str,
    bare: &TokenStream,
    bare_name: &str,
) -> TokenStream {
    let runtime = &actor.runtime;
    let private = private(runtime);
    let message = message_name(actor);
    let wrapper = format_ident!("{wrapper}");
    let into_bare = format_ident!("into_{bare_name}");
    quote! {
        impl ::core::ops::Deref for #own {
            type Target = #private::#wrapper<#message>;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl ::core::convert::From<#runtime::#bare<#message>> for #own {
            fn from(bare: #runtime::#bare<#message>) -> Self {
                Self(::core::convert::From::from(bare))
            }
        }

        impl ::core::convert::From<#own> for #runtime::#bare<#message> {
            fn from(own: #own) -> Self {
                #private::#wrapper::#into_bare(own.0)
            }
        }
    }
}
