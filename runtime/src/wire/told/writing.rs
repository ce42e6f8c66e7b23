//! A serializer that writes nothing and keeps the text of an error.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::Told;

/// Visits a value and everything in it.
pub(in crate::wire) struct Nowhere;

/// Values that have nothing in them that could fail.
macro_rules! plain {
    ($($method:ident($($name:ident: $ty:ty),*);)*) => {
        $(fn $method(self, $($name: $ty),*) -> Result<(), Told> { Ok(()) })*
    };
}

impl Serializer for Nowhere {
    type Ok = ();
    type Error = Told;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    plain! {
        serialize_bool(_v: bool);
        serialize_i8(_v: i8);
        serialize_i16(_v: i16);
        serialize_i32(_v: i32);
        serialize_i64(_v: i64);
        serialize_i128(_v: i128);
        serialize_u8(_v: u8);
        serialize_u16(_v: u16);
        serialize_u32(_v: u32);
        serialize_u64(_v: u64);
        serialize_u128(_v: u128);
        serialize_f32(_v: f32);
        serialize_f64(_v: f64);
        serialize_char(_v: char);
        serialize_str(_v: &str);
        serialize_bytes(_v: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(_name: &'static str);
        serialize_unit_variant(_name: &'static str, _index: u32, _variant: &'static str);
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Told> {
        value.serialize(Nowhere)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Told> {
        value.serialize(Nowhere)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result<(), Told> {
        value.serialize(Nowhere)
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Self, Told> {
        Ok(self)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self, Told> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Self, Told> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self, Told> {
        Ok(self)
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Self, Told> {
        Ok(self)
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Self, Told> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self, Told> {
        Ok(self)
    }

    /// As postcard: the types may depend on it.
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Values with others in them, which are visited one by one.
macro_rules! compound {
    ($($of:ident::$method:ident($($key:ident: $ty:ty)?);)*) => {
        $(impl $of for Nowhere {
            type Ok = ();
            type Error = Told;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: $ty,)?
                value: &T,
            ) -> Result<(), Told> {
                value.serialize(Nowhere)
            }

            fn end(self) -> Result<(), Told> {
                Ok(())
            }
        })*
    };
}

compound! {
    SerializeSeq::serialize_element();
    SerializeTuple::serialize_element();
    SerializeTupleStruct::serialize_field();
    SerializeTupleVariant::serialize_field();
    SerializeStruct::serialize_field(_key: &'static str);
    SerializeStructVariant::serialize_field(_key: &'static str);
}

impl SerializeMap for Nowhere {
    type Ok = ();
    type Error = Told;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Told> {
        key.serialize(Nowhere)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Told> {
        value.serialize(Nowhere)
    }

    fn end(self) -> Result<(), Told> {
        Ok(())
    }
}
