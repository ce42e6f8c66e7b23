//! An `impl` block that is known to be one that an actor can be made of.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident};
use syn::ext::IdentExt;
use syn::{
    Attribute, FnArg, Ident, PatType, Path, Receiver, ReceiverKind, Result, ReturnType, Signature,
    Type, Visibility,
};

use super::block::Block;
use super::role::{Role, name, without_self};
use crate::attributes::Copied;
use crate::crossing::output;
use crate::deadline::Deadline;
use crate::function::{Function, refuse_generics};
use crate::mistakes::Mistakes;
use crate::options::Options;
use crate::parameter::Parameter;
use crate::process::is_mailbox;

/// All that the expansion says, ready to be written down.
pub(super) struct StructActor {
    pub(super) runtime: Path,
    pub(super) deadline: Option<Deadline>,
    pub(super) cfgs: Vec<Attribute>,
    /// The struct.
    pub(super) self_ty: Type,
    /// Its last name.
    pub(super) name: Ident,
    pub(super) handle: Ident,
    pub(super) address: Ident,
    pub(super) constructor: Constructor,
    pub(super) methods: Vec<Method>,
    pub(super) stop: Option<Stop>,
    /// The names that the block has taken.
    pub(super) taken: Vec<Ident>,
}

/// The function that makes the value.
pub(super) struct Constructor {
    pub(super) visibility: Visibility,
    pub(super) docs: Vec<Attribute>,
    pub(super) ident: Ident,
    /// Where the parameters are written.
    pub(super) inputs: Span,
    pub(super) parameters: Vec<Parameter>,
    pub(super) output: ReturnType,
    pub(super) fallible: bool,
}

/// One kind of message.
pub(super) struct Method {
    pub(super) visibility: Visibility,
    pub(super) copied: Copied,
    pub(super) ident: Ident,
    pub(super) parameters: Vec<Parameter>,
    pub(super) output: Type,
}

/// What is called in the end.
pub(super) struct Stop {
    pub(super) ident: Ident,
    pub(super) by_value: bool,
}

/// What was found so far.
#[derive(Default)]
struct Found {
    constructor: Option<Constructor>,
    methods: Vec<Method>,
    stop: Option<Stop>,
}

impl StructActor {
    /// Checks options and block together, so that the mistakes in both are said at once.
    pub(super) fn new(options: Result<Options>, block: Result<Block>) -> Result<Self> {
        let mut mistakes = Mistakes::default();
        let options = mistakes.unless(options);
        let block = mistakes.unless(block);
        let found = block.as_ref().map(|block| Found::read(block, &mut mistakes));
        mistakes.finish()?;

        let (Some(Options { runtime, handle, deadline }), Some(block), Some(found)) =
            (options, block, found)
        else {
            unreachable!("what is missing was a mistake")
        };
        let Found { constructor: Some(constructor), methods, stop } = found else {
            unreachable!("that there is none was a mistake")
        };
        let name = name(&block.self_ty).expect("that it has none was a mistake").unraw();
        let handle = handle.unwrap_or_else(|| format_ident!("{name}Handle"));
        let base = handle.unraw().to_string();
        let address = format_ident!("{}Address", base.strip_suffix("Handle").unwrap_or(&base));
        let taken = block.functions().map(|function| function.signature.ident.clone()).collect();
        Ok(StructActor {
            runtime,
            deadline,
            cfgs: Copied::of(&block.attributes).cfgs,
            self_ty: block.self_ty,
            name,
            handle,
            address,
            constructor,
            methods,
            stop,
            taken,
        })
    }
}

impl Found {
    fn read(block: &Block, mistakes: &mut Mistakes) -> Self {
        if !check_head(block, mistakes) {
            return Found::default();
        }
        let mut found = Found::default();
        let mut almost = None;
        for function in block.functions() {
            let named = Function {
                signature: without_self(&function.signature, &block.self_ty),
                ..function.clone()
            };
            let ident = &named.signature.ident;
            if ident == "spawn" {
                mistakes.at(ident, "`spawn` is what starts the actor: give this another name");
            }
            match Role::of(&named, &block.self_ty) {
                Role::Constructor { fallible } => {
                    found.constructor(&named, fallible, mistakes);
                }
                Role::Method(receiver) => {
                    found.methods.extend(Method::new(&named, receiver, mistakes));
                }
                Role::Stop => found.stop(&named, mistakes),
                Role::None if ident == "new" => almost = Some(ident.clone()),
                Role::None => {}
            }
        }
        if found.constructor.is_none() {
            let message = "an actor is made by its constructor: this block needs one function \
                           without `self` that returns `Self` or `Result<Self, _>`";
            match almost {
                Some(new) => mistakes.at(new, message),
                None => mistakes.at(&block.self_ty, message),
            }
        }
        found
    }

    fn constructor(&mut self, function: &Function, fallible: bool, mistakes: &mut Mistakes) {
        const KIND: &str = "an actor's constructor";

        let Signature { ident, inputs, output, paren_token, .. } = &function.signature;
        if let Some(first) = &self.constructor {
            let first = &first.ident;
            let message = format!(
                "an actor has one constructor, and `{first}` is one as well: move what is not it \
                 to another `impl` block"
            );
            mistakes.at(ident, message);
            return;
        }
        check_callable(KIND, function, mistakes);
        let inputs = inputs.iter().enumerate();
        let parameters = inputs
            .filter_map(|(place, input)| match input {
                FnArg::Typed(input) => parameter(place, input, mistakes),
                FnArg::Receiver(_) => None,
            })
            .collect();
        self.constructor = Some(Constructor {
            visibility: function.visibility.clone(),
            docs: Copied::of(&function.attributes).docs,
            ident: ident.clone(),
            inputs: paren_token.span.join(),
            parameters,
            output: output.clone(),
            fallible,
        });
    }

