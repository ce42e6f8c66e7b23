//! Which `impl` blocks cannot be actors.

use procession::process;

struct Shelf<T>(T);

#[process]
impl<T> Shelf<T> {
    fn new(value: T) -> Self {
        Shelf(value)
    }
}

#[process]
impl Default for Shelf<u8> {
    fn default() -> Self {
        Shelf(0)
    }
}

trait Work {}

#[process]
impl dyn Work {
    fn work(&self) {}
}

#[process]
unsafe impl Send for Shelf<*const u8> {}

struct Page<'a>(std::borrow::Cow<'a, str>);

#[process]
impl Page<'_> {
    fn new(text: String) -> Self {
        Page(text.into())
    }
}

fn main() {
    let _ = Page::new(String::new()).0;
    let _ = Shelf::new(3);
}
