//! The `logtriage` command.
fn main() {}
