//! Leaves of the scalar floating-point unit: tiles of 4 pixels by 4 channels, or of 1 by 16 where a map is small or its border large. Of
//! its 32 registers 16 hold sums, and 16 values of pixels and weights, which one instruction loads.
//!
//! A parameter that means nothing makes a function generic, so that it is assembled only where a module uses it.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::window::{SAVED_X, Window, pointers};
use crate::lanes::Vector;

/// How many sums a tile has.
pub(super) const SUMS: usize = 16;

/// Sixteen values: where one is less than zero, zero.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn relu<const UNUSED: usize>(values: *mut f32) {
    macro_rules! each {
        ($($register:literal)+) => {
            naked_asm!(
                ".fpu fpv4-sp-d16",
                "vldmia r0, {{s0-s15}}",
                "movs r1, #0",
                $(
                    concat!("vcmp.f32 ", $register, ", #0"),
                    "vmrs APSR_nzcv, fpscr",
                    "it mi",
                    concat!("vmovmi ", $register, ", r1"),
                )+
                "vstmia r0, {{s0-s15}}",
                "bx lr",
            )
        };
    }
    each!("s0" "s1" "s2" "s3" "s4" "s5" "s6" "s7" "s8" "s9" "s10" "s11" "s12" "s13" "s14" "s15")
}

/// As [`relu`], of vectors that are not as many values.
#[inline(always)]
pub(super) fn relu_others<V: Vector>(vectors: &mut [V]) {
    for vector in vectors {
        *vector = vector.relu();
    }
}

/// Limits values to `[low, high]`, four at a time; what is not a number passes.
///
/// # Safety
/// `fours` times four values are readable and writable; there are some.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn clip<const UNUSED: usize>(values: *mut f32, fours: usize, low: f32, high: f32) {
    macro_rules! each {
        ($($register:literal)+) => {
            naked_asm!(
                ".fpu fpv4-sp-d16",
                "1:",
                "vldmia r0, {{s2-s5}}",
                $(
                    concat!("vcmp.f32 ", $register, ", s0"),
                    "vmrs APSR_nzcv, fpscr",
                    "it mi",
                    concat!("vmovmi.f32 ", $register, ", s0"),
                    concat!("vcmp.f32 ", $register, ", s1"),
                    "vmrs APSR_nzcv, fpscr",
                    "it gt",
                    concat!("vmovgt.f32 ", $register, ", s1"),
                )+
                "vstmia r0!, {{s2-s5}}",
                "subs r1, #1",
                "bne 1b",
                "bx lr",
            )
        };
    }
    each!("s2" "s3" "s4" "s5")
}

/// Four products for each of four pixels, whose values stand in the registers that are named.
#[rustfmt::skip]
macro_rules! products {
    ($operation:literal: $w0:literal $w1:literal $w2:literal $w3:literal: $x0:literal $x1:literal $x2:literal $x3:literal) => {
        concat!(
            $operation, " s0, ", $w0, ", ", $x0, "\n",
            $operation, " s1, ", $w1, ", ", $x0, "\n",
            $operation, " s2, ", $w2, ", ", $x0, "\n",
            $operation, " s3, ", $w3, ", ", $x0, "\n",
            $operation, " s4, ", $w0, ", ", $x1, "\n",
            $operation, " s5, ", $w1, ", ", $x1, "\n",
            $operation, " s6, ", $w2, ", ", $x1, "\n",
            $operation, " s7, ", $w3, ", ", $x1, "\n",
            $operation, " s8, ", $w0, ", ", $x2, "\n",
            $operation, " s9, ", $w1, ", ", $x2, "\n",
            $operation, " s10, ", $w2, ", ", $x2, "\n",
            $operation, " s11, ", $w3, ", ", $x2, "\n",
            $operation, " s12, ", $w0, ", ", $x3, "\n",
            $operation, " s13, ", $w1, ", ", $x3, "\n",
            $operation, " s14, ", $w2, ", ", $x3, "\n",
            $operation, " s15, ", $w3, ", ", $x3,
        )
    };
}

