//! kfm, the operator command.
fn main() {}
