//! Mistakes that are not about processes are said as without the attribute.

use procession::process;

mod hidden {
    pub struct Job;
}

#[process]
fn run(job: Missing) -> hidden::Lost {
    job
}

#[process]
fn add(_: u64) -> u64 {
    "1"
}

fn main() {
    let _: Result<u64, _> = add::call("1");
}
