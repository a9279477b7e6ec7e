//! Products of bytes by the vector unit: tiles of 3 pixels by 8 filters, two filters at a time, whose 6 sums stand in the core's own
//! registers; sixteen channels at a time, and what is left of them by predicates.
//!
//! A parameter that means nothing makes a function generic, so that it is assembled only where a module uses it.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::Block;
use crate::Requantize;
use crate::lanes::arithmetic::ChannelTaps;
use crate::lanes::cortex::requires;

pub(super) const PIXELS: usize = 3;
pub(super) const FILTERS: usize = 8;

/// What the leaf reads.
#[repr(C)]
struct Run {
    /// Channels.
    len: usize,
    /// Bytes of a filter.
    filter: usize,
    /// Filters in twos that are left; not none.
    pairs: usize,
}

/// [`Products::add_run`](super::sealed::Products::add_run) for signed bytes.
///
/// # Safety
/// As there, of a tile of `PIXELS` by `FILTERS`, whose sums and pixels lie at `sums` and `x`.
#[inline(always)]
pub(super) unsafe fn add_run(sums: *mut i32, x: *const *const i8, w: *const i8, len: usize, block: Block) {
    let mut run = Run { len, filter: block.filter, pairs: block.valid.div_ceil(2) };
    if run.pairs > 0 {
        // SAFETY: the caller's contract.
        unsafe { products::<0>(sums, x, w, &mut run) };
    }
}

/// Adds the products of three pixels by pairs of filters.
///
/// # Safety
/// The pixels at `x` are readable for the run's channels, `w` for those of as many filters; `sums` are three rows of eight values.
#[unsafe(naked)]
unsafe extern "C" fn products<const UNUSED: usize>(sums: *mut i32, x: *const *const i8, w: *const i8, run: *mut Run) {
    // r1, r3, r5: x; r7, r9: w; r0, r4, r8: sums of the first filter; r2, r6, r10: of the second, as sums stand in even registers.
    naked_asm!(
        requires!("tt r0, r0", "thumbv8m.main-none-eabihf"),
        ".cpu cortex-m55",
        "push {{r0-r11, lr}}",
        "1:",
        "ldrd r12, r11, [sp, #8]",
        "ldr r10, [r11, #{filter}]",
        "mov r7, r12",
        "add r9, r12, r10",
        "add r12, r9, r10",
        "str r12, [sp, #8]",
        "ldrd r12, r11, [sp]",
        "ldm r11, {{r1, r3, r5}}",
        "ldr r11, [sp, #12]",
        "ldrd r0, r2, [r12]",
        "ldrd r4, r6, [r12, #32]",
        "ldrd r8, r10, [r12, #64]",
        "ldr r11, [r11, #{len}]",
        "wlstp.8 lr, r11, 3f",
        "2:",
        "vldrb.u8 q0, [r1], #16",
        "vldrb.u8 q3, [r7], #16",
        "vmladava.s8 r0, q0, q3",
        "vldrb.u8 q1, [r3], #16",
        "vmladava.s8 r4, q1, q3",
        "vldrb.u8 q2, [r5], #16",
        "vmladava.s8 r8, q2, q3",
        "vldrb.u8 q3, [r9], #16",
        "vmladava.s8 r2, q0, q3",
        "vmladava.s8 r6, q1, q3",
        "vmladava.s8 r10, q2, q3",
        "letp lr, 2b",
        "3:",
        "strd r0, r2, [r12], #8",
        "strd r4, r6, [r12, #24]",
        "strd r8, r10, [r12, #56]",
        "str r12, [sp]",
        "ldr r11, [sp, #12]",
        "ldr r12, [r11, #{pairs}]",
        "subs r12, #1",
        "str r12, [r11, #{pairs}]",
        "bne 1b",
        "add sp, #16",
        "pop {{r4-r11, pc}}",
        filter = const offset_of!(Run, filter),
        len = const offset_of!(Run, len),
        pairs = const offset_of!(Run, pairs),
    )
}

/// Taps of adjacent channels of one pixel: what loads the sums, what a tap does with the registers of vectors that are left, and what
/// stores the sums.
macro_rules! channel_leaf {
    (begin: $($begin:literal)+; tap: $($tap:literal)+; end: $($end:literal)+) => {
        // r1: x; r2: w; r3: sums; r4: rows; r5: columns; r6, r7: between taps and rows of the input; r8, r9: of the weights.
        naked_asm!(
            requires!("tt r0, r0", "thumbv8m.main-none-eabihf"),
            ".cpu cortex-m55",
            "push {{r4-r10, lr}}",
            "ldm r0, {{r4-r9}}",
            $($begin,)+
            "1:",
            "dls lr, r5",
            "2:",
            $($tap,)+
            "add r1, r6",
            "add r2, r8",
            "le lr, 2b",
            "add r1, r7",
            "add r2, r9",
            "subs r4, #1",
            "bne 1b",
            $($end,)+
            "pop {{r4-r10, pc}}",
        )
    };
}

/// Adds the taps of four channels.
///
/// # Safety
/// As [`Products::add_taps`](super::sealed::Products::add_taps), of signed bytes; `sums` serves for 4 values.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn taps_of_four<const UNUSED: usize>(taps: *const ChannelTaps, x: *const i8, w: *const i8, sums: *mut i32) {
    channel_leaf!(
        begin: "vldrw.u32 q0, [r3]";
        tap: "vldrb.s32 q1, [r1]" "vldrb.s32 q2, [r2]" "vmul.i32 q1, q1, q2" "vadd.i32 q0, q0, q1";
        end: "vstrw.32 q0, [r3]"
    )
}

