//! Typed memory: regions of the arena, ranges of the weights, and the views through which kernels see them.

/// The most dimensions that an element-wise view has.
pub const MAX_RANK: usize = 6;

/// A map of pixels inside a region: `height` rows of `width` pixels of `channels` values, with the distances between them in
/// elements. Element (y, x, c) lies at `y * row + x * pixel + c * channel`.
///
/// A dense NHWC map has `channel == 1`, `pixel == channels`, `row == width * pixel`; a channel slice of a wider host has a larger
/// `pixel`; a planar (NCHW) map has `pixel == 1`, `row == width`, `channel == height * width`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Rows.
    pub height: u32,
    /// Pixels in a row.
    pub width: u32,
    /// Values in a pixel.
    pub channels: u32,
    /// Distance between rows.
    pub row: u32,
    /// Distance between pixels of a row.
    pub pixel: u32,
    /// Distance between channels of a pixel.
    pub channel: u32,
    /// Rows that are stored: row y lies where row `y % ring` does. A map that is stored whole has `ring == height`.
    pub ring: u32,
}

impl Pixels {
    /// The number of elements from the first to the last of the rows that are stored, both included; none where an extent is zero or
    /// the number exceeds `u32`.
    pub const fn extent(&self) -> Option<usize> {
        let rows = if self.is_ring() { self.ring } else { self.height };
        extent(&[rows, self.width, self.channels], &[self.row, self.pixel, self.channel])
    }

    /// Whether every element of the rows that are stored has a place of its own, as kernels want of what several cores write: the distance
    /// along each axis is more than all shorter ones reach together.
    pub(crate) const fn is_exclusive(&self) -> bool {
        let rows = if self.is_ring() { self.ring } else { self.height };
        let axes = [(rows, self.row), (self.width, self.pixel), (self.channels, self.channel)];
        let mut axis = 0;
        while axis < axes.len() {
            let (extent, distance) = axes[axis];
            let (mut reach, mut other) = (0, 0);
            while other < axes.len() {
                let (extent, shorter) = axes[other];
                let is_shorter = shorter < distance || (shorter == distance && other > axis);
                if other != axis && is_shorter && extent > 1 {
                    reach += (extent as u64 - 1) * shorter as u64;
                }
                other += 1;
            }
            if extent > 1 && distance as u64 <= reach {
                return false;
            }
            axis += 1;
        }
        true
    }

    /// Whether not all rows are stored.
    pub(crate) const fn is_ring(&self) -> bool {
        self.ring < self.height
    }

    /// The row in whose place row `row` lies.
    const fn slot(&self, row: usize) -> usize {
        if self.ring == 0 { 0 } else { row % self.ring as usize }
    }

    /// What leads from where row `row` would lie in a map that is stored whole to where it does; it wraps.
    pub(crate) const fn shift(&self, row: usize) -> usize {
        self.slot(row).wrapping_sub(row).wrapping_mul(self.row as usize)
    }

    /// The first element of row `row`, and one past its last.
    pub(crate) const fn row_span(&self, row: usize) -> (usize, usize) {
        let begin = self.slot(row) * self.row as usize;
        let last = (self.width as usize - 1) * self.pixel as usize + (self.channels as usize - 1) * self.channel as usize;
        (begin, begin + last + 1)
    }
}

/// The number of elements from the first to the last of a strided view, both included; none where an extent is zero or the number
/// exceeds `u32`.
pub(crate) const fn extent<const N: usize>(dims: &[u32; N], strides: &[u32; N]) -> Option<usize> {
    let mut last: u64 = 0;
    let mut axis = 0;
    while axis < N {
        if dims[axis] == 0 {
            return None;
        }
        last = match (dims[axis] as u64 - 1).checked_mul(strides[axis] as u64) {
            Some(reach) if reach <= u32::MAX as u64 => last + reach,
            _ => return None,
        };
        axis += 1;
    }
    if last < u32::MAX as u64 { Some(last as usize + 1) } else { None }
}

/// Whether every value is at most 2^20.
pub(crate) const fn small(values: &[u32; 2]) -> bool {
    values[0] <= 1 << 20 && values[1] <= 1 << 20
}

/// Whether the positions of every tap of a window over `output`, counted from the start of the padding, fit 31 bits.
pub(crate) const fn window_fits(output: &Pixels, strides: &[u32; 2], kernel: &[u32; 2], dilations: &[u32; 2]) -> bool {
    let (rows, columns) = (output.height as u64 * strides[0] as u64, output.width as u64 * strides[1] as u64);
    let (below, right) = (kernel[0] as u64 * dilations[0] as u64, kernel[1] as u64 * dilations[1] as u64);
    rows <= 1 << 30 && columns <= 1 << 30 && below <= 1 << 30 && right <= 1 << 30 && small(kernel)
}

/// What a geometry says about its operands' lengths, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Input.
    pub x: usize,
    /// Second input (a residual, an operand); zero where there is none.
    pub r: usize,
    /// Weights; zero where there are none.
    pub w: usize,
    /// Output.
    pub y: usize,
}

/// The memory of a model's activations, aligned to 64 bytes.
#[repr(C, align(64))]
pub struct Arena<const N: usize>([f32; N]);

impl<const N: usize> Arena<N> {
    /// An arena of zeros; in a `static` it costs no flash.
    pub const fn new() -> Self {
        Arena([0.0; N])
    }

    /// Fills the arena with `value`. Tests fill it with NaN first, to see that nothing reads what was never written.
    pub fn fill(&mut self, value: f32) {
        self.0 = [value; N];
    }
}

impl<const N: usize> Default for Arena<N> {
    fn default() -> Self {
        Arena::new()
    }
}

