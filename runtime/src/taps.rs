//! Which taps of a window lie on the input.

/// The taps of a window along one axis that lie on the input.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Inside {
    pub(crate) begin: usize,
    pub(crate) end: usize,
}

/// The taps of `kernel` at output position `at` that lie inside `extent`.
#[inline(always)]
pub(crate) const fn taps_inside(kernel: u32, stride: u32, dilation: u32, pad: u32, extent: u32, at: usize) -> Inside {
    let (kernel, dilation, pad) = (kernel as usize, dilation as usize, pad as usize);
    let origin = at * stride as usize;
    let (mut begin, mut end) = (0, kernel);
    while begin < end && origin + begin * dilation < pad {
        begin += 1;
    }
    while end > begin && origin + (end - 1) * dilation >= extent as usize + pad {
        end -= 1;
    }
    Inside { begin, end }
}
