//! Products of bytes by the vector unit: tiles of 3 pixels by `N` filters. Of up to 32 channels the pixels' values stand in vectors for all
//! filters of the block, two of which are taken at a time, whose 6 sums stand in the core's own registers meanwhile: in memory they follow
//! each other, those of a filter together, so that one instruction loads them.
//!
//! A parameter that means nothing makes a function generic, so that it is assembled only where a module uses it.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::Block;
use super::window::{ChannelWindow, TAPS};
use crate::Requantize;
use crate::i8::requantize::Prepared;
use crate::lanes::cortex::requires;

pub(super) const PIXELS: usize = 3;
/// The most filters of a block.
pub(super) const MOST_FILTERS: usize = 32;

/// Copies bytes that lie so far from `x`.
///
/// # Safety
/// There are `count` distances, each of which leads to a readable byte, and `to` is writable for as many.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn gather<const UNUSED: usize>(x: *const u8, distances: *const usize, to: *mut u8, count: usize) {
    naked_asm!(
        requires!("tt r0, r0", "thumbv8m.main-none-eabihf"),
        ".cpu cortex-m55",
        "push {{r4, lr}}",
        "wlstp.32 lr, r3, 2f",
        "1:",
        "vldrw.u32 q0, [r1], #16",
        "vldrb.u32 q1, [r0, q0]",
        "vstrb.32 q1, [r2], #4",
        "letp lr, 1b",
        "2:",
        "pop {{r4, pc}}",
    )
}

/// Makes addresses, in bytes, of every third value from `r0` on, less those of four filters, of which an instruction adds the latter.
macro_rules! thirds {
    ($addresses:literal, $sums:literal, $scratch:literal) => {
        concat!(
            concat!("mov ", $scratch, ", #0\n"),
            concat!("vidup.u32 ", $addresses, ", ", $scratch, ", #4\n"),
            concat!("mov ", $scratch, ", #3\n"),
            concat!("vmul.i32 ", $addresses, ", ", $addresses, ", ", $scratch, "\n"),
            concat!("sub ", $sums, ", #48\n"),
            concat!("vadd.i32 ", $addresses, ", ", $addresses, ", ", $sums, "\n"),
        )
    };
}

/// The biases as the sums of three pixels.
///
/// # Safety
/// `biases` are so many readable values, and `sums` three times as many writable ones.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn begin<const UNUSED: usize>(sums: *mut i32, biases: *const i32, count: usize) {
    naked_asm!(
        requires!("tt r0, r0", "thumbv8m.main-none-eabihf"),
        ".cpu cortex-m55",
        "push {{r4, lr}}",
        thirds!("q1", "r0", "r4"),
        "wlstp.32 lr, r2, 2f",
        "1:",
        "vldrw.u32 q0, [r1], #16",
        "vstrw.32 q0, [q1, #48]!",
        "vstrw.32 q0, [q1, #4]",
        "vstrw.32 q0, [q1, #8]",
        "letp lr, 1b",
        "2:",
        "pop {{r4, pc}}",
    )
}

/// What the leaf reads, which it loads by one instruction.
#[repr(C)]
struct Run {
    /// Channels.
    len: usize,
    /// Bytes of a filter.
    filter: usize,
    /// Filters in twos; not none.
    pairs: usize,
}

/// [`Products::add_run`](super::sealed::Products::add_run) for signed bytes.
///
/// # Safety
/// As there, of a tile of `PIXELS` by `N`, an even number up to `MOST_FILTERS`, whose sums and pixels lie at `sums` and `x`.
#[inline(always)]
pub(super) unsafe fn add_run(sums: *mut i32, x: *const *const i8, w: *const i8, len: usize, block: Block) {
    let run = Run { len, filter: block.filter, pairs: block.valid.div_ceil(2) };
    if run.pairs > 0 {
        // SAFETY: the caller's contract.
        unsafe { products::<0>(w, sums, x, &run) };
    }
}

