//! Products of bytes by NEON's dot product: four channels of four filters by those of a pixel at a time.
//!
//! The instruction multiplies bytes with signs. Of a pixel's bytes without signs the upper bit is turned, which takes 128 off each; what
//! that takes off sums is 128 times the sum of a filter's weights, and is added when a run ends. Instructions are by assembly, as their
//! intrinsics are not stable.

use core::arch::aarch64::*;
use core::arch::asm;

use crate::element::Element;
use crate::i8::products::neon::{load_sums, load_vector, store_sums, turns};
use crate::i8::products::{QUAD, Runs, signs};

const PIXELS: usize = 4;
const FILTERS: usize = 16;

/// Channels of a vector.
const CHANNELS: usize = 4 * QUAD;

/// Vectors of four filters.
const VECTORS: usize = FILTERS / 4;

/// Whether there are leaves for tiles of `Q` pixels by `N` filters.
pub(super) const fn fits<F: Element, const Q: usize, const N: usize>() -> bool {
    Q == PIXELS && N == FILTERS && signs::<F>().is_some()
}

/// [`Products::add_runs`](crate::i8::products::sealed::Products::add_runs) for bytes.
///
/// # Safety
/// As there, of a tile of `PIXELS` by `FILTERS`, whose sums lie at `sums`.
#[inline(never)]
pub(super) unsafe fn add_runs<F: Element>(sums: *mut i32, x: [*const u8; PIXELS], w: *const i8, runs: Runs) {
    let Runs { count, len, step } = runs;
    // SAFETY: the caller's contract: as many channels, with weights of as many words, at every run.
    unsafe {
        if const { !turns::<F>() } && count > 0 && len > 0 && len.is_multiple_of(CHANNELS) {
            return add_vectors(sums, x, w, runs);
        }
        for run in 0..count {
            add_run::<F>(sums, x.map(|x| x.wrapping_add(run * step)), w.wrapping_add(run * len * FILTERS), len);
        }
    }
}

/// [`add_runs`] for one.
///
/// # Safety
/// As there.
#[inline(always)]
unsafe fn add_run<F: Element>(sums: *mut i32, mut x: [*const u8; PIXELS], mut w: *const i8, len: usize) {
    let mut left = len;
    if const { !turns::<F>() } && left >= CHANNELS {
        let done = left - left % CHANNELS;
        // SAFETY: the caller's contract: so many channels are left.
        unsafe { add_vectors(sums, x, w, Runs { count: 1, len: done, step: 0 }) };
        x = x.map(|x| x.wrapping_add(done));
        w = w.wrapping_add(done * FILTERS);
        left -= done;
        if left == 0 {
            return;
        }
    }
    // SAFETY: the caller's contract: as many sums.
    let mut tile = unsafe {
        Tile {
            sums: core::array::from_fn(|p| core::array::from_fn(|v| load_sums(sums.add(p * FILTERS + 4 * v)))),
            of_weights: [vdupq_n_s8(0); VECTORS].map(|zero| vreinterpretq_s32_s8(zero)),
        }
    };
    while left > 0 {
        let here = left.min(CHANNELS);
        // SAFETY: the caller's contract: so many channels are left. What is less than a vector is the end of one that begins before, or is
        // read from copies; weights are filled up with zeros to whole words.
        unsafe {
            let values: [int8x16_t; PIXELS] = x.map(|x| {
                let values = if here == CHANNELS {
                    load_vector(x)
                } else if len >= CHANNELS {
                    let back = CHANNELS - here;
                    vqtbl1q_s8(load_vector(x.wrapping_sub(back)), vaddq_u8(places(), vdupq_n_u8(back as u8)))
                } else {
                    let mut last = [0u8; CHANNELS];
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
        w = w.wrapping_add(CHANNELS * FILTERS);
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

/// The products of a word of each of four pixels with its weights.
macro_rules! words {
    ($($word:literal)+) => {
        concat!($(
            "ld1 {{v4.16b-v7.16b}}, [{w}], #64\n",
            words!($word: 4 16 20 24 28),
            words!($word: 5 17 21 25 29),
            words!($word: 6 18 22 26 30),
            words!($word: 7 19 23 27 31),
        )+)
    };
    ($word:literal: $weights:literal $a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            "sdot v", $a, ".4s, v", $weights, ".16b, v0.4b[", $word, "]\n",
            "sdot v", $b, ".4s, v", $weights, ".16b, v1.4b[", $word, "]\n",
            "sdot v", $c, ".4s, v", $weights, ".16b, v2.4b[", $word, "]\n",
            "sdot v", $d, ".4s, v", $weights, ".16b, v3.4b[", $word, "]\n",
        )
    };
}

/// [`add_runs`] for whole vectors of channels of bytes with signs. One instruction loads the weights of a word and steps on.
///
/// # Safety
/// As there; there are runs, and none is empty.
#[inline(always)]
unsafe fn add_vectors(sums: *mut i32, [a, b, c, d]: [*const u8; PIXELS], w: *const i8, Runs { count, len, step }: Runs) {
    // SAFETY: the caller's contract.
    unsafe {
        asm!(
            "ld1 {{v16.4s-v19.4s}}, [{sums}], #64",
            "ld1 {{v20.4s-v23.4s}}, [{sums}], #64",
            "ld1 {{v24.4s-v27.4s}}, [{sums}], #64",
            "ld1 {{v28.4s-v31.4s}}, [{sums}]",
            "sub {sums}, {sums}, #192",
            "3:",
            "lsr {vectors}, {len}, #4",
            "2:",
            "ld1 {{v0.16b}}, [{a}], #16",
            "ld1 {{v1.16b}}, [{b}], #16",
            "ld1 {{v2.16b}}, [{c}], #16",
            "ld1 {{v3.16b}}, [{d}], #16",
            words!(0 1 2 3),
            "subs {vectors}, {vectors}, #1",
            "b.ne 2b",
            "subs {count}, {count}, #1",
            "b.eq 4f",
            "add {a}, {a}, {gap}",
            "add {b}, {b}, {gap}",
            "add {c}, {c}, {gap}",
            "add {d}, {d}, {gap}",
            "b 3b",
            "4:",
            "st1 {{v16.4s-v19.4s}}, [{sums}], #64",
            "st1 {{v20.4s-v23.4s}}, [{sums}], #64",
            "st1 {{v24.4s-v27.4s}}, [{sums}], #64",
            "st1 {{v28.4s-v31.4s}}, [{sums}]",
            sums = inout(reg) sums => _, w = inout(reg) w => _, vectors = out(reg) _,
            len = in(reg) len, count = inout(reg) count => _, gap = in(reg) step.wrapping_sub(len),
            a = inout(reg) a => _, b = inout(reg) b => _, c = inout(reg) c => _, d = inout(reg) d => _,
            out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _, out("v7") _,
            out("v16") _, out("v17") _, out("v18") _, out("v19") _, out("v20") _, out("v21") _, out("v22") _, out("v23") _,
            out("v24") _, out("v25") _, out("v26") _, out("v27") _, out("v28") _, out("v29") _, out("v30") _, out("v31") _,
            options(nostack)
        );
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

/// The number of each byte.
#[inline(always)]
fn places() -> uint8x16_t {
    const PLACES: [u8; CHANNELS] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    // SAFETY: as many bytes; the build has NEON.
    unsafe { vreinterpretq_u8_s8(load_vector(PLACES.as_ptr())) }
}
