//! A convolution to whose bytes those of another map are added: where its results lie, and while they are near.

use core::marker::PhantomData;
use core::ops::Range;

use super::{Leaf, QuantizedConv2d, conv_rows};
use crate::element::ByteElement;
use crate::geometry::geometry;
use crate::i8::products::{ByteArithmetic, WeightOrder};
use crate::i8::requantize::{Requantize, limited};
use crate::i8::sum::{for_each_line, shifted, step};
use crate::kernel::map_kernel;
use crate::rows::{Area, Pointers, RowWindow, Wrap, areas};
use crate::views::{Extent, Pixels};

geometry! {
    /// Geometry of `y = (factors[0] * c + factors[1] * r + offset) >> shift`, limited, where `c` is what a [`QuantizedConv2d`] of these options
    /// gives as elements of the input's type: what a [`QuantizedSum`](crate::QuantizedSum) makes of that map and of another, without the map.
    pub struct QuantizedConv2dSum [F: ByteElement, T: ByteElement, U: ByteArithmetic, const P: usize, const N: usize] [F, T, U, P, N] {
        /// The map that is read.
        input: Pixels,
        /// What is added, of the output's extents, which is the second input.
        second: Pixels,
        /// The map that is written.
        output: Pixels,
    }
    options {
        /// Height and width of the kernel; one by default.
        kernel: [u32; 2] = [1, 1],
        /// Distance between windows, in rows and pixels; one by default.
        strides: [u32; 2] = [1, 1],
        /// Distance between taps, in rows and pixels; one by default.
        dilations: [u32; 2] = [1, 1],
        /// Rows of padding above and pixels of padding left of the input; none by default.
        pads: [u32; 2] = [0, 0],
        /// Number of groups.
        group: u32 = 1,
        /// What taps on padding count as: the element of the input that stands for zero.
        input_zero: i32 = 0,
        /// What makes bytes of sums of products.
        requantize: Requantize = Requantize::DEFAULT,
        /// Of the convolution's result and of what is added; one by default.
        factors: [i32; 2] = [1; 2],
        /// What is added to the products.
        offset: i32 = 0,
        /// How far the sum is shifted; the low five bits count.
        shift: u32 = 0,
        /// The least result.
        low: i32 = 0,
        /// The greatest result.
        high: i32 = 255,
    }
    by_hand {}
    derived {
        /// Both types, and the unit that makes the sums.
        elements: PhantomData<(F, T, U)> = PhantomData,
    }
}

/// Tiles of pixels that are convolved before they are added to: their bytes are still in a cache, where there is one.
const NEAR: usize = 32;

