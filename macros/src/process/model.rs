//! A function that is known to be one that can run in another process.

use proc_macro2::Span;
use syn::{Error, FnArg, Ident, Path, Result, Type, Visibility};

use super::inbox::{Inbox, is_mailbox};
use crate::attributes::Copied;
use crate::crossing::output;
use crate::deadline::Deadline;
use crate::function::Function;
use crate::mistakes::Mistakes;
use crate::options::Options;
use crate::parameter::Parameter;

const KIND: &str = "a process function";

/// All that the expansion says, ready to be written down.
pub(super) struct Process {
    pub(super) runtime: Path,
    pub(super) copied: Copied,
    pub(super) visibility: Visibility,
    /// The function.
    pub(super) ident: Ident,
    /// The type that stands for it.
    pub(super) handle: Ident,
    /// Where the parameters are written.
    pub(super) inputs: Span,
    /// What `spawn` takes.
    pub(super) parameters: Vec<Parameter>,
    pub(super) output: Type,
    /// What makes an actor of it.
    pub(super) mailed: Option<Mailed>,
}

/// A function that takes messages.
pub(super) struct Mailed {
    /// How many parameters are in front of the mailbox.
    pub(super) place: usize,
    /// The type of messages, where it is told.
    pub(super) message: Type,
    /// What it is called elsewhere.
    pub(super) named: Type,
    pub(super) deadline: Option<Deadline>,
}

/// What the signature says, once it is checked.
struct Checked {
    parameters: Vec<Parameter>,
    inbox: Option<Inbox>,
    output: Type,
}

impl Process {
    /// Checks options and function together, so that the mistakes in both are said at once.
    pub(super) fn new(options: Result<Options>, function: Result<Function>) -> Result<Self> {
        let mut mistakes = Mistakes::default();
        let options = mistakes.unless(options);
        let function = mistakes.unless(function);
        let checked = function.as_ref().map(|function| Checked::new(function, &mut mistakes));
        if let (Some(options), Some(checked)) = (&options, &checked) {
            checked.check_options(options, &mut mistakes);
        }
        mistakes.finish()?;

        let (Some(options), Some(function), Some(checked)) = (options, function, checked) else {
            unreachable!("what is missing was a mistake")
        };
        let Options { runtime, handle, deadline } = options;
        let Checked { parameters, inbox, output } = checked;
        let inputs = function.signature.paren_token.span.join();
        let ident = function.signature.ident;
        let handle = handle.unwrap_or_else(|| ident.clone());
        let mailed = inbox.map(|inbox| {
            let (message, named) = inbox.messages(&runtime, &handle);
            Mailed { place: inbox.place, message, named, deadline }
        });
        Ok(Process {
            runtime,
            copied: Copied::of(&function.attributes),
            visibility: function.visibility,
            handle,
            ident,
            inputs,
            parameters,
            output,
            mailed,
        })
    }
}

impl Checked {
    fn new(function: &Function, mistakes: &mut Mistakes) -> Self {
        function.check_callable(KIND, mistakes);
        function.check_runs_anywhere(KIND, mistakes);
        let signature = &function.signature;
        if let Some(asyncness) = signature.asyncness {
            mistakes.at(
                asyncness,
                "a process function is not async: remove `async`, and start a runtime in the body",
            );
        }
        let mut parameters = Vec::new();
        let mut inbox = None;
        for (place, input) in signature.inputs.iter().enumerate() {
            match input {
                FnArg::Receiver(receiver) => mistakes.at(
                    receiver,
                    "a process function stands outside of `impl` blocks and has no `self`: take \
                     the value as a parameter, or put `#[process]` on the whole `impl` block",
                ),
                FnArg::Typed(input) if !is_mailbox(input) => {
                    parameters.extend(Parameter::new(place, input, mistakes));
                }
                FnArg::Typed(input) if inbox.is_none() => {
                    inbox = Inbox::new(place, input, mistakes);
                }
                FnArg::Typed(input) => {
                    mistakes.at(input, "an actor has one mailbox: remove this second one");
                }
            }
        }
        let output = output(&signature.output, mistakes);
        Checked { parameters, inbox, output }
    }

