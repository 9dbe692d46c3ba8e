//! How tests and benchmarks are linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // As Vector is linked: a Lua module finds Lua's functions in the program that loads it.
    for kind in ["tests", "benches"] {
        println!("cargo:rustc-link-arg-{kind}=-rdynamic");
    }
}
