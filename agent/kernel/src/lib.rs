//! Room kernel.
