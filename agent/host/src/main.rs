//! Room host.

fn main() {}
