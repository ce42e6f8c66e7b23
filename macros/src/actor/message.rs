//! The messages of a struct actor: one kind for each method.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, Type};

use super::model::{Method, StructActor};
use crate::tokens::{private, shown_at, unnamed, written_at};

/// What the type of the messages is called: nothing that a user would call a type of a parameter.
pub(super) fn message_name(actor: &StructActor) -> Ident {
    format_ident!("__{}Message", actor.name)
}

/// A name for the right to answer that no name of the user's can meet.
pub(super) fn reply() -> Ident {
    Ident::new("reply", Span::mixed_site())
}

/// The type as something that can do what parameters do; where it cannot cross, this is where the
/// compiler says so, in the same words for each use.
pub(super) fn as_parameter(ty: &Type, private: &TokenStream) -> TokenStream {
    as_part(ty, "Parameter", private)
}

/// The type as something that can do what results do.
pub(super) fn as_answered(ty: &Type, private: &TokenStream) -> TokenStream {
    as_part(ty, "Answered", private)
}

fn as_part(ty: &Type, part: &str, private: &TokenStream) -> TokenStream {
    let span = written_at(ty.span());
    let part = Ident::new(part, span);
    let private = shown_at(private.clone(), span);
    quote_spanned!(span=> <#ty as #private::parts::#part>)
}

/// The type, and how it crosses.
pub(super) fn message(actor: &StructActor) -> TokenStream {
    let StructActor { runtime, methods, .. } = actor;
    let private = private(runtime);
    let message = message_name(actor);
    let variants = methods.iter().map(|method| {
        let Method { copied, ident, parameters, output, .. } = method;
        let cfgs = &copied.cfgs;
        let types = parameters.iter().map(|parameter| &parameter.ty);
        quote! {
            #(#cfgs)*
            #ident(#(#types,)* ::core::option::Option<#runtime::Reply<#output>>)
        }
    });
    let numbered = || (0_u32..).zip(methods);
    let writes = numbered().map(|(number, method)| write(number, method, &private));
    let reads = numbered().map(|(number, method)| read(number, method, &private));
    // The number of the method in front, and the right to answer behind.
    let most = methods.iter().map(|method| method.parameters.len()).max().unwrap_or(0) + 2;

    quote! {
        pub enum #message {
            #(#variants,)*
        }

        impl #private::parts::Parts for #message {
            const MOST: usize = #most;

            fn write<__Row: #private::serde::ser::SerializeTuple>(
                &self,
                _row: &mut __Row,
            ) -> ::core::result::Result<(), __Row::Error> {
                match *self {
                    #(#writes)*
                }
            }

            fn read<'de, __Row: #private::serde::de::SeqAccess<'de>>(
                row: &mut __Row,
            ) -> ::core::result::Result<Self, __Row::Error> {
                match #private::parts::read_part::<u32, __Row>(row)? {
                    #(#reads)*
                    other => ::core::result::Result::Err(#private::parts::no_such_method(other)),
                }
            }
        }

        impl #private::serde::Serialize for #message {
            fn serialize<__To: #private::serde::Serializer>(
                &self,
                to: __To,
            ) -> ::core::result::Result<__To::Ok, __To::Error> {
                #private::parts::write_parts(self, to)
            }
        }

        impl<'de> #private::serde::Deserialize<'de> for #message {
            fn deserialize<__From: #private::serde::Deserializer<'de>>(
                from: __From,
            ) -> ::core::result::Result<Self, __From::Error> {
                #private::parts::read_parts(from)
            }
        }
    }
}

fn write(number: u32, method: &Method, private: &TokenStream) -> TokenStream {
    let Method { copied, ident, parameters, output, .. } = method;
    let cfgs = &copied.cfgs;
    let reply = reply();
    let names: Vec<_> = (0..parameters.len()).map(unnamed).collect();
    let types = parameters.iter().map(|parameter| as_parameter(&parameter.ty, private));
    let answered = as_answered(output, private);
    quote! {
        #(#cfgs)*
        Self::#ident(#(ref #names,)* ref #reply) => {
            #private::parts::write_part(&#number, _row)?;
            #(#types::write(#names, _row)?;)*
            #answered::write(#reply, _row)
        }
    }
}

fn read(number: u32, method: &Method, private: &TokenStream) -> TokenStream {
    let Method { copied, ident, parameters, output, .. } = method;
    let cfgs = &copied.cfgs;
    let types = parameters.iter().map(|parameter| as_parameter(&parameter.ty, private));
    let answered = as_answered(output, private);
    quote! {
        #(#cfgs)*
        #number => ::core::result::Result::Ok(
            Self::#ident(#(#types::read(row)?,)* #answered::read(row)?)
        ),
    }
}
