//! What cannot cross is said once, at the type that cannot.

use procession::process;
use serde::{Deserialize, Serialize};

pub struct Image;

#[derive(Serialize)]
pub struct Half;

#[derive(Serialize, Deserialize)]
pub struct Whole;

#[process]
pub fn resize(image: Image, by: u64, half: Half, whole: Whole) -> Whole {
    let _ = (image, by, half);
    whole
}

#[process]
pub fn load(path: String) -> Result<Vec<u8>, std::io::Error> {
    std::fs::read(path)
}

#[process]
pub fn sizes(images: Vec<Image>) -> Vec<usize> {
    images.iter().map(size_of_val).collect()
}

fn main() {
    let _ = resize(Image, 2, Half, Whole);
}