/// Adds the products of a filter: the sums stand in these registers, the pixels' values in `q0` and `q1`, `q2` and `q3`, `q4` and `q5`. The
/// last of the instructions loads the filter's second vector.
macro_rules! filter {
    ($first:literal, $second:literal, $third:literal, $($load:literal),+) => {
        concat!(
            "vldrb.u8 q6, [r7]\n",
            concat!("vmladava.s8 ", $first, ", q0, q6\n"),
            $($load, "\n",)+
            concat!("vmladava.s8 ", $second, ", q2, q6\n"),
            concat!("vmladava.s8 ", $third, ", q4, q6\n"),
            "add r7, r3\n",
            concat!("vmladava.s8 ", $first, ", q1, q7\n"),
            concat!("vmladava.s8 ", $second, ", q3, q7\n"),
            concat!("vmladava.s8 ", $third, ", q5, q7\n"),
        )
    };
}

/// The same where one vector, of which not all need be there, holds the channels.
macro_rules! short_filter {
    ($first:literal, $second:literal, $third:literal) => {
        concat!(
            "vpst\n",
            "vldrbt.u8 q6, [r7]\n",
            concat!("vmladava.s8 ", $first, ", q0, q6\n"),
            concat!("vmladava.s8 ", $second, ", q2, q6\n"),
            concat!("vmladava.s8 ", $third, ", q4, q6\n"),
            "add r7, r3\n",
        )
    };
}

/// Adds the products of all pairs of filters, each of which these instructions add.
macro_rules! pairs {
    ($($pair:expr),+) => {
        concat!(
            "ldm sp, {{r7, r12, lr}}\n",
            "dls lr, lr\n",
            "3:\n",
            "ldm r12, {{r0, r2, r4, r6, r8, r10}}\n",
            $($pair,)+
            "stm r12!, {{r0, r2, r4, r6, r8, r10}}\n",
            "le lr, 3b\n",
        )
    };
}

