//! A function as the user wrote it, and what every attribute refuses of one.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt};
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};
use syn::{
    Abi, Attribute, Error, GenericParam, Generics, Result, Safety, Signature, Token, Visibility,
};

use crate::mistakes::Mistakes;

/// A function whose body is carried along unread: it need not even be Rust that syn knows.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: TokenStream,
}

impl Function {
    /// Reads the item that `attribute` stands on.
    pub(crate) fn parse(item: TokenStream, attribute: &str) -> Result<Self> {
        (|input: ParseStream<'_>| Function::read(input, attribute)).parse2(item)
    }

    fn read(input: ParseStream<'_>, attribute: &str) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        only_function(&input.fork(), attribute)?;
        let signature = input.parse()?;
        let body = input.parse()?;
        Ok(Function { attributes, visibility, signature, body })
    }

    /// Reads a function that more may follow; `None` if what comes next is no function.
    pub(crate) fn read_next(input: ParseStream<'_>) -> Result<Option<Self>> {
        let ahead = input.fork();
        let attributes = ahead.call(Attribute::parse_outer)?;
        let visibility = ahead.parse()?;
        if only_function(&ahead.fork(), "process").is_err() {
            return Ok(None);
        }
        let signature = ahead.parse()?;
        let body = ahead.parse::<TokenTree>()?.into();
        input.advance_to(&ahead);
        Ok(Some(Function { attributes, visibility, signature, body }))
    }

    /// Notes what makes it more, or less, than a function that safe code can call by its name.
    /// `kind` is what the messages call it, as in "a process function".
    pub(crate) fn check_callable(&self, kind: &str, mistakes: &mut Mistakes) {
        let Signature { constness, safety, abi, generics, variadic, .. } = &self.signature;
        if let Some(constness) = constness {
            mistakes.at(constness, format!("{kind} never runs at compile time: remove `const`"));
        }
        if let Safety::Unsafe(unsafety) = safety {
            let message = "is called by safe code: remove `unsafe`, and have the block in the body";
            mistakes.at(unsafety, format!("{kind} {message}"));
        }
        if let Some(abi) = abi {
            mistakes.at(abi, format!("{kind} is called by Rust code: remove `extern`"));
        }
        refuse_generics(generics, kind, mistakes);
        if self.has_no_body() {
            mistakes.at(&self.body, format!("{kind} needs a body"));
        }
        if let Some(variadic) = variadic {
            mistakes.at(variadic, format!("{kind} has a fixed number of parameters: take a `Vec`"));
        }
    }

    pub(crate) fn has_no_body(&self) -> bool {
        self.body.to_string() == ";"
    }

    /// Notes what makes it depend on the machine.
    pub(crate) fn check_runs_anywhere(&self, kind: &str, mistakes: &mut Mistakes) {
        for attribute in &self.attributes {
            if attribute.path().is_ident("target_feature") {
                let message = "is called on any machine: remove this, and call the function that \
                               has it in the body";
                mistakes.at(attribute, format!("{kind} {message}"));
            }
        }
    }

    /// Notes each parameter of a function that is called with none.
    pub(crate) fn check_no_parameters(&self, kind: &str, mistakes: &mut Mistakes) {
        for parameter in &self.signature.inputs {
            mistakes.at(parameter, format!("{kind} is called without arguments: remove this"));
        }
    }
}

/// Notes each parameter that would make many of one.
pub(crate) fn refuse_generics(generics: &Generics, kind: &str, mistakes: &mut Mistakes) {
    for parameter in &generics.params {
        let message = match parameter {
            GenericParam::Lifetime(lifetime) => {
                let lifetime = &lifetime.lifetime;
                format!("{kind} cannot borrow: remove `{lifetime}` and use owned types")
            }
            GenericParam::Type(ty) => {
                let ident = &ty.ident;
                format!("{kind} cannot be generic: write the type it is used with for `{ident}`")
            }
            GenericParam::Const(value) => {
                let ident = &value.ident;
                format!("{kind} cannot be generic: write the value it is used with for `{ident}`")
            }
        };
        mistakes.at(parameter, message);
    }
    if let Some(clause) = &generics.where_clause {
        mistakes.at(clause, format!("{kind} cannot be generic: remove the `where` clause"));
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.append_all(&self.attributes);
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}

/// Fails at the keyword that says what the item is, unless that is `fn`.
fn only_function(ahead: ParseStream<'_>, attribute: &str) -> Result<()> {
    ahead.parse::<Option<Token![const]>>()?;
    ahead.parse::<Option<Token![async]>>()?;
    ahead.parse::<Option<Token![unsafe]>>()?;
    if ahead.peek(Token![extern]) {
        ahead.parse::<Abi>()?;
    }
    if ahead.peek(Token![fn]) {
        return Ok(());
    }
    let mut message = format!("`#[{attribute}]` goes on a function");
    if attribute == "process" {
        message += ", or on the `impl` block of a struct";
    }
    Err(Error::new(ahead.span(), message))
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn said(item: TokenStream) -> Vec<String> {
        let mut mistakes = Mistakes::default();
        let function = mistakes.unless(Function::parse(item, "here"));
        if let Some(function) = function {
            function.check_callable("it", &mut mistakes);
            function.check_no_parameters("it", &mut mistakes);
        }
        mistakes.finish().err().into_iter().flatten().map(|error| error.to_string()).collect()
    }

    #[test]
    fn an_ordinary_function_is_fine_and_its_body_is_not_looked_into() {
        let item = quote!(#[inline] pub(crate) fn f() -> u8 { what @ever ; });

        assert_eq!(said(item), <[String; 0]>::default());
    }

    #[test]
    fn every_qualifier_is_said() {
        let said = said(quote!(
            const async unsafe extern "C" fn f<'a, T, const N: u8>(_: T, ...);
        ));

        let expected = [
            "it never runs at compile time: remove `const`",
            "it is called by safe code: remove `unsafe`, and have the block in the body",
            "it is called by Rust code: remove `extern`",
            "it cannot borrow: remove `'a` and use owned types",
            "it cannot be generic: write the type it is used with for `T`",
            "it cannot be generic: write the value it is used with for `N`",
            "it needs a body",
            "it has a fixed number of parameters: take a `Vec`",
            "it is called without arguments: remove this",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn what_is_not_a_function_is_said_at_its_keyword() {
        for item in [
            quote!(
                pub struct S;
            ),
            quote!(
                unsafe impl T for S {}
            ),
            quote!(
                const N: u8 = 1;
            ),
        ] {
            assert_eq!(said(item), ["`#[here]` goes on a function"]);
        }
    }
}
