//! 4 lanes of `f32`: NEON.
//!
//! Without an operating system addresses may have to be aligned, as they do while the MMU is off, and the compiler makes single bytes of an
//! intrinsic's load or store. There they are by assembly, with instructions that ask for the alignment of one lane, as `f32` has it.

use core::arch::aarch64::{
    float32x4_t, vaddq_f32, vbslq_f32, vcgtq_f32, vcltzq_f32, vdivq_f32, vdupq_n_f32, vfmaq_f32, vfmaq_laneq_f32, vminq_f32, vmulq_f32,
    vmulq_laneq_f32,
};
#[cfg(not(target_os = "none"))]
use core::arch::aarch64::{vld1q_f32, vst1q_f32};
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
        #[cfg(not(target_os = "none"))]
        return Neon(unsafe { vld1q_f32(from) });
        #[cfg(target_os = "none")]
        {
            let vector: float32x4_t;
            // SAFETY: the caller's contract.
            unsafe { asm!("ld1 {{{0:v}.4s}}, [{1}]", out(vreg) vector, in(reg) from, options(pure, readonly, nostack, preserves_flags)) };
            Neon(vector)
        }
    }

    /// Each load moves the pointer to the next vector, as these loads have no offsets.
    #[cfg(target_os = "none")]
    #[inline(always)]
    unsafe fn load_all<const B: usize>(mut from: *const f32) -> [Self; B] {
        core::array::from_fn(|_| {
            let vector: float32x4_t;
            // SAFETY: the caller's contract.
            unsafe {
                asm!("ld1 {{{0:v}.4s}}, [{1}], #16", out(vreg) vector, inout(reg) from, options(pure, readonly, nostack, preserves_flags))
            };
            Neon(vector)
        })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's contract.
        #[cfg(not(target_os = "none"))]
        unsafe {
            vst1q_f32(to, self.0);
        }
        // SAFETY: the caller's contract.
        #[cfg(target_os = "none")]
        unsafe {
            asm!("st1 {{{0:v}.4s}}, [{1}]", in(vreg) self.0, in(reg) to, options(nostack, preserves_flags));
        }
    }

    #[inline(always)]
    unsafe fn load_next(from: &mut *const f32, bytes: usize) -> Self {
        let vector: float32x4_t;
        // SAFETY: the caller's contract. By assembly, as in `next_group`.
        unsafe {
            asm!(
                "ld1 {{{0:v}.4s}}, [{1}], {2}", out(vreg) vector, inout(reg) *from, in(reg) bytes,
                options(readonly, nostack, preserves_flags)
            );
        }
        Neon(vector)
    }

    #[inline(always)]
    unsafe fn store_next(self, to: &mut *mut f32, bytes: usize) {
        // SAFETY: as in `load_next`.
        unsafe {
            asm!("st1 {{{0:v}.4s}}, [{1}], {2}", in(vreg) self.0, inout(reg) *to, in(reg) bytes, options(nostack, preserves_flags));
        }
    }

    #[inline(always)]
    unsafe fn next_group(from: &mut *const f32) -> Self {
        let group: float32x4_t;
        // SAFETY: the caller's contract. By assembly, since the compiler moves the pointers of many pixels by an addition each.
        unsafe {
            #[cfg(not(target_os = "none"))]
            asm!("ldr {0:q}, [{1}], #16", out(vreg) group, inout(reg) *from, options(readonly, nostack, preserves_flags));
            #[cfg(target_os = "none")]
            asm!("ld1 {{{0:v}.4s}}, [{1}], #16", out(vreg) group, inout(reg) *from, options(readonly, nostack, preserves_flags));
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
    fn min(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        Neon(unsafe { vbslq_f32(vcgtq_f32(self.0, other.0), other.0, self.0) })
    }

    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        Neon(unsafe { vmulq_f32(self.0, other.0) })
    }

    /// The instruction for the lesser value prefers -0.0 and NaN: of a limit that is neither it gives what `min` does.
    #[inline(always)]
    #[allow(clippy::double_comparisons, reason = "NaN is neither less nor greater")]
    fn clip(self, low: f32, high: f32) -> Self {
        let raised = self.max(Self::splat(low));
        if high < 0.0 || high > 0.0 {
            // SAFETY: as in `splat`.
            return Neon(unsafe { vminq_f32(raised.0, vdupq_n_f32(high)) });
        }
        raised.min(Self::splat(high))
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
