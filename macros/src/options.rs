//! What stands in an attribute's parentheses.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Ident, Path, Result, Token, parse_quote};

use crate::mistakes::Mistakes;

/// An option that an attribute may know.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Known {
    /// `crate = path`
    Crate,
    /// `handle = Name`
    Handle,
}

/// The options of one attribute, with what holds where nothing is said.
pub(crate) struct Options {
    /// Where the runtime is.
    pub(crate) runtime: Path,
    /// How the type is called that stands for the function, if not like the function.
    pub(crate) handle: Option<Ident>,
}

impl Options {
    /// Reads the options, of which this attribute knows some.
    pub(crate) fn parse(arguments: TokenStream, known: &[Known]) -> Result<Self> {
        (|input: ParseStream<'_>| Options::read(input, known)).parse2(arguments)
    }

    fn read(input: ParseStream<'_>, known: &[Known]) -> Result<Self> {
        let mut mistakes = Mistakes::default();
        let mut runtime = None;
        let mut handle = None;
        while !input.is_empty() {
            let option = Options::read_one(input, known, &mut runtime, &mut handle);
            if mistakes.unless(option).is_none() {
                skip_to_comma(input);
            }
            input.parse::<Option<Token![,]>>()?;
        }
        mistakes.finish()?;
        Ok(Options { runtime: runtime.unwrap_or_else(|| parse_quote!(::procession)), handle })
    }

    fn read_one(
        input: ParseStream<'_>,
        known: &[Known],
        runtime: &mut Option<Path>,
        handle: &mut Option<Ident>,
    ) -> Result<()> {
        let unknown = |span| {
            let list: Vec<_> = known.iter().map(|option| option.example()).collect();
            let list = list.join("` and `");
            Error::new(span, format!("unknown option; there is `{list}`"))
        };
        let span = input.span();
        let key = input.call(Ident::parse_any).map_err(|_| unknown(span))?;
        let found = known.iter().find(|option| key == option.key());
        let option = found.ok_or_else(|| unknown(span))?;
        let again = match option {
            Known::Crate => runtime.is_some(),
            Known::Handle => handle.is_some(),
        };
        if again {
            let message = format!("`{key}` is given twice; remove one");
            return Err(Error::new(key.span(), message));
        }
        let expected = |_| {
            // At the end there is nothing to point at but what asked for more.
            let span = if input.is_empty() { key.span() } else { input.span() };
            Error::new(span, format!("expected `{}`", option.example()))
        };
        input.parse::<Token![=]>().map_err(expected)?;
        match option {
            Known::Crate => *runtime = Some(input.call(Path::parse_mod_style).map_err(expected)?),
            Known::Handle => *handle = Some(input.parse().map_err(expected)?),
        }
        if input.is_empty() || input.peek(Token![,]) {
            return Ok(());
        }
        Err(Error::new(input.span(), "expected `,`"))
    }
}

impl Known {
    fn key(self) -> &'static str {
        match self {
            Known::Crate => "crate",
            Known::Handle => "handle",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Known::Crate => "crate = path::to::procession",
            Known::Handle => "handle = Name",
        }
    }
}

/// Goes on after a mistake, so that the options behind it are read as well.
fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        // Any token is a token tree, so this fails only at the end.
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::{ToTokens, quote};

    use super::*;

    const ALL: &[Known] = &[Known::Crate, Known::Handle];

    fn parsed(arguments: TokenStream) -> (String, Option<String>) {
        let Options { runtime, handle } = Options::parse(arguments, ALL).unwrap();
        (runtime.into_token_stream().to_string(), handle.map(|handle| handle.to_string()))
    }

    fn said(arguments: TokenStream, known: &[Known]) -> Vec<String> {
        let errors = Options::parse(arguments, known).err().unwrap();
        errors.into_iter().map(|error| error.to_string()).collect()
    }

    #[test]
    fn nothing_said_means_the_crate_by_its_name() {
        assert_eq!(parsed(quote!()), (":: procession".into(), None));
    }

    #[test]
    fn options_come_in_any_order_with_or_without_a_comma_at_the_end() {
        let expected = ("my :: procession".into(), Some("Square".into()));

        assert_eq!(parsed(quote!(crate = my::procession, handle = Square)), expected);
        assert_eq!(parsed(quote!(handle = Square, crate = my::procession,)), expected);
    }

    #[test]
    fn an_attribute_knows_only_its_own_options() {
        let said = said(quote!(handle = Name), &[Known::Crate]);

        assert_eq!(said, ["unknown option; there is `crate = path::to::procession`"]);
    }

    #[test]
    fn all_mistakes_are_said_and_none_twice() {
        let said = said(quote!(name = "x", 3, handle, crate = a b, handle = A, handle = B), ALL);

        let expected = [
            "unknown option; there is `crate = path::to::procession` and `handle = Name`",
            "unknown option; there is `crate = path::to::procession` and `handle = Name`",
            "expected `handle = Name`",
            "expected `,`",
            "`handle` is given twice; remove one",
        ];
        assert_eq!(said, expected);
    }
}
