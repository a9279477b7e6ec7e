//! Says where the program panicked, and ends it.

use core::fmt::Write;

use crate::semihosting::{Console, exit};

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    _ = writeln!(Console, "{info}");
    exit(98)
}
