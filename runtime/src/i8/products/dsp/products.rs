//! Products of bytes by the DSP extension: tiles of 4 pixels by `N` filters, two filters at a time, whose 8 sums stand in registers.
//!
//! One instruction adds two products of 16 bits. The values of the pixels are widened first, a few channels at a time, for all filters of
//! the block: of four channels the first and the third, and then the others, as the widening of the weights gives them.
//!
//! Functions are generic, so that they are assembled only where a module uses them, some by a parameter that means nothing.

use core::arch::naked_asm;
use core::mem::MaybeUninit;

use crate::i8::products::Block;

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

/// [`Products::add_run`](crate::i8::products::sealed::Products::add_run) for bytes, with signs or without.
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
                cortex_m33!(),
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
        cortex_m33!(),
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
