//! Room socle.

fn main() {}
