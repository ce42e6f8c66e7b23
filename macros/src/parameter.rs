//! What a function takes, as `spawn` or a method of a handle takes it.

use syn::{Ident, Pat, PatType, Type};

use crate::crossing::{self, Way};
use crate::mistakes::Mistakes;
use crate::tokens::unnamed;

/// One value that the function takes.
#[derive(Clone)]
pub(crate) struct Parameter {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
}

impl Parameter {
    /// The parameter at `place`, which has to cross.
    pub(crate) fn new(place: usize, input: &PatType, mistakes: &mut Mistakes) -> Option<Self> {
        crossing::check(&input.ty, Way::There, mistakes);
        let name = name(place, &input.pat, mistakes)?;
        Some(Parameter { name, ty: Type::clone(&input.ty) })
    }
}

/// What the parameter is called where it is taken.
fn name(place: usize, pat: &Pat, mistakes: &mut Mistakes) -> Option<Ident> {
    match pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => Some(pat.ident.clone()),
        Pat::Wild(_) => Some(unnamed(place)),
        _ => {
            let message = "give the parameter a name, and take it apart in the body";
            mistakes.at(pat, message);
            None
        }
    }
}