/// What goes on with the second window, which lies behind the first, and its pixels, which lie behind the first ones' pointers; or nothing.
macro_rules! leaf {
    (second: none; $($rest:tt)+) => {
        leaf! { second: [] []; $($rest)+ }
    };
    (second: $pixels:literal $load:literal; $($rest:tt)+) => {
        leaf! {
            second: [
                "ldr r9, [r8, #{more}]",
                "cmp r9, #0",
                "beq 8f",
                "add r8, #{window}",
                "ldr r4, [r8, #{w}]",
                "ldr r1, [sp, #{saved_x}]",
                "adds r1, #{pointers}",
                $load,
                "b 7b",
                "8:",
            ] [
                more = offset_of!(Window, more),
                window = size_of::<Window>(),
                saved_x = SAVED_X,
                pointers = pointers($pixels),
            ];
            $($rest)+
        }
    };
    // r0-r3: x; r4: w; r5: channels; r6: columns; r7: rows; r8: the window; r10: between channels; s0-s15: sums.
    (
        second: [$($second:literal,)*] [$($name:ident = $value:expr,)*];
        begin: $($begin:literal)+;
        advance: $($advance:literal)+;
        end: $($end:literal)+;
        counts: $($count:ident)+;
        $($channels:expr),+ $(,)?
    ) => {
        naked_asm!(
            requires!("mrs r0, primask", "thumbv7em-none-eabihf` or `thumbv8m.main-none-eabihf"),
            ".fpu fpv4-sp-d16",
            "push {{r1, r2, r4-r10, lr}}",
            "vpush {{s16-s31}}",
            "mov r8, r0",
            "ldrd r4, r5, [r8, #{w}]",
            $($begin,)+
            "7:",
            "ldr r10, [r8, #{channel}]",
            "ldr r7, [r8, #{rows}]",
            "cmp r7, #0",
            "beq 9f",
            "1:",
            "ldr r6, [r8, #{columns}]",
            "2:",
            $($channels,)+
            "ldr r9, [r8, #{column}]",
            $($advance,)+
            "subs r6, #1",
            "bne 2b",
            "ldrd r9, r5, [r8, #{row}]",
            $($advance,)+
            "add r4, r5",
            "subs r7, #1",
            "bne 1b",
            "9:",
            $($second,)*
            "vpop {{s16-s31}}",
            "pop {{r1, r2}}",
            $($end,)+
            "pop {{r4-r10, pc}}",
            w = const offset_of!(Window, w),
            rows = const offset_of!(Window, rows),
            columns = const offset_of!(Window, columns),
            column = const offset_of!(Window, column),
            row = const offset_of!(Window, row),
            channel = const offset_of!(Window, channel),
            $($count = const offset_of!(Window, $count),)+
            $($name = const $value,)*
        )
    };
}

/// As `leaf`, for four pixels of four channels.
macro_rules! square_leaf {
    (none, $($channels:tt)+) => {
        square_leaf!([none], $($channels)+)
    };
    (second, $($channels:tt)+) => {
        square_leaf!([4 "ldm r1, {{r0-r3}}"], $($channels)+)
    };
    ([$($second:tt)+], $($channels:tt)+) => {
        leaf!(
            second: $($second)+;
            begin: "ldm r1, {{r0-r3}}" "vldmia r5, {{s0-s3}}" "vldmia r5, {{s4-s7}}" "vldmia r5, {{s8-s11}}" "vldmia r5, {{s12-s15}}";
            advance: "add r0, r9" "add r1, r9" "add r2, r9" "add r3, r9";
            end: "vstmia r2, {{s0-s15}}";
            $($channels)+
        )
    };
}

/// As `square_leaf`, where channels of a pixel are adjacent.
macro_rules! square_dense {
    ($operation:literal, $second:ident) => {
        square_leaf!(
            $second,
            counts: fours ones;
            "ldr r5, [r8, #{fours}]",
            "cmp r5, #0",
            "beq 4f",
            "3:",
            "vldmia r4!, {{s16-s23}}",
            "vldmia r0!, {{s24, s25}}",
            "vldmia r1!, {{s26, s27}}",
            "vldmia r2!, {{s28, s29}}",
            "vldmia r3!, {{s30, s31}}",
            products!($operation: "s16" "s17" "s18" "s19": "s24" "s26" "s28" "s30"),
            products!($operation: "s20" "s21" "s22" "s23": "s25" "s27" "s29" "s31"),
            "vldmia r4!, {{s16-s23}}",
            "vldmia r0!, {{s24, s25}}",
            "vldmia r1!, {{s26, s27}}",
            "vldmia r2!, {{s28, s29}}",
            "vldmia r3!, {{s30, s31}}",
            products!($operation: "s16" "s17" "s18" "s19": "s24" "s26" "s28" "s30"),
            products!($operation: "s20" "s21" "s22" "s23": "s25" "s27" "s29" "s31"),
            "subs r5, #1",
            "bne 3b",
            "4:",
            "ldr r5, [r8, #{ones}]",
            "cmp r5, #0",
            "beq 6f",
            "5:",
            "vldmia r4!, {{s16-s19}}",
            "vldmia r0!, {{s24}}",
            "vldmia r1!, {{s26}}",
            "vldmia r2!, {{s28}}",
            "vldmia r3!, {{s30}}",
            products!($operation: "s16" "s17" "s18" "s19": "s24" "s26" "s28" "s30"),
            "subs r5, #1",
            "bne 5b",
            "6:",
        )
    };
}

