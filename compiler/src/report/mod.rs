//! What a compilation tells: the schema of `NAME.plan.json`, from which tables and summaries are made.

mod gains;
mod memory;
mod model;
mod svg;

pub use gains::{LayerGain, layer_gains};
pub use model::{
    BufferReport, CostReport, GroupReport, InputReport, LayerReport, OutputReport, PassReport, PinReport, RangeReport, Report, WeightReads,
};
pub use svg::memory_map;
