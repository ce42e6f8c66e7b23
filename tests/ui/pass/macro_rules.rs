//! Functions, their parts and the path of the runtime can come out of a macro.

mod reexporting {
    #[doc(hidden)]
    pub use ::procession as runtime;

    macro_rules! isolated {
        ($(#[$attribute:meta])* $visibility:vis fn $name:ident($($argument:ident: $ty:ty),*) -> $output:ty $body:block) => {
            #[$crate::reexporting::runtime::process(crate = $crate::reexporting::runtime)]
            $(#[$attribute])*
            $visibility fn $name($($argument: $ty),*) -> $output $body
        };
    }
    pub(crate) use isolated;
}

use reexporting::isolated;

isolated! {
    /// Squares.
    pub(crate) fn square(n: u64) -> u64 {
        n * n
    }
}

isolated! {
    fn both(a: Vec<u64>, b: (u64, u64)) -> (u64, Option<u64>) { (a[0] + b.0, Some(b.1)) }
}

macro_rules! whole {
    ($function:item) => {
        #[procession::process]
        $function
    };
}

whole! {
    fn halve(n: u64) -> u64 {
        n / 2
    }
}

macro_rules! each {
    ($($name:ident = $factor:literal),*) => {$(
        #[procession::process]
        fn $name(n: u64) -> u64 {
            let factor = $factor;
            n * factor
        }
    )*};
}

each!(double = 2, triple = 3);

macro_rules! counter {
    ($name:ident, $field:ident: $ty:ty, $add:ident) => {
        struct $name {
            $field: $ty,
        }

        #[reexporting::runtime::process(crate = $crate::reexporting::runtime)]
        impl $name {
            fn new($field: $ty) -> Self {
                $name { $field }
            }

            fn $add(&mut self, reply: $ty) -> $ty {
                self.$field += reply;
                self.$field
            }

            #[stop]
            fn end(&mut self) {}
        }
    };
}

counter!(Counter, total: i64, add);

macro_rules! whole_block {
    ($block:item) => {
        #[procession::process(handle = Owner)]
        $block
    };
}

struct Whole;

whole_block! {
    impl Whole {
        fn new() -> Self {
            Whole
        }

        fn one(&self) -> u8 {
            1
        }

        #[stop]
        fn end(self) {}
    }
}

fn main() {
    assert_eq!(Counter::spawn(3).unwrap().add(4).unwrap(), 7);
    let whole: Owner = Whole::spawn().unwrap();
    assert_eq!(whole.one().unwrap(), 1);
    assert_eq!(square::call(3).unwrap(), 9);
    assert_eq!(both::call(vec![1], (2, 3)).unwrap(), (3, Some(3)));
    assert_eq!(halve::call(8).unwrap(), 4);
    assert_eq!(double::call(8).unwrap() + triple::call(8).unwrap(), 40);
}
