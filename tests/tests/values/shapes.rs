//! Types: those that are nothing but bytes, those that hold bytes, and all that serde knows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use procession::{Process, process};
use procession_tests::{BOTH, value_of};
use serde::{Deserialize, Serialize};

#[process]
fn same_bytes(value: Vec<u8>) -> Vec<u8> {
    value
}

#[process]
fn same_box(value: Box<[u8]>) -> Box<[u8]> {
    value
}

#[process]
fn same_text(value: String) -> String {
    value
}

#[process]
fn same_pair(left: Vec<u8>, right: String) -> (Vec<u8>, String) {
    (left, right)
}

#[process]
fn same_nested(value: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    value
}

fn assert_same<P>(value: P::Input)
where
    P: Process,
    P::Input: Clone + Debug + PartialEq<P::Output>,
    P::Output: Debug,
{
    for over in BOTH {
        let back = value_of(over.builder::<P>().spawn(value.clone()).unwrap()).unwrap();
        assert!(value == back, "{over:?}: not what was sent");
    }
}

#[test]
fn bytes_and_texts_cross_as_they_are() {
    for size in [0, 1, 20_000, 300_000] {
        let bytes: Vec<u8> = (0..size).map(|n| n as u8).collect();
        let text = "aä€🦀".repeat(size / 10);
        assert_same::<same_bytes>(bytes.clone());
        assert_same::<same_box>(bytes.clone().into_boxed_slice());
        assert_same::<same_text>(text.clone());
        assert_same::<same_pair>((bytes.clone(), text));
        assert_same::<same_nested>(Some(vec![bytes.clone(), vec![], bytes]));
        assert_same::<same_nested>(None);
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Image {
    width: u32,
    #[serde(with = "procession::bytes")]
    pixels: Vec<u8>,
    #[serde(with = "procession::bytes")]
    mask: Box<[u8]>,
    plain: Vec<u8>,
    below: Vec<Image>,
}

#[process]
fn same_image(value: Image) -> Image {
    value
}

#[test]
fn byte_fields_cross_wherever_they_are() {
    for size in [0, 1, 50_000, 3_000_000] {
        let small = Image {
            width: 1,
            pixels: vec![1; size],
            mask: vec![2; size / 2].into(),
            plain: vec![3; size / 30],
            below: vec![],
        };
        let large = Image { below: vec![small.clone(), small.clone()], ..small };
        assert_same::<same_image>(large);
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Everything {
    Unit,
    New(Box<Everything>),
    Tuple(i8, i16, i32, i64, i128),
    Struct { a: u8, b: u16, c: u32, d: u64, e: u128 },
    Floats(f32, f64),
    Text(char, String, Option<()>),
    Maps(BTreeMap<String, Vec<u16>>, HashMap<u64, bool>, HashSet<char>),
    Std(PathBuf, Duration, SystemTime, std::net::IpAddr, Result<u8, String>),
}

#[process]
fn same_things(value: Vec<Everything>) -> Vec<Everything> {
    value
}

#[test]
fn all_that_serde_knows_crosses() {
    assert_same::<same_things>(vec![
        Everything::Unit,
        Everything::New(Box::new(Everything::New(Box::new(Everything::Unit)))),
        Everything::Tuple(i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN),
        Everything::Struct { a: u8::MAX, b: u16::MAX, c: u32::MAX, d: u64::MAX, e: u128::MAX },
        Everything::Floats(f32::MIN_POSITIVE, f64::INFINITY),
        Everything::Text('\u{10ffff}', String::new(), Some(())),
        Everything::Maps(
            [("a".to_owned(), vec![1, 2]), (String::new(), vec![])].into(),
            (0..100).map(|n| (n, n % 2 == 0)).collect(),
            ['x', 'ß'].into(),
        ),
        Everything::Std(
            "/some/where".into(),
            Duration::from_nanos(1),
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000),
            std::net::Ipv6Addr::LOCALHOST.into(),
            Err("no".to_owned()),
        ),
    ]);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Nothing;

#[process]
fn same_nothing(value: Vec<Nothing>, _unit: (), none: [u8; 0]) -> (Vec<Nothing>, [u8; 0]) {
    (value, none)
}

#[test]
fn values_without_a_byte_cross() {
    for over in BOTH {
        let child = over.builder::<same_nothing>().spawn((vec![Nothing; 1_000], (), [])).unwrap();
        assert_eq!(value_of(child).unwrap(), (vec![Nothing; 1_000], []));
    }
}
