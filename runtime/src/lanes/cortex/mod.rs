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
    ($unit:ty, $fused:literal, $tile:ident, $leaves:path, $multiply_add:path) => {
        #[cfg(not(all(target_arch = "arm", target_abi = "eabihf")))]
        by_vectors!($unit, $fused);

        #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
        const _: () = {
            use $leaves as leaves;
            use $multiply_add as multiply_add;
            use $tile::{CHANNELS, PIXELS};

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
                fn prepare<V: Vector, const B: usize, const N: usize, const DENSE: bool>(
                    bias: *const f32,
                    w: *const f32,
                    taps: Taps,
                ) -> window::Prepared {
                    window::Prepared::new::<N, DENSE>(bias, w, taps)
                }

                #[inline(always)]
                unsafe fn sums<V: Vector, const T: usize, const B: usize, const N: usize, const DENSE: bool>(
                    prepared: &window::Prepared,
                    x: [*const f32; T],
                ) -> [[V; B]; T] {
                    let leaf = if DENSE { leaves::dense::<0> } else { leaves::strided::<0> };
                    // SAFETY: the caller's contract; the leaf is the one for such channels.
                    unsafe { prepared.sums::<Self, V, T, B, N, DENSE, PIXELS, CHANNELS>(x, leaf) }
                }

                #[inline(always)]
                fn relu<V: Vector, const T: usize, const B: usize>(sums: &mut [[V; B]; T]) {
                    // SAFETY: the leaf is the one for such tiles.
                    unsafe { window::relu::<V, T, B, PIXELS, CHANNELS>(sums, $tile::relu::<0>) };
                }
            }
        };
    };
}

unit!(Vfp<Plain>, false, vfp, vfp::plain, vfp::plain::multiply_add);
unit!(Vfp<Fused>, true, vfp, vfp::fused, vfp::fused::multiply_add);
unit!(Mve, true, mve, mve, vfp::fused::multiply_add);
