//! An actor has one constructor, which the block shows.

use procession::process;

struct Nothing;

#[process]
impl Nothing {
    fn start(&self) {}
}

struct Boxed;

#[process]
impl Boxed {
    fn new() -> Box<Self> {
        Box::new(Boxed)
    }
}

struct Several;

#[process(timeout = "2s")]
impl Several {
    fn new() -> Self {
        Several
    }

    fn try_new() -> Result<Several, String> {
        Ok(Several)
    }

    fn spawn() {}
}

struct Silent;

struct Why;

#[process]
impl Silent {
    fn new() -> Result<Self, Why> {
        Err(Why)
    }
}

struct Slow;

#[process]
impl Slow {
    async fn new(wait: &str) -> Slow {
        let _ = wait;
        Slow
    }
}

fn main() {
    let _ = (Nothing, Boxed::new(), Several::new(), Slow::new(""));
}
