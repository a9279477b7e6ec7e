//! The window of a pixel of a depthwise convolution, as a list of its taps, for all channels of the pixel.

use core::mem::{MaybeUninit, offset_of};

use super::sealed::Products;
use crate::element::Element;
use crate::i8::requantize::Prepared;

/// The most taps of a list: those of seven rows and columns.
const TAPS: usize = 49;

/// Channels that are computed together, whose sums stand in a core's registers.
pub(super) const CHANNELS: usize = 4;

/// What the pixels have in common whose windows have the same taps on the input.
#[repr(C)]
pub struct ChannelWindow {
    /// The biases, behind which the multipliers lie.
    pub(super) sums: *const i32,
    /// Not fewer than are computed together.
    pub(super) channels: usize,
    /// What a tap on padding counts as.
    pub(super) zero: i32,
    /// How many taps lie on the input, from the front of the list on.
    pub(super) inside: usize,
    /// How many lie on padding, from its back on; none where those count for nothing.
    pub(super) padding: usize,
    /// Distances of a tap from the first of the kernel, in the input and in the weights. They wrap as addresses do.
    pub(super) taps: [MaybeUninit<[usize; 2]>; TAPS],
}

// Leaves load these by one instruction.
const _: () = {
    assert!(offset_of!(ChannelWindow, channels) == offset_of!(ChannelWindow, sums) + size_of::<usize>());
    assert!(offset_of!(ChannelWindow, padding) == offset_of!(ChannelWindow, inside) + size_of::<usize>());
};

impl ChannelWindow {
    /// Whether there is a window for kernels of so many rows and columns, over so many channels.
    #[inline(always)]
    pub(crate) fn fits(kernel: [u32; 2], channels: u32) -> bool {
        u64::from(kernel[0]) * u64::from(kernel[1]) <= TAPS as u64 && channels >= CHANNELS as u32
    }

    /// One without taps, with so many biases and multipliers at `sums`.
    #[inline(always)]
    pub(crate) fn new(sums: *const i32, channels: usize, zero: i32) -> Self {
        ChannelWindow { sums, channels, zero, inside: 0, padding: 0, taps: [const { MaybeUninit::uninit() }; TAPS] }
    }

    /// Whether taps on padding are listed.
    #[inline(always)]
    pub(crate) fn pads(&self) -> bool {
        self.zero != 0
    }

    /// Writes tap `at` of those on the input, by its distances. Gives whether there is room.
    #[inline(always)]
    pub(crate) fn put(&mut self, at: usize, tap: [usize; 2]) -> bool {
        match self.taps.get_mut(at) {
            Some(place) => {
                place.write(tap);
                true
            }
            None => false,
        }
    }

    /// The same of those on padding.
    #[inline(always)]
    pub(crate) fn put_back(&mut self, at: usize, tap: [usize; 2]) -> bool {
        self.put((TAPS - 1).wrapping_sub(at), tap)
    }

    /// Says how many of either are written.
    #[inline(always)]
    pub(crate) fn set(&mut self, inside: usize, padding: usize) {
        (self.inside, self.padding) = (inside, padding);
    }

    /// [`Products::write_window`] of the unit `U`, whose results these are, in plain Rust.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    pub(super) unsafe fn write<F: Element, T: Element, U: Products>(&self, rule: &Prepared<'_>, x: *const F, w: *const i8, y: *mut T) {
        let mut c = 0;
        while c < self.channels {
            // Those of the last block that are there already are computed again.
            let first = c.min(self.channels.wrapping_sub(CHANNELS));
            let (x, w, biases) = (x.wrapping_add(first), w.wrapping_add(first), self.sums.wrapping_add(first));
            // SAFETY: the caller's contract: so many channels exist. As many taps are written as are counted.
            unsafe {
                let mut sums = *biases.cast::<[i32; CHANNELS]>();
                add_inside(self.taps.as_ptr().cast(), self.inside, x, w, &mut sums);
                if self.padding > 0 {
                    let back = self.taps.as_ptr().wrapping_add(TAPS.wrapping_sub(self.padding));
                    add_padding(back.cast(), self.padding, self.zero, w, &mut sums);
                }
                U::write(rule, sums.as_ptr(), biases.wrapping_add(self.channels), y.wrapping_add(first), CHANNELS);
            }
            c = first + CHANNELS;
        }
    }
}

