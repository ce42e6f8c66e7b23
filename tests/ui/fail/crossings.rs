//! What cannot cross to or from a struct actor is said once, at the type that cannot.

use procession::process;
use serde::Serialize;

pub struct Image;

#[derive(Serialize)]
pub struct Half;

pub struct Shelf;

#[process]
impl Shelf {
    pub fn new(image: Image) -> Self {
        let _ = image;
        Shelf
    }

    pub fn put(&mut self, image: Image, half: Half, by: u8) -> Half {
        let _ = (image, by);
        half
    }

    pub fn load(&self, path: String) -> Result<Vec<u8>, std::io::Error> {
        std::fs::read(path)
    }
}

fn main() {}
