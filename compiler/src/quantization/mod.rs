//! From floats to bytes after training: what values a network takes is observed on examples, and its convolutions are rewritten to sums of
//! bytes.
//!
//! Weights have a scale an output channel. A concat of what layers produce keeps a scale for each part of it, which the weights of its
//! readers take up, so that joining costs neither accuracy nor time; who asks for it gets one scale for all parts (`shared`). A 2x2 average
//! behind a 1x1 convolution is one of its sums, which become bytes of the average's scale at once.
//!
//! Weights go to the nearest byte, or are rounded by GPTQ on the examples (`gptq`); ranges are all that was observed, or those of the least
//! error (`least_error`).

mod border;
pub(crate) mod calibration;
pub(crate) mod gptq;
pub(crate) mod least_error;
mod product;
pub(crate) mod rewrite;
mod rounded;
pub(crate) mod shared;
mod terms;

pub(crate) use border::{Border, quantize_outputs};
pub use calibration::{Calibration, Range};
pub use gptq::Batch;
pub use least_error::Errors;
pub(crate) use rewrite::quantize;
use rewrite::steps;
pub use rounded::Rounded;
