//! Products of bytes by the vector unit: tiles of 3 pixels by `N` filters. Of up to 32 channels the pixels' values stand in vectors for all
//! filters of the block, two of which are taken at a time, whose 6 sums stand in the core's own registers meanwhile: in memory they follow
//! each other, those of a filter together, so that one instruction loads them.
//!
//! A parameter that means nothing makes a function generic, so that it is assembled only where a module uses it.

use core::arch::naked_asm;
use core::mem::offset_of;

use crate::i8::products::Block;
use crate::lanes::cortex::cortex_m55;

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
        cortex_m55!(),
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

pub(super) use thirds;

/// The biases as the sums of three pixels.
///
/// # Safety
/// `biases` are so many readable values, and `sums` three times as many writable ones.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn begin<const UNUSED: usize>(sums: *mut i32, biases: *const i32, count: usize) {
    naked_asm!(
        cortex_m55!(),
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

/// [`Products::add_run`](crate::i8::products::sealed::Products::add_run) for signed bytes.
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
        cortex_m55!(),
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
