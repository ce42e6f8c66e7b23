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

fn main() {
    assert_eq!(square::call(3).unwrap(), 9);
    assert_eq!(both::call(vec![1], (2, 3)).unwrap(), (3, Some(3)));
    assert_eq!(halve::call(8).unwrap(), 4);
    assert_eq!(double::call(8).unwrap() + triple::call(8).unwrap(), 40);
}
