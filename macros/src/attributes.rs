//! Which of a function's attributes also go on what is generated beside it.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token, parse_quote};

/// The attributes that say something about the function's whole family. The others, such as
/// `#[inline]` or `#[expect(..)]`, are about the function and stay there alone.
#[derive(Default)]
pub(crate) struct Copied {
    /// Whether it exists: goes on every item.
    pub(crate) cfgs: Vec<Attribute>,
    /// Whether it should be used: goes on the type, which every use has to name.
    pub(crate) deprecated: Vec<Attribute>,
    /// What it is: goes on what can be named.
    pub(crate) docs: Vec<Attribute>,
}

impl Copied {
    pub(crate) fn of(attributes: &[Attribute]) -> Self {
        let mut copied = Copied::default();
        for attribute in attributes {
            copied.sort(&attribute.meta, &|meta| parse_quote!(#[#meta]));
        }
        copied
    }

    /// Puts one attribute in its place. What `cfg_attr` holds is sorted as if it stood alone, and
    /// wrapped into the same condition again.
    fn sort(&mut self, meta: &Meta, wrap: &dyn Fn(TokenStream) -> Attribute) {
        let path = meta.path();
        if path.is_ident("cfg") {
            self.cfgs.push(wrap(quote!(#meta)));
        } else if path.is_ident("deprecated") {
            self.deprecated.push(wrap(quote!(#meta)));
        } else if path.is_ident("doc") {
            // `cargo test` would run the examples once for each copy.
            self.docs.push(wrap(quote!(cfg_attr(not(doctest), #meta))));
        } else if path.is_ident("cfg_attr")
            && let Meta::List(list) = meta
            && let Some((condition, parts)) = condition_and_parts(&list.tokens)
        {
            for part in &parts {
                self.sort(part, &|meta| wrap(quote!(cfg_attr(#condition, #meta))));
            }
        }
    }
}

/// Takes apart what `cfg_attr` holds.
pub(crate) fn condition_and_parts(held: &TokenStream) -> Option<(TokenStream, Vec<Meta>)> {
    let mut rest = held.clone().into_iter();
    // A condition such as `true` is not a `Meta`, but none has a comma outside of parentheses.
    let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ',');
    let condition = rest.by_ref().take_while(|token| !is_comma(token)).collect();
    let parts = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(rest.collect()).ok()?;
    Some((condition, parts.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(attributes: &[Attribute]) -> [String; 3] {
        let Copied { cfgs, deprecated, docs } = Copied::of(attributes);
        [cfgs, deprecated, docs].map(|attributes| quote!(#(#attributes)*).to_string())
    }

    #[test]
    fn what_is_about_the_function_alone_stays_there() {
        let copied = copied(&[parse_quote!(#[inline]), parse_quote!(#[expect(dead_code)])]);

        assert_eq!(copied, ["", "", ""]);
    }

    #[test]
    fn each_attribute_finds_its_place() {
        let copied = copied(&[
            parse_quote!(#[doc = " Squares."]),
            parse_quote!(#[cfg(unix)]),
            parse_quote!(#[deprecated]),
        ]);

        let expected = [
            quote!(#[cfg(unix)]),
            quote!(#[deprecated]),
            quote!(#[cfg_attr(not(doctest), doc = " Squares.")]),
        ];
        assert_eq!(copied, expected.map(|tokens| tokens.to_string()));
    }

    #[test]
    fn a_condition_goes_along_with_what_it_is_about() {
        let copied = copied(&[parse_quote!(#[cfg_attr(unix, cfg(a), inline, deprecated)])]);

        let expected =
            [quote!(#[cfg_attr(unix, cfg(a))]), quote!(#[cfg_attr(unix, deprecated)]), quote!()];
        assert_eq!(copied, expected.map(|tokens| tokens.to_string()));
    }
}
