//! Leaves of the vector unit: tiles of 3 pixels by 8 channels. Of its 8 registers 6 hold sums and 2 weights; the pixels' values come in the
//! core's own registers, two channels of a pixel at a time.
//!
//! A parameter that means nothing makes a function generic, so that it is assembled only where a module uses it.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::window::{SAVED_SUMS, SAVED_X, Window, pointers};
use crate::lanes::Vector;

/// How many sums a tile has.
pub(super) const SUMS: usize = 24;

/// Where one of 24 values is less than zero, zero. Of the core's comparisons only "greater" and "equal" are false for what is not a number,
/// so that zero is compared with the value.
///
/// # Safety
/// 24 values are readable and writable.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn relu<const UNUSED: usize>(sums: *mut f32) {
    naked_asm!(
        ".cpu cortex-m55",
        "vmov.i32 q3, #0",
        "vldrw.u32 q0, [r0]",
        "vldrw.u32 q1, [r0, #16]",
        "vldrw.u32 q2, [r0, #32]",
        "vpt.f32 gt, q3, q0",
        "vmovt q0, q3",
        "vpt.f32 gt, q3, q1",
        "vmovt q1, q3",
        "vstrw.32 q0, [r0]",
        "vldrw.u32 q0, [r0, #48]",
        "vpt.f32 gt, q3, q2",
        "vmovt q2, q3",
        "vstrw.32 q1, [r0, #16]",
        "vldrw.u32 q1, [r0, #64]",
        "vpt.f32 gt, q3, q0",
        "vmovt q0, q3",
        "vstrw.32 q2, [r0, #32]",
        "vldrw.u32 q2, [r0, #80]",
        "vpt.f32 gt, q3, q1",
        "vmovt q1, q3",
        "vstrw.32 q0, [r0, #48]",
        "vpt.f32 gt, q3, q2",
        "vmovt q2, q3",
        "vstrw.32 q1, [r0, #64]",
        "vstrw.32 q2, [r0, #80]",
        "bx lr",
    )
}

/// As [`relu`], of vectors that are not as many values. Of portable code rustc would make vectors, whose comparisons may take what is not a
/// number for less than zero.
#[inline(always)]
pub(super) fn relu_others<V: Vector>(vectors: &mut [V]) {
    let values = vectors.len() * V::LANES;
    if values > 0 && values.is_multiple_of(4) {
        // SAFETY: vectors of `f32` that are as many fours of values.
        unsafe { clip::<0>(vectors.as_mut_ptr().cast(), values / 4, 0.0, f32::INFINITY) };
    } else {
        for vector in vectors {
            *vector = vector.relu();
        }
    }
}

/// Limits values to `[low, high]`, four at a time; what is not a number passes, as in `relu`.
///
/// # Safety
/// `fours` times four values are readable and writable; there are some.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn clip<const UNUSED: usize>(values: *mut f32, fours: usize, low: f32, high: f32) {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r4, lr}}",
        "vmov r2, r3, s0, s1",
        "vdup.32 q1, r2",
        "vdup.32 q2, r3",
        "dls lr, r1",
        "1:",
        "vldrw.u32 q0, [r0]",
        "vpt.f32 gt, q1, q0",
        "vmovt q0, q1",
        "vpt.f32 gt, q0, q2",
        "vmovt q0, q2",
        "vstrw.32 q0, [r0], #16",
        "le lr, 1b",
        "pop {{r4, pc}}",
    )
}

/// Eight products for each of three pixels, whose values stand in the registers that are named.
#[rustfmt::skip]
macro_rules! products {
    ($x0:literal $x1:literal $x2:literal) => {
        concat!(
            "vldrw.u32 q6, [r3], #16\n",
            "vfma.f32 q0, q6, ", $x0, "\n",
            "vldrw.u32 q7, [r3], #16\n",
            "vfma.f32 q2, q6, ", $x1, "\n",
            "vfma.f32 q4, q6, ", $x2, "\n",
            "vfma.f32 q1, q7, ", $x0, "\n",
            "vfma.f32 q3, q7, ", $x1, "\n",
            "vfma.f32 q5, q7, ", $x2,
        )
    };
}

