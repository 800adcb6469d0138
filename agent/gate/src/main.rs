//! Room gate.

fn main() {}
