//! What a compilation tells: the schema of `NAME.plan.json`, from which tables and summaries are made.

mod model;
mod svg;

pub use model::{BufferReport, InputReport, LayerReport, OutputReport, PassReport, RangeReport, Report};
pub use svg::memory_map;
