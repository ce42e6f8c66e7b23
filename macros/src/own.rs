//! The attributes that only mean something within one of ours, and that nobody else knows:
//! `#[mailbox]` on a parameter and `#[stop]` on a method. They are taken out of what is emitted.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The item without the attributes that are ours.
pub(crate) fn without_own(item: TokenStream) -> TokenStream {
    let ours = item.clone().into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == "fn" => Some((Delimiter::Parenthesis, "mailbox")),
        TokenTree::Ident(ident) if ident == "impl" => Some((Delimiter::Brace, "stop")),
        _ => None,
    });
    let change = |group: &Group| match (group.delimiter(), ours) {
        // What `macro_rules` hands over as a whole.
        (Delimiter::None, _) => without_own(group.stream()),
        (delimiter, Some((within, name))) if delimiter == within => without(group.stream(), name),
        _ => group.stream(),
    };
    let changed = item.into_iter().map(|token| match token {
        TokenTree::Group(group) => {
            let mut changed = Group::new(group.delimiter(), change(&group));
            changed.set_span(group.span());
            TokenTree::Group(changed)
        }
        token => token,
    });
    changed.collect()
}

/// Removes `#[name]` and `#[name ..]`.
fn without(tokens: TokenStream, name: &str) -> TokenStream {
    let mut kept = Vec::new();
    for token in tokens {
        if is_attribute(&token, name)
            && matches!(kept.last(), Some(TokenTree::Punct(hash)) if hash.as_char() == '#')
        {
            kept.pop();
        } else {
            kept.push(token);
        }
    }
    kept.into_iter().collect()
}

fn is_attribute(token: &TokenTree, name: &str) -> bool {
    let TokenTree::Group(group) = token else {
        return false;
    };
    let first = group.stream().into_iter().next();
    group.delimiter() == Delimiter::Bracket
        && matches!(first, Some(TokenTree::Ident(ident)) if ident == name)
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn ours_go_and_all_others_stay() {
        for (item, expected) in [
            (
                quote!(
                    #[mailbox]
                    fn f(
                        #[mailbox]
                        #[a]
                        b: B,
                        c: [u8; 4],
                    ) -> u8 {
                        #[stop]
                        b
                    }
                ),
                quote!(
                    #[mailbox]
                    fn f(#[a] b: B, c: [u8; 4]) -> u8 {
                        #[stop]
                        b
                    }
                ),
            ),
            (
                quote!(impl A { #[a] #[stop] #[b] fn c(&self) { #[stop] d } }),
                quote!(impl A { #[a] #[b] fn c(&self) { #[stop] d } }),
            ),
        ] {
            // The formatter has an opinion on commas in quoted functions.
            let said = without_own(item).to_string().replace(" ,)", ")");
            assert_eq!(said, expected.to_string().replace(" ,)", ")"));
        }
    }
}
