//! Leaves of both units that add the taps of four channels, each of which has its own weights, in four pixels or in one.
//!
//! A parameter that means nothing makes a function generic, so that it is assembled only where a module uses it.

use core::arch::naked_asm;

use crate::lanes::arithmetic::ChannelTaps;

/// Of a unit: what asks for it, the registers to save, what begins a row of taps, loads a tap's weights, and goes on with the next tap. Of a
/// tile: what loads the sums and the pixels' pointers, what a tap does, what leads to the next row, and what stores the sums.
macro_rules! leaf {
    // r0-r3: x; r4: rows; r5: columns; r6, r7: between taps, and rows; r8, r9: the same in the weights; r12: w.
    (
        [$requires:expr, $unit:literal, saved: $saved:literal, row: $row:literal, weights: $weights:literal, again: $($again:literal)+]
        begin: $($begin:literal)+; tap: $($tap:expr),+; next: $($next:literal)+; end: $($end:literal)+
    ) => {
        naked_asm!(
            $requires,
            $unit,
            "push {{r3, r4-r11, lr}}",
            concat!("vpush ", $saved),
            "mov r12, r2",
            "ldm r0, {{r4-r9}}",
            $($begin,)+
            "cmp r4, #0",
            "beq 9f",
            "1:",
            $row,
            "2:",
            $weights,
            $($tap,)+
            "add r12, r8",
            $($again,)+
            $($next,)+
            "add r12, r9",
            "subs r4, #1",
            "bne 1b",
            "9:",
            concat!("vpop ", $saved),
            "pop {{r3}}",
            $($end,)+
            "pop {{r4-r11, pc}}",
        )
    };
}

/// As `leaf`, of the scalar unit, whose sums are in s0-s15 and weights in s16-s19.
macro_rules! vfp {
    ($($tile:tt)+) => {
        leaf!(
            [
                requires!("mrs r0, primask", "thumbv7em-none-eabihf` or `thumbv8m.main-none-eabihf"),
                ".fpu fpv4-sp-d16",
                saved: "{{s16-s31}}",
                row: "mov r10, r5",
                weights: "vldmia r12, {{s16-s19}}",
                again: "subs r10, #1" "bne 2b"
            ]
            $($tile)+
        )
    };
}

/// The products of four channels with their own weights: the pixel's values, and its sums.
#[rustfmt::skip]
macro_rules! vfp_products {
    ($operation:literal: $x0:literal $x1:literal $x2:literal $x3:literal: $s0:literal $s1:literal $s2:literal $s3:literal) => {
        concat!(
            $operation, " ", $s0, ", s16, ", $x0, "\n",
            $operation, " ", $s1, ", s17, ", $x1, "\n",
            $operation, " ", $s2, ", s18, ", $x2, "\n",
            $operation, " ", $s3, ", s19, ", $x3,
        )
    };
}

macro_rules! vfp_four {
    ($operation:literal) => {
        vfp!(
            begin: "vldmia r3, {{s0-s15}}" "ldm r1, {{r0-r3}}";
            tap:
                "vldmia r0, {{s20-s23}}",
                "vldmia r1, {{s24-s27}}",
                "vldmia r2, {{s28-s31}}",
                "add r0, r6",
                vfp_products!($operation: "s20" "s21" "s22" "s23": "s0" "s1" "s2" "s3"),
                "vldmia r3, {{s20-s23}}",
                "add r1, r6",
                vfp_products!($operation: "s24" "s25" "s26" "s27": "s4" "s5" "s6" "s7"),
                "add r2, r6",
                vfp_products!($operation: "s28" "s29" "s30" "s31": "s8" "s9" "s10" "s11"),
                "add r3, r6",
                vfp_products!($operation: "s20" "s21" "s22" "s23": "s12" "s13" "s14" "s15");
            next: "add r0, r7" "add r1, r7" "add r2, r7" "add r3, r7";
            end: "vstmia r3, {{s0-s15}}"
        )
    };
}

