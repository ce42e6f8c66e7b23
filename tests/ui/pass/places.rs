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

struct Chooser;

#[process]
#[cfg(false)]
impl Chooser {
    fn new(_: Missing) -> Self {}
}

#[process(handle = r#Choice)]
#[cfg_attr(true, cfg(true))]
impl Chooser {
    const NUMBER: u8 = 7;

    pub fn new() -> Self {
        Chooser
    }

    pub fn number(&self) -> u8 {
        Self::NUMBER
    }
}

struct Page<'a>(std::borrow::Cow<'a, str>);

#[process]
impl Page<'static> {
    #![allow(dead_code, reason = "an attribute can stand here")]

    fn new(text: String) -> Self {
        Page(text.into())
    }

    fn text(&self) -> String {
        self.0.to_string()
    }
}

mod shelves {
    #[allow(non_camel_case_types, reason = "is on purpose")]
    pub(crate) struct r#async<T>(pub(crate) T);
}

#[process]
impl shelves::r#async<Vec<u8>> {
    fn r#new(r#type: u8) -> Self {
        shelves::r#async(vec![r#type])
    }

    fn r#match(&self, r#fn: u8) -> u8 {
        self.0[0] + r#fn
    }
}

fn within<T: Into<u8>>(n: T) -> u8 {
    struct Inner(u8);
    #[process]
    impl Inner {
        fn new(n: u8) -> Self {
            Inner(n)
        }

        fn number(&self) -> u8 {
            self.0
        }
    }
    let closure = |n| {
        struct Inner(u8);
        #[process]
        impl Inner {
            fn new(n: u8) -> Inner {
                Inner(n + 1)
            }

            fn number(&self) -> u8 {
                self.0
            }
        }
        Inner::spawn(n).unwrap().number().unwrap()
    };
    closure(Inner::spawn(n.into()).unwrap().number().unwrap())
}

fn main() {
    let choice: Choice = Chooser::spawn().unwrap();
    assert_eq!(choice.number().unwrap(), 7);
    let shelf: asyncHandle = shelves::r#async::spawn(3).unwrap();
    assert_eq!(shelf.r#match(4).unwrap(), 7);
    assert_eq!(within(1_u8), 2);
    assert_eq!(Page::spawn("a".into()).unwrap().text().unwrap(), "a");
    assert_eq!(outer::middle::call(1).unwrap(), 2);
    assert_eq!(Counter::count(1_u8), 6);
    assert_eq!(Chosen::call(5).unwrap(), 5);
    assert_eq!(r#match::call(5).unwrap(), 5);
}