    fn check_options(&self, options: &Options, mistakes: &mut Mistakes) {
        if let Some(deadline) = &options.deadline
            && self.inbox.is_none()
        {
            let message = "a deadline is for the messages of an actor, which has a `Mailbox` \
                           among its parameters; for a function there is `timeout` on its builder";
            mistakes.add(Error::new(deadline.key, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::{ToTokens, quote};

    use super::super::KNOWN;
    use super::*;

    fn process(arguments: TokenStream, item: TokenStream) -> Result<Process> {
        let options = Options::parse(arguments, KNOWN);
        Process::new(options, Function::parse(item, "process"))
    }

    fn said(arguments: TokenStream, item: TokenStream) -> Vec<String> {
        let errors = process(arguments, item).err().unwrap();
        errors.into_iter().map(|error| error.to_string()).collect()
    }

    #[test]
    fn the_type_is_called_like_the_function_unless_told() {
        let like_it = process(
            quote!(),
            quote!(
                fn square() {}
            ),
        )
        .unwrap();
        let told = process(
            quote!(handle = Square),
            quote!(
                fn square() {}
            ),
        )
        .unwrap();

        assert_eq!(like_it.handle, "square");
        assert_eq!(
            (told.ident.to_string(), told.handle.to_string()),
            ("square".into(), "Square".into())
        );
    }

    #[test]
    fn parameters_keep_their_names_and_types() {
        let item = quote!(
            fn f(mut a: u8, _: Vec<u8>, _b: (u8, u8), r#type: u8) {}
        );

        let process = process(quote!(), item).unwrap();

        let of = |parameter: &Parameter| {
            let ty = parameter.ty.to_token_stream().to_string().replace(' ', "");
            format!("{}: {ty}", parameter.name)
        };
        let parameters: Vec<_> = process.parameters.iter().map(of).collect();
        assert_eq!(parameters, ["a: u8", "argument_1: Vec<u8>", "_b: (u8,u8)", "r#type: u8"]);
        assert_eq!(process.output.to_token_stream().to_string(), "()");
    }

    #[test]
    fn mistakes_in_options_and_function_are_said_together() {
        let said = said(
            quote!(name = "x"),
            quote! {
                #[target_feature(enable = "avx2")]
                async fn f<T>(&self, (a, b): (u8, u8), c: &str, ..: u8) -> ! { loop {} }
            },
        );

        assert_eq!(said.len(), 9, "{said:#?}");
    }

    #[test]
    fn a_mailbox_is_recognised_and_no_part_of_the_input() {
        for (item, place, message) in [
            (
                quote!(
                    fn f(a: u8, mailbox: Mailbox<Count>, b: u8) {}
                ),
                1,
                "Count",
            ),
            (
                quote!(
                    fn f(a: u8, b: u8, mut inbox: procession::Mailbox<Vec<u8>>) {}
                ),
                2,
                "Vec<u8>",
            ),
            (
                quote!(
                    fn f(_: (Mailbox<()>), a: u8, b: u8) {}
                ),
                0,
                "()",
            ),
            (
                quote!(
                    fn f(#[mailbox] i: Inbox, a: u8, b: u8) {}
                ),
                0,
                "<Inboxas::procession::__private::AnyMailbox>::Message",
            ),
            (
                quote!(
                    fn f(#[mailbox] i: Mailbox<u8>, a: u8, b: u8) {}
                ),
                0,
                "u8",
            ),
        ] {
            let process = process(quote!(), item).unwrap();

            let mailed = process.mailed.unwrap();
            assert_eq!(mailed.place, place);
            let said = mailed.message.to_token_stream().to_string().replace(' ', "");
            assert_eq!(said, message);
            assert_eq!(process.parameters.len(), 2);
        }
    }

    #[test]
    fn a_deadline_is_for_actors() {
        let deadline = quote!(deadline = "2s");

        let said = said(
            deadline.clone(),
            quote!(
                fn f(mailboxes: Vec<Mailbox<u8>>) {}
            ),
        );
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("`timeout`"), "{said:?}");
        let process = process(
            deadline,
            quote!(
                fn f(mailbox: Mailbox<u8>) {}
            ),
        )
        .unwrap();
        assert!(process.mailed.unwrap().deadline.is_some());
    }

    #[test]
    fn mistakes_with_a_mailbox_are_said() {
        let said = said(
            quote!(deadline = "2h"),
            quote!(
                fn f(a: Mailbox<&str>, #[mailbox] b: u8, c: Mailbox<u8>, d: &mut Mailbox<u8>) {}
            ),
        );

        assert_eq!(said.len(), 5, "{said:#?}");
    }
}
