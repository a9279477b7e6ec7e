//! MCUNet: networks whose kernels, channels and depth were searched for a microcontroller's memory.
//!
//! Lin et al.: "MCUNet: Tiny Deep Learning on IoT Devices", NeurIPS 2020 (arXiv 2007.10319). The blocks are those of the published
//! models (github.com/mit-han-lab/mcunet).

use super::inverted_residual::{Architecture, block};

/// `mcunet-in3`, also `mcunet-320kb-1mb_imagenet`: for 320 KB of RAM and 1 MB of flash.
pub(super) const FOR_320K: Architecture = Architecture {
    name: "mcunet-320k",
    stem: 16,
    blocks: &[
        block(1, 8, 3, 1),
        block(3, 16, 7, 2),
        block(5, 16, 3, 1),
        block(5, 16, 7, 1),
        block(4, 16, 5, 1),
        block(5, 24, 5, 2),
        block(5, 24, 5, 1),
        block(5, 24, 5, 1),
        block(5, 40, 3, 2),
        block(6, 40, 7, 1),
        block(4, 40, 5, 1),
        block(5, 48, 5, 1),
        block(5, 48, 7, 1),
        block(5, 48, 3, 1),
        block(6, 96, 3, 2),
        block(5, 96, 7, 1),
        block(4, 96, 3, 1),
        block(5, 160, 7, 1),
    ],
    head: None,
};

/// `mcunet-vww1`, also `mcunet-5fps_vww`: whether there is a person ("visual wake words"), five times a second on a Cortex-M7 of 216 MHz.
pub(super) const VISUAL_WAKE_WORDS: Architecture = Architecture {
    name: "mcunet-vww",
    stem: 16,
    blocks: &[
        block(1, 8, 3, 1),
        block(6, 16, 3, 2),
        block(3, 16, 3, 1),
        block(3, 16, 3, 1),
        block(3, 24, 7, 2),
        block(6, 24, 3, 1),
        block(5, 24, 5, 1),
        block(6, 40, 7, 2),
        block(6, 40, 7, 1),
        block(6, 48, 3, 1),
        block(4, 48, 3, 1),
        block(5, 96, 5, 2),
        block(5, 96, 3, 1),
        block(4, 96, 3, 1),
        block(3, 160, 7, 1),
    ],
    head: None,
};