    fn stop(&mut self, function: &Function, mistakes: &mut Mistakes) {
        const KIND: &str = "what is called when an actor stops";

        let Signature { ident, inputs, output, .. } = &function.signature;
        for attribute in &function.attributes {
            if attribute.path().is_ident("stop") && attribute.meta.require_path_only().is_err() {
                mistakes.at(attribute, "write `#[stop]`: it says all there is to say");
            }
        }
        if let Some(first) = &self.stop {
            let first = &first.ident;
            let message = format!("`{first}` is called when the actor stops: have it call this");
            mistakes.at(ident, message);
        }
        check_callable(KIND, function, mistakes);
        let by_value = match inputs.first() {
            Some(FnArg::Receiver(receiver)) => is_by_value(receiver, mistakes),
            _ => {
                mistakes.at(ident, format!("{KIND} is a method: take `&mut self` or `self`"));
                false
            }
        };
        for input in inputs.iter().filter(|input| matches!(input, FnArg::Typed(_))) {
            mistakes.at(input, format!("{KIND} is called without arguments: remove this"));
        }
        if let ReturnType::Type(_, ty) = output
            && !matches!(&**ty, Type::Tuple(tuple) if tuple.elems.is_empty())
        {
            mistakes.at(ty, format!("{KIND} has nobody to return to: remove this"));
        }
        self.stop.get_or_insert(Stop { ident: ident.clone(), by_value });
    }
}

impl Method {
    fn new(function: &Function, receiver: &Receiver, mistakes: &mut Mistakes) -> Option<Self> {
        const KIND: &str = "an actor's method";

        check_callable(KIND, function, mistakes);
        let by_reference = match &receiver.kind {
            ReceiverKind::Reference(..) => true,
            ReceiverKind::Typed(_, ty) => matches!(&**ty, Type::Reference(_)),
            _ => false,
        };
        if !by_reference {
            let message = "an actor's method is called many times: take `&self` or `&mut self`, \
                           or move it to another `impl` block; what is called in the end is marked \
                           `#[stop]`";
            mistakes.at(receiver, message);
        }
        let Signature { ident, inputs, output: returned, .. } = &function.signature;
        let inputs = inputs.iter().enumerate();
        let parameters = inputs
            .filter_map(|(place, input)| match input {
                FnArg::Typed(input) => parameter(place, input, mistakes),
                FnArg::Receiver(_) => None,
            })
            .collect();
        Some(Method {
            visibility: function.visibility.clone(),
            copied: Copied::of(&function.attributes),
            ident: ident.clone(),
            parameters,
            output: output(returned, mistakes),
        })
    }
}

/// Whether the block can be the right one at all: otherwise what is in it does not matter.
fn check_head(block: &Block, mistakes: &mut Mistakes) -> bool {
    if let Some(unsafety) = &block.unsafety {
        mistakes.at(unsafety, "an actor is used by safe code: remove `unsafe`");
    }
    if let Some(of_trait) = &block.of_trait {
        let message = "a trait's methods cannot be messages: put `#[process]` on an `impl` block \
                       without a trait, and call them there";
        mistakes.at(of_trait, message);
    }
    refuse_generics(&block.generics, "an actor", mistakes);
    let named = matches!(&block.self_ty, Type::Path(path) if path.qself.is_none());
    if !named {
        mistakes.at(&block.self_ty, "an actor is a struct or an enum of this crate: name it");
    }
    if borrows(block.self_ty.to_token_stream()) {
        let message = "an actor borrows nothing: write it without lifetimes, or with `'static`";
        mistakes.at(&block.self_ty, message);
    }
    named && block.of_trait.is_none()
}

/// Whether a lifetime is written that is not `'static`. Where none is written, it is the struct's
/// to have none.
fn borrows(tokens: TokenStream) -> bool {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let found = match token {
            TokenTree::Group(group) => borrows(group.stream()),
            TokenTree::Punct(quote) if quote.as_char() == '\'' => {
                !matches!(tokens.peek(), Some(TokenTree::Ident(name)) if name == "static")
            }
            _ => false,
        };
        if found {
            return true;
        }
    }
    false
}

fn check_callable(kind: &str, function: &Function, mistakes: &mut Mistakes) {
    function.check_callable(kind, mistakes);
    function.check_runs_anywhere(kind, mistakes);
    if let Some(asyncness) = function.signature.asyncness {
        let message = "is not async: remove `async`, and block on what the body waits for";
        mistakes.at(asyncness, format!("{kind} {message}"));
    }
}

fn parameter(place: usize, input: &PatType, mistakes: &mut Mistakes) -> Option<Parameter> {
    if is_mailbox(input) {
        let message = "the methods are the messages: for an actor that reads a mailbox itself, put \
                       `#[process]` on a function";
        mistakes.at(input, message);
        return None;
    }
    Parameter::new(place, input, mistakes)
}

fn is_by_value(receiver: &Receiver, mistakes: &mut Mistakes) -> bool {
    match &receiver.kind {
        ReceiverKind::Value => true,
        ReceiverKind::Typed(_, ty) if !matches!(&**ty, Type::Reference(_)) => {
            mistakes.at(receiver, "take `&mut self` or `self`");
            true
        }
        _ => false,
    }
}
