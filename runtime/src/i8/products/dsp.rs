//! Products of bytes by the DSP extension: tiles of 4 pixels by `N` filters, two filters at a time, whose 8 sums stand in registers.
//!
//! One instruction adds two products of 16 bits. The values of the pixels are widened first, a few channels at a time, for all filters of
//! the block: of four channels the first and the third, and then the others, as the widening of the weights gives them.
//!
//! Functions are generic, so that they are assembled only where a module uses them, some by a parameter that means nothing.

use core::arch::naked_asm;
use core::mem::{MaybeUninit, offset_of};

use super::Block;
use super::window::{ChannelWindow, TAPS};
use crate::i8::requantize::Prepared;
use crate::lanes::cortex::requires;

pub(super) const PIXELS: usize = 4;
/// The most filters of a block.
pub(super) const MOST_FILTERS: usize = 32;

/// Channels in fours that are widened at a time, each to eight values of 32 bits.
const WORDS: usize = 16;

/// The biases as the sums of four pixels.
///
/// # Safety
/// `biases` are `N` readable values, a multiple of eight and not none, and `sums` four times as many writable ones.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn begin<const N: usize>(biases: *const i32, sums: *mut i32) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "add r2, r1, #{row}",
        "add r3, r2, #{row}",
        "add r12, r3, #{row}",
        "mov lr, #{eights}",
        "1:",
        "ldm r0!, {{r4-r11}}",
        "stm r1!, {{r4-r11}}",
        "stm r2!, {{r4-r11}}",
        "stm r3!, {{r4-r11}}",
        "stm r12!, {{r4-r11}}",
        "subs lr, #1",
        "bne 1b",
        "pop {{r4-r11, pc}}",
        row = const 4 * N,
        eights = const N / 8,
    )
}

/// [`Products::add_run`](super::sealed::Products::add_run) for bytes, with signs or without.
///
/// # Safety
/// As there, of a tile of `PIXELS` by `N`, an even number, whose sums and pixels lie at `sums` and `x`.
#[inline(always)]
pub(super) unsafe fn add_run<const N: usize>(
    sums: *mut i32,
    x: *const *const u8,
    mut w: *const i8,
    len: usize,
    block: Block,
    signed: bool,
) {
    let widen = if signed { widen_signed::<0> } else { widen_unsigned::<0> };
    // SAFETY: four pixels.
    let mut x = unsafe { *x.cast::<[*const u8; PIXELS]>() };
    let mut wide = MaybeUninit::<[u32; 8 * WORDS]>::uninit();
    let wide = wide.as_mut_ptr().cast::<u32>();
    let mut left = len;
    while left > 0 {
        let words = (left / 4).min(WORDS);
        let (words, channels) = if words > 0 { (words, 4 * words) } else { (1, left) };
        // SAFETY: the caller's contract: as many channels are left. A last word, whose weights are filled up with zeros, is read from a copy.
        // Widening writes what products read.
        unsafe {
            if channels < 4 {
                let mut last = [[0u8; 4]; PIXELS];
                for (last, x) in last.iter_mut().zip(x) {
                    x.copy_to_nonoverlapping(last.as_mut_ptr(), channels);
                }
                widen(last.each_ref().map(|last| last.as_ptr()).as_ptr(), wide, 1);
            } else {
                widen(x.as_ptr(), wide, words);
            }
            products::<N>(sums, w, wide, wide.add(8 * words), sums.add(block.valid.next_multiple_of(2)));
        }
        x = x.map(|x| x.wrapping_add(channels));
        w = w.wrapping_add(4 * N * words);
        left -= channels;
    }
}

