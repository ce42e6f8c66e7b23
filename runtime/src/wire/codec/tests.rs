//! Values there and back, and rows that nobody wrote.

#![cfg(test)]

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Mixed {
    number: i64,
    text: Option<String>,
    #[serde(with = "crate::bytes")]
    block: Vec<u8>,
    rows: Vec<(u8, f64)>,
}

fn mixed() -> impl Strategy<Value = Mixed> {
    let rows = proptest::collection::vec((any::<u8>(), -1e9..1e9), 0..9);
    (any::<i64>(), any::<Option<String>>(), any::<Vec<u8>>(), rows)
        .prop_map(|(number, text, block, rows)| Mixed { number, text, block, rows })
}

proptest! {
    #[test]
    fn a_row_of_values_is_read_back(
        mixed in mixed(),
        bytes: Vec<u8>,
        text: String,
        pair: (u32, bool),
        numbers: (u64, i8, f32),
    ) {
        let (long, short, real) = numbers;
        let boxed: Box<[u8]> = bytes.clone().into();
        let mut row = Encoder::new(1 << 20);
        row.section(&bytes).unwrap();
        row.section(&mixed).unwrap();
        row.section(&text).unwrap();
        row.section(&boxed).unwrap();
        row.section(&long).unwrap();
        row.section(&pair).unwrap();
        row.section(&short).unwrap();
        row.section(&real).unwrap();
        let len = row.len();
        let row = row.into_vec();
        prop_assert_eq!(row.len(), len);

        let mut source = row.as_slice();
        let mut read = Decoder::new(&mut source);
        prop_assert_eq!(read.section::<Vec<u8>>().unwrap(), bytes);
        prop_assert_eq!(read.section::<Mixed>().unwrap(), mixed);
        prop_assert_eq!(read.section::<String>().unwrap(), text);
        prop_assert_eq!(read.section::<Box<[u8]>>().unwrap(), boxed);
        prop_assert_eq!(read.section::<u64>().unwrap(), long);
        prop_assert_eq!(read.section::<(u32, bool)>().unwrap(), pair);
        prop_assert_eq!(read.section::<i8>().unwrap(), short);
        prop_assert_eq!(read.section::<f32>().unwrap().to_bits(), real.to_bits());
        prop_assert!(read.finish::<()>().is_ok());
    }

    #[test]
    fn rubbish_is_an_error_and_never_a_panic(rubbish: Vec<u8>) {
        crate::wire::fuzz::row(&rubbish);
    }

    #[test]
    fn a_row_never_grows_past_its_limit(len in 0_usize..200, limit in 0_usize..200) {
        let numbers: Vec<u16> = vec![7; len];
        let mut row = Encoder::new(limit);

        match row.section(&numbers) {
            Ok(()) => prop_assert!(row.len() <= limit),
            Err(error) => prop_assert_eq!(error, EncodeError::TooLarge { limit }),
        }
    }
}

#[test]
fn what_a_type_says_of_its_failure_is_kept() {
    struct Shy;
    impl Serialize for Shy {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not in the mood"))
        }
    }
    #[derive(Debug)]
    struct Picky;
    impl<'de> Deserialize<'de> for Picky {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Err(serde::de::Error::custom("not this one"))
        }
    }

    let error = Encoder::new(99).section(&Shy).unwrap_err().to_string();
    assert!(error.contains("Shy") && error.contains("not in the mood"), "{error}");
    let mut row = Encoder::new(99);
    row.section(&(5_u8,)).unwrap();
    let row = row.into_vec();
    let error = Decoder::new(&mut row.as_slice()).section::<Picky>().unwrap_err().to_string();
    assert!(error.contains("Picky") && error.contains("not this one"), "{error}");
}

#[test]
fn a_number_is_its_own_bytes() {
    let mut row = Encoder::new(99);
    row.section(&7_u64).unwrap();
    row.section(&9_u16).unwrap();

    assert_eq!(row.into_vec(), [7, 0, 0, 0, 0, 0, 0, 0, 9, 0]);
}

#[test]
fn a_number_that_was_cut_off_is_an_error() {
    let row = [7_u8; 7];

    let error = Decoder::of_bytes(&row).section::<u64>().unwrap_err().to_string();

    assert!(error.contains("u64") && error.contains("ends after 7 of 8 bytes"), "{error}");
}
