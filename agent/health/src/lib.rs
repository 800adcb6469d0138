//! Room health.