/// Leaves of a unit for windows of bytes, and the function that takes one of them: its macro `$window` gives the instructions, of those by
/// which signed and unsigned bytes are read, and written.
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
macro_rules! leaves {
    ($window:ident: $read_signed:tt $read_unsigned:tt, $write_signed:tt $write_unsigned:tt) => {
        /// [`Products::write_window_bytes`](crate::i8::products::sealed::Products::write_window_bytes), of limits that are bytes.
        ///
        /// # Safety
        /// As there.
        #[inline(always)]
        pub(super) unsafe fn write(
            window: &crate::i8::products::window::ChannelWindow,
            rule: &crate::i8::requantize::Prepared<'_>,
            x: *const u8,
            w: *const i8,
            y: *mut u8,
            signed: [bool; 2],
        ) {
            let leaf = match signed {
                [true, true] => signed_to_signed::<0>,
                [true, false] => signed_to_unsigned::<0>,
                [false, true] => unsigned_to_signed::<0>,
                [false, false] => unsigned_to_unsigned::<0>,
            };
            // SAFETY: the caller's contract.
            unsafe { leaf(window, x, w, y, rule) };
        }

        leaves!(fn signed_to_signed: $window $read_signed $write_signed);
        leaves!(fn signed_to_unsigned: $window $read_signed $write_unsigned);
        leaves!(fn unsigned_to_signed: $window $read_unsigned $write_signed);
        leaves!(fn unsigned_to_unsigned: $window $read_unsigned $write_unsigned);
    };
    (fn $name:ident: $window:ident $read:tt $write:tt) => {
        /// # Safety
        /// As [`write`].
        #[unsafe(naked)]
        unsafe extern "C" fn $name<const UNUSED: usize>(
            window: *const crate::i8::products::window::ChannelWindow,
            x: *const u8,
            w: *const i8,
            y: *mut u8,
            rule: *const crate::i8::requantize::Prepared<'_>,
        ) {
            core::arch::naked_asm!(
                $window!($read $write),
                sums = const core::mem::offset_of!(crate::i8::products::window::ChannelWindow, sums),
                channels = const core::mem::offset_of!(crate::i8::products::window::ChannelWindow, channels),
                zero = const core::mem::offset_of!(crate::i8::products::window::ChannelWindow, zero),
                inside = const core::mem::offset_of!(crate::i8::products::window::ChannelWindow, inside),
                taps = const core::mem::offset_of!(crate::i8::products::window::ChannelWindow, taps),
                taps_end = const size_of::<crate::i8::products::window::ChannelWindow>(),
            )
        }
    };
}
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
pub(super) use leaves;

/// Adds the products of taps on the input.
///
/// # Safety
/// So many taps lead from `x` and `w` to as many elements as there are sums.
#[cfg_attr(not(target_arch = "arm"), inline(always))]
#[cfg_attr(target_arch = "arm", inline(never))]
unsafe fn add_inside<F: Element>(taps: *const [usize; 2], count: usize, x: *const F, w: *const i8, sums: &mut [i32; CHANNELS]) {
    let mut here = *sums;
    for tap in 0..count {
        // SAFETY: the caller's contract.
        unsafe {
            let [of_x, of_w] = *taps.wrapping_add(tap);
            let (x, w) = (x.wrapping_byte_add(of_x), w.wrapping_byte_add(of_w));
            for (n, sum) in here.iter_mut().enumerate() {
                *sum = sum.wrapping_add((*x.wrapping_add(n)).cast::<i32>().wrapping_mul(i32::from(*w.wrapping_add(n))));
            }
        }
        // One tap at a time: more take registers that the sums need.
        #[cfg(all(target_arch = "arm", not(miri)))]
        // SAFETY: no instruction.
        unsafe {
            core::arch::asm!("", options(nostack, preserves_flags));
        }
    }
    *sums = here;
}

/// Adds those of taps on padding, where each counts as `zero`.
///
/// # Safety
/// So many taps lead from `w` to as many elements as there are sums.
#[cfg_attr(not(target_arch = "arm"), inline(always))]
#[cfg_attr(target_arch = "arm", inline(never))]
unsafe fn add_padding(taps: *const [usize; 2], count: usize, zero: i32, w: *const i8, sums: &mut [i32; CHANNELS]) {
    let mut of_weights = [0i32; CHANNELS];
    for tap in 0..count {
        // SAFETY: the caller's contract.
        unsafe {
            let [_, of_w] = *taps.wrapping_add(tap);
            let w = w.wrapping_byte_add(of_w);
            for (n, sum) in of_weights.iter_mut().enumerate() {
                *sum = sum.wrapping_add(i32::from(*w.wrapping_add(n)));
            }
        }
        // One tap at a time: more take registers that the sums need.
        #[cfg(all(target_arch = "arm", not(miri)))]
        // SAFETY: no instruction.
        unsafe {
            core::arch::asm!("", options(nostack, preserves_flags));
        }
    }
    for (sum, of_weights) in sums.iter_mut().zip(of_weights) {
        *sum = sum.wrapping_add(zero.wrapping_mul(of_weights));
    }
}
