//! Nothing is taken from the user's prelude, and the user's own names do not get in the way.

#![no_implicit_prelude]
#![allow(dead_code, reason = "the names are there to be in the way")]

use ::procession::process;

mod core {}
mod std {}
struct Result;
struct Option;
enum Builder {}
fn drop() {}

/// Squares.
#[process]
pub fn square(n: u64) -> u64 {
    n * n
}

/// Takes any number.
#[process]
pub fn sum(a: u64, b: ::std::vec::Vec<u64>) -> ::std::option::Option<u64> {
    let mut sum = a;
    for n in b {
        sum = u64::checked_add(sum, n)?;
    }
    ::std::option::Option::Some(sum)
}

#[process]
fn echo(mailbox: ::procession::Mailbox<::procession::Reply<u8>>) {
    for reply in mailbox {
        reply.send(1);
    }
}

/// Counts.
pub struct Counter(u64);

/// A type that is called like what is needed for every actor.
type Reply = u64;

#[process]
impl Counter {
    /// Counts from here.
    pub fn new(start: Reply) -> ::std::result::Result<Self, ::std::string::String> {
        ::std::result::Result::Ok(Counter(start))
    }

    /// Counts on.
    pub fn add(&mut self, n: u64, _: ::std::vec::Vec<u8>) -> ::std::option::Option<u64> {
        self.0 += n;
        ::std::option::Option::Some(self.0)
    }

    #[stop]
    fn end(self) {}
}

#[::procession::setup]
fn logging() {}

#[::procession::main]
fn main() {
    ::std::assert_eq!(square::call(3).unwrap(), 9);
    let counter = Counter::spawn(3).unwrap();
    ::std::assert_eq!(counter.add(4, ::std::vec![]).unwrap(), ::std::option::Option::Some(7));
    ::std::assert_eq!(echo::spawn().unwrap().ask(|reply| reply).unwrap(), 1);
    ::std::assert_eq!(sum::call(1, ::std::vec![2, 3]).unwrap().unwrap(), 6);
}
