//! An `impl` block as the user wrote it, whose functions' bodies are carried along unread.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt, quote};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Generics, ImplItem, Result, Token, Type, WhereClause, braced};

use crate::function::Function;

/// An `impl` block, taken apart.
#[derive(Clone)]
pub(super) struct Block {
    /// All that stands in front of the brace, as it is written.
    head: TokenStream,
    pub(super) attributes: Vec<Attribute>,
    pub(super) unsafety: Option<Token![unsafe]>,
    pub(super) generics: Generics,
    /// The trait and `for`, where there is one.
    pub(super) of_trait: Option<TokenStream>,
    pub(super) self_ty: Type,
    /// Attributes of the block that stand in it.
    inner: Vec<Attribute>,
    pub(super) members: Vec<Member>,
}

/// What stands in the block.
#[derive(Clone)]
pub(super) enum Member {
    Function(Box<Function>),
    /// A constant, a type, a macro.
    Other(TokenStream),
}

/// Whether this is an `impl` block rather than a function: which keyword comes first.
pub(crate) fn is_block(item: &TokenStream) -> bool {
    let keyword = flat(item.clone()).into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == "impl" => Some(true),
        TokenTree::Ident(ident) if ["fn", "struct", "trait"].iter().any(|word| ident == word) => {
            Some(false)
        }
        _ => None,
    });
    keyword.unwrap_or(false)
}

impl Block {
    pub(super) fn parse(item: TokenStream) -> Result<Self> {
        let item = flat(item);
        let mut head: Vec<_> = item.clone().into_iter().collect();
        head.pop();
        let read = |input: ParseStream<'_>| Block::read(input, head.into_iter().collect());
        read.parse2(item)
    }

    fn read(input: ParseStream<'_>, head: TokenStream) -> Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        input.parse::<Option<Token![default]>>()?;
        let unsafety = input.parse()?;
        input.parse::<Token![impl]>()?;
        let mut generics: Generics = input.parse()?;
        input.parse::<Option<Token![const]>>()?;
        input.parse::<Option<Token![!]>>()?;
        let mut self_ty: Type = input.parse()?;
        let mut of_trait = None;
        if let Some(for_token) = input.parse::<Option<Token![for]>>()? {
            of_trait = Some(quote!(#self_ty #for_token));
            self_ty = input.parse()?;
        }
        generics.where_clause = input.parse::<Option<WhereClause>>()?;
        let content;
        braced!(content in input);
        let inner = content.call(Attribute::parse_inner)?;
        attributes.extend(inner.iter().cloned());
        let mut members = Vec::new();
        while !content.is_empty() {
            members.push(match Function::read_next(&content)? {
                Some(function) => Member::Function(Box::new(function)),
                None => Member::Other(content.parse::<ImplItem>()?.into_token_stream()),
            });
        }
        Ok(Block { head, attributes, unsafety, generics, of_trait, self_ty, inner, members })
    }

    pub(super) fn functions(&self) -> impl Iterator<Item = &Function> {
        self.members.iter().filter_map(|member| match member {
            Member::Function(function) => Some(&**function),
            Member::Other(_) => None,
        })
    }

    /// The same block with another function at `place`, or none.
    pub(super) fn with(&self, place: usize, function: Option<Function>) -> Self {
        let mut block = self.clone();
        let member = function.map(|function| Member::Function(Box::new(function)));
        block.members.splice(place..=place, member);
        block
    }
}

impl ToTokens for Block {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.head.to_tokens(tokens);
        let Block { inner, members, .. } = self;
        tokens.append(Group::new(Delimiter::Brace, quote!(#(#inner)* #(#members)*)));
    }
}

impl ToTokens for Member {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Member::Function(function) => function.to_tokens(tokens),
            Member::Other(other) => other.to_tokens(tokens),
        }
    }
}

/// The tokens without the invisible group that `macro_rules` puts around a whole item.
fn flat(item: TokenStream) -> TokenStream {
    let mut tokens = item.clone().into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => {
            flat(group.stream())
        }
        _ => item,
    }
}
