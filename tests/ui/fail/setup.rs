//! A setup function has nobody to take from or to return to.

#[procession::setup]
fn logging(level: u8, target: &str) -> Result<(), String> {
    let _ = (level, target);
    Ok(())
}

#[procession::setup]
async unsafe extern "C" fn tracing<T>() {}

#[procession::setup]
fn metrics() -> () {}

fn main() {
    let _ = logging(1, "all");
    metrics();
}
