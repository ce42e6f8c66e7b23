//! Any value of any shape, over either carrier.

use std::collections::BTreeMap;

use procession::process;
use procession_tests::{BOTH, value_of};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf(i64),
    Text(String),
    Plain(Vec<u8>),
    Bytes(#[serde(with = "procession::bytes")] Vec<u8>),
    Map(BTreeMap<String, Option<f64>>),
    Branch(Vec<Tree>),
}

#[process]
fn same(number: u64, bytes: Vec<u8>, tree: Tree, text: String) -> (u64, Vec<u8>, Tree, String) {
    (number, bytes, tree, text)
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Tree::Leaf),
        ".*".prop_map(Tree::Text),
        bytes().prop_map(Tree::Plain),
        bytes().prop_map(Tree::Bytes),
        proptest::collection::btree_map(".*", proptest::option::of(-1e9..1e9), 0..5)
            .prop_map(Tree::Map),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        proptest::collection::vec(inner, 0..6).prop_map(Tree::Branch)
    })
}

/// Lengths of all magnitudes are equally likely.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    (0_u32..17, any::<u8>(), any::<u32>()).prop_map(|(magnitude, first, seed)| {
        let len = (1 << magnitude) - 1 + seed % (1 << magnitude);
        (0..len).map(|at| first.wrapping_add((at * 31 / 7) as u8)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn whatever_is_sent_comes_back(
        number: u64,
        bytes in bytes(),
        tree in tree(),
        text in ".*",
    ) {
        for over in BOTH {
            let sent = (number, bytes.clone(), tree.clone(), text.clone());
            let child = over.builder::<same>().spawn(sent.clone()).unwrap();
            let back = value_of(child).unwrap();
            prop_assert!(back == sent, "{:?}: not what was sent", over);
        }
    }
}
