//! How sums over `f32` are made of vectors, in both numeric classes.

use crate::lanes::Vector;
use crate::lanes::arithmetic::{ChannelTaps, Fused, Narrow, Plain, Taps, load, sealed};

/// What all arithmetic over `f32` has in common.
macro_rules! floats {
    () => {
        type Input = f32;
        type Weight = f32;
        type Output = f32;
        type Sum<V: crate::lanes::Vector> = V;
        type Epilogue = crate::f32::activation::Activation;
        const IDENTITY: Self::Epilogue = crate::f32::activation::Activation::Identity;
        const WORD: usize = 1;
        const HEADER: usize = 1;

        #[inline(always)]
        unsafe fn finish<V: crate::lanes::Vector, const T: usize, const B: usize>(
            ends: &impl crate::lanes::arithmetic::Ends<Self::Epilogue>,
            strip: crate::lanes::arithmetic::Strip,
            pixels: [crate::lanes::arithmetic::Pixel<f32, f32>; T],
            sums: &mut [[V; B]; T],
        ) {
            // SAFETY: the caller's contract.
            unsafe { crate::f32::epilogue::finish::<Self, V, T, B>(ends, strip, pixels, sums) }
        }

        #[inline(always)]
        unsafe fn finish_pooled<V: crate::lanes::Vector, const T: usize, const B: usize>(
            ends: &impl crate::lanes::arithmetic::Ends<Self::Epilogue>,
            strip: crate::lanes::arithmetic::Strip,
            whole: bool,
            halves: &[[crate::lanes::arithmetic::Half<f32>; 2]; T],
            sums: &mut [[V; B]; T],
        ) {
            // SAFETY: the caller's contract.
            unsafe { crate::f32::epilogue::finish_pooled::<Self, V, T, B>(ends, strip, whole, halves, sums) }
        }
    };
}
pub(crate) use floats;

macro_rules! by_vectors {
    ($class:ty, $fused:literal) => {
        impl crate::lanes::arithmetic::sealed::Sums for $class {
            crate::f32::arithmetic::floats!();

            const FUSED: bool = $fused;
            type Prepared = crate::f32::arithmetic::Prepared;

            #[inline(always)]
            fn prepare<V: crate::lanes::Vector, const T: usize, const B: usize, const N: usize, const DENSE: bool>(
                bias: *const f32,
                first: crate::lanes::arithmetic::Taps,
                second: Option<crate::lanes::arithmetic::Taps>,
            ) -> Self::Prepared {
                crate::f32::arithmetic::Prepared::new(bias, first, second)
            }

            #[inline(always)]
            unsafe fn advance<V: crate::lanes::Vector, const T: usize, const B: usize, const N: usize>(
                prepared: &mut Self::Prepared,
                elements: usize,
            ) {
                prepared.advance(elements);
            }

            #[inline(always)]
            unsafe fn sums<
                V: crate::lanes::Vector,
                const T: usize,
                const B: usize,
                const N: usize,
                const DENSE: bool,
                const SPLIT: bool,
            >(
                prepared: &Self::Prepared,
                x: impl Fn(usize) -> [*const f32; T],
                narrow: bool,
                sums: &mut core::mem::MaybeUninit<[[V; B]; T]>,
            ) {
                // SAFETY: the caller's contract.
                sums.write(unsafe { crate::f32::arithmetic::sums::<Self, V, T, B, N, DENSE, SPLIT>(prepared, x, narrow) });
            }
        }

        impl crate::lanes::arithmetic::sealed::Channelwise for $class {
            #[inline(always)]
            unsafe fn add_taps<V: crate::lanes::Vector, const T: usize>(
                taps: &crate::lanes::arithmetic::ChannelTaps,
                x: [*const f32; T],
                w: *const f32,
                sums: &mut [[V; 1]; T],
            ) {
                // SAFETY: the caller's contract.
                unsafe { crate::f32::arithmetic::add_taps::<Self, V, T>(taps, x, w, sums) }
            }

            #[inline(always)]
            fn clip_in_line<V: crate::lanes::Vector, const T: usize>(sums: &mut [[V; 1]; T], low: f32, high: f32) {
                for [vector] in sums {
                    *vector = vector.clip(low, high);
                }
            }
        }
    };
}
#[cfg(not(all(target_arch = "arm", target_abi = "eabihf")))]
pub(crate) use by_vectors;

by_vectors!(Plain, false);
by_vectors!(Fused, true);