/// `LEN` elements of the arena from element `AT` on. The type is the place: it has no data.
#[derive(Clone, Copy, Debug)]
pub struct Region<const AT: usize, const LEN: usize>;

impl<const N: usize> Arena<N> {
    /// The values of a region.
    pub const fn read<const X: usize, const XL: usize>(&self, _: Region<X, XL>) -> &[f32; XL] {
        const { assert!(X <= N && XL <= N - X, "a region leaves the arena") };
        // SAFETY: the region lies inside the arena by the assertion above.
        unsafe { &*self.0.as_ptr().add(X).cast() }
    }

    /// A region to write.
    pub const fn write<const Y: usize, const YL: usize>(&mut self, _: Region<Y, YL>) -> &mut [f32; YL] {
        const { assert!(Y <= N && YL <= N - Y, "a region leaves the arena") };
        // SAFETY: the region lies inside the arena by the assertion above.
        unsafe { &mut *self.0.as_mut_ptr().add(Y).cast() }
    }

    /// Where row `row` of a map goes in a region that holds its rows one behind the other: all of them, or a ring of the last ones.
    pub const fn row<const Y: usize, const YL: usize, const C: usize, const W: usize>(
        &mut self,
        _: Region<Y, YL>,
        row: usize,
    ) -> &mut [[f32; C]; W] {
        const {
            assert!(Y <= N && YL <= N - Y, "a region leaves the arena");
            assert!(YL > 0 && YL.is_multiple_of(W * C), "a region does not hold whole rows");
        };
        let slot = row % (YL / (W * C));
        // SAFETY: the region lies inside the arena, and the row inside the region, by the assertions above.
        unsafe { &mut *self.0.as_mut_ptr().add(Y + slot * (W * C)).cast() }
    }

    /// A region to read and one to write, which must lie apart.
    pub const fn read_write<const X: usize, const XL: usize, const Y: usize, const YL: usize>(
        &mut self,
        _: Region<X, XL>,
        _: Region<Y, YL>,
    ) -> (&[f32; XL], &mut [f32; YL]) {
        const {
            assert!(X <= N && XL <= N - X && Y <= N && YL <= N - Y, "a region leaves the arena");
            assert!(X + XL <= Y || Y + YL <= X, "regions overlap");
        };
        let base = self.0.as_mut_ptr();
        // SAFETY: both regions lie inside the arena and apart from each other by the assertions above.
        unsafe { (&*base.add(X).cast(), &mut *base.add(Y).cast()) }
    }

    /// Two regions to read, which may overlap, and one to write, which must lie apart from both.
    #[allow(clippy::type_complexity, reason = "three arrays of proven length are what the function is for")]
    pub const fn read2_write<const X: usize, const XL: usize, const R: usize, const RL: usize, const Y: usize, const YL: usize>(
        &mut self,
        _: Region<X, XL>,
        _: Region<R, RL>,
        _: Region<Y, YL>,
    ) -> (&[f32; XL], &[f32; RL], &mut [f32; YL]) {
        const {
            assert!(X <= N && XL <= N - X && R <= N && RL <= N - R && Y <= N && YL <= N - Y, "a region leaves the arena");
            assert!((X + XL <= Y || Y + YL <= X) && (R + RL <= Y || Y + YL <= R), "regions overlap");
        };
        let base = self.0.as_mut_ptr();
        // SAFETY: the regions lie inside the arena, and the written one apart from both others, by the assertions above.
        unsafe { (&*base.add(X).cast(), &*base.add(R).cast(), &mut *base.add(Y).cast()) }
    }
}

/// Whether each element of one view lies where that of another of the same extents does, and apart from all others of a different index
/// along one dimension, if both begin at the same place.
pub(crate) const fn in_place(dims: &[u32; MAX_RANK], input: &[u32; MAX_RANK], output: &[u32; MAX_RANK]) -> bool {
    let mut axis = 0;
    while axis < MAX_RANK {
        if dims[axis] > 1 && (input[axis] != output[axis] || input[axis] == 0) {
            return false;
        }
        axis += 1;
    }
    true
}

/// `LEN` values of an output from `AT` on.
pub const fn part_mut<const AT: usize, const LEN: usize, const N: usize>(output: &mut [f32; N]) -> &mut [f32; LEN] {
    const { assert!(AT <= N && LEN <= N - AT, "a part leaves its output") };
    // SAFETY: the part lies inside the output by the assertion above.
    unsafe { &mut *output.as_mut_ptr().add(AT).cast() }
}

/// `LEN` values of an input from `AT` on.
pub const fn part<const AT: usize, const LEN: usize, const N: usize>(input: &[f32; N]) -> &[f32; LEN] {
    const { assert!(AT <= N && LEN <= N - AT, "a part leaves its input") };
    // SAFETY: the part lies inside the input by the assertion above.
    unsafe { &*input.as_ptr().add(AT).cast() }
}

/// A model's weights: bytes in flash, aligned to 64, little-endian.
#[repr(C, align(64))]
pub struct Weights<const B: usize>(pub [u8; B]);

impl<const B: usize> Weights<B> {
    /// `N` values from byte `AT` on.
    pub const fn f32s<const AT: usize, const N: usize>(&self) -> &[f32; N] {
        const {
            assert!(cfg!(target_endian = "little"), "weights are little-endian");
            assert!(AT.is_multiple_of(4), "a weight range is not aligned");
            assert!(AT <= B && N <= (B - AT) / 4, "a weight range leaves the weights");
        };
        // SAFETY: inside the weights and aligned by the assertions above and `repr(align)`; every bit pattern is an `f32`.
        unsafe { &*self.0.as_ptr().add(AT).cast() }
    }
}
