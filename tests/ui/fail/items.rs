//! The attributes go on functions, and one of them on `impl` blocks.

use procession::process;

#[process]
pub struct Job {
    pub size: u64,
}

#[process]
mod jobs {}

#[process]
unsafe trait Work {}

#[process]
const LIMIT: u64 = 5;

#[procession::setup]
impl Job {
    fn size(&self) -> u64 {
        self.size
    }
}

#[procession::setup]
static LEVEL: u8 = 3;

trait Handler {
    #[process]
    fn handle(job: u64) -> u64;
}

fn main() {
    let job = Job { size: LIMIT };
    let _ = (job.size(), LEVEL);
}
