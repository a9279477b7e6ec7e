//! Files, text and the exit status by way of the debugger or emulator that holds the core.

use core::arch::asm;
use core::ffi::CStr;

const OPEN: usize = 0x01;
const CLOSE: usize = 0x02;
#[allow(dead_code, reason = "only images that may panic write text")]
const WRITE_BYTE: usize = 0x03;
const WRITE0: usize = 0x04;
const WRITE: usize = 0x05;
const READ: usize = 0x06;
const EXIT_EXTENDED: usize = 0x20;
/// The program ended by itself.
const APPLICATION_EXIT: usize = 0x20026;
/// `rb` and `wb` of C's `fopen`.
const READ_BINARY: usize = 1;
const WRITE_BINARY: usize = 5;

/// Asks the host for `operation`.
///
/// # Safety
/// `argument` must be what the operation takes: a block of words, or text.
unsafe fn call(operation: usize, argument: *const u8) -> usize {
    let result;
    // SAFETY: the host reads and writes only what the argument names.
    #[cfg(target_arch = "arm")]
    unsafe {
        asm!("bkpt 0xab", inlateout("r0") operation => result, in("r1") argument, options(nostack));
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("hlt 0xf000", inlateout("x0") operation => result, in("x1") argument, options(nostack));
    }
    result
}

fn call_with<const N: usize>(operation: usize, block: [usize; N]) -> usize {
    // SAFETY: the callers below pass blocks of the form that the operation takes.
    unsafe { call(operation, block.as_ptr().cast()) }
}

fn with_file(name: &CStr, mode: usize, operation: usize, buffer: usize, bytes: usize) -> bool {
    let handle = call_with(OPEN, [name.as_ptr() as usize, mode, name.count_bytes()]);
    if handle == usize::MAX {
        return false;
    }
    let left = call_with(operation, [handle, buffer, bytes]);
    call_with(CLOSE, [handle]);
    left == 0
}

/// Fills `values` from a file; whether it held enough.
pub(crate) fn read(name: &CStr, values: &mut [u8]) -> bool {
    with_file(name, READ_BINARY, READ, values.as_mut_ptr() as usize, values.len())
}

/// Writes `values` to a file; whether all were taken.
pub(crate) fn write(name: &CStr, values: &[u8]) -> bool {
    with_file(name, WRITE_BINARY, WRITE, values.as_ptr() as usize, values.len())
}

/// Prints `checksum` and eight hexadecimal digits.
pub(crate) fn print_checksum(checksum: u32) {
    let mut line = *b"checksum ........\n\0";
    for (index, digit) in line.iter_mut().skip(9).take(8).enumerate() {
        let nibble = (checksum >> (28 - 4 * index)) as u8 & 15;
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    }
    // SAFETY: the text ends with a zero.
    unsafe { call(WRITE0, line.as_ptr()) };
}

/// Prints text.
#[allow(dead_code, reason = "for programs that have more to say than a checksum")]
pub(crate) struct Console;

impl core::fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.as_bytes() {
            // SAFETY: the operation reads one byte.
            unsafe { call(WRITE_BYTE, byte) };
        }
        Ok(())
    }
}

/// Ends the program.
pub(crate) fn exit(status: usize) -> ! {
    loop {
        call_with(EXIT_EXTENDED, [APPLICATION_EXIT, status]);
    }
}
