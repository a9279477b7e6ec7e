//! What a convolution over `f32` does with the sums of a tile: adds a residual, applies the activation, pools, stores.

use super::activation::Activation;
use crate::lanes::arithmetic::sealed::Sums;
use crate::lanes::arithmetic::{Ends, Half, Pixel, Strip, load};
use crate::lanes::{MOST_LANES, Vector};
use crate::views::Pixels;

/// [`Sums::finish`].
///
/// # Safety
/// As there.
#[inline(always)]
pub(crate) unsafe fn finish<A: Sums<Sum<V> = V>, V: Vector, const T: usize, const B: usize>(
    ends: &impl Ends<Activation>,
    strip: Strip,
    pixels: [Pixel<f32, f32>; T],
    sums: &mut [[V; B]; T],
) {
    // SAFETY: the caller's contract.
    unsafe {
        if let Some(map) = ends.residual() {
            for t in 0..T {
                let r = pixels[t].r;
                let values: [V; B] = if strip.whole && map.channel == 1 { load(r) } else { gather(r, map, strip.valid) };
                for b in 0..B {
                    sums[t][b] = sums[t][b].add(values[b]);
                }
            }
        }
        activate::<A, V, T, B>(*ends.epilogue(), sums);
        if strip.whole {
            for t in 0..T {
                for b in 0..B {
                    sums[t][b].store(pixels[t].y.add(b * V::LANES));
                }
            }
        } else {
            for t in 0..T {
                scatter(&sums[t], pixels[t].y, ends.output(), strip.valid);
            }
        }
    }
}

/// Applies an activation to the sums of a tile.
#[inline(always)]
pub(crate) fn activate<A: Sums, V: Vector, const T: usize, const B: usize>(activation: Activation, sums: &mut [[V; B]; T]) {
    match activation {
        Activation::Identity => {}
        Activation::Relu => A::relu(sums),
        Activation::Clip(low, high) => A::clip(sums, low, high),
        other => other.apply_to(sums),
    }
}

/// [`Sums::finish_pooled`].
///
/// # Safety
/// As there.
#[inline(always)]
pub(crate) unsafe fn finish_pooled<A: Sums<Sum<V> = V>, V: Vector, const T: usize, const B: usize>(
    ends: &impl Ends<Activation>,
    strip: Strip,
    whole: bool,
    halves: &[[Half<f32>; 2]; T],
    sums: &mut [[V; B]; T],
) {
    let max = ends.is_max();
    activate::<A, V, T, B>(*ends.epilogue(), sums);
    for ([a, b, c, d], [first, second]) in sums.as_chunks::<4>().0.iter().zip(halves) {
        let mut result = begun(max, a);
        if first.pair {
            join(max, &mut result, b);
        }
        // SAFETY: the caller's contract.
        unsafe {
            if whole {
                join(max, &mut result, c);
                join(max, &mut result, d);
                complete(ends, strip, 4.0, result, first);
            } else {
                complete(ends, strip, if first.pair { 2.0 } else { 1.0 }, result, first);
                let mut result = begun(max, c);
                if second.pair {
                    join(max, &mut result, d);
                }
                complete(ends, strip, if second.pair { 2.0 } else { 1.0 }, result, second);
            }
        }
    }
}

/// A window of one value; a sum starts from zero as that of `Pool2d` does.
#[inline(always)]
fn begun<V: Vector, const B: usize>(max: bool, value: &[V; B]) -> [V; B] {
    let mut result = *value;
    if !max {
        result = [V::splat(0.0); B];
        join(max, &mut result, value);
    }
    result
}

/// Takes a value into a window's result.
#[inline(always)]
fn join<V: Vector, const B: usize>(max: bool, result: &mut [V; B], value: &[V; B]) {
    for b in 0..B {
        result[b] = if max { result[b].max(value[b]) } else { result[b].add(value[b]) };
    }
}

/// Divides the sum of an average by `count`, and stores the channels of a pixel.
///
/// # Safety
/// As [`finish_pooled`].
#[inline(always)]
unsafe fn complete<V: Vector, const B: usize>(
    ends: &impl Ends<Activation>,
    strip: Strip,
    count: f32,
    mut result: [V; B],
    half: &Half<f32>,
) {
    if !ends.is_max() {
        for b in 0..B {
            result[b] = result[b].divide(V::splat(count));
        }
    }
    // SAFETY: the caller's contract.
    unsafe {
        if strip.whole {
            for b in 0..B {
                result[b].store(half.y.add(b * V::LANES));
            }
        } else {
            scatter(&result, half.y, ends.output(), strip.valid);
        }
    }
}

/// The most lanes that a tile has in one pixel's vectors: four of the widest.
const MOST: usize = 4 * MOST_LANES;

/// `valid` channels of a pixel, then zeros.
///
/// # Safety
/// `r` is readable for `valid` channels of a pixel of `map`.
#[inline(always)]
unsafe fn gather<V: Vector, const B: usize>(r: *const f32, map: &Pixels, valid: usize) -> [V; B] {
    let mut lanes = [0.0; MOST];
    for n in 0..valid.min(B * V::LANES) {
        // SAFETY: the caller's contract.
        lanes[n] = unsafe { *r.add(n * map.channel as usize) };
    }
    // SAFETY: the array holds the vectors.
    unsafe { load(lanes.as_ptr()) }
}

/// # Safety
/// `y` is writable for `valid` channels of a pixel of `map`.
#[inline(always)]
unsafe fn scatter<V: Vector, const B: usize>(sums: &[V; B], y: *mut f32, map: &Pixels, valid: usize) {
    let mut lanes = [0.0; MOST];
    for b in 0..B {
        // SAFETY: the array holds the vectors.
        unsafe { sums[b].store(lanes.as_mut_ptr().add(b * V::LANES)) };
    }
    for n in 0..valid.min(B * V::LANES) {
        // SAFETY: the caller's contract.
        unsafe { *y.add(n * map.channel as usize) = lanes[n] };
    }
}
