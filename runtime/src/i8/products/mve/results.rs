//! Results of sums by the vector unit: four at a time, and what is left of them by predicates.

use core::arch::naked_asm;

use super::products::thirds;
use crate::Requantize;
use crate::lanes::cortex::cortex_m55;

/// A rule as the leaf reads it: distances of shifts to the left.
#[repr(C)]
struct Rule {
    left: i32,
    offset: i32,
    right: i32,
    low: i32,
    high: i32,
    count: usize,
}

impl Rule {
    #[inline(always)]
    fn new(rule: &Requantize, count: usize) -> Self {
        let Requantize { left, right, low, high, .. } = *rule;
        let shift = |by: u32| (by % i32::BITS) as i32;
        Rule { left: shift(left), offset: rule.offset(), right: -shift(right), low, high, count }
    }
}

/// [`Products::write_tile_bytes`](crate::i8::products::sealed::Products::write_tile_bytes), of tiles of `PIXELS` by `N`, whose sums and outputs
/// lie at `sums` and `y`: pixels behind the last are written again.
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn write_tile(rule: &Requantize, sums: *const i32, multipliers: *const i32, y: *const *mut u8, count: usize) {
    // SAFETY: the caller's contract.
    unsafe { requantize_tile::<0>(sums, multipliers, y, &Rule::new(rule, count)) };
}

/// The results of a pixel, whose sums stand in `q0`.
macro_rules! results {
    ($y:literal) => {
        concat!(
            "vshl.s32 q0, r4\n",
            "vmulh.s32 q0, q0, q1\n",
            "vadd.i32 q0, q0, r5\n",
            "vshl.s32 q0, r8\n",
            "vmin.s32 q0, q0, q3\n",
            "vmax.s32 q0, q0, q2\n",
            concat!("vstrb.32 q0, [", $y, "], #4"),
        )
    };
}

/// Four results of each pixel at a time, and what is left of them by predicates.
///
/// # Safety
/// `multipliers` are readable for the rule's count of values, `sums` for three times as many, and each of `y` is writable.
#[unsafe(naked)]
unsafe extern "C" fn requantize_tile<const UNUSED: usize>(sums: *const i32, multipliers: *const i32, y: *const *mut u8, rule: *const Rule) {
    naked_asm!(
        cortex_m55!(),
        "push {{r4-r10, lr}}",
        "vpush {{d8-d9}}",
        "ldm r2, {{r2, r6, r7}}",
        thirds!("q4", "r0", "r4"),
        "ldm r3, {{r4, r5, r8-r10, r12}}",
        "vdup.32 q2, r9",
        "vdup.32 q3, r10",
        "wlstp.32 lr, r12, 2f",
        "1:",
        "vldrw.u32 q1, [r1], #16",
        "vldrw.u32 q0, [q4, #48]!",
        results!("r2"),
        "vldrw.u32 q0, [q4, #4]",
        results!("r6"),
        "vldrw.u32 q0, [q4, #8]",
        results!("r7"),
        "letp lr, 1b",
        "2:",
        "vpop {{d8-d9}}",
        "pop {{r4-r10, pc}}",
    )
}

/// [`Products::write_bytes`](crate::i8::products::sealed::Products::write_bytes), all of them.
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn write(rule: &Requantize, sums: *const i32, multipliers: *const i32, y: *mut u8, count: usize) {
    // SAFETY: the caller's contract.
    unsafe { requantize::<0>(sums, multipliers, y, &Rule::new(rule, count)) };
}

/// Four results at a time, and what is left of them by predicates.
///
/// # Safety
/// `sums` and `multipliers` are readable for the rule's count of values, and `y` is writable.
#[unsafe(naked)]
unsafe extern "C" fn requantize<const UNUSED: usize>(sums: *const i32, multipliers: *const i32, y: *mut u8, rule: *const Rule) {
    naked_asm!(
        cortex_m55!(),
        "push {{r4, r5, r8-r10, lr}}",
        "ldm r3, {{r4, r5, r8-r10, r12}}",
        "vdup.32 q2, r9",
        "vdup.32 q3, r10",
        "wlstp.32 lr, r12, 2f",
        "1:",
        "vldrw.u32 q0, [r0], #16",
        "vldrw.u32 q1, [r1], #16",
        results!("r2"),
        "letp lr, 1b",
        "2:",
        "pop {{r4, r5, r8-r10, pc}}",
    )
}

