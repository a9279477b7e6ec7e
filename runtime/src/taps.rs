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

#[cfg(test)]
mod tests {
    use super::taps_inside;

    /// Every tap that lies on the input is inside, and no other.
    #[test]
    fn taps_are_inside_where_the_input_has_them() {
        for kernel in 0..5 {
            for (stride, dilation) in [(0, 1), (1, 0), (1, 1), (1, 2), (2, 1), (3, 2)] {
                for (pad, extent, at) in (0..6).flat_map(|pad| (1..5).flat_map(move |extent| (0..8).map(move |at| (pad, extent, at)))) {
                    let inside = taps_inside(kernel, stride, dilation, pad, extent, at as usize);
                    for tap in 0..kernel {
                        let place = i64::from(at * stride + tap * dilation) - i64::from(pad);
                        let is_inside = inside.begin <= tap as usize && (tap as usize) < inside.end;
                        assert_eq!(is_inside, (0..i64::from(extent)).contains(&place), "tap {tap} of {kernel} at {at}");
                    }
                    assert!(inside.begin <= inside.end && inside.end <= kernel as usize);
                }
            }
        }
    }
}
