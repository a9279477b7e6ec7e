//! Products of bytes by the instructions of a Cortex-M3: tiles of 3 pixels by `N` filters, two filters at a time, whose 6 sums stand in
//! registers.

use core::arch::naked_asm;

use crate::i8::products::Block;
use crate::lanes::cortex::requires;

pub(super) const PIXELS: usize = 3;
/// The most filters of a block.
pub(super) const MOST_FILTERS: usize = 16;

/// [`Products::add_run`](crate::i8::products::sealed::Products::add_run) for signed bytes.
///
/// # Safety
/// As there, of a tile of `PIXELS` by `N`, an even number up to `MOST_FILTERS`, whose sums and pixels lie at `sums` and `x`.
#[inline(always)]
pub(super) unsafe fn add_run<const N: usize>(sums: *mut i32, x: *const *const i8, w: *const i8, len: usize, block: Block) {
    // SAFETY: three pixels.
    let [first, second, third] = unsafe { *x.cast::<[*const i8; PIXELS]>() };
    // As where a vector is the only pixel.
    let is_one = first == second && first == third;
    let mut filter = 0;
    while filter < block.valid {
        let (sums, w) = (sums.wrapping_add(filter), w.wrapping_add(filter));
        // SAFETY: the caller's contract.
        unsafe {
            if is_one {
                products_of_one::<N>(sums, first, w, len);
            } else {
                products::<N>(sums, x, w, len);
            }
        }
        filter += 2;
    }
}

/// Six products of a channel.
macro_rules! channel {
    () => {
        concat!(
            "ldrsb r11, [r3, #1]\n",
            "ldrsb r10, [r3], #{filters}\n",
            "ldrsb r12, [r0], #1\n",
            "mla r4, r12, r10, r4\n",
            "mla r5, r12, r11, r5\n",
            "ldrsb r12, [r1], #1\n",
            "mla r6, r12, r10, r6\n",
            "mla r7, r12, r11, r7\n",
            "ldrsb r12, [r2], #1\n",
            "mla r8, r12, r10, r8\n",
            "mla r9, r12, r11, r9\n",
        )
    };
}

/// Adds the products of three pixels by two filters.
///
/// # Safety
/// The pixels at `x` are readable for `len` channels, and `w` for two weights of as many rows of `N`. `sums` are two values in each of three
/// rows of `N`.
#[unsafe(naked)]
unsafe extern "C" fn products<const N: usize>(sums: *mut i32, x: *const *const i8, w: *const i8, len: usize) {
    // r0-r2: x; r3: w; r4-r9: sums; lr: where the first pixel's channels end. Those beyond a multiple of four come first.
    naked_asm!(
        requires!("mla r0, r0, r0, r0", "thumbv7m-none-eabi"),
        "push {{r0, r4-r11, lr}}",
        "ldrd r4, r5, [r0]",
        "ldrd r6, r7, [r0, #{row1}]",
        "ldrd r8, r9, [r0, #{row2}]",
        "mov r12, r3",
        "mov r3, r2",
        "ldm r1, {{r0-r2}}",
        "add r10, r0, r12",
        "push {{r10}}",
        "and r12, #3",
        "add lr, r0, r12",
        "b 3f",
        "2:",
        channel!(),
        "3:",
        "cmp r0, lr",
        "bne 2b",
        "pop {{lr}}",
        "b 5f",
        "4:",
        channel!(),
        channel!(),
        channel!(),
        channel!(),
        "5:",
        "cmp r0, lr",
        "bne 4b",
        "pop {{r0}}",
        "strd r4, r5, [r0]",
        "strd r6, r7, [r0, #{row1}]",
        "strd r8, r9, [r0, #{row2}]",
        "pop {{r4-r11, pc}}",
        filters = const N,
        row1 = const 4 * N,
        row2 = const 8 * N,
    )
}

/// The same of three pixels that are one.
///
/// # Safety
/// As there.
#[unsafe(naked)]
unsafe extern "C" fn products_of_one<const N: usize>(sums: *mut i32, x: *const i8, w: *const i8, len: usize) {
    naked_asm!(
        requires!("mla r0, r0, r0, r0", "thumbv7m-none-eabi"),
        "push {{r4-r8, lr}}",
        "mov r4, #0",
        "mov r5, #0",
        "add r3, r1",
        "b 3f",
        "2:",
        "ldrsb r7, [r2, #1]",
        "ldrsb r6, [r2], #{filters}",
        "ldrsb r8, [r1], #1",
        "mla r4, r8, r6, r4",
        "mla r5, r8, r7, r5",
        "3:",
        "cmp r1, r3",
        "bne 2b",
        "mov r3, #{pixels}",
        "4:",
        "ldrd r6, r7, [r0]",
        "add r6, r4",
        "add r7, r5",
        "strd r6, r7, [r0], #{row}",
        "subs r3, #1",
        "bne 4b",
        "pop {{r4-r8, pc}}",
        filters = const N,
        pixels = const PIXELS,
        row = const 4 * N,
    )
}