macro_rules! vfp_one {
    ($operation:literal) => {
        vfp!(
            begin: "vldmia r3, {{s0-s3}}" "ldr r0, [r1]";
            tap:
                "vldmia r0, {{s20-s23}}",
                "add r0, r6",
                vfp_products!($operation: "s20" "s21" "s22" "s23": "s0" "s1" "s2" "s3");
            next: "add r0, r7";
            end: "vstmia r3, {{s0-s3}}"
        )
    };
}

/// As `leaf`, of the vector unit, whose sums are in q0-q3 and weights in q4.
macro_rules! mve {
    ($($tile:tt)+) => {
        leaf!(
            [
                requires!("tt r0, r0", "thumbv8m.main-none-eabihf"),
                ".cpu cortex-m55",
                saved: "{{d8-d15}}",
                row: "dls lr, r5",
                weights: "vldrw.u32 q4, [r12]",
                again: "le lr, 2b"
            ]
            $($tile)+
        )
    };
}

macro_rules! mve_four {
    () => {
        mve!(
            begin: "vldrw.u32 q0, [r3]" "vldrw.u32 q1, [r3, #16]" "vldrw.u32 q2, [r3, #32]" "vldrw.u32 q3, [r3, #48]" "ldm r1, {{r0-r3}}";
            tap:
                "vldrw.u32 q5, [r0]",
                "vfma.f32 q0, q5, q4",
                "add r0, r6",
                "vldrw.u32 q6, [r1]",
                "vfma.f32 q1, q6, q4",
                "add r1, r6",
                "vldrw.u32 q5, [r2]",
                "vfma.f32 q2, q5, q4",
                "add r2, r6",
                "vldrw.u32 q6, [r3]",
                "vfma.f32 q3, q6, q4",
                "add r3, r6";
            next: "add r0, r7" "add r1, r7" "add r2, r7" "add r3, r7";
            end: "vstrw.32 q0, [r3]" "vstrw.32 q1, [r3, #16]" "vstrw.32 q2, [r3, #32]" "vstrw.32 q3, [r3, #48]"
        )
    };
}

macro_rules! mve_one {
    () => {
        mve!(
            begin: "vldrw.u32 q0, [r3]" "ldr r0, [r1]";
            tap: "vldrw.u32 q5, [r0]", "vfma.f32 q0, q5, q4", "add r0, r6";
            next: "add r0, r7";
            end: "vstrw.32 q0, [r3]"
        )
    };
}

/// The leaves of a unit, in a module.
macro_rules! leaves {
    ($unit:ident, $four:ident, $one:ident, $($operation:literal)?) => {
        pub(super) mod $unit {
            use super::{ChannelTaps, naked_asm};

            /// Adds the taps of four channels, in four pixels.
            ///
            /// # Safety
            /// As `Channelwise::add_taps`, with four pointers; `sums` serves for 16 values. A row has taps.
            #[unsafe(naked)]
            pub(in crate::lanes::cortex) unsafe extern "C" fn taps_of_four<const UNUSED: usize>(
                taps: *const ChannelTaps,
                x: *const *const f32,
                w: *const f32,
                sums: *mut f32,
            ) {
                $four!($($operation)?)
            }

            /// As [`taps_of_four`], in one pixel: `sums` serves for 4 values.
            ///
            /// # Safety
            /// As there, with one pointer.
            #[unsafe(naked)]
            pub(in crate::lanes::cortex) unsafe extern "C" fn taps_of_one<const UNUSED: usize>(
                taps: *const ChannelTaps,
                x: *const *const f32,
                w: *const f32,
                sums: *mut f32,
            ) {
                $one!($($operation)?)
            }
        }
    };
}

leaves!(plain, vfp_four, vfp_one, "vmla.f32");
leaves!(fused, vfp_four, vfp_one, "vfma.f32");
leaves!(mve, mve_four, mve_one,);
