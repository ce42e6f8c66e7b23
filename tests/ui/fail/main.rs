//! `#[procession::main]` is for the program's `main`.

mod generic {
    #[procession::main(handle = Main)]
    fn main<T>(arguments: Vec<T>) {
        let _ = arguments;
    }
}

mod other {
    #[procession::main]
    pub const unsafe fn start() {}
}

mod asynchronous {
    /// Starts.
    #[procession::main]
    #[allow(unused)]
    async fn main() {}
}

#[procession::main]
struct Program;

fn main() {
    let _ = Program;
}