/// A rule of averages as the leaf reads it: distances of shifts to the left, and the steps between the sums of pixels, in bytes.
#[repr(C)]
struct Average {
    left: i32,
    offset: i32,
    right: i32,
    least: i32,
    most: i32,
    low: i32,
    high: i32,
    to_the_right: usize,
    down: usize,
    count: usize,
    filter: usize,
}

/// [`Products::write_average_bytes`](crate::i8::products::sealed::Products::write_average_bytes).
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn write_averages(
    rule: &Requantize,
    [least, most]: [i32; 2],
    (sums, steps): (*const i32, [usize; 3]),
    multipliers: *const i32,
    y: *mut u8,
    count: usize,
) {
    let Requantize { left, right, low, high, .. } = rule.quarter();
    let shift = |by: u32| (by % i32::BITS) as i32;
    let (offset, [to_the_right, down, filter]) = (rule.quarter().offset(), steps.map(|step| size_of::<i32>() * step));
    let average = Average { left: shift(left), offset, right: -shift(right), least, most, low, high, to_the_right, down, count, filter };
    // SAFETY: the caller's contract.
    unsafe { requantize_average::<0>(sums, multipliers, y, &average) };
}

/// What a pixel adds: its sums, which this pointer and the distances in `q3` lead to, times the multipliers in `q1`, limited.
macro_rules! pixel {
    ($sums:literal) => {
        concat!(
            "vldrw.u32 q2, [",
            $sums,
            ", q3]\n",
            "vshl.s32 q2, r4\n",
            "vmulh.s32 q2, q2, q1\n",
            "vmin.s32 q2, q2, q5\n",
            "vmax.s32 q2, q2, q4\n",
        )
    };
}

/// Four results at a time, and what is left of them by predicates.
///
/// # Safety
/// `sums`, for each of four pixels, and `multipliers` are readable for the rule's count of filters, and `y` is writable.
#[unsafe(naked)]
unsafe extern "C" fn requantize_average<const UNUSED: usize>(
    sums: *const i32,
    multipliers: *const i32,
    y: *mut u8,
    average: *const Average,
) {
    naked_asm!(
        cortex_m55!(),
        "push {{r3-r11, lr}}",
        "vpush {{d8-d15}}",
        "ldm r3!, {{r4-r10}}",
        "vdup.32 q4, r7",
        "vdup.32 q5, r8",
        "vdup.32 q6, r9",
        "vdup.32 q7, r10",
        "ldm r3, {{r10-r12, lr}}",
        "add r7, r0, r10",
        "add r8, r0, r11",
        "add r9, r8, r10",
        // Distances of four filters, and what leads to the next four.
        "mov r10, #0",
        "vidup.u32 q3, r10, #1",
        "vmul.i32 q3, q3, lr",
        "lsl r3, lr, #2",
        "wlstp.32 lr, r12, 2f",
        "1:",
        "vldrw.u32 q1, [r1], #16",
        pixel!("r0"),
        "vmov q0, q2",
        pixel!("r7"),
        "vadd.i32 q0, q0, q2",
        pixel!("r8"),
        "vadd.i32 q0, q0, q2",
        pixel!("r9"),
        "vadd.i32 q0, q0, q2",
        "vadd.i32 q0, q0, r5",
        "vshl.s32 q0, r6",
        "vmin.s32 q0, q0, q7",
        "vmax.s32 q0, q0, q6",
        "vadd.i32 q3, q3, r3",
        "vstrb.32 q0, [r2], #4",
        "letp lr, 1b",
        "2:",
        "vpop {{d8-d15}}",
        "pop {{r3-r11, pc}}",
    )
}
