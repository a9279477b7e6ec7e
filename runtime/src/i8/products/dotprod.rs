//! Products of bytes by NEON's dot product: four channels of four filters by those of a pixel at a time.
//!
//! The instruction multiplies bytes with signs. Of a pixel's bytes without signs the upper bit is turned, which takes 128 off each; what
//! that takes off sums is 128 times the sum of a filter's weights, and is added when a run ends. Instructions are by assembly, as their
//! intrinsics are not stable.

use core::arch::aarch64::*;
use core::arch::asm;

use super::QUAD;
use super::neon::{load_sums, load_vector, store_sums, turns};
use crate::element::Element;

pub(super) const PIXELS: usize = 4;
pub(super) const FILTERS: usize = 16;

/// Vectors of four filters.
const VECTORS: usize = FILTERS / 4;

/// [`Products::add_run`](super::sealed::Products::add_run) for bytes.
///
/// # Safety
/// As there, of a tile of `PIXELS` by `FILTERS`, whose sums lie at `sums`.
#[inline(always)]
pub(super) unsafe fn add_run<F: Element>(sums: *mut i32, mut x: [*const u8; PIXELS], mut w: *const i8, len: usize) {
    // SAFETY: the caller's contract: as many sums.
    let mut tile = unsafe {
        Tile {
            sums: core::array::from_fn(|p| core::array::from_fn(|v| load_sums(sums.add(p * FILTERS + 4 * v)))),
            of_weights: [vdupq_n_s8(0); VECTORS].map(|zero| vreinterpretq_s32_s8(zero)),
        }
    };
    let mut left = len;
    while left > 0 {
        let here = left.min(4 * QUAD);
        // SAFETY: the caller's contract: so many channels are left. What is less than a vector is read from copies; weights are filled up with
        // zeros to whole words.
        unsafe {
            let values: [int8x16_t; PIXELS] = x.map(|x| {
                let values = if here == 4 * QUAD {
                    load_vector(x)
                } else {
                    let mut last = [0u8; 4 * QUAD];
                    for (at, value) in last.iter_mut().enumerate().take(here) {
                        *value = *x.wrapping_add(at);
                    }
                    load_vector(last.as_ptr())
                };
                if turns::<F>() { veorq_s8(values, vdupq_n_s8(i8::MIN)) } else { values }
            });
            let words = here.div_ceil(QUAD);
            tile.add::<F, 0>(&values, w);
            if words > 1 {
                tile.add::<F, 1>(&values, w.add(QUAD * FILTERS));
            }
            if words > 2 {
                tile.add::<F, 2>(&values, w.add(2 * QUAD * FILTERS));
            }
            if words > 3 {
                tile.add::<F, 3>(&values, w.add(3 * QUAD * FILTERS));
            }
        }
        x = x.map(|x| x.wrapping_add(here));
        w = w.wrapping_add(4 * QUAD * FILTERS);
        left -= here;
    }
    for (p, here) in tile.sums.into_iter().enumerate() {
        for (v, (here, of_weights)) in here.into_iter().zip(tile.of_weights).enumerate() {
            // SAFETY: as many sums.
            unsafe {
                let here = if turns::<F>() { vaddq_s32(here, vshlq_n_s32::<7>(of_weights)) } else { here };
                store_sums(here, sums.add(p * FILTERS + 4 * v));
            }
        }
    }
}

/// The sums of a tile, and those of the weights.
struct Tile {
    sums: [[int32x4_t; VECTORS]; PIXELS],
    of_weights: [int32x4_t; VECTORS],
}

impl Tile {
    /// Adds the products of the four channels of word `WORD` of the values.
    ///
    /// # Safety
    /// `w` is readable for their weights.
    #[inline(always)]
    unsafe fn add<F: Element, const WORD: i32>(&mut self, values: &[int8x16_t; PIXELS], w: *const i8) {
        let Tile { sums, of_weights } = self;
        for (v, of_weights) in of_weights.iter_mut().enumerate() {
            // SAFETY: the caller's contract; the build enables the instruction, as the `cfg` of this file says.
            unsafe {
                let weights = load_vector(w.add(16 * v).cast());
                if turns::<F>() {
                    let ones = vdupq_n_s8(1);
                    asm!(
                        "sdot {0:v}.4s, {1:v}.16b, {2:v}.16b",
                        inout(vreg) *of_weights, in(vreg) weights, in(vreg) ones,
                        options(pure, nomem, nostack, preserves_flags)
                    );
                }
                for (sums, values) in sums.iter_mut().zip(values) {
                    let Some(sum) = sums.get_mut(v) else { return };
                    asm!(
                        "sdot {0:v}.4s, {1:v}.16b, {2:v}.4b[{word}]",
                        inout(vreg) *sum, in(vreg) weights, in(vreg) *values, word = const WORD,
                        options(pure, nomem, nostack, preserves_flags)
                    );
                }
            }
        }
    }
}
