//! Room ipmi.
