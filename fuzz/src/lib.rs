//! What the fuzz targets run: one file per room, shared with the rooms' replay tests.

pub mod ipmi;
pub mod model;
