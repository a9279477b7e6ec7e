//! Units of Cortex-M cores, by assembly where the crate is built for one with the hard-float ABI, and by portable code elsewhere: the same
//! bits. Stable Rust cannot tell the cores apart, so that the one who names a unit vouches for it.

use super::arithmetic::{Fused, Plain};

/// Assembles an instruction that not every core has into a section that is never loaded, so that a build for the wrong core is refused.
#[cfg(target_arch = "arm")]
macro_rules! requires {
    ($instruction:literal, $target:literal) => {
        concat!(
            ".pushsection .peleec.requires, \"\", %progbits\n",
            $instruction,
            " @ a module for this core is built with `--target ",
            $target,
            "`\n",
            ".popsection",
        )
    };
}
#[cfg(target_arch = "arm")]
pub(crate) use requires;

/// What a leaf for the vector unit begins with.
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
macro_rules! cortex_m55 {
    () => {
        concat!(crate::lanes::cortex::requires!("tt r0, r0", "thumbv8m.main-none-eabihf"), "\n.cpu cortex-m55")
    };
}
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
pub(crate) use cortex_m55;

#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
mod channelwise;
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
mod mve;
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
mod vfp;
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
mod window;

/// The class `C`, by the scalar floating-point unit of Cortex-M4F, M7 and M33.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vfp<C>(pub C);

/// The class [`Fused`], by the vector unit of Cortex-M55.
///
/// As the unit does, it takes subnormal numbers for zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mve;

/// Implements the sums of a unit: of each tile that has leaves its pixels and channels, its narrow tiles, and the leaves for channels that
/// are adjacent and for those that are not: one without a second window, one with, and one for narrow tiles.
macro_rules! unit {
    ($unit:ty, $fused:literal, $tile:ident, $multiply_add:path, channelwise: $one:path, $four:path; $(($pixels:literal, $channels:literal, $narrow:expr, $dense:expr, $strided:expr))+) => {
        #[cfg(not(all(target_arch = "arm", target_abi = "eabihf")))]
        crate::f32::arithmetic::by_vectors!($unit, $fused);

        #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
        const _: () = {
            use core::mem::MaybeUninit;

            use $multiply_add as multiply_add;

            use crate::lanes::Vector;
            use crate::lanes::arithmetic::{ChannelTaps, Narrow, Taps};
            use crate::lanes::arithmetic::sealed::{Channelwise, Sums};
            use window::SumLeaf;

            impl Sums for $unit {
                crate::f32::arithmetic::floats!();

                const FUSED: bool = $fused;
                type Prepared = window::Prepared;

                #[inline(always)]
                fn multiply_add<V: Vector>(sum: V, x: V, w: V) -> V {
                    window::lane_by_lane(sum, x, w, multiply_add::<0>)
                }

                #[inline(always)]
                fn prepare<V: Vector, const T: usize, const B: usize, const N: usize, const DENSE: bool>(
                    bias: *const f32,
                    first: Taps,
                    second: Option<Taps>,
                ) -> window::Prepared {
                    $(if T == $pixels && N == $channels && B * V::LANES == N {
                        return window::Prepared::for_leaf::<N, DENSE>(bias, first, second);
                    })+
                    window::Prepared::for_vectors(bias, first, second)
                }

                #[inline(always)]
                unsafe fn advance<V: Vector, const T: usize, const B: usize, const N: usize>(prepared: &mut window::Prepared, elements: usize) {
                    // SAFETY: the caller's contract: `prepare` chose the same.
                    unsafe {
                        $(if T == $pixels && N == $channels && B * V::LANES == N {
                            return prepared.for_leaf.advance(elements);
                        })+
                        prepared.for_vectors.advance(elements);
                    }
                }

                #[inline(always)]
                fn narrow<V: Vector, const T: usize, const B: usize, const N: usize>() -> Narrow {
                    $(if T == $pixels && N == $channels && B * V::LANES == N {
                        return $narrow;
                    })+
                    Narrow::of_vectors::<V, T, B>()
                }

                #[inline(always)]
                unsafe fn sums<V: Vector, const T: usize, const B: usize, const N: usize, const DENSE: bool, const SPLIT: bool>(
                    prepared: &window::Prepared,
                    x: impl Fn(usize) -> [*const f32; T],
                    narrow: bool,
                    sums: &mut MaybeUninit<[[V; B]; T]>,
                ) {
                    $(if T == $pixels && N == $channels && B * V::LANES == N {
                        let [whole, split, first]: [SumLeaf; 3] = if DENSE { $dense } else { $strided };
                        let leaf = match (SPLIT, narrow) {
                            (false, _) => whole,
                            (true, false) => split,
                            (true, true) => first,
                        };
                        // SAFETY: the caller's contract; the leaf is one for such tiles and channels.
                        return unsafe { prepared.by_leaf::<V, T, B, SPLIT>(x, leaf, sums) };
                    })+
                    // SAFETY: the caller's contract.
                    sums.write(unsafe { prepared.by_vectors::<Self, V, T, B, N, DENSE, SPLIT>(x, narrow) });
                }

                #[inline(always)]
                fn relu<V: Vector, const T: usize, const B: usize>(sums: &mut [[V; B]; T]) {
                    if T * B * V::LANES == $tile::SUMS {
                        // SAFETY: vectors of `f32` that are as many values as the leaf takes.
                        unsafe { $tile::relu::<0>(sums.as_mut_ptr().cast()) };
                    } else {
                        $tile::relu_others(sums.as_flattened_mut());
                    }
                }

                #[inline(always)]
                fn clip<V: Vector, const T: usize, const B: usize>(sums: &mut [[V; B]; T], low: f32, high: f32) {
                    let values = T * B * V::LANES;
                    if values > 0 && values.is_multiple_of(4) {
                        // SAFETY: vectors of `f32` that are as many fours of values as the leaf takes.
                        unsafe { $tile::clip::<0>(sums.as_mut_ptr().cast(), values / 4, low, high) };
                    } else {
                        for vector in sums.as_flattened_mut() {
                            *vector = vector.clip(low, high);
                        }
                    }
                }
            }

            impl Channelwise for $unit {
                #[inline(always)]
                unsafe fn add_taps<V: Vector, const T: usize>(taps: &ChannelTaps, x: [*const f32; T], w: *const f32, sums: &mut [[V; 1]; T]) {
                    // SAFETY: the caller's contract; vectors of four lanes are as many sums as the leaves take.
                    unsafe {
                        match (T, V::LANES) {
                            (1, 4) => $one(taps, x.as_ptr(), w, sums.as_mut_ptr().cast()),
                            (4, 4) => $four(taps, x.as_ptr(), w, sums.as_mut_ptr().cast()),
                            _ => crate::f32::arithmetic::add_taps::<Self, V, T>(taps, x, w, sums),
                        }
                    }
                }

                #[inline(always)]
                fn clip_in_line<V: Vector, const T: usize>(sums: &mut [[V; 1]; T], low: f32, high: f32) {
                    Self::clip(sums, low, high);
                }
            }
        };
    };
}