/// [`sealed::Channelwise::add_taps`] with vectors.
///
/// # Safety
/// As there.
#[inline(always)]
pub(crate) unsafe fn add_taps<A: sealed::Sums, V: Vector, const T: usize>(
    taps: &ChannelTaps,
    x: [*const f32; T],
    mut w: *const f32,
    sums: &mut [[V; 1]; T],
) {
    let mut tap = 0_usize;
    for _ in 0..taps.rows {
        for _ in 0..taps.columns {
            // SAFETY: the caller's contract.
            unsafe {
                let weights = V::load(w);
                for t in 0..T {
                    sums[t][0] = A::multiply_add(sums[t][0], V::load(x[t].wrapping_byte_add(tap)), weights);
                }
            }
            tap = tap.wrapping_add(taps.column);
            w = w.wrapping_byte_add(taps.weights_column);
        }
        tap = tap.wrapping_add(taps.row);
        w = w.wrapping_byte_add(taps.weights_row);
    }
}

/// Where tiles that are made of vectors find their bias and their taps.
#[derive(Clone, Copy)]
pub struct Prepared {
    pub(crate) bias: *const f32,
    first: Taps,
    second: Option<Taps>,
}

impl Prepared {
    #[inline(always)]
    pub(crate) fn new(bias: *const f32, first: Taps, second: Option<Taps>) -> Self {
        Prepared { bias, first, second }
    }

    /// Goes on to the bias and the weights `elements` behind.
    #[inline(always)]
    pub(crate) fn advance(&mut self, elements: usize) {
        self.bias = self.bias.wrapping_add(elements);
        self.first.w = self.first.w.wrapping_add(elements);
        if let Some(taps) = &mut self.second {
            taps.w = taps.w.wrapping_add(elements);
        }
    }
}

/// [`sealed::Sums::sums`] with vectors.
///
/// # Safety
/// As there.
#[inline(always)]
pub(crate) unsafe fn sums<
    A: sealed::Sums,
    V: Vector,
    const T: usize,
    const B: usize,
    const N: usize,
    const DENSE: bool,
    const SPLIT: bool,
>(
    prepared: &Prepared,
    x: impl Fn(usize) -> [*const f32; T],
    narrow: bool,
) -> [[V; B]; T] {
    // SAFETY: the caller's contract.
    unsafe {
        match const { Narrow::of_vectors::<V, T, B>() } {
            Narrow { pixels: 1, most: 1.. } if SPLIT && narrow => first_sums::<A, V, T, 1, B, N, DENSE, SPLIT>(prepared, x),
            Narrow { pixels: 2, most: 1.. } if SPLIT && narrow => first_sums::<A, V, T, 2, B, N, DENSE, SPLIT>(prepared, x),
            Narrow { pixels: 4, most: 1.. } if SPLIT && narrow => first_sums::<A, V, T, 4, B, N, DENSE, SPLIT>(prepared, x),
            _ => tile_sums::<A, V, T, B, N, DENSE, SPLIT>(prepared, x),
        }
    }
}

/// The sums of a tile's first `F` pixels; the others have those of the last of them.
///
/// # Safety
/// As [`sealed::Sums::sums`].
#[inline(always)]
unsafe fn first_sums<
    A: sealed::Sums,
    V: Vector,
    const T: usize,
    const F: usize,
    const B: usize,
    const N: usize,
    const DENSE: bool,
    const SPLIT: bool,
>(
    prepared: &Prepared,
    x: impl Fn(usize) -> [*const f32; T],
) -> [[V; B]; T] {
    let first = |segment| {
        let x = x(segment);
        core::array::from_fn(|t| x[t.min(T - 1)])
    };
    // SAFETY: the caller's contract.
    let sums: [[V; B]; F] = unsafe { tile_sums::<A, V, F, B, N, DENSE, SPLIT>(prepared, first) };
    core::array::from_fn(|t| sums[t.min(F - 1)])
}

