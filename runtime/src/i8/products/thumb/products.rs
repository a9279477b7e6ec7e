//! Products of bytes by the instructions that every Cortex-M has: tiles of 2 pixels by 2 filters, whose sums stand in the upper registers,
//! to which only additions reach.

use core::arch::naked_asm;

/// [`Products::add_run`](crate::i8::products::sealed::Products::add_run) for signed bytes and tiles of two by two.
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn add_run(sums: *mut i32, x0: *const i8, x1: *const i8, w: *const i8, len: usize) {
    if len > 0 {
        // Counted up to zero, by an index behind the ends. The weights' pointer goes on with it.
        let [x0, x1, w] = [x0, x1, w].map(|pointer| pointer.wrapping_add(len));
        // SAFETY: the caller's contract.
        unsafe { products::<0>(x0, x1, w, len.wrapping_neg(), sums) };
    }
}

/// Adds the products of two pixels by two filters.
///
/// # Safety
/// Behind the pixels' channels `x0` and `x1` point, and `w` as many bytes behind the first weight; `index` is how many channels there are,
/// not none, less than zero.
#[unsafe(naked)]
unsafe extern "C" fn products<const UNUSED: usize>(x0: *const i8, x1: *const i8, w: *const i8, index: usize, sums: *mut i32) {
    naked_asm!(
        "push {{r4-r7, lr}}",
        "mov r4, r8",
        "mov r5, r9",
        "mov r6, r10",
        "mov r7, r11",
        "push {{r4-r7}}",
        "ldr r4, [sp, #36]",
        "ldr r5, [r4]",
        "mov r8, r5",
        "ldr r5, [r4, #4]",
        "mov r9, r5",
        "ldr r5, [r4, #8]",
        "mov r10, r5",
        "ldr r5, [r4, #12]",
        "mov r11, r5",
        "1:",
        "ldrsb r4, [r0, r3]",
        "ldrsb r5, [r1, r3]",
        "ldrsb r6, [r2, r3]",
        "adds r2, #1",
        "ldrsb r7, [r2, r3]",
        "mov r12, r4",
        "muls r4, r6, r4",
        "add r8, r4",
        "mov r4, r12",
        "muls r4, r7, r4",
        "add r9, r4",
        "muls r6, r5, r6",
        "add r10, r6",
        "muls r7, r5, r7",
        "add r11, r7",
        "adds r3, #1",
        "bne 1b",
        "ldr r4, [sp, #36]",
        "mov r5, r8",
        "str r5, [r4]",
        "mov r5, r9",
        "str r5, [r4, #4]",
        "mov r5, r10",
        "str r5, [r4, #8]",
        "mov r5, r11",
        "str r5, [r4, #12]",
        "pop {{r4-r7}}",
        "mov r8, r4",
        "mov r9, r5",
        "mov r10, r6",
        "mov r11, r7",
        "pop {{r4-r7, pc}}",
    )
}