/// As `square_leaf`, where channels of a pixel lie apart.
macro_rules! square_strided {
    ($operation:literal, $second:ident) => {
        square_leaf!(
            $second,
            counts: fours;
            "ldrd r5, r9, [r8, #{fours}]",
            "adds r5, r9, r5, lsl #2",
            "beq 6f",
            "5:",
            "vldmia r4!, {{s16-s19}}",
            "vldr s24, [r0]",
            "vldr s26, [r1]",
            "vldr s28, [r2]",
            "vldr s30, [r3]",
            "add r0, r10",
            "add r1, r10",
            "add r2, r10",
            "add r3, r10",
            products!($operation: "s16" "s17" "s18" "s19": "s24" "s26" "s28" "s30"),
            "subs r5, #1",
            "bne 5b",
            "6:",
        )
    };
}

/// As `leaf`, for one pixel of sixteen channels.
macro_rules! single_leaf {
    (none, $($channels:tt)+) => {
        single_leaf!([none], $($channels)+)
    };
    (second, $($channels:tt)+) => {
        single_leaf!([1 "ldr r0, [r1]"], $($channels)+)
    };
    ([$($second:tt)+], $($channels:tt)+) => {
        leaf!(
            second: $($second)+;
            begin: "ldr r0, [r1]" "vldmia r5, {{s0-s15}}";
            advance: "add r0, r9";
            end: "vstmia r2, {{s0-s15}}";
            $($channels)+
        )
    };
}

/// Sixteen products for one pixel, whose value stands in the register that is named.
#[rustfmt::skip]
macro_rules! single_products {
    ($operation:literal: $x:literal) => {
        concat!(
            "vldmia r4!, {{s16-s23}}\n",
            $operation, " s0, s16, ", $x, "\n",
            $operation, " s1, s17, ", $x, "\n",
            $operation, " s2, s18, ", $x, "\n",
            $operation, " s3, s19, ", $x, "\n",
            $operation, " s4, s20, ", $x, "\n",
            $operation, " s5, s21, ", $x, "\n",
            $operation, " s6, s22, ", $x, "\n",
            $operation, " s7, s23, ", $x, "\n",
            "vldmia r4!, {{s16-s23}}\n",
            $operation, " s8, s16, ", $x, "\n",
            $operation, " s9, s17, ", $x, "\n",
            $operation, " s10, s18, ", $x, "\n",
            $operation, " s11, s19, ", $x, "\n",
            $operation, " s12, s20, ", $x, "\n",
            $operation, " s13, s21, ", $x, "\n",
            $operation, " s14, s22, ", $x, "\n",
            $operation, " s15, s23, ", $x,
        )
    };
}

macro_rules! single_dense {
    ($operation:literal, $second:ident) => {
        single_leaf!(
            $second,
            counts: fours ones;
            "ldr r5, [r8, #{fours}]",
            "cmp r5, #0",
            "beq 4f",
            "3:",
            "vldmia r0!, {{s24-s27}}",
            single_products!($operation: "s24"),
            single_products!($operation: "s25"),
            single_products!($operation: "s26"),
            single_products!($operation: "s27"),
            "subs r5, #1",
            "bne 3b",
            "4:",
            "ldr r5, [r8, #{ones}]",
            "cmp r5, #0",
            "beq 6f",
            "5:",
            "vldmia r0!, {{s24}}",
            single_products!($operation: "s24"),
            "subs r5, #1",
            "bne 5b",
            "6:",
        )
    };
}

macro_rules! single_strided {
    ($operation:literal, $second:ident) => {
        single_leaf!(
            $second,
            counts: fours;
            "ldrd r5, r9, [r8, #{fours}]",
            "adds r5, r9, r5, lsl #2",
            "beq 6f",
            "5:",
            "vldr s24, [r0]",
            "add r0, r10",
            single_products!($operation: "s24"),
            "subs r5, #1",
            "bne 5b",
            "6:",
        )
    };
}