impl<F: ByteElement, T: ByteElement, U: ByteArithmetic, const P: usize, const N: usize> QuantizedConv2dSum<F, T, U, P, N> {
    /// What comes first.
    #[inline(always)]
    const fn conv(&self) -> QuantizedConv2d<F, F, U, P, N> {
        let QuantizedConv2dSum { input, output, kernel, strides, dilations, pads, group, input_zero, requantize, .. } = *self;
        QuantizedConv2d { kernel, strides, dilations, pads, group, input_zero, requantize, ..QuantizedConv2d::new(input, output) }
    }

    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let QuantizedConv2dSum { second, output, .. } = self;
        match (self.conv().extent(), second.extent()) {
            (Some(extent), Some(r)) if second.has_extents_of(output) => Some(Extent { r, ..extent }),
            _ => None,
        }
    }

    /// The length of the weights, packed in blocks of `block` output channels in this order, or none where its bytes exceed `u32` or
    /// there are no blocks.
    pub const fn weights(&self, order: WeightOrder, block: u32) -> Option<usize> {
        self.conv().weights(order, block)
    }

    /// What a row of the output is made of, beside the same row of what is added.
    pub const fn row_window(&self) -> RowWindow {
        self.conv().row_window()
    }

    /// Whether every row of every map is stored.
    pub(crate) const fn is_whole(&self) -> bool {
        self.conv().is_whole() && !self.second.is_ring()
    }

    /// Whether the input's ring holds all rows of one window, and that of what is added a row.
    pub(crate) const fn holds_windows(&self) -> bool {
        self.conv().holds_windows() && RowWindow::SAME.held_by(&self.second)
    }

    /// As `row_apart`, for the row of what is added.
    pub(crate) const fn second_row_apart(&self, row: usize, r: usize, y: usize) -> bool {
        RowWindow::SAME.apart(row, r, &self.second, y, &self.output)
    }

    /// The pointers by which a leaf finds output row `row`, its window, and that row of what is added.
    #[inline(always)]
    pub(crate) fn at_row(&self, row: usize, at: Pointers<F, i32, T>) -> Pointers<F, i32, T> {
        Pointers { r: at.r.wrapping_add(self.second.shift(row)), ..at.moved(row, &self.row_window(), &self.input, &self.output) }
    }

    conv_rows!(F => T);

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> Leaf<Self, F, T> {
        if self.input.channel == 1 { Self::area::<true> } else { Self::area::<false> }
    }

    /// # Safety
    /// As [`Leaf`]; the channels of the input are adjacent where `DENSE`.
    #[inline(never)]
    unsafe fn area<const DENSE: bool>(
        &self,
        [rows, columns]: [Range<usize>; 2],
        [x, r]: [*const F; 2],
        w: *const i32,
        y: *mut T,
        wrap: Wrap,
    ) {
        let (conv, near) = (self.conv(), P.wrapping_mul(NEAR));
        let n_columns = columns.end.wrapping_sub(columns.start);
        let (tall, wide) = (near.checked_div(n_columns).unwrap_or(0).max(1), near.max(1));
        let mut row = rows.start;
        while row < rows.end {
            let below = rows.end.min(row.wrapping_add(tall));
            let mut column = columns.start;
            while column < columns.end {
                let behind = columns.end.min(column.wrapping_add(wide));
                // SAFETY: the caller's contract. The convolution has no second input, and every byte of its output can be one of either type.
                unsafe {
                    conv.area::<DENSE>([row..below, column..behind], [x, x], w, y.cast(), wrap);
                    self.add([row..below, column..behind], r, y);
                }
                column = behind;
            }
            row = below;
        }
    }

    /// Makes results of what the convolution has written.
    ///
    /// # Safety
    /// The area lies in the output, where the convolution's results are, and in what is added; `r` is readable and `y` writable there, and
    /// they share no element.
    #[inline(always)]
    unsafe fn add(&self, area: [Range<usize>; 2], r: *const F, y: *mut T) {
        for_each_line([&self.second, &self.output], area, self.output.channels, |[of_r, of_y], count| {
            // SAFETY: the pixels exist, and so do their channels, one `step` after the other.
            unsafe { self.line(count, r.wrapping_add(of_r), y.wrapping_add(of_y)) };
        });
    }

    /// Adds to `count` elements that follow each other.
    ///
    /// # Safety
    /// `r` is readable and `y` is readable and writable for so many elements, each a `step` of its map behind the one before.
    #[inline(always)]
    unsafe fn line(&self, count: usize, r: *const F, y: *mut T) {
        let is_dense = step(&self.second) == 1 && step(&self.output) == 1;
        // Some cores have an instruction for these limits.
        let saturates = self.low == T::LIMITS[0] && self.high == T::LIMITS[1];
        // SAFETY: the caller's contract.
        unsafe {
            if is_dense && saturates {
                self.saturated(count, r, y);
            } else {
                self.stepped(count, r, y);
            }
        }
    }

    /// As [`line`](Self::line), of adjacent elements whose limits are those of their type; a function of its own, as it takes all registers.
    ///
    /// # Safety
    /// As `line`.
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    #[cfg_attr(target_arch = "arm", inline(never))]
    unsafe fn saturated(&self, count: usize, r: *const F, y: *mut T) {
        for i in 0..count {
            // SAFETY: the caller's contract.
            unsafe { self.join(*r.add(i), y.add(i), T::LIMITS) };
        }
    }

    /// As [`line`](Self::line), of any steps and limits.
    ///
    /// # Safety
    /// As `line`.
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    #[cfg_attr(target_arch = "arm", inline(never))]
    unsafe fn stepped(&self, count: usize, r: *const F, y: *mut T) {
        let (r_step, y_step, limits) = (step(&self.second), step(&self.output), [self.low, self.high]);
        // SAFETY: the caller's contract.
        unsafe {
            if r_step == 1 && y_step == 1 {
                for i in 0..count {
                    self.join(*r.add(i), y.add(i), limits);
                }
            } else {
                for i in 0..count {
                    self.join(*r.add(i.wrapping_mul(r_step)), y.add(i.wrapping_mul(y_step)), limits);
                }
            }
        }
    }

    /// Adds to the element at `y`.
    ///
    /// # Safety
    /// `y` is readable and writable.
    #[inline(always)]
    unsafe fn join(&self, r: F, y: *mut T, [low, high]: [i32; 2]) {
        // SAFETY: the caller's contract; a byte of one type is one of the other.
        unsafe { *y = T::from_i32(limited(shifted(self.factors, self.offset, self.shift, [*y.cast::<F>(), r]), low, high)) };
    }
}

map_kernel!(
    [F: ByteElement, T: ByteElement, U: ByteArithmetic, const P: usize, const N: usize,]
    QuantizedConv2dSum<F, T, U, P, N>, F, i32 => T
);