/// What goes on with the second window, which lies behind the first, and its pixels, which lie behind the first ones' pointers; or nothing.
macro_rules! leaf {
    (none, $($rest:tt)+) => {
        leaf!([] [], $($rest)+)
    };
    (second, $($rest:tt)+) => {
        leaf!(
            [
                "ldr r4, [r12, #{more}]",
                "cmp r4, #0",
                "beq 8f",
                "add r12, #{window}",
                "ldr r3, [r12, #{w}]",
                "ldr r4, [sp, #{saved_x}]",
                "adds r4, #{pointers}",
                "ldm r4, {{r0-r2}}",
                "b 7b",
                "8:",
            ] [
                more = offset_of!(Window, more),
                window = size_of::<Window>(),
                saved_x = SAVED_X,
                pointers = pointers(3),
            ],
            $($rest)+
        )
    };
    // r0-r2: x; r3: w; r4-r9: values; r10: columns; r11: rows; r12: the window; lr: channels; q0-q5: sums.
    (
        [$($second:literal,)*] [$($name:ident = $value:expr,)*],
        $($field:ident)+;
        $($channels:expr),+ $(,)?
    ) => {
        naked_asm!(
            cortex_m55!(),
            "push {{r1, r2, r4-r11, lr}}",
            "vpush {{d8-d15}}",
            "mov r12, r0",
            "ldm r1, {{r0-r2}}",
            "ldrd r3, r4, [r12, #{w}]",
            "vldrw.u32 q0, [r4]",
            "vldrw.u32 q1, [r4, #16]",
            "vmov q2, q0",
            "vmov q3, q1",
            "vmov q4, q0",
            "vmov q5, q1",
            "7:",
            "ldr r11, [r12, #{rows}]",
            "cmp r11, #0",
            "beq 9f",
            "1:",
            "ldr r10, [r12, #{columns}]",
            "2:",
            $($channels,)+
            "ldr r4, [r12, #{column}]",
            "add r0, r4",
            "add r1, r4",
            "add r2, r4",
            "subs r10, #1",
            "bne 2b",
            "ldrd r4, r5, [r12, #{row}]",
            "add r0, r4",
            "add r1, r4",
            "add r2, r4",
            "add r3, r5",
            "subs r11, #1",
            "bne 1b",
            "9:",
            $($second,)*
            "ldr r4, [sp, #{saved_sums}]",
            "vstrw.32 q0, [r4]",
            "vstrw.32 q1, [r4, #16]",
            "vstrw.32 q2, [r4, #32]",
            "vstrw.32 q3, [r4, #48]",
            "vstrw.32 q4, [r4, #64]",
            "vstrw.32 q5, [r4, #80]",
            "vpop {{d8-d15}}",
            "pop {{r1, r2, r4-r11, pc}}",
            w = const offset_of!(Window, w),
            rows = const offset_of!(Window, rows),
            columns = const offset_of!(Window, columns),
            column = const offset_of!(Window, column),
            row = const offset_of!(Window, row),
            saved_sums = const SAVED_SUMS,
            $($field = const offset_of!(Window, $field),)+
            $($name = const $value,)*
        )
    };
}

/// As `leaf`, where channels of a pixel are adjacent.
macro_rules! dense_leaf {
    ($second:ident) => {
        leaf!(
            $second,
            fours ones;
            "ldr r4, [r12, #{fours}]",
            "wls lr, r4, 4f",
            "3:",
            "ldrd r4, r5, [r0], #8",
            "ldrd r6, r7, [r1], #8",
            "ldrd r8, r9, [r2], #8",
            products!("r4" "r6" "r8"),
            products!("r5" "r7" "r9"),
            "ldrd r4, r5, [r0], #8",
            "ldrd r6, r7, [r1], #8",
            "ldrd r8, r9, [r2], #8",
            products!("r4" "r6" "r8"),
            products!("r5" "r7" "r9"),
            "le lr, 3b",
            "4:",
            "ldr r4, [r12, #{ones}]",
            "wls lr, r4, 6f",
            "5:",
            "ldr r4, [r0], #4",
            "ldr r6, [r1], #4",
            "ldr r8, [r2], #4",
            products!("r4" "r6" "r8"),
            "le lr, 5b",
            "6:",
        )
    };
}

/// As `leaf`, where channels of a pixel lie apart.
macro_rules! strided_leaf {
    ($second:ident) => {
        leaf!(
            $second,
            fours channel;
            "ldrd r4, r5, [r12, #{fours}]",
            "add r4, r5, r4, lsl #2",
            "ldr r5, [r12, #{channel}]",
            "wls lr, r4, 4f",
            "3:",
            "ldr r4, [r0]",
            "ldr r6, [r1]",
            "ldr r8, [r2]",
            "add r0, r5",
            "add r1, r5",
            "add r2, r5",
            products!("r4" "r6" "r8"),
            "le lr, 3b",
            "4:",
        )
    };
}

/// Channels of a pixel are adjacent.
///
/// # Safety
/// The window's and the pixels' pointers serve for what the counts and distances say, `sums` for 24 values.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn dense<const UNUSED: usize>(window: *const Window, x: *const *const f32, sums: *mut f32) {
    dense_leaf!(none)
}

/// Channels of a pixel lie apart.
///
/// # Safety
/// As [`dense`].
#[unsafe(naked)]
pub(super) unsafe extern "C" fn strided<const UNUSED: usize>(window: *const Window, x: *const *const f32, sums: *mut f32) {
    strided_leaf!(none)
}

/// As [`dense`], where there may be a second window.
///
/// # Safety
/// As [`dense`].
#[unsafe(naked)]
pub(super) unsafe extern "C" fn dense_split<const UNUSED: usize>(window: *const Window, x: *const *const f32, sums: *mut f32) {
    dense_leaf!(second)
}

/// As [`strided`], where there may be a second window.
///
/// # Safety
/// As [`dense`].
#[unsafe(naked)]
pub(super) unsafe extern "C" fn strided_split<const UNUSED: usize>(window: *const Window, x: *const *const f32, sums: *mut f32) {
    strided_leaf!(second)
}
