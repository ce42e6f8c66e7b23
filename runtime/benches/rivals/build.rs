//! Tells the benchmark that the rivals are there.

fn main() {
    println!("cargo::rustc-cfg=rivals");
    println!("cargo::rustc-check-cfg=cfg(rivals)");
}