/// Adds the products of three pixels by pairs of filters.
///
/// # Safety
/// The pixels at `x` are readable for the run's channels, `w` for those of as many filters; `sums` are three values of each.
#[unsafe(naked)]
unsafe extern "C" fn products<const UNUSED: usize>(w: *const i8, sums: *mut i32, x: *const *const i8, run: *const Run) {
    // r5, r9, r11: x; r1: channels behind those in vectors; r3: bytes of a filter; r7: w; r12: sums. On the stack w, sums, and pairs.
    naked_asm!(
        requires!("tt r0, r0", "thumbv8m.main-none-eabihf"),
        ".cpu cortex-m55",
        "push {{r0-r11, lr}}",
        "vpush {{d8-d15}}",
        "ldm r2, {{r5, r9, r11}}",
        "ldr r4, [r3, #{pairs}]",
        "push {{r0, r1, r4}}",
        "ldrd r1, r3, [r3]",
        "subs r1, #32",
        "blo 2f",
        "1:",
        "vldrb.u8 q0, [r5], #16",
        "vldrb.u8 q1, [r5], #16",
        "vldrb.u8 q2, [r9], #16",
        "vldrb.u8 q3, [r9], #16",
        "vldrb.u8 q4, [r11], #16",
        "vldrb.u8 q5, [r11], #16",
        pairs!(
            filter!("r0", "r2", "r4", "vldrb.u8 q7, [r7, #16]"),
            filter!("r6", "r8", "r10", "vldrb.u8 q7, [r7, #16]")
        ),
        "ldr r7, [sp]",
        "add r7, #32",
        "str r7, [sp]",
        "subs r1, #32",
        "bhs 1b",
        "2:",
        "adds r1, #16",
        "ble 5f",
        "vldrb.u8 q0, [r5]",
        "vldrb.u8 q2, [r9]",
        "vldrb.u8 q4, [r11]",
        "vctp.8 r1",
        "vpsttt",
        "vldrbt.u8 q1, [r5, #16]",
        "vldrbt.u8 q3, [r9, #16]",
        "vldrbt.u8 q5, [r11, #16]",
        pairs!(
            filter!("r0", "r2", "r4", "vpst", "vldrbt.u8 q7, [r7, #16]"),
            filter!("r6", "r8", "r10", "vpst", "vldrbt.u8 q7, [r7, #16]")
        ),
        "b 6f",
        "5:",
        "adds r1, #16",
        "beq 6f",
        "vctp.8 r1",
        "vpsttt",
        "vldrbt.u8 q0, [r5]",
        "vldrbt.u8 q2, [r9]",
        "vldrbt.u8 q4, [r11]",
        pairs!(short_filter!("r0", "r2", "r4"), short_filter!("r6", "r8", "r10")),
        "6:",
        "add sp, #12",
        "vpop {{d8-d15}}",
        "add sp, #16",
        "pop {{r4-r11, pc}}",
        pairs = const offset_of!(Run, pairs),
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

impl Rule {
    #[inline(always)]
    fn new(rule: &Requantize, count: usize) -> Self {
        let Requantize { left, right, low, high, .. } = *rule;
        let shift = |by: u32| (by % i32::BITS) as i32;
        Rule { left: shift(left), offset: rule.offset(), right: -shift(right), low, high, count }
    }
}

/// [`Products::write_tile`](super::sealed::Products::write_tile) of bytes: tiles of `PIXELS` by `N`, whose sums and outputs lie at `sums` and
/// `y`.
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
        requires!("tt r0, r0", "thumbv8m.main-none-eabihf"),
        ".cpu cortex-m55",
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

/// [`Products::write`](super::sealed::Products::write) of bytes.
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
        requires!("tt r0, r0", "thumbv8m.main-none-eabihf"),
        ".cpu cortex-m55",
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

/// Channels of a window that are computed together.
pub(super) const CHANNELS: usize = 8;

/// [`Products::write_window`](super::sealed::Products::write_window) of `CHANNELS` bytes or more, that `signed` says of whether they have
/// signs: those that are read, and those that are written, whose limits are such.
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn write_window(window: &ChannelWindow, rule: &Prepared<'_>, x: *const u8, w: *const i8, y: *mut u8, signed: [bool; 2]) {
    let leaf = match signed {
        [true, true] => signed_to_signed::<0>,
        [true, false] => signed_to_unsigned::<0>,
        [false, true] => unsigned_to_signed::<0>,
        [false, false] => unsigned_to_unsigned::<0>,
    };
    // SAFETY: the caller's contract.
    unsafe { leaf(window, x, w, y, rule) };
}

macro_rules! window {
    ($(#[$doc:meta])* $name:ident: $widen:literal $limit:literal) => {
        $(#[$doc])*
        ///
        /// Sums of eight channels stand in two registers, by turns; those of the last eight that are there already are made again.
        ///
        /// # Safety
        /// As [`Products::write_window`](super::sealed::Products::write_window), of `CHANNELS` channels or more.
        #[unsafe(naked)]
        unsafe extern "C" fn $name<const UNUSED: usize>(
            window: *const ChannelWindow,
            x: *const u8,
            w: *const i8,
            y: *mut u8,
            rule: *const Prepared<'_>,
        ) {
            // r5: channels behind these eight; r8-r10: distances of the shifts, and what is added between; r11: biases. q0, q1: sums; q5,
            // q6: limits.
            naked_asm!(
                requires!("tt r0, r0", "thumbv8m.main-none-eabihf"),
                ".cpu cortex-m55",
                "push {{r4-r11, lr}}",
                "vpush {{d8-d15}}",
                "ldr r12, [sp, #100]",
                "ldrd r8, r9, [r12]",
                "ldr r10, [r12, #8]",
                "rsb r10, r10, #0",
                concat!($limit, " r4, [r12, #12]"),
                "vdup.16 q5, r4",
                concat!($limit, " r4, [r12, #16]"),
                "vdup.16 q6, r4",
                "ldrd r11, r5, [r0, #{sums}]",
                "sub r5, #8",
                "1:",
                "vld20.32 {{q0, q1}}, [r11]",
                "vld21.32 {{q0, q1}}, [r11]",
                "add r6, r0, #{taps}",
                "ldr r12, [r0, #{inside}]",
                "wls lr, r12, 3f",
                "2:",
                "ldrd r7, r4, [r6], #8",
                "add r7, r1",
                "add r4, r2",
                concat!($widen, " q2, [r7]"),
                "vldrb.s16 q3, [r4]",
                "vmullb.s16 q4, q2, q3",
                "vmullt.s16 q2, q2, q3",
                "vadd.i32 q0, q0, q4",
                "vadd.i32 q1, q1, q2",
                "le lr, 2b",
                "3:",
                // Weights of taps on padding are added before they are multiplied.
                "ldr r12, [r0, #{padding}]",
                "cmp r12, #0",
                "beq 5f",
                "add r6, r0, #{taps_end}",
                "sub r6, r6, r12, lsl #3",
                "vmov.i32 q4, #0",
                "dls lr, r12",
                "4:",
                "ldr r7, [r6, #4]",
                "add r6, #8",
                "add r7, r2",
                "vldrb.s16 q3, [r7]",
                "vadd.i16 q4, q4, q3",
                "le lr, 4b",
                "ldr r12, [r0, #{zero}]",
                "vdup.16 q3, r12",
                "vmullb.s16 q2, q4, q3",
                "vadd.i32 q0, q0, q2",
                "vmullt.s16 q2, q4, q3",
                "vadd.i32 q1, q1, q2",
                "5:",
                "ldr r12, [r0, #{channels}]",
                "add r12, r11, r12, lsl #2",
                "vld20.32 {{q2, q3}}, [r12]",
                "vld21.32 {{q2, q3}}, [r12]",
                "vshl.s32 q0, r8",
                "vmulh.s32 q0, q0, q2",
                "vshl.s32 q1, r8",
                "vmulh.s32 q1, q1, q3",
                "vadd.i32 q0, q0, r9",
                "vshl.s32 q0, r10",
                "vadd.i32 q1, q1, r9",
                "vshl.s32 q1, r10",
                "vqmovnb.s32 q4, q0",
                "vqmovnt.s32 q4, q1",
                "vmax.s16 q4, q4, q5",
                "vmin.s16 q4, q4, q6",
                "vstrb.16 q4, [r3]",
                "add r1, #8",
                "add r2, #8",
                "add r3, #8",
                "add r11, #32",
                "subs r5, #8",
                "bhs 1b",
                "cmn r5, #8",
                "beq 9f",
                // Back to the last eight.
                "add r1, r5",
                "add r2, r5",
                "add r3, r5",
                "add r11, r11, r5, lsl #2",
                "mov r5, #0",
                "b 1b",
                "9:",
                "vpop {{d8-d15}}",
                "pop {{r4-r11, pc}}",
                sums = const offset_of!(ChannelWindow, sums),
                channels = const offset_of!(ChannelWindow, channels),
                zero = const offset_of!(ChannelWindow, zero),
                inside = const offset_of!(ChannelWindow, inside),
                padding = const offset_of!(ChannelWindow, padding),
                taps = const offset_of!(ChannelWindow, taps),
                taps_end = const offset_of!(ChannelWindow, taps) + 8 * TAPS,
            )
        }
    };
}

window!(
    /// Of signed bytes.
    signed_to_signed: "vldrb.s16" "ldrsb"
);
window!(
    /// Of signed bytes, to unsigned ones.
    signed_to_unsigned: "vldrb.s16" "ldrb"
);
window!(
    /// Of unsigned bytes, to signed ones.
    unsigned_to_signed: "vldrb.u16" "ldrsb"
);
window!(
    /// Of unsigned bytes.
    unsigned_to_unsigned: "vldrb.u16" "ldrb"
);

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

/// [`Products::write_averages`](super::sealed::Products::write_averages) of bytes.
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
        requires!("tt r0, r0", "thumbv8m.main-none-eabihf"),
        ".cpu cortex-m55",
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
