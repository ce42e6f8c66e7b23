//! What a method of an actor cannot be.

use procession::{Mailbox, process};

struct Shelf;

#[process]
impl Shelf {
    pub fn new<'a>(_: &'a str) -> Self {
        Shelf
    }

    fn spawn(&self) {}

    async fn wait(&self) {}

    unsafe fn poke(&self) {}

    extern "C" fn call(&self) {}

    fn generic<T>(&mut self, _: T)
    where
        T: Sized,
    {
    }

    fn name(&self) -> &str {
        "shelf"
    }

    fn take(&self, (a, b): (u8, u8), text: &str, any: impl Sized) -> impl Sized {
        let _ = (a, b, text, any);
    }

    fn into(self) {}

    fn boxed(self: Box<Self>) {}

    fn read(&mut self, mailbox: Mailbox<u8>) {
        let _ = mailbox;
    }

    const fn length(&self) -> usize {
        3
    }
}

fn main() {
    let _ = Shelf::new("").length();
}
