//! What a process function's type has: how to start it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Type};

use super::model::Process;
use crate::tokens::{allow_deprecated, input, named_at, names_and_types};

/// The functions by which it is started.
pub(super) fn methods(process: &Process) -> TokenStream {
    let Process { copied, handle, .. } = process;
    let (cfgs, docs) = (&copied.cfgs, copied.docs.as_slice());
    let allow = allow_deprecated(copied);
    let starts = match &process.mailed {
        None => function(process, docs),
        Some(mailed) => actor(process, &mailed.named, docs),
    };

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
            #starts
        }
    }
}

fn function(process: &Process, docs: &[Attribute]) -> TokenStream {
    let Process { runtime, visibility, ident, parameters, output, .. } = process;
    let (names, types) = names_and_types(parameters);
    let input = input(parameters, |parameter| &parameter.name);
    let [spawn, call, builder] = named_at(ident, ["spawn", "call", "builder"]);
    let about_spawn = format!(" Starts `{ident}` in a process of its own, and returns at once.");
    let about_call =
        format!(" Runs `{ident}` in a process of its own, and waits for what it returns.");
    let about_builder = format!(" Starts `{ident}` with a name, limits and the like.");

    quote! {
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
            #runtime::Builder::<Self>::new()
        }
    }
}

fn actor(process: &Process, message: &Type, docs: &[Attribute]) -> TokenStream {
    let Process { runtime, visibility, ident, parameters, output, .. } = process;
    let (names, types) = names_and_types(parameters);
    let input = input(parameters, |parameter| &parameter.name);
    let [spawn, builder, spec] = named_at(ident, ["spawn", "builder", "spec"]);
    let about_spawn = format!(
        " Starts the actor `{ident}` in a process of its own, and returns what owns it at once."
    );
    let about_builder = format!(" Starts the actor `{ident}` with a name, limits and the like.");
    let about_spec = format!(" How a supervisor starts the actor `{ident}`, again and again.");

    quote! {
        #[doc = #about_spawn]
        #[doc = ""]
        #(#docs)*
        #[doc = ""]
        #[doc = " # Errors"]
        #[doc = ""]
        #[doc = " If the process cannot be started, or an argument cannot be encoded."]
        #visibility fn #spawn(
            #(#names: #types),*
        ) -> ::core::result::Result<#runtime::Actor<#message, #output>, #runtime::SpawnError> {
            #runtime::Builder::<Self, #runtime::Mailed>::new().spawn(#input)
        }

        #[doc = #about_builder]
        #[doc = ""]
        #(#docs)*
        #visibility fn #builder() -> #runtime::Builder<Self, #runtime::Mailed> {
            #runtime::Builder::<Self, #runtime::Mailed>::new()
        }

        #[doc = #about_spec]
        #[doc = ""]
        #(#docs)*
        #visibility fn #spec(#(#names: #types),*) -> #runtime::Spec<Self> {
            #runtime::Spec::new(#input)
        }
    }
}
