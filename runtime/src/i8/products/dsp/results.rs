//! Results of sums by the DSP extension, four at a time.

use core::arch::naked_asm;

use crate::i8::requantize::Prepared;

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

pub(super) use requantize;

/// As many results as are made sooner by fours than one by one.
const RESULTS: usize = 8;

/// [`Products::write_bytes`](crate::i8::products::sealed::Products::write_bytes), of limits that are bytes: all results, or none.
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn write(
    rule: &Prepared<'_>,
    sums: *const i32,
    multipliers: *const i32,
    y: *mut u8,
    count: usize,
    signed: bool,
) -> Option<usize> {
    if count < RESULTS || !rule.is_within(signed) {
        return None;
    }
    let leaf = if signed { results_signed::<0> } else { results_unsigned::<0> };
    // SAFETY: the caller's contract.
    unsafe { leaf(sums, multipliers, y, rule, count.wrapping_sub(4)) };
    Some(count)
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
                cortex_m33!(),
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