/// The sums of a tile, all of whose pixels count.
///
/// # Safety
/// As [`sealed::Sums::sums`].
#[inline(always)]
unsafe fn tile_sums<A: sealed::Sums, V: Vector, const T: usize, const B: usize, const N: usize, const DENSE: bool, const SPLIT: bool>(
    Prepared { bias, first, second }: &Prepared,
    x: impl Fn(usize) -> [*const f32; T],
) -> [[V; B]; T] {
    // SAFETY: the offsets are those of the bias's vectors, and of taps and channels that the caller vouches for.
    unsafe {
        let bias: [V; B] = load(*bias);
        let mut sums = [bias; T];
        // One loop over both, so that there is one copy of the loops in it.
        let (mut taps, mut index) = (first, 0);
        loop {
            let x = x(index);
            for ky in 0..taps.count[0] {
                for kx in 0..taps.count[1] {
                    let tap = ky * taps.steps[0] + kx * taps.steps[1];
                    let w = taps.w.wrapping_add(ky * taps.row + kx * taps.depth * N);
                    add_tap::<A, V, T, B, N, DENSE>(&mut sums, &x, taps, tap, w);
                }
            }
            match second {
                Some(second) if SPLIT && index == 0 => (taps, index) = (second, 1),
                _ => break,
            }
        }
        sums
    }
}

/// Adds the products of one tap: the channels at `tap` from every pixel's pointer with the weights at `w`.
///
/// # Safety
/// The pointers of `x` are readable there for all channels, `w` for their weights.
#[inline(always)]
unsafe fn add_tap<A: sealed::Sums, V: Vector, const T: usize, const B: usize, const N: usize, const DENSE: bool>(
    sums: &mut [[V; B]; T],
    x: &[*const f32; T],
    taps: &Taps,
    tap: usize,
    w: *const f32,
) {
    // SAFETY: the caller's contract.
    unsafe {
        let mut ci = 0;
        if DENSE && V::GROUP > 1 {
            let mut x = x.map(|x| x.wrapping_add(tap));
            while ci + V::GROUP <= taps.depth {
                let group = x.each_mut().map(|x| V::next_group(x));
                add_products::<A, 0, _, _, _>(sums, &group, w.add(ci * N));
                add_products::<A, 1, _, _, _>(sums, &group, w.add((ci + 1) * N));
                add_products::<A, 2, _, _, _>(sums, &group, w.add((ci + 2) * N));
                add_products::<A, 3, _, _, _>(sums, &group, w.add((ci + 3) * N));
                ci += V::GROUP;
            }
            // From the pointers that the groups leave: the compiler keeps no others beside them.
            while ci < taps.depth {
                add_channel::<A, _, _, _>(sums, &x, 0, w.add(ci * N));
                x = x.map(|x| x.wrapping_add(1));
                ci += 1;
            }
            return;
        }
        let channel = if DENSE { 1 } else { taps.channel };
        // The colours of a picture: without a loop.
        while !DENSE && ci + 3 <= taps.depth {
            add_channel::<A, _, _, _>(sums, x, tap + ci * channel, w.add(ci * N));
            add_channel::<A, _, _, _>(sums, x, tap + (ci + 1) * channel, w.add((ci + 1) * N));
            add_channel::<A, _, _, _>(sums, x, tap + (ci + 2) * channel, w.add((ci + 2) * N));
            ci += 3;
        }
        while ci < taps.depth {
            add_channel::<A, _, _, _>(sums, x, tap + ci * channel, w.add(ci * N));
            ci += 1;
        }
    }
}

/// Adds the products of one channel: the value at `offset` from every pixel's pointer with the channel's weights.
///
/// # Safety
/// The pointers of `x` are readable there, `w` for `B` vectors.
#[inline(always)]
unsafe fn add_channel<A: sealed::Sums, V: Vector, const T: usize, const B: usize>(
    sums: &mut [[V; B]; T],
    x: &[*const f32; T],
    offset: usize,
    w: *const f32,
) {
    // SAFETY: the caller's contract.
    unsafe {
        let weights: [V; B] = load(w);
        for t in 0..T {
            let x = V::splat(*x[t].wrapping_add(offset));
            for b in 0..B {
                sums[t][b] = A::multiply_add(sums[t][b], x, weights[b]);
            }
        }
    }
}

/// Adds the products of one channel: value `INDEX` of every pixel's group with the channel's weights.
///
/// # Safety
/// `w` is readable for `B` vectors.
#[inline(always)]
unsafe fn add_products<A: sealed::Sums, const INDEX: i32, V: Vector, const T: usize, const B: usize>(
    sums: &mut [[V; B]; T],
    group: &[V::Group; T],
    w: *const f32,
) {
    // SAFETY: the caller's contract.
    let weights: [V; B] = unsafe { load(w) };
    for t in 0..T {
        for b in 0..B {
            let sum = sums[t][b];
            sums[t][b] = if A::FUSED {
                sum.multiply_add_nth::<true, INDEX>(group[t], weights[b])
            } else {
                sum.multiply_add_nth::<false, INDEX>(group[t], weights[b])
            };
        }
    }
}
