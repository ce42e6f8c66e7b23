//! The parameter that makes an actor of a function: its mailbox.

use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{Attribute, GenericArgument, Ident, PatType, Path, PathArguments, Type, parse_quote};

use crate::crossing::{self, Way, bare};
use crate::mistakes::Mistakes;
use crate::tokens::{private, shown_at, written_at};

/// A mailbox among the parameters.
pub(super) struct Inbox {
    /// How many parameters are in front of it.
    pub(super) place: usize,
    held: Held,
}

/// Where the type of its messages is told.
enum Held {
    /// `Mailbox<Message>`
    Message(Type),
    /// A name for such a type.
    Alias(Type),
}

/// Whether this parameter is a mailbox, by its type's last name or by `#[mailbox]`.
pub(crate) fn is_mailbox(input: &PatType) -> bool {
    input.attrs.iter().any(is_mark) || named_mailbox(&input.ty).is_some()
}

/// Whether this attribute is ours: `#[mailbox]`.
fn is_mark(attribute: &Attribute) -> bool {
    attribute.path().is_ident("mailbox")
}

impl Inbox {
    pub(super) fn new(place: usize, input: &PatType, mistakes: &mut Mistakes) -> Option<Self> {
        let mark = input.attrs.iter().find(|attribute| is_mark(attribute));
        if let Some(mark) = mark
            && mark.meta.require_path_only().is_err()
        {
            mistakes.at(mark, "write `#[mailbox]`: it says all there is to say");
        }
        if let Type::Reference(reference) = bare(&input.ty) {
            mistakes.at(reference, "an actor owns its mailbox: take it by value");
            return None;
        }
        if !matches!(named_mailbox(&input.ty), Some(PathArguments::AngleBracketed(_))) {
            return Some(Inbox { place, held: Held::Alias(Type::clone(&input.ty)) });
        }
        let Some(message) = message(&input.ty) else {
            mistakes.at(&input.ty, "a mailbox has messages of one type: `Mailbox<Message>`");
            return None;
        };
        crossing::check(message, Way::There, mistakes);
        Some(Inbox { place, held: Held::Message(message.clone()) })
    }

    /// What its messages are: what the type of messages is said to be, and how it is called
    /// everywhere else, so that a mistake in the first is not said again.
    pub(super) fn messages(&self, runtime: &Path, process: &Ident) -> (Type, Type) {
        match &self.held {
            Held::Message(message) => (message.clone(), message.clone()),
            Held::Alias(alias) => {
                let span = written_at(alias.span());
                let private = shown_at(private(runtime), span);
                let message = quote_spanned!(span=> <#alias as #private::AnyMailbox>::Message);
                let named = parse_quote!(<#process as #runtime::ActorProcess>::Message);
                (parse_quote!(#message), named)
            }
        }
    }
}

/// The only argument of a type whose last name is `Mailbox`.
pub(super) fn message(ty: &Type) -> Option<&Type> {
    let Some(PathArguments::AngleBracketed(arguments)) = named_mailbox(ty) else {
        return None;
    };
    match (arguments.args.first()?, arguments.args.len()) {
        (GenericArgument::Type(message), 1) => Some(message),
        _ => None,
    }
}

/// The arguments of a type whose last name is `Mailbox`, and of references to it, which are a
/// mistake.
fn named_mailbox(ty: &Type) -> Option<&PathArguments> {
    match bare(ty) {
        Type::Reference(reference) => named_mailbox(&reference.elem),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            (last.ident == "Mailbox").then_some(&last.arguments)
        }
        _ => None,
    }
}