/// Adds the taps of sixteen channels, whose products of 16 bits are widened by halves twice: each register has the sums of every fourth.
///
/// # Safety
/// As [`Products::add_taps`](super::sealed::Products::add_taps), of signed bytes; `sums` serves for 16 values.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn taps_of_sixteen<const UNUSED: usize>(taps: *const ChannelTaps, x: *const i8, w: *const i8, sums: *mut i32) {
    channel_leaf!(
        begin:
            "vpush {{d8-d15}}"
            "vld40.32 {{q0, q1, q2, q3}}, [r3]"
            "vld41.32 {{q0, q1, q2, q3}}, [r3]"
            "vld42.32 {{q0, q1, q2, q3}}, [r3]"
            "vld43.32 {{q0, q1, q2, q3}}, [r3]";
        tap:
            "vldrb.u8 q4, [r1]"
            "vldrb.u8 q5, [r2]"
            "vmullb.s8 q6, q4, q5"
            "vmullt.s8 q7, q4, q5"
            "vmovlb.s16 q4, q6"
            "vadd.i32 q0, q0, q4"
            "vmovlt.s16 q6, q6"
            "vadd.i32 q2, q2, q6"
            "vmovlb.s16 q5, q7"
            "vadd.i32 q1, q1, q5"
            "vmovlt.s16 q7, q7"
            "vadd.i32 q3, q3, q7";
        end:
            "vst40.32 {{q0, q1, q2, q3}}, [r3]"
            "vst41.32 {{q0, q1, q2, q3}}, [r3]"
            "vst42.32 {{q0, q1, q2, q3}}, [r3]"
            "vst43.32 {{q0, q1, q2, q3}}, [r3]"
            "vpop {{d8-d15}}"
    )
}

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

/// [`Products::write`](super::sealed::Products::write) of bytes.
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn write(rule: &Requantize, sums: *const i32, multipliers: *const i32, y: *mut u8, count: usize) {
    let Requantize { left, right, low, high, .. } = *rule;
    let shift = |by: u32| (by % i32::BITS) as i32;
    let rule = Rule { left: shift(left), offset: rule.offset(), right: -shift(right), low, high, count };
    // SAFETY: the caller's contract.
    unsafe { requantize::<0>(sums, multipliers, y, &rule) };
}

/// Four results at a time, and what is left of them by predicates.
///
/// # Safety
/// `sums` and `multipliers` are readable for the rule's count of values, and `y` is writable.
#[unsafe(naked)]
unsafe extern "C" fn requantize<const UNUSED: usize>(sums: *const i32, multipliers: *const i32, y: *mut u8, rule: *const Rule) {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r4-r8, lr}}",
        "ldm r3, {{r4-r8, r12}}",
        "vdup.32 q2, r7",
        "vdup.32 q3, r8",
        "wlstp.32 lr, r12, 2f",
        "1:",
        "vldrw.u32 q0, [r0], #16",
        "vldrw.u32 q1, [r1], #16",
        "vshl.s32 q0, r4",
        "vmulh.s32 q0, q0, q1",
        "vadd.i32 q0, q0, r5",
        "vshl.s32 q0, r6",
        "vmin.s32 q0, q0, q3",
        "vmax.s32 q0, q0, q2",
        "vstrb.32 q0, [r2], #4",
        "letp lr, 1b",
        "2:",
        "pop {{r4-r8, pc}}",
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
}

/// [`Products::write_averages`](super::sealed::Products::write_averages) of bytes.
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn write_averages(
    rule: &Requantize,
    [least, most]: [i32; 2],
    (sums, steps): (*const i32, [usize; 2]),
    multipliers: *const i32,
    y: *mut u8,
    count: usize,
) {
    let Requantize { left, right, low, high, .. } = rule.quarter();
    let shift = |by: u32| (by % i32::BITS) as i32;
    let (offset, [to_the_right, down]) = (rule.quarter().offset(), steps.map(|step| size_of::<i32>() * step));
    let average = Average { left: shift(left), offset, right: -shift(right), least, most, low, high, to_the_right, down, count };
    // SAFETY: the caller's contract.
    unsafe { requantize_average::<0>(sums, multipliers, y, &average) };
}

/// What a pixel adds: its sums, which are read by this pointer, times the multipliers in `q1`, limited.
macro_rules! pixel {
    ($sums:literal) => {
        concat!(
            "vldrw.u32 q2, [",
            $sums,
            "], #16\n",
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
/// `sums`, for each of four pixels, and `multipliers` are readable for the rule's count of values, and `y` is writable.
#[unsafe(naked)]
unsafe extern "C" fn requantize_average<const UNUSED: usize>(
    sums: *const i32,
    multipliers: *const i32,
    y: *mut u8,
    average: *const Average,
) {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r3-r11, lr}}",
        "vpush {{d8-d15}}",
        "ldm r3!, {{r4-r10}}",
        "vdup.32 q4, r7",
        "vdup.32 q5, r8",
        "vdup.32 q6, r9",
        "vdup.32 q7, r10",
        "ldm r3, {{r10-r12}}",
        "add r7, r0, r10",
        "add r8, r0, r11",
        "add r9, r8, r10",
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
        "vstrb.32 q0, [r2], #4",
        "letp lr, 1b",
        "2:",
        "vpop {{d8-d15}}",
        "pop {{r3-r11, pc}}",
    )
}
