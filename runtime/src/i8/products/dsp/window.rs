//! Windows of depthwise convolutions by the DSP extension: the sums of four channels stand in registers, and one instruction adds the
//! products of two taps.

use super::results::requantize;
use crate::i8::products::window::leaves;

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

/// What a leaf does; its limits are bytes. Sums of the last four channels that are there already are made again.
macro_rules! window {
    (($extend:literal) ($saturate:literal $compare:literal)) => {
        // r1: x; r2: w; r4-r7: sums. On the stack: biases, channels behind these four, window, y; and the rule above what is saved.
        concat!(
            cortex_m33!(),
            "\n",
            "push {{r0, r3-r11, lr}}\n",
            "ldrd r4, r5, [r0, #{sums}]\n",
            "subs r5, #4\n",
            "push {{r4, r5}}\n",
            "1:\n",
            "ldr r12, [sp]\n",
            "ldr r3, [sp, #8]\n",
            "ldm r12, {{r4-r7}}\n",
            "add r0, r3, #{taps}\n",
            "ldr r12, [r3, #{inside}]\n",
            "lsr r12, #1\n",
            "add r3, r0, r12, lsl #4\n",
            "b 3f\n",
            "2:\n",
            pair!($extend),
            "3:\n",
            "cmp r0, r3\n",
            "bne 2b\n",
            "ldr r3, [sp, #8]\n",
            "ldrd r12, lr, [r3, #{inside}]\n",
            "lsls r12, #31\n",
            "beq 4f\n",
            single!($extend),
            "4:\n",
            // Weights of taps on padding are added before they are multiplied.
            "cmp lr, #0\n",
            "beq 6f\n",
            "add r0, r3, #{taps_end}\n",
            "sub r0, r0, lr, lsl #3\n",
            "ldr r12, [r3, #{zero}]\n",
            "mov r8, #0\n",
            "mov r9, #0\n",
            "5:\n",
            "ldr r10, [r0, #4]\n",
            "add r0, #8\n",
            "ldr r10, [r2, r10]\n",
            "sxtab16 r8, r8, r10\n",
            "sxtab16 r9, r9, r10, ror #8\n",
            "subs lr, #1\n",
            "bne 5b\n",
            "smlabb r4, r8, r12, r4\n",
            "smlabb r5, r9, r12, r5\n",
            "smlatb r6, r8, r12, r6\n",
            "smlatb r7, r9, r12, r7\n",
            "6:\n",
            "ldr r0, [sp]\n",
            "ldr r12, [r3, #{channels}]\n",
            "add r0, r0, r12, lsl #2\n",
            "ldm r0, {{r8-r11}}\n",
            "ldr r0, [sp, #13 * 4]\n",
            requantize!("r0", $saturate, $compare),
            "ldrd r8, r9, [sp]\n",
            "ldr r3, [sp, #12]\n",
            "add r1, #4\n",
            "add r2, #4\n",
            "str r4, [r3], #4\n",
            "add r8, #16\n",
            "subs r9, #4\n",
            "blo 8f\n",
            "7:\n",
            "strd r8, r9, [sp]\n",
            "str r3, [sp, #12]\n",
            "b 1b\n",
            "8:\n",
            "cmn r9, #4\n",
            "beq 9f\n",
            // Back to the last four.
            "add r1, r9\n",
            "add r2, r9\n",
            "add r3, r9\n",
            "add r8, r8, r9, lsl #2\n",
            "mov r9, #0\n",
            "b 7b\n",
            "9:\n",
            "add sp, #16\n",
            "pop {{r4-r11, pc}}\n",
        )
    };
}

leaves!(window: ("sxtb16") ("uxtb16"), ("ssat" "ssub8") ("usat" "usub8"));