macro_rules! widen {
    ($(#[$doc:meta])* $name:ident: $extend:literal) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// Each of four pixels is readable for four times as many bytes as there are words, which are not none, `wide` writable for eight
        /// values each.
        #[unsafe(naked)]
        unsafe extern "C" fn $name<const UNUSED: usize>(x: *const *const u8, wide: *mut u32, words: usize) {
            naked_asm!(
                requires!("mrs r0, primask", "thumbv7em-none-eabihf` or `thumbv8m.main-none-eabihf"),
                ".cpu cortex-m33",
                "push {{r4-r11, lr}}",
                "ldm r0, {{r4-r7}}",
                "1:",
                "ldr r8, [r4], #4",
                "ldr r9, [r5], #4",
                "ldr r10, [r6], #4",
                "ldr r11, [r7], #4",
                concat!($extend, " r0, r8"),
                concat!($extend, " r3, r9"),
                concat!($extend, " r12, r10"),
                concat!($extend, " lr, r11"),
                "strd r0, r3, [r1], #8",
                "strd r12, lr, [r1], #8",
                concat!($extend, " r8, r8, ror #8"),
                concat!($extend, " r9, r9, ror #8"),
                concat!($extend, " r10, r10, ror #8"),
                concat!($extend, " r11, r11, ror #8"),
                "strd r8, r9, [r1], #8",
                "strd r10, r11, [r1], #8",
                "subs r2, #1",
                "bne 1b",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

widen!(
    /// Widens signed bytes.
    widen_signed: "sxtb16"
);
widen!(
    /// Widens unsigned bytes.
    widen_unsigned: "uxtb16"
);

/// Eight products of two channels: the pixels' values come from `r2`, the weights stand in `r0` and `r3`.
macro_rules! half {
    () => {
        concat!(
            "ldrd r12, lr, [r2], #8\n",
            "smlad r4, r12, r0, r4\n",
            "smlad r5, r12, r3, r5\n",
            "smlad r6, lr, r0, r6\n",
            "smlad r7, lr, r3, r7\n",
            "ldrd r12, lr, [r2], #8\n",
            "smlad r8, r12, r0, r8\n",
            "smlad r9, r12, r3, r9\n",
            "smlad r10, lr, r0, r10\n",
            "smlad r11, lr, r3, r11\n",
        )
    };
}

/// The products of four channels.
macro_rules! word {
    () => {
        concat!(
            "ldrd r0, r3, [r1]\n",
            "sxtb16 r0, r0\n",
            "sxtb16 r3, r3\n",
            half!(),
            "ldrd r0, r3, [r1], #{filters}\n",
            "sxtb16 r0, r0, ror #8\n",
            "sxtb16 r3, r3, ror #8\n",
            half!(),
        )
    };
}

/// Adds the products of four pixels by pairs of filters.
///
/// # Safety
/// `wide` is readable up to `end`, a whole number of words of eight values, not none, and `w` for the weights of as many words of each
/// filter. `sums` are four rows of `N` values; the last pair of the first ends at `last`, and there is one.
#[unsafe(naked)]
unsafe extern "C" fn products<const N: usize>(sums: *mut i32, w: *const i8, wide: *const u32, end: *const u32, last: *mut i32) {
    // r1: weights; r2: values; r4-r11: sums of a pair. On the stack sums and weights of the pair, where values begin and end, and where the
    // first round begins; and above what is saved, where sums end.
    naked_asm!(
        ".cpu cortex-m33",
        ".p2align 2",
        "push {{r4-r11, lr}}",
        // Four words a round, the first of which leaves out as many as are not there: a word's instructions have 3.25 times the bytes of
        // its values.
        "sub r12, r2, r3",
        "and r12, #96",
        "add r4, r12, r12, lsl #1",
        "add r4, r4, r12, lsr #2",
        "adr r12, 2f",
        "add r12, r4",
        "add r12, #1",
        "push {{r0-r3, r12}}",
        "1:",
        "ldrd r4, r5, [r0]",
        "ldrd r6, r7, [r0, #{row1}]",
        "ldrd r8, r9, [r0, #{row2}]",
        "ldrd r10, r11, [r0, #{row3}]",
        "ldr pc, [sp, #16]",
        "2:",
        word!(),
        word!(),
        word!(),
        word!(),
        "ldr r12, [sp, #12]",
        "cmp r2, r12",
        "bne 2b",
        "ldm sp, {{r0-r2}}",
        "ldr r12, [sp, #56]",
        "strd r6, r7, [r0, #{row1}]",
        "strd r8, r9, [r0, #{row2}]",
        "strd r10, r11, [r0, #{row3}]",
        "strd r4, r5, [r0], #8",
        "add r1, #8",
        "strd r0, r1, [sp]",
        "cmp r0, r12",
        "bne 1b",
        "add sp, #20",
        "pop {{r4-r11, pc}}",
        filters = const 4 * N,
        row1 = const 4 * N,
        row2 = const 8 * N,
        row3 = const 12 * N,
    )
}

/// Makes the four bytes of `r4` of the sums in `r4` to `r7` and the multipliers in `r8` to `r11`, by the rule at `$rule`, whose limits are
/// bytes: with signs or without, as the instructions say that saturate and compare. `r12` and `lr` are its own.
macro_rules! requantize {
    ($rule:literal, $saturate:literal, $compare:literal) => {
        concat!(
            concat!("ldrd r12, lr, [", $rule, "]\n"),
            "lsl r4, r12\n",
            "lsl r5, r12\n",
            "lsl r6, r12\n",
            "lsl r7, r12\n",
            "smmla r4, r4, r8, lr\n",
            "smmla r5, r5, r9, lr\n",
            "smmla r6, r6, r10, lr\n",
            "smmla r7, r7, r11, lr\n",
            concat!("ldr r12, [", $rule, ", #8]\n"),
            concat!("ldrd r8, r9, [", $rule, ", #12]\n"),
            "asr r4, r12\n",
            "asr r5, r12\n",
            "asr r6, r12\n",
            "asr r7, r12\n",
            concat!($saturate, " r4, #8, r4\n"),
            concat!($saturate, " r5, #8, r5\n"),
            concat!($saturate, " r6, #8, r6\n"),
            concat!($saturate, " r7, #8, r7\n"),
            "pkhbt r4, r4, r6, lsl #16\n",
            "pkhbt r5, r5, r7, lsl #16\n",
            "uxtb16 r4, r4\n",
            "uxtb16 r5, r5\n",
            "orr r4, r4, r5, lsl #8\n",
            // The greater of each byte and its limit, then the less.
            concat!($compare, " r5, r4, r8\n"),
            "sel r4, r4, r8\n",
            concat!($compare, " r5, r4, r9\n"),
            "sel r4, r9, r4\n",
        )
    };
}

/// As many results as are made sooner by fours than one by one.
pub(super) const RESULTS: usize = 8;

/// [`Products::write`](super::sealed::Products::write) of four bytes or more, whose limits are bytes: with signs or without.
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn write(rule: &Prepared<'_>, sums: *const i32, multipliers: *const i32, y: *mut u8, count: usize, signed: bool) {
    let leaf = if signed { results_signed::<0> } else { results_unsigned::<0> };
    // SAFETY: the caller's contract.
    unsafe { leaf(sums, multipliers, y, rule, count.wrapping_sub(4)) };
}

macro_rules! results {
    ($(#[$doc:meta])* $name:ident: $saturate:literal $compare:literal) => {
        $(#[$doc])*
        ///
        /// Four at a time; those of the last four that are there already are made again.
        ///
        /// # Safety
        /// `sums` and `multipliers` are readable for four values and so many `behind` them, and `y` is writable.
        #[unsafe(naked)]
        unsafe extern "C" fn $name<const UNUSED: usize>(
            sums: *const i32,
            multipliers: *const i32,
            y: *mut u8,
            rule: *const Prepared<'_>,
            behind: usize,
        ) {
            naked_asm!(
                ".cpu cortex-m33",
                "push {{r4-r11, lr}}",
                "1:",
                "ldm r0!, {{r4-r7}}",
                "ldm r1!, {{r8-r11}}",
                requantize!("r3", $saturate, $compare),
                "str r4, [r2], #4",
                "ldr r4, [sp, #36]",
                "subs r4, #4",
                "str r4, [sp, #36]",
                "bhs 1b",
                "cmn r4, #4",
                "beq 9f",
                // Back to the last four.
                "add r0, r0, r4, lsl #2",
                "add r1, r1, r4, lsl #2",
                "add r2, r4",
                "mov r4, #0",
                "str r4, [sp, #36]",
                "b 1b",
                "9:",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

results!(
    /// Signed results.
    results_signed: "ssat" "ssub8"
);
results!(
    /// Unsigned results.
    results_unsigned: "usat" "usub8"
);

/// [`Products::write_window`](super::sealed::Products::write_window) of bytes that `signed` says of whether they have signs: those that are
/// read, and those that are written, whose limits are such.
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

/// The products of two taps: of each channel the values of both stand in a register, and their weights in another.
macro_rules! pair {
    ($extend:literal) => {
        concat!(
            "ldm r0!, {{r8-r11}}\n",
            "ldr r8, [r1, r8]\n",
            "ldr r9, [r2, r9]\n",
            "ldr r10, [r1, r10]\n",
            "ldr r11, [r2, r11]\n",
            // The first two channels of both, and the others.
            "pkhbt r12, r8, r10, lsl #16\n",
            "pkhtb r10, r10, r8, asr #16\n",
            "pkhbt r8, r9, r11, lsl #16\n",
            "pkhtb r11, r11, r9, asr #16\n",
            $extend,
            " r9, r12\n",
            "sxtb16 lr, r8\n",
            "smlad r4, r9, lr, r4\n",
            $extend,
            " r12, r12, ror #8\n",
            "sxtb16 r8, r8, ror #8\n",
            "smlad r5, r12, r8, r5\n",
            $extend,
            " r9, r10\n",
            "sxtb16 lr, r11\n",
            "smlad r6, r9, lr, r6\n",
            $extend,
            " r10, r10, ror #8\n",
            "sxtb16 r11, r11, ror #8\n",
            "smlad r7, r10, r11, r7\n",
        )
    };
}

/// The products of one tap.
macro_rules! single {
    ($extend:literal) => {
        concat!(
            "ldm r0, {{r8-r9}}\n",
            "ldr r8, [r1, r8]\n",
            "ldr r9, [r2, r9]\n",
            $extend,
            " r10, r8\n",
            "sxtb16 r11, r9\n",
            "smlabb r4, r10, r11, r4\n",
            "smlatt r6, r10, r11, r6\n",
            $extend,
            " r8, r8, ror #8\n",
            "sxtb16 r9, r9, ror #8\n",
            "smlabb r5, r8, r9, r5\n",
            "smlatt r7, r8, r9, r7\n",
        )
    };
}

macro_rules! window {
    ($(#[$doc:meta])* $name:ident: $extend:literal $saturate:literal $compare:literal) => {
        $(#[$doc])*
        ///
        /// Sums of four channels stand in registers; those of the last four that are there already are made again.
        ///
        /// # Safety
        /// As [`Products::write_window`](super::sealed::Products::write_window).
        #[unsafe(naked)]
        unsafe extern "C" fn $name<const UNUSED: usize>(
            window: *const ChannelWindow,
            x: *const u8,
            w: *const i8,
            y: *mut u8,
            rule: *const Prepared<'_>,
        ) {
            // r1: x; r2: w; r4-r7: sums. On the stack: biases, channels behind these four, window, y; and the rule above what is saved.
            naked_asm!(
                requires!("mrs r0, primask", "thumbv7em-none-eabihf` or `thumbv8m.main-none-eabihf"),
                ".cpu cortex-m33",
                "push {{r0, r3-r11, lr}}",
                "ldrd r4, r5, [r0, #{sums}]",
                "subs r5, #4",
                "push {{r4, r5}}",
                "1:",
                "ldr r12, [sp]",
                "ldr r3, [sp, #8]",
                "ldm r12, {{r4-r7}}",
                "add r0, r3, #{taps}",
                "ldr r12, [r3, #{inside}]",
                "lsr r12, #1",
                "add r3, r0, r12, lsl #4",
                "b 3f",
                "2:",
                pair!($extend),
                "3:",
                "cmp r0, r3",
                "bne 2b",
                "ldr r3, [sp, #8]",
                "ldrd r12, lr, [r3, #{inside}]",
                "lsls r12, #31",
                "beq 4f",
                single!($extend),
                "4:",
                // Weights of taps on padding are added before they are multiplied.
                "cmp lr, #0",
                "beq 6f",
                "add r0, r3, #{taps_end}",
                "sub r0, r0, lr, lsl #3",
                "ldr r12, [r3, #{zero}]",
                "mov r8, #0",
                "mov r9, #0",
                "5:",
                "ldr r10, [r0, #4]",
                "add r0, #8",
                "ldr r10, [r2, r10]",
                "sxtab16 r8, r8, r10",
                "sxtab16 r9, r9, r10, ror #8",
                "subs lr, #1",
                "bne 5b",
                "smlabb r4, r8, r12, r4",
                "smlabb r5, r9, r12, r5",
                "smlatb r6, r8, r12, r6",
                "smlatb r7, r9, r12, r7",
                "6:",
                "ldr r0, [sp]",
                "ldr r12, [r3, #{channels}]",
                "add r0, r0, r12, lsl #2",
                "ldm r0, {{r8-r11}}",
                "ldr r0, [sp, #{rule}]",
                requantize!("r0", $saturate, $compare),
                "ldrd r8, r9, [sp]",
                "ldr r3, [sp, #12]",
                "add r1, #4",
                "add r2, #4",
                "str r4, [r3], #4",
                "add r8, #16",
                "subs r9, #4",
                "blo 8f",
                "7:",
                "strd r8, r9, [sp]",
                "str r3, [sp, #12]",
                "b 1b",
                "8:",
                "cmn r9, #4",
                "beq 9f",
                // Back to the last four.
                "add r1, r9",
                "add r2, r9",
                "add r3, r9",
                "add r8, r8, r9, lsl #2",
                "mov r9, #0",
                "b 7b",
                "9:",
                "add sp, #16",
                "pop {{r4-r11, pc}}",
                sums = const offset_of!(ChannelWindow, sums),
                channels = const offset_of!(ChannelWindow, channels),
                zero = const offset_of!(ChannelWindow, zero),
                inside = const offset_of!(ChannelWindow, inside),
                taps = const offset_of!(ChannelWindow, taps),
                taps_end = const offset_of!(ChannelWindow, taps) + 8 * TAPS,
                rule = const 13 * 4,
            )
        }
    };
}

window!(
    /// Of signed bytes.
    signed_to_signed: "sxtb16" "ssat" "ssub8"
);
window!(
    /// Of signed bytes, to unsigned ones.
    signed_to_unsigned: "sxtb16" "usat" "usub8"
);
window!(
    /// Of unsigned bytes, to signed ones.
    unsigned_to_signed: "uxtb16" "ssat" "ssub8"
);
window!(
    /// Of unsigned bytes.
    unsigned_to_unsigned: "uxtb16" "usat" "usub8"
);
