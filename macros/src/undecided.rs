//! Parts of an item that are there under a condition only.
//!
//! An attribute sees `#[cfg]`s on parameters before they are decided, and cannot carry them into
//! what it writes: the type `(A, B)` has no place for one. So the first of them is moved in front
//! of the item, once as it is and once negated, and the attribute put behind it again. The
//! compiler drops one of the two and expands the other, until no condition is left.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, FnArg, Meta, Path, parse_quote};

use crate::attributes::condition_and_parts;
use crate::function::Function;

/// An item with a part that may or may not be there.
pub(crate) struct Undecided<T> {
    condition: TokenStream,
    with: T,
    without: T,
}

/// The condition that one attribute puts on its part.
struct Condition {
    condition: TokenStream,
    /// What the attribute says besides.
    rest: Option<Attribute>,
}

impl Undecided<Function> {
    /// The first parameter that has a condition.
    pub(crate) fn find(function: &Function) -> Option<Self> {
        let inputs = &function.signature.inputs;
        let (place, attribute, Condition { condition, rest }) =
            inputs.iter().enumerate().find_map(|(place, input)| {
                // There is no process function with `self`, whatever its condition.
                let FnArg::Typed(input) = input else {
                    return None;
                };
                let mut attributes = input.attrs.iter().enumerate();
                attributes.find_map(|(number, attribute)| {
                    Some((place, number, Condition::of(attribute)?))
                })
            })?;

        let mut with = function.clone();
        if let FnArg::Typed(input) = &mut with.signature.inputs[place] {
            input.attrs.splice(attribute..=attribute, rest);
        }
        let mut without = function.clone();
        let others = inputs.pairs().enumerate().filter(|(number, _)| *number != place);
        without.signature.inputs = others.map(|(_, pair)| pair.cloned()).collect();
        Some(Undecided { condition, with, without })
    }

    /// A function that has a condition itself, which then goes in front of what it stands in. It
    /// is left out where the condition does not hold.
    pub(crate) fn whole(function: &Function) -> Option<Undecided<Option<Function>>> {
        let mut attributes = function.attributes.iter().enumerate();
        let (number, Condition { condition, rest }) =
            attributes.find_map(|(number, attribute)| Some((number, Condition::of(attribute)?)))?;
        let mut with = function.clone();
        with.attributes.splice(number..=number, rest);
        Some(Undecided { condition, with: Some(with), without: None })
    }
}

impl<T> Undecided<T> {
    /// The same about what both possibilities stand in.
    pub(crate) fn within<U>(self, put: impl Fn(T) -> U) -> Undecided<U> {
        let Undecided { condition, with, without } = self;
        Undecided { condition, with: put(with), without: put(without) }
    }
}

impl<T: ToTokens> Undecided<T> {
    /// Both items, of which the compiler takes one.
    pub(crate) fn decide(&self, runtime: &Path, arguments: &TokenStream) -> TokenStream {
        let Undecided { condition, with, without } = self;
        quote! {
            #[cfg(#condition)]
            #[#runtime::process(#arguments)]
            #with

            #[cfg(not(#condition))]
            #[#runtime::process(#arguments)]
            #without
        }
    }
}

impl Condition {
    fn of(attribute: &Attribute) -> Option<Self> {
        let Meta::List(list) = &attribute.meta else {
            return None;
        };
        if list.path.is_ident("cfg") {
            return Some(Condition { condition: list.tokens.clone(), rest: None });
        }
        if !list.path.is_ident("cfg_attr") {
            return None;
        }
        let (outer, parts) = condition_and_parts(&list.tokens)?;
        let (cfgs, rest): (Vec<_>, Vec<_>) =
            parts.into_iter().partition(|part| part.path().is_ident("cfg"));
        if cfgs.is_empty() {
            return None;
        }
        let inner = cfgs.iter().filter_map(|cfg| Some(&cfg.require_list().ok()?.tokens));
        let condition = quote!(any(not(#outer), all(#(#inner),*)));
        let rest = (!rest.is_empty()).then(|| parse_quote!(#[cfg_attr(#outer, #(#rest),*)]));
        Some(Condition { condition, rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(item: TokenStream) -> Option<String> {
        let function = Function::parse(item, "process").unwrap();
        let undecided = Undecided::find(&function)?;
        Some(undecided.decide(&parse_quote!(::procession), &quote!(handle = F)).to_string())
    }

    #[test]
    fn a_function_without_conditions_is_decided() {
        assert_eq!(
            decide(quote!(
                fn f(#[allow(unused)] a: u8, #[cfg_attr(x, y)] b: u8) {}
            )),
            None
        );
    }

    #[test]
    fn the_first_condition_moves_in_front_and_the_others_stay() {
        let decided = decide(quote! {
            fn f(a: u8, #[cfg(x)] #[cfg(y)] b: u8, #[cfg(z)] c: u8) -> u8 { a }
        });

        let expected = quote! {
            #[cfg(x)]
            #[::procession::process(handle = F)]
            fn f(a: u8, #[cfg(y)] b: u8, #[cfg(z)] c: u8) -> u8 { a }

            #[cfg(not(x))]
            #[::procession::process(handle = F)]
            fn f(a: u8, #[cfg(z)] c: u8) -> u8 { a }
        };
        assert_eq!(decided, Some(expected.to_string()));
    }

    #[test]
    fn a_condition_within_a_condition_counts() {
        let decided = decide(quote!(
            fn f(#[cfg_attr(x, cfg(y), allow(z))] a: u8) {}
        ));

        let expected = quote! {
            #[cfg(any(not(x), all(y)))]
            #[::procession::process(handle = F)]
            fn f(#[cfg_attr(x, allow(z))] a: u8) {}

            #[cfg(not(any(not(x), all(y))))]
            #[::procession::process(handle = F)]
            fn f() {}
        };
        assert_eq!(decided, Some(expected.to_string()));
    }
}
