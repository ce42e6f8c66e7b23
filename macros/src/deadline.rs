//! How long an actor may take for one message, as it stands in the attribute: `deadline = "2s"`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::ParseStream;
use syn::{Error, LitStr, Result};

/// A deadline, and where it was asked for.
pub(crate) struct Deadline {
    millis: u64,
    pub(crate) key: Span,
}

impl Deadline {
    /// Reads what stands behind `deadline =`.
    pub(crate) fn parse(input: ParseStream<'_>, key: Span) -> Result<Self> {
        let literal: LitStr = input.parse()?;
        let millis = millis(&literal.value()).map_err(|why| Error::new(literal.span(), why))?;
        Ok(Deadline { millis, key })
    }

    /// The `Duration` that it is.
    pub(crate) fn expand(&self) -> TokenStream {
        let millis = self.millis;
        quote!(::core::time::Duration::from_millis(#millis))
    }
}

fn millis(text: &str) -> std::result::Result<u64, &'static str> {
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return Err("write a whole number and its unit: `ms`, `s` or `m`, as in `\"2s\"`"),
    };
    if number.is_empty() {
        return Err("write a number in front of the unit, as in `\"2s\"`");
    }
    let millis = number.parse().ok().and_then(|number: u64| number.checked_mul(factor));
    match millis {
        Some(0) => Err("no message is handled in no time: give it some, or remove the deadline"),
        Some(millis) => Ok(millis),
        None => Err("this is longer than any clock runs; remove the deadline"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_are_a_deadline() {
        assert_eq!(["7ms", "2s", "3m"].map(millis), [Ok(7), Ok(2000), Ok(180_000)]);
    }

    #[test]
    fn anything_else_is_not() {
        for text in ["", "2", "s", "2 s", "1.5s", "-1s", "2h", "0s", "99999999999999999999s"] {
            assert!(millis(text).is_err(), "{text}");
        }
        assert!(millis(&format!("{}m", u64::MAX)).is_err());
    }
}
