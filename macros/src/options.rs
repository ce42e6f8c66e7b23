//! What stands in an attribute's parentheses.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Ident, LitStr, Path, Result, Token, parse_quote};

use crate::deadline::Deadline;
use crate::mistakes::Mistakes;

/// An option that an attribute may know.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Known {
    /// `crate = path`
    Crate,
    /// `handle = Name`
    Handle,
    /// `deadline = "2s"`
    Deadline,
}

/// The options of one attribute, with what holds where nothing is said.
pub(crate) struct Options {
    /// Where the runtime is.
    pub(crate) runtime: Path,
    /// How the type is called that stands for the function, if not like the function.
    pub(crate) handle: Option<Ident>,
    /// How long an actor may take for one message, if that is limited.
    pub(crate) deadline: Option<Deadline>,
}

/// What was read so far.
#[derive(Default)]
struct Given {
    runtime: Option<Path>,
    handle: Option<Ident>,
    deadline: Option<Deadline>,
}

impl Options {
    /// Reads the options, of which this attribute knows some.
    pub(crate) fn parse(arguments: TokenStream, known: &[Known]) -> Result<Self> {
        (|input: ParseStream<'_>| Options::read(input, known)).parse2(arguments)
    }

    /// Where the runtime is, whatever is wrong with other options. `None` if what says so is wrong.
    pub(crate) fn runtime_of(arguments: TokenStream, known: &[Known]) -> Option<Path> {
        let read = |input: ParseStream<'_>| Given::read(input, known);
        let (given, _, is_runtime_known) = read.parse2(arguments).ok()?;
        is_runtime_known.then(|| given.runtime())
    }

    fn read(input: ParseStream<'_>, known: &[Known]) -> Result<Self> {
        let (given, mistakes, _) = Given::read(input, known)?;
        mistakes.finish()?;
        let runtime = given.runtime();
        let Given { handle, deadline, .. } = given;
        Ok(Options { runtime, handle, deadline })
    }
}

impl Given {
    /// Reads all options: what they give, their mistakes, and whether none of those is in what says where
    /// the runtime is.
    fn read(input: ParseStream<'_>, known: &[Known]) -> Result<(Self, Mistakes, bool)> {
        let (mut given, mut mistakes) = (Given::default(), Mistakes::default());
        let mut is_runtime_known = true;
        while !input.is_empty() {
            let is_crate = input.peek(Token![crate]);
            let option = given.read_one(input, known);
            if mistakes.unless(option).is_none() {
                is_runtime_known &= !is_crate;
                skip_to_comma(input);
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok((given, mistakes, is_runtime_known))
    }

    fn runtime(&self) -> Path {
        self.runtime.clone().unwrap_or_else(|| parse_quote!(::procession))
    }

    fn read_one(&mut self, input: ParseStream<'_>, known: &[Known]) -> Result<()> {
        let unknown = |span| {
            let examples = known.iter().map(|option| format!("`{}`", option.example()));
            let list = and(&examples.collect::<Vec<_>>());
            Error::new(span, format!("unknown option; there is {list}"))
        };
        let span = input.span();
        let key = input.call(Ident::parse_any).map_err(|_| unknown(span))?;
        let found = known.iter().find(|option| key == option.key());
        let option = found.ok_or_else(|| unknown(span))?;
        let again = match option {
            Known::Crate => self.runtime.is_some(),
            Known::Handle => self.handle.is_some(),
            Known::Deadline => self.deadline.is_some(),
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
            Known::Crate => {
                self.runtime = Some(input.call(Path::parse_mod_style).map_err(expected)?);
            }
            Known::Handle => self.handle = Some(input.parse().map_err(expected)?),
            Known::Deadline => {
                if !input.peek(LitStr) {
                    return Err(expected(input.error("")));
                }
                self.deadline = Some(Deadline::parse(input, key.span())?);
            }
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
            Known::Deadline => "deadline",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Known::Crate => "crate = path::to::procession",
            Known::Handle => "handle = Name",
            Known::Deadline => "deadline = \"2s\"",
        }
    }
}

/// The parts of a list, as a person says them.
fn and(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
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

    const ALL: &[Known] = &[Known::Crate, Known::Handle, Known::Deadline];

    fn parsed(arguments: TokenStream) -> (String, Option<String>) {
        let Options { runtime, handle, .. } = Options::parse(arguments, ALL).unwrap();
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
    fn where_the_runtime_is_can_be_known_in_spite_of_mistakes() {
        let runtime = |arguments| {
            Options::runtime_of(arguments, ALL).map(|path| path.into_token_stream().to_string())
        };

        assert_eq!(runtime(quote!(name = "x", handle)), Some(":: procession".into()));
        assert_eq!(
            runtime(quote!(3, crate = my::procession, handle = 4)).unwrap(),
            "my :: procession"
        );
        assert_eq!(runtime(quote!(handle = A, crate = "x")), None);
        assert_eq!(runtime(quote!(crate = a b)), None);
    }

    #[test]
    fn a_deadline_is_read() {
        let options = Options::parse(quote!(deadline = "2s"), ALL).unwrap();

        let expected = quote!(::core::time::Duration::from_millis(2000u64));
        assert_eq!(options.deadline.unwrap().expand().to_string(), expected.to_string());
    }

    #[test]
    fn an_attribute_knows_only_its_own_options() {
        let said = said(quote!(handle = Name), &[Known::Crate]);

        assert_eq!(said, ["unknown option; there is `crate = path::to::procession`"]);
    }

    #[test]
    fn all_mistakes_are_said_and_none_twice() {
        let said = said(
            quote!(name = "x", 3, handle, crate = a b, handle = A, handle = B, deadline = 2),
            ALL,
        );

        let unknown = "unknown option; there is `crate = path::to::procession`, `handle = Name` \
                       and `deadline = \"2s\"`";
        let expected = [
            unknown,
            unknown,
            "expected `handle = Name`",
            "expected `,`",
            "`handle` is given twice; remove one",
            "expected `deadline = \"2s\"`",
        ];
        assert_eq!(said, expected);
    }
}
