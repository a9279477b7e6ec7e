//! 4 lanes of `f32`: NEON.

use core::arch::aarch64::{
    float32x4_t, vaddq_f32, vbslq_f32, vcgtq_f32, vcltzq_f32, vdivq_f32, vdupq_n_f32, vfmaq_f32, vfmaq_laneq_f32, vld1q_f32, vmulq_f32,
    vmulq_laneq_f32, vst1q_f32,
};
use core::arch::asm;

use super::Vector;

#[derive(Clone, Copy)]
pub(crate) struct Neon(float32x4_t);

impl Vector for Neon {
    const LANES: usize = 4;
    const GROUP: usize = 4;
    type Group = Neon;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: the build enables the instructions (`cfg` in `mod.rs`); so below.
        Neon(unsafe { vdupq_n_f32(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's contract.
        Neon(unsafe { vld1q_f32(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's contract.
        unsafe { vst1q_f32(to, self.0) }
    }

    #[inline(always)]
    unsafe fn next_group(from: &mut *const f32) -> Self {
        let group: float32x4_t;
        // SAFETY: the caller's contract. By assembly, since the compiler moves the pointers of many pixels by an addition each.
        unsafe {
            asm!("ldr {0:q}, [{1}], #16", out(vreg) group, inout(reg) *from, options(readonly, nostack, preserves_flags));
        }
        Neon(group)
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        Neon(unsafe { vaddq_f32(self.0, other.0) })
    }

    #[inline(always)]
    fn divide(self, divisor: Self) -> Self {
        // SAFETY: as in `splat`.
        Neon(unsafe { vdivq_f32(self.0, divisor.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        Neon(unsafe { vbslq_f32(vcgtq_f32(other.0, self.0), other.0, self.0) })
    }

    #[inline(always)]
    fn relu(self) -> Self {
        // SAFETY: as in `splat`.
        Neon(unsafe { vbslq_f32(vcltzq_f32(self.0), vdupq_n_f32(0.0), self.0) })
    }

    #[inline(always)]
    fn multiply_add<const FUSED: bool>(self, x: Self, w: Self) -> Self {
        // SAFETY: as in `splat`.
        Neon(unsafe { if FUSED { vfmaq_f32(self.0, x.0, w.0) } else { vaddq_f32(self.0, vmulq_f32(x.0, w.0)) } })
    }

    #[inline(always)]
    fn multiply_add_nth<const FUSED: bool, const INDEX: i32>(self, x: Self, w: Self) -> Self {
        // SAFETY: as in `splat`.
        Neon(unsafe {
            if FUSED { vfmaq_laneq_f32::<INDEX>(self.0, w.0, x.0) } else { vaddq_f32(self.0, vmulq_laneq_f32::<INDEX>(w.0, x.0)) }
        })
    }
}