/// As `leaf`, for the first of four pixels, of four channels; the others have its sums.
macro_rules! first_leaf {
    ($($channels:tt)+) => {
        leaf!(
            second: 4 "ldr r0, [r1]";
            begin: "ldr r0, [r1]" "vldmia r5, {{s0-s3}}";
            advance: "add r0, r9";
            end: "vstmia r2!, {{s0-s3}}" "vstmia r2!, {{s0-s3}}" "vstmia r2!, {{s0-s3}}" "vstmia r2!, {{s0-s3}}";
            $($channels)+
        )
    };
}

/// Four products for one pixel.
#[rustfmt::skip]
macro_rules! first_products {
    ($operation:literal: $w0:literal $w1:literal $w2:literal $w3:literal: $x:literal) => {
        concat!(
            $operation, " s0, ", $w0, ", ", $x, "\n",
            $operation, " s1, ", $w1, ", ", $x, "\n",
            $operation, " s2, ", $w2, ", ", $x, "\n",
            $operation, " s3, ", $w3, ", ", $x,
        )
    };
}

macro_rules! first_dense {
    ($operation:literal) => {
        first_leaf!(
            counts: fours ones;
            "ldr r5, [r8, #{fours}]",
            "cmp r5, #0",
            "beq 4f",
            "3:",
            "vldmia r4!, {{s16-s31}}",
            "vldmia r0!, {{s4-s7}}",
            first_products!($operation: "s16" "s17" "s18" "s19": "s4"),
            first_products!($operation: "s20" "s21" "s22" "s23": "s5"),
            first_products!($operation: "s24" "s25" "s26" "s27": "s6"),
            first_products!($operation: "s28" "s29" "s30" "s31": "s7"),
            "subs r5, #1",
            "bne 3b",
            "4:",
            "ldr r5, [r8, #{ones}]",
            "cmp r5, #0",
            "beq 6f",
            "5:",
            "vldmia r4!, {{s16-s19}}",
            "vldmia r0!, {{s4}}",
            first_products!($operation: "s16" "s17" "s18" "s19": "s4"),
            "subs r5, #1",
            "bne 5b",
            "6:",
        )
    };
}

macro_rules! first_strided {
    ($operation:literal) => {
        first_leaf!(
            counts: fours;
            "ldrd r5, r9, [r8, #{fours}]",
            "adds r5, r9, r5, lsl #2",
            "beq 6f",
            "5:",
            "vldmia r4!, {{s16-s19}}",
            "vldr s4, [r0]",
            "add r0, r10",
            first_products!($operation: "s16" "s17" "s18" "s19": "s4"),
            "subs r5, #1",
            "bne 5b",
            "6:",
        )
    };
}

/// Functions of a leaf each.
macro_rules! functions {
    ($($(#[$doc:meta])+ $name:ident => $leaf:ident!($($what:tt)*);)+) => {
        $(
            $(#[$doc])+
            ///
            /// # Safety
            /// The window's and the pixels' pointers serve for what the counts and distances say, `sums` for 16 values.
            #[unsafe(naked)]
            pub(crate) unsafe extern "C" fn $name<const UNUSED: usize>(window: *const Window, x: *const *const f32, sums: *mut f32) {
                $leaf!($($what)*)
            }
        )+
    };
}

macro_rules! leaves {
    ($class:ident, $operation:literal) => {
        pub(in crate::lanes::cortex) mod $class {
            use super::{SAVED_X, Window, naked_asm, offset_of, pointers};

            /// `sum + x * w`
            #[unsafe(naked)]
            pub(crate) unsafe extern "C" fn multiply_add<const UNUSED: usize>(sum: f32, x: f32, w: f32) -> f32 {
                naked_asm!(".fpu fpv4-sp-d16", concat!($operation, " s0, s1, s2"), "bx lr")
            }

            functions! {
                /// Channels of a pixel are adjacent.
                dense => square_dense!($operation, none);
                /// Channels of a pixel lie apart.
                strided => square_strided!($operation, none);
                /// As [`dense`], where there may be a second window.
                dense_split => square_dense!($operation, second);
                /// As [`strided`], where there may be a second window.
                strided_split => square_strided!($operation, second);
                /// As [`dense_split`], where four pixels are the first.
                first_dense => first_dense!($operation);
                /// As [`strided_split`], where four pixels are the first.
                first_strided => first_strided!($operation);
                /// One pixel, whose channels are adjacent.
                single_dense => single_dense!($operation, none);
                /// One pixel, whose channels lie apart.
                single_strided => single_strided!($operation, none);
                /// As [`single_dense`], where there may be a second window.
                single_dense_split => single_dense!($operation, second);
                /// As [`single_strided`], where there may be a second window.
                single_strided_split => single_strided!($operation, second);
            }
        }
    };
}

leaves!(plain, "vmla.f32");
leaves!(fused, "vfma.f32");
