//! From reset to `firmware`: the vector table, zeroed statics, and the floating-point unit where there is one.

use core::arch::global_asm;

// The table has the stack, the reset handler and fourteen handlers of exceptions; no interrupt is ever enabled. The Coprocessor
// Access Control Register lies at 0xe000ed88; its bits 20 to 23 open the floating-point and vector units.
global_asm!(
    ".section .vectors, \"a\"",
    ".word stack_top",
    ".word start",
    ".rept 14",
    ".word fault",
    ".endr",
    ".section .text.start, \"ax\"",
    ".thumb_func",
    ".global start",
    "start:",
    "ldr r0, =statics_start",
    "ldr r1, =statics_end",
    "movs r2, #0",
    "2:",
    "cmp r0, r1",
    "bhs 3f",
    "stm r0!, {{r2}}",
    "b 2b",
    "3:",
    "movs r0, #{has_fpu}",
    "cmp r0, #0",
    "beq 4f",
    "ldr r0, =0xe000ed88",
    "ldr r1, [r0]",
    "ldr r2, =0x00f00000",
    "orrs r1, r2",
    "str r1, [r0]",
    "dsb",
    "isb",
    "4:",
    "bl firmware",
    ".pool",
    has_fpu = const crate::machine::HAS_FPU as u32,
);

/// Where every exception of the core leads.
#[unsafe(no_mangle)]
extern "C" fn fault() -> ! {
    crate::semihosting::exit(99)
}
