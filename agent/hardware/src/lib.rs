//! Room hardware.
