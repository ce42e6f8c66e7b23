//! A process function can stand wherever a function can but in an `impl`.

use procession::process;

mod outer {
    pub mod inner {
        #[procession::process]
        pub(in crate::outer) fn deep(n: u64) -> u64 {
            n + 1
        }
    }

    #[procession::process]
    pub(super) fn middle(n: u64) -> u64 {
        inner::deep::call(n).unwrap()
    }
}

struct Counter;

impl Counter {
    fn count<T: Into<u64>>(n: T) -> u64 {
        #[process]
        fn helper(n: u64) -> u64 {
            n + 2
        }
        let closure = |n| {
            #[process]
            fn helper(n: u64) -> u64 {
                n + 3
            }
            helper::call(n).unwrap()
        };
        closure(helper::call(n.into()).unwrap())
    }
}

#[cfg(false)]
#[process]
fn chosen(_: Missing) {}

#[process]
#[cfg(false)]
fn chosen(_: Missing) {}

#[process]
#[cfg_attr(true, cfg(false))]
fn chosen(_: Missing) {}

#[process(handle = Chosen)]
#[cfg_attr(true, cfg(true), doc = "The one that is there.", inline)]
fn chosen(r#type: u64) -> u64 {
    r#type
}

#[process]
fn r#match(r#fn: u64) -> u64 {
    r#fn
}

fn main() {
    assert_eq!(outer::middle::call(1).unwrap(), 2);
    assert_eq!(Counter::count(1_u8), 6);
    assert_eq!(Chosen::call(5).unwrap(), 5);
    assert_eq!(r#match::call(5).unwrap(), 5);
}
