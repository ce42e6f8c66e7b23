//! A value that is set once and stays for ever.

use std::marker::PhantomData;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// What `OnceLock` is, for what each worker sets at its start: all of it is compiled into whoever calls
/// it, where what std has lies elsewhere in the program and each start would touch it.
pub(crate) struct SetOnce<T>(AtomicPtr<T>, PhantomData<T>);

impl<T: 'static> SetOnce<T> {
    pub(crate) const fn new() -> Self {
        SetOnce(AtomicPtr::new(null_mut()), PhantomData)
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&'static T> {
        // SAFETY: it is null or was leaked by `set`, which has written it before, and nobody changes it.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    /// What it is; from now on what `make` makes, if it was not set.
    #[inline]
    pub(crate) fn get_or(&self, make: impl Fn() -> T) -> &'static T {
        loop {
            match self.get() {
                Some(value) => return value,
                None => self.set(make()),
            };
        }
    }

    /// Sets it, unless it was set before; whether this did.
    #[inline]
    pub(crate) fn set(&self, value: T) -> bool {
        if self.get().is_some() {
            return false;
        }
        let new = Box::into_raw(Box::new(value));
        let set = self.0.compare_exchange(null_mut(), new, Ordering::Release, Ordering::Relaxed);
        if set.is_err() {
            // SAFETY: it was made from a box just now, and nobody else has seen it.
            drop(unsafe { Box::from_raw(new) });
        }
        set.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::SetOnce;

    #[test]
    fn the_first_value_stays_and_later_ones_are_dropped() {
        static WORD: SetOnce<String> = SetOnce::new();
        assert_eq!(WORD.get(), None);

        let set = std::thread::scope(|scope| {
            let set = ["one", "two"].map(|word| scope.spawn(|| WORD.set(word.to_owned())));
            set.map(|thread| thread.join().unwrap())
        });

        assert_ne!(set[0], set[1]);
        assert_eq!(WORD.get().map(String::as_str), Some(if set[0] { "one" } else { "two" }));
        assert!(!WORD.set("three".to_owned()));
    }
}
