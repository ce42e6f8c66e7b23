//! Types that cannot cross to another process, as far as their spelling tells. What it does not
//! tell, as behind an alias, the bounds of the expansion find out.

use syn::{
    GenericArgument, PathArguments, PathSegment, ReturnType, Type, TypeReference, parse_quote,
};

use crate::mistakes::Mistakes;

/// Which way a type has to cross.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// To the process that runs the function.
    There,
    /// To the process that started it.
    Back,
}

/// What a function returns, which has to cross back.
pub(crate) fn output(output: &ReturnType, mistakes: &mut Mistakes) -> Type {
    match output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, ty) => {
            check(ty, Way::Back, mistakes);
            Type::clone(ty)
        }
    }
}

/// Notes what in `ty` cannot cross.
pub(crate) fn check(ty: &Type, way: Way, mistakes: &mut Mistakes) {
    match bare(ty) {
        Type::TraitObject(object) => {
            mistakes.at(object, "a trait object cannot cross processes: name the type behind it");
        }
        Type::Never(never) if matches!(way, Way::Back) => {
            mistakes.at(never, "a process function must be able to return: remove `-> !`");
        }
        _ => within(ty, way, mistakes),
    }
}

/// The type without the parentheses, and the groups that `macro_rules` leaves, around it.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        _ => ty,
    }
}

fn within(ty: &Type, way: Way, mistakes: &mut Mistakes) {
    match bare(ty) {
        Type::Array(array) => within(&array.elem, way, mistakes),
        Type::Slice(slice) => within(&slice.elem, way, mistakes),
        Type::Tuple(tuple) => tuple.elems.iter().for_each(|ty| within(ty, way, mistakes)),
        Type::Path(path) => {
            if let Some(own) = &path.qself {
                within(&own.ty, way, mistakes);
            }
            path.path.segments.iter().for_each(|segment| arguments(segment, way, mistakes));
        }
        Type::Reference(reference) => {
            let message =
                format!("a reference cannot cross processes; {}", instead_of(reference, way));
            mistakes.at(reference, message);
        }
        Type::Ptr(pointer) => {
            mistakes.at(
                pointer,
                "a pointer means nothing in another process; hand over what it points to",
            );
        }
        Type::ImplTrait(opaque) => mistakes.at(
            opaque,
            match way {
                Way::There => "both processes have to know the argument's type: name it",
                Way::Back => "both processes have to know the result's type: name it",
            },
        ),
        // What else there is either crosses or fails by its bounds. Not looking into function
        // pointers and trait objects leaves `PhantomData<fn(&str)>` and the like alone.
        _ => {}
    }
}

fn arguments(segment: &PathSegment, way: Way, mistakes: &mut Mistakes) {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return;
    };
    for argument in &arguments.args {
        match argument {
            GenericArgument::Type(ty) => within(ty, way, mistakes),
            GenericArgument::Lifetime(lifetime) if lifetime.ident != "static" => {
                mistakes.at(lifetime, "what is borrowed cannot cross processes: use an owned type");
            }
            _ => {}
        }
    }
}

/// What to write instead of a reference.
fn instead_of(reference: &TypeReference, way: Way) -> String {
    let owned = match bare(&reference.elem) {
        Type::Slice(_) => Some("Vec"),
        Type::Path(path) => path.path.segments.last().and_then(|segment| {
            let owned = [
                ("str", "String"),
                ("Path", "PathBuf"),
                ("OsStr", "OsString"),
                ("CStr", "CString"),
            ];
            let found = owned.iter().find(|(borrowed, _)| segment.ident == borrowed);
            found.map(|(_, owned)| *owned)
        }),
        _ => None,
    };
    match (way, owned) {
        (Way::There, Some(owned)) => format!("take a `{owned}`"),
        (Way::Back, Some(owned)) => format!("return a `{owned}`"),
        (Way::There, None) if reference.mutability.is_some() => {
            "take it by value and return what became of it".to_owned()
        }
        (Way::There, None) => "take it by value".to_owned(),
        (Way::Back, None) => "return it by value".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(ty: &Type, way: Way) -> Vec<String> {
        let mut mistakes = Mistakes::default();
        check(ty, way, &mut mistakes);
        mistakes.finish().err().into_iter().flatten().map(|error| error.to_string()).collect()
    }

    #[test]
    fn an_owned_type_can_cross() {
        let types: [Type; 7] = [
            parse_quote!(u64),
            parse_quote!(()),
            parse_quote!((Vec<u8>, [Option<String>; 4])),
            parse_quote!(Cow<'static, str>),
            parse_quote!(Box<dyn Tagged>),
            parse_quote!(PhantomData<fn(&str) -> &str>),
            parse_quote!(<Job as Task<u8>>::Output),
        ];

        for ty in types {
            assert_eq!(said(&ty, Way::There), <[String; 0]>::default());
        }
    }

    #[test]
    fn a_reference_is_found_wherever_it_is() {
        let types: [Type; 7] = [
            parse_quote!(&Job),
            parse_quote!((&Job)),
            parse_quote!((u8, &Job)),
            parse_quote!([&Job; 4]),
            parse_quote!(Option<Vec<&Job>>),
            parse_quote!(<&Job as Task>::Output),
            parse_quote!(a::b<&Job>::C),
        ];

        for ty in types {
            let expected = ["a reference cannot cross processes; take it by value"];
            assert_eq!(said(&ty, Way::There), expected);
        }
    }

    #[test]
    fn each_mistake_in_a_type_is_said() {
        let said = said(&parse_quote!(Result<&str, (&[u8], Cow<'a, str>)>), Way::Back);

        let expected = [
            "a reference cannot cross processes; return a `String`",
            "a reference cannot cross processes; return a `Vec`",
            "what is borrowed cannot cross processes: use an owned type",
        ];
        assert_eq!(said, expected);
    }
}
