//! Units of Cortex-M cores, by assembly where the crate is built for one with the hard-float ABI, and by portable code elsewhere: the same
//! bits. Stable Rust cannot tell the cores apart, so that the one who names a unit vouches for it.

use super::arithmetic::{Fused, Plain};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mve;

macro_rules! unit {
    ($unit:ty, $fused:literal, $tile:ident, $multiply_add:path, $(($pixels:literal, $channels:literal, $dense:expr, $strided:expr))+) => {
        #[cfg(not(all(target_arch = "arm", target_abi = "eabihf")))]
        by_vectors!($unit, $fused);

        #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
        const _: () = {
            use core::mem::MaybeUninit;

            use $multiply_add as multiply_add;

            use crate::lanes::Vector;
            use crate::lanes::arithmetic::{Taps, sealed::Sums};
            use window::SumLeaf;

            impl Sums for $unit {
                const FUSED: bool = $fused;
                type Prepared = window::Prepared;

                #[inline(always)]
                fn multiply_add<V: Vector>(sum: V, x: V, w: V) -> V {
                    window::lane_by_lane(sum, x, w, multiply_add::<0>)
                }

                #[inline(always)]
                fn prepare<V: Vector, const B: usize, const N: usize, const DENSE: bool>(
                    bias: *const f32,
                    first: Taps,
                    second: Option<Taps>,
                ) -> window::Prepared {
                    window::Prepared::new::<N, DENSE>(bias, first, second)
                }

                #[inline(always)]
                unsafe fn sums<V: Vector, const T: usize, const B: usize, const N: usize, const DENSE: bool, const SPLIT: bool>(
                    prepared: &window::Prepared,
                    x: impl Fn(usize) -> [*const f32; T],
                    sums: &mut MaybeUninit<[[V; B]; T]>,
                ) {
                    $(if T == $pixels && N == $channels && B * V::LANES == N {
                        let leaves: [SumLeaf; 2] = if DENSE { $dense } else { $strided };
                        // SAFETY: the caller's contract; the leaves are those for such tiles and channels.
                        return unsafe { prepared.by_leaf::<V, T, B, SPLIT>(x, leaves, sums) };
                    })+
                    // SAFETY: the caller's contract.
                    sums.write(unsafe { prepared.by_vectors::<Self, V, T, B, N, DENSE, SPLIT>(x) });
                }

                #[inline(always)]
                fn relu<V: Vector, const T: usize, const B: usize>(sums: &mut [[V; B]; T]) {
                    if T * B * V::LANES == $tile::SUMS {
                        // SAFETY: vectors of `f32` that are as many values as the leaf takes.
                        unsafe { $tile::relu::<0>(sums.as_mut_ptr().cast()) };
                    } else {
                        for vector in sums.as_flattened_mut() {
                            *vector = vector.relu();
                        }
                    }
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
    (4, 4, [vfp::plain::dense::<0>, vfp::plain::dense_on::<0>], [vfp::plain::strided::<0>, vfp::plain::strided_on::<0>])
    // The bias of one pixel is as long as its sums.
    (1, 16, [vfp::plain::single_dense::<0>; 2], [vfp::plain::single_strided::<0>; 2])
);
unit!(
    Vfp<Fused>,
    true,
    vfp,
    vfp::fused::multiply_add,
    (4, 4, [vfp::fused::dense::<0>, vfp::fused::dense_on::<0>], [vfp::fused::strided::<0>, vfp::fused::strided_on::<0>])
    // The bias of one pixel is as long as its sums.
    (1, 16, [vfp::fused::single_dense::<0>; 2], [vfp::fused::single_strided::<0>; 2])
);
unit!(Mve, true, mve, vfp::fused::multiply_add, (3, 8, [mve::dense::<0>, mve::dense_on::<0>], [mve::strided::<0>, mve::strided_on::<0>]));
