//! A deserializer that reads like another one and keeps the text of an error.
//!
//! The other one is never told of a failure: it is handed the failure as the value, so that it has
//! no chance to drop the text.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::Told;

/// Reads from, or is visited by, what it wraps.
pub(in crate::wire) struct Telling<T>(pub(in crate::wire) T);

/// A value or the failure to read it, or the other deserializer's own failure.
fn flat<T, E: fmt::Display>(read: Result<Result<T, Told>, E>) -> Result<T, Told> {
    read.unwrap_or_else(|error| Err(Told(error.to_string())))
}

macro_rules! read {
    ($($method:ident($($name:ident: $ty:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($name: $ty,)* visitor: V) -> Result<V::Value, Told> {
            flat(self.0.$method($($name,)* Telling(visitor)))
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Telling<D> {
    type Error = Told;

    read! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! visit {
    ($($method:ident($ty:ty);)*) => {
        $(fn $method<E>(self, value: $ty) -> Result<Self::Value, E> {
            Ok(self.0.$method(value))
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Telling<V> {
    type Value = Result<V::Value, Told>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    visit! {
        visit_bool(bool);
        visit_i8(i8);
        visit_i16(i16);
        visit_i32(i32);
        visit_i64(i64);
        visit_i128(i128);
        visit_u8(u8);
        visit_u16(u16);
        visit_u32(u32);
        visit_u64(u64);
        visit_u128(u128);
        visit_f32(f32);
        visit_f64(f64);
        visit_char(char);
        visit_str(&str);
        visit_borrowed_str(&'de str);
        visit_string(String);
        visit_bytes(&[u8]);
        visit_borrowed_bytes(&'de [u8]);
        visit_byte_buf(Vec<u8>);
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(self.0.visit_none())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(self.0.visit_unit())
    }

    fn visit_some<D: Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        Ok(self.0.visit_some(Telling(source)))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        source: D,
    ) -> Result<Self::Value, D::Error> {
        Ok(self.0.visit_newtype_struct(Telling(source)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, row: A) -> Result<Self::Value, A::Error> {
        Ok(self.0.visit_seq(Telling(row)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Ok(self.0.visit_map(Telling(map)))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, choice: A) -> Result<Self::Value, A::Error> {
        Ok(self.0.visit_enum(Telling(choice)))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Telling<S> {
    type Value = Result<S::Value, Told>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        Ok(self.0.deserialize(Telling(source)))
    }
}

/// The next of several, if there is one.
fn next<T, E: fmt::Display>(read: Result<Option<Result<T, Told>>, E>) -> Result<Option<T>, Told> {
    match read {
        Ok(next) => next.transpose(),
        Err(error) => Err(Told(error.to_string())),
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Telling<A> {
    type Error = Told;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Told> {
        next(self.0.next_element_seed(Telling(seed)))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Telling<A> {
    type Error = Told;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Told> {
        next(self.0.next_key_seed(Telling(seed)))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Told> {
        flat(self.0.next_value_seed(Telling(seed)))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Telling<A> {
    type Error = Told;
    type Variant = Telling<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), Told> {
        let (value, variant) =
            self.0.variant_seed(Telling(seed)).map_err(|error| Told(error.to_string()))?;
        Ok((value?, Telling(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Telling<A> {
    type Error = Told;

    fn unit_variant(self) -> Result<(), Told> {
        self.0.unit_variant().map_err(|error| Told(error.to_string()))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Told> {
        flat(self.0.newtype_variant_seed(Telling(seed)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Told> {
        flat(self.0.tuple_variant(len, Telling(visitor)))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Told> {
        flat(self.0.struct_variant(fields, Telling(visitor)))
    }
}
