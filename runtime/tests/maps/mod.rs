//! Random maps for the tests of kernels.

#![allow(dead_code, reason = "each test takes what it needs of these")]

use bytemuck::cast_slice;
use peleec_runtime::{Destination, Operands, Pixels, Place};

/// Operands that all lie outside the arena but for the output at its beginning.
pub(crate) fn operands<'a>([x, r, w]: [&'a [f32]; 3], arena: &'a mut [f32]) -> Operands<'a> {
    let arena = bytemuck::cast_slice_mut(arena);
    Operands { arena, x: Place::Outside(cast_slice(x)), r: Place::Outside(cast_slice(r)), w: cast_slice(w), y: Destination::Arena(0) }
}

/// Random numbers, the same in every run.
pub(crate) struct Random(pub(crate) u32);

impl Random {
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % n
    }

    pub(crate) fn values(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.below(2001) as f32 * 1e-3 - 1.0).collect()
    }

    /// A map of the given size, channels-last with a wider pixel, or planar.
    pub(crate) fn map(&mut self, height: u32, width: u32, channels: u32) -> Pixels {
        if self.below(4) == 0 {
            return Pixels { height, width, channels, row: width, pixel: 1, channel: height * width, ring: height };
        }
        let pixel = channels + self.below(3);
        Pixels { height, width, channels, row: width * pixel + self.below(2), pixel, channel: 1, ring: height }
    }
}

/// A dense map that is stored whole.
pub(crate) const fn dense(height: u32, width: u32, channels: u32) -> Pixels {
    Pixels::new([height, width, channels])
}

/// Where element (y, x, c) lies.
pub(crate) fn at(map: &Pixels, y: u32, x: u32, c: u32) -> usize {
    (y % map.ring * map.row + x * map.pixel + c * map.channel) as usize
}

/// Positions of a window of `reach` on `extent` padded on both sides, if it fits.
pub(crate) fn outputs(extent: u32, pad: u32, reach: u32, stride: u32) -> Option<u32> {
    Some((extent + 2 * pad).checked_sub(reach)? / stride + 1)
}
