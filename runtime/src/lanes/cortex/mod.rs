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
    ($unit:ty, $fused:literal, $tile:ident, $multiply_add:path, $(($pixels:literal, $channels:literal, $dense:path, $strided:path))+) => {
        #[cfg(not(all(target_arch = "arm", target_abi = "eabihf")))]
        by_vectors!($unit, $fused);

        #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
        const _: () = {
            use $multiply_add as multiply_add;

            use crate::lanes::Vector;
            use crate::lanes::arithmetic::{Taps, sealed::Sums};

            impl Sums for $unit {
                const FUSED: bool = $fused;
                type Prepared = window::Prepared;

                #[inline(always)]
                fn multiply_add<V: Vector>(sum: V, x: V, w: V) -> V {
                    window::lane_by_lane(sum, x, w, multiply_add::<0>)
                }

                #[inline(always)]
                unsafe fn prepare<V: Vector, const T: usize, const B: usize, const N: usize, const DENSE: bool>(
                    bias: *const f32,
                    first: Taps,
                    second: Option<Taps>,
                ) -> window::Prepared {
                    let has_leaf = $(T == $pixels && N == $channels && B * V::LANES == N)||+;
                    // SAFETY: the caller's contract.
                    unsafe { window::Prepared::new::<T, N, DENSE>(bias, first, second, has_leaf) }
                }

                #[inline(always)]
                unsafe fn sums<V: Vector, const T: usize, const B: usize, const N: usize, const DENSE: bool>(
                    prepared: &window::Prepared,
                    x: impl Fn(usize) -> [*const f32; T],
                ) -> [[V; B]; T] {
                    $(if T == $pixels && N == $channels && B * V::LANES == N {
                        let leaf = if DENSE { $dense } else { $strided };
                        // SAFETY: the caller's contract; the leaf is the one for such tiles and channels.
                        return unsafe { prepared.by_leaf(x, leaf) };
                    })+
                    // SAFETY: the caller's contract.
                    unsafe { prepared.by_vectors::<Self, V, T, B, N, DENSE>(x) }
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
    (4, 4, vfp::plain::dense::<0>, vfp::plain::strided::<0>)(1, 16, vfp::plain::single_dense::<0>, vfp::plain::single_strided::<0>)
);
unit!(
    Vfp<Fused>,
    true,
    vfp,
    vfp::fused::multiply_add,
    (4, 4, vfp::fused::dense::<0>, vfp::fused::strided::<0>)(1, 16, vfp::fused::single_dense::<0>, vfp::fused::single_strided::<0>)
);
unit!(Mve, true, mve, vfp::fused::multiply_add, (3, 8, mve::dense::<0>, mve::strided::<0>));
