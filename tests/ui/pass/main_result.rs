//! `main` keeps what it returns, and can be fallible.

use std::process::Termination;

mod with_code {
    use std::process::ExitCode;

    #[procession::main]
    #[cfg_attr(true, allow(unused))]
    pub(crate) fn main() -> ExitCode {
        #![expect(non_upper_case_globals)]
        static started: bool = true;
        if !started {
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }
}

/// Starts.
#[procession::main(crate = ::procession)]
fn main() -> impl Termination {
    with_code::main()
}
