//! From floats to bytes after training: what values a network takes is observed on examples, and its convolutions are rewritten to sums of
//! bytes.
//!
//! Weights have a scale an output channel. A concat of what layers produce keeps a scale for each part of it, which the weights of its
//! readers take up, so that joining costs neither accuracy nor time.
//!
//! Weights go to the nearest byte, or are rounded by GPTQ on the examples (`gptq`); ranges are all that was observed, or those of the least
//! error (`least_error`).

mod calibration;
mod gptq;
mod least_error;
mod observation;
mod rewrite;
mod rounded;
mod terms;

pub use calibration::{Calibration, Range};
pub use gptq::Batch;
pub use least_error::Errors;
pub use observation::Observer;
pub(crate) use observation::return_all;
pub(crate) use rewrite::quantize;
pub use rounded::Rounded;
