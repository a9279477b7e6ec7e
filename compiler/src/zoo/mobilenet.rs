//! MobileNetV2 of width 0.35.
//!
//! The paper's channels times 0.35, rounded to multiples of 8, the last convolution's as well, as in the models of MCUNet's authors for
//! microcontrollers; other published ones keep 1280 channels there.

use super::inverted_residual::{Architecture, block};

/// Its 17 blocks: the paper's seven stages, of one to four blocks each.
pub(super) const MOBILENET_V2: Architecture = Architecture {
    name: "mobilenetv2",
    stem: 16,
    blocks: &[
        block(1, 8, 3, 1),
        block(6, 8, 3, 2),
        block(6, 8, 3, 1),
        block(6, 16, 3, 2),
        block(6, 16, 3, 1),
        block(6, 16, 3, 1),
        block(6, 24, 3, 2),
        block(6, 24, 3, 1),
        block(6, 24, 3, 1),
        block(6, 24, 3, 1),
        block(6, 32, 3, 1),
        block(6, 32, 3, 1),
        block(6, 32, 3, 1),
        block(6, 56, 3, 2),
        block(6, 56, 3, 1),
        block(6, 56, 3, 1),
        block(6, 112, 3, 1),
    ],
    head: Some(448),
};
