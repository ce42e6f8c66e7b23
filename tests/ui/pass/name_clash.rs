//! A function that shares its name with a module or crate names its type otherwise.

mod resize {
    #[procession::process(handle = Resize)]
    pub fn resize(width: u32) -> u32 {
        width / 2
    }

    #[procession::process(handle = Serde,)]
    pub fn serde(width: u32) -> u32 {
        width / 4
    }
}

use resize::{Resize, Serde, resize, serde};
use serde::Serialize;

fn serializable<T: Serialize>(value: T) -> T {
    value
}

fn main() {
    assert_eq!(resize(8), 4);
    assert_eq!(resize::resize(8), 4);
    assert_eq!(Resize::call(8).unwrap(), 4);
    assert_eq!(serializable(serde(8)), Serde::call(8).unwrap());
}
