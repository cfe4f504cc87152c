//! stormtrace

fn main() {}
