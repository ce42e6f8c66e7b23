//! The struct as a process: how it is started, and what its process does.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, ReturnType, parse_quote};

use super::message::{as_answered, message_name};
use super::model::{Constructor, Method, StructActor};
use crate::tokens::{
    self, Arguments, actor_items, entry, input, named_at, names_and_types, private, shown_at,
    unnamed, written_at,
};

/// The struct is its own process type.
pub(super) fn process(actor: &StructActor) -> TokenStream {
    let StructActor { runtime, self_ty, handle, address, constructor, .. } = actor;
    let private = private(runtime);
    let parameters = &constructor.parameters;
    let message = message_name(actor);
    // Types that are less visible than the struct are an error at what is spanned here.
    let input = input(parameters, |parameter| &parameter.ty);
    let input = quote_spanned!(written_at(constructor.inputs)=> type Input = #input;);
    let items = actor_items(&parse_quote!(#message), actor.deadline.as_ref());
    let entry = entry(&private, "actor_entry_of", &quote!(#self_ty));
    let arguments = Arguments::of(parameters, &private);
    let encode = &arguments.encode;
    let run = run(actor, &arguments, &private);
    let outputs = tokens::output(&parse_quote!(()), &private);

    quote! {
        #[automatically_derived]
        impl #runtime::ActorProcess for #self_ty {
            #input
            type Output = ();
            #items
            #entry
            #encode
            #run
            #outputs
        }

        #[automatically_derived]
        impl #runtime::ProcessStruct for #self_ty {
            type Handle = #handle;
            type Address = #address;
        }
    }
}

fn run(actor: &StructActor, arguments: &Arguments, private: &TokenStream) -> TokenStream {
    let StructActor { runtime, self_ty, methods, stop, .. } = actor;
    let Arguments { decode, names, .. } = arguments;
    let constructed = constructed(actor, names, private);
    let message = message_name(actor);
    let arms = methods.iter().map(|method| {
        let Method { copied, ident, parameters, output, .. } = method;
        let cfgs = &copied.cfgs;
        let names: Vec<_> = (0..parameters.len()).map(unnamed).collect();
        let answered = as_answered(output, private);
        quote! {
            #(#cfgs)*
            #message::#ident(#(#names,)* reply) => {
                #answered::answer(<#self_ty>::#ident(&mut actor, #(#names),*), reply)
            }
        }
    });
    let stop = stop.as_ref().map(|stop| {
        let ident = &stop.ident;
        let actor = if stop.by_value { quote!(actor) } else { quote!(&mut actor) };
        quote!(<#self_ty>::#ident(#actor);)
    });
    quote! {
        fn run(
            _row: &mut #private::Decoder<'_>,
            mut mailbox: #runtime::Mailbox<Self::Message>,
        ) -> ::core::result::Result<Self::Output, #private::Unfit> {
            #decode
            let mut actor = #constructed;
            while let ::core::result::Result::Ok(message) = mailbox.recv() {
                match message {
                    #(#arms)*
                }
            }
            #stop
            ::core::result::Result::Ok(())
        }
    }
}

fn constructed(actor: &StructActor, names: &[Ident], private: &TokenStream) -> TokenStream {
    let StructActor { self_ty, constructor, .. } = actor;
    let Constructor { ident, output, fallible, .. } = constructor;
    let made = quote!(<#self_ty>::#ident(#(#names),*));
    if !fallible {
        return made;
    }
    // That the error has no text is said where it is written.
    let span = match output {
        ReturnType::Type(_, ty) => written_at(ty.span()),
        ReturnType::Default => Span::call_site(),
    };
    let error = Ident::new("error", Span::mixed_site().located_at(span));
    let private = shown_at(private.clone(), span);
    let failed = quote_spanned!(span=> #private::constructor_failed(#error));
    quote! {
        match #made {
            ::core::result::Result::Ok(actor) => actor,
            ::core::result::Result::Err(#error) => return ::core::result::Result::Err(#failed),
        }
    }
}

/// The functions by which it is started. But for `spawn`, a name that the block has is the user's.
pub(super) fn starts(actor: &StructActor) -> TokenStream {
    let StructActor { runtime, self_ty, name, handle, constructor, taken, .. } = actor;
    let Constructor { visibility, docs, ident, parameters, .. } = constructor;
    let (names, types) = names_and_types(parameters);
    let input = input(parameters, |parameter| &parameter.name);
    let [spawn, builder, spec] = named_at(ident, ["spawn", "builder", "spec"]);
    let about_spawn =
        format!(" Starts a `{name}` in a process of its own, and returns what owns it at once.");
    let about_builder = format!(
        " Starts a `{name}` with a name, limits and the like. What that gives becomes a handle by \
         `into()`."
    );
    let about_spec = format!(" How a supervisor starts a `{name}`, again and again.");
    let builder = (!taken.contains(&builder)).then(|| {
        quote! {
            #[doc = #about_builder]
            #[doc = ""]
            #(#docs)*
            #visibility fn #builder() -> #runtime::Builder<Self, #runtime::Mailed> {
                #runtime::Builder::<Self, #runtime::Mailed>::new()
            }
        }
    });
    let spec = (!taken.contains(&spec)).then(|| {
        quote! {
            #[doc = #about_spec]
            #[doc = ""]
            #(#docs)*
            #visibility fn #spec(#(#names: #types),*) -> #runtime::Spec<Self> {
                #runtime::Spec::new(#input)
            }
        }
    });

    quote! {
        impl #self_ty {
            #[doc = #about_spawn]
            #[doc = ""]
            #(#docs)*
            #[doc = ""]
            #[doc = " # Errors"]
            #[doc = ""]
            #[doc = " If the process cannot be started, or an argument cannot be encoded."]
            #visibility fn #spawn(
                #(#names: #types),*
            ) -> ::core::result::Result<#handle, #runtime::SpawnError> {
                let actor = #runtime::Builder::<Self, #runtime::Mailed>::new().spawn(#input)?;
                ::core::result::Result::Ok(::core::convert::From::from(actor))
            }

            #builder
            #spec
        }
    }
}
