//! The book. Its chapters are the `.md` files here; `mdbook serve book` shows them.
//!
//! This crate has them read as documentation, so that `cargo test -p procession-book` compiles and
//! runs every program in them, and the README's as well.

#[cfg(doctest)]
mod chapters {
    #[doc = include_str!("../../README.md")]
    mod readme {}

    #[doc = include_str!("introduction.md")]
    mod introduction {}

    #[doc = include_str!("getting-started.md")]
    mod getting_started {}

    #[doc = include_str!("processes.md")]
    mod processes {}

    #[doc = include_str!("output.md")]
    mod output {}

    #[doc = include_str!("limits.md")]
    mod limits {}

    #[doc = include_str!("how-processes-end.md")]
    mod how_processes_end {}

    #[doc = include_str!("pools.md")]
    mod pools {}

    #[doc = include_str!("actors.md")]
    mod actors {}

    #[doc = include_str!("mailboxes.md")]
    mod mailboxes {}

    #[doc = include_str!("addresses.md")]
    mod addresses {}

    #[doc = include_str!("supervision.md")]
    mod supervision {}

    #[doc = include_str!("monitors.md")]
    mod monitors {}

    #[doc = include_str!("coming-from-python.md")]
    mod coming_from_python {}

    #[doc = include_str!("tests-and-libraries.md")]
    mod tests_and_libraries {}
}