unit!(
    Vfp<Plain>,
    false,
    vfp,
    vfp::plain::multiply_add,
    channelwise: channelwise::plain::taps_of_one::<0>, channelwise::plain::taps_of_four::<0>;
    (
        4,
        4,
        Narrow { pixels: 1, most: 2 },
        [vfp::plain::dense::<0>, vfp::plain::dense_split::<0>, vfp::plain::first_dense::<0>],
        [vfp::plain::strided::<0>, vfp::plain::strided_split::<0>, vfp::plain::first_strided::<0>]
    )(
        1,
        16,
        Narrow::NONE,
        [vfp::plain::single_dense::<0>, vfp::plain::single_dense_split::<0>, vfp::plain::single_dense_split::<0>],
        [vfp::plain::single_strided::<0>, vfp::plain::single_strided_split::<0>, vfp::plain::single_strided_split::<0>]
    )
);
unit!(
    Vfp<Fused>,
    true,
    vfp,
    vfp::fused::multiply_add,
    channelwise: channelwise::fused::taps_of_one::<0>, channelwise::fused::taps_of_four::<0>;
    (
        4,
        4,
        Narrow { pixels: 1, most: 2 },
        [vfp::fused::dense::<0>, vfp::fused::dense_split::<0>, vfp::fused::first_dense::<0>],
        [vfp::fused::strided::<0>, vfp::fused::strided_split::<0>, vfp::fused::first_strided::<0>]
    )(
        1,
        16,
        Narrow::NONE,
        [vfp::fused::single_dense::<0>, vfp::fused::single_dense_split::<0>, vfp::fused::single_dense_split::<0>],
        [vfp::fused::single_strided::<0>, vfp::fused::single_strided_split::<0>, vfp::fused::single_strided_split::<0>]
    )
);
unit!(
    Mve,
    true,
    mve,
    vfp::fused::multiply_add,
    channelwise: channelwise::mve::taps_of_one::<0>, channelwise::mve::taps_of_four::<0>;
    (
        3,
        8,
        Narrow::NONE,
        [mve::dense::<0>, mve::dense_split::<0>, mve::dense_split::<0>],
        [mve::strided::<0>, mve::strided_split::<0>, mve::strided_split::<0>]
    )
);
