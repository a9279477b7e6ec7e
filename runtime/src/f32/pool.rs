//! Maximum and average over windows.

use core::ops::Range;

use crate::lanes::{Eight, Four, Sixteen, Vector};
use crate::views::{Extent, Pixels, small, window_fits};

/// What a pool does with the values of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PoolKind {
    /// The largest; padding never wins.
    Max,
    /// The sum divided by the number of values inside the map.
    AverageInside,
    /// The sum divided by the number of positions inside the map and its declared padding.
    AveragePadded,
}

/// Geometry of a pool. Sums run over (ky, kx). A window without a value of the map gives minus infinity or a sum of zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pool2d {
    /// The map that is read.
    pub input: Pixels,
    /// The map that is written.
    pub output: Pixels,
    /// Maximum or average.
    pub kind: PoolKind,
    /// Height and width of the window.
    pub kernel: [u32; 2],
    /// Distance between windows, in rows and pixels.
    pub strides: [u32; 2],
    /// Distance between taps, in rows and pixels.
    pub dilations: [u32; 2],
    /// Padding above, left, below and right.
    pub pads: [u32; 4],
}

impl Pool2d {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let pads = small(&[self.pads[0], self.pads[1]]) && small(&[self.pads[2], self.pads[3]]);
        let window = window_fits(&self.output, &self.strides, &self.kernel, &self.dilations);
        if self.input.channels != self.output.channels || !window || !pads {
            return None;
        }
        match (self.input.extent(), self.output.extent()) {
            (Some(x), Some(y)) => Some(Extent { x, r: 0, w: 0, y }),
            _ => None,
        }
    }

    /// Computes the output rows `rows`.
    ///
    /// # Safety
    /// `extent()` is some; `x` is readable and `y` writable for its lengths; `rows` lies in the output; no element of the output is
    /// an element of the input.
    #[inline(always)]
    pub(crate) unsafe fn run(&self, rows: Range<usize>, x: *const f32, _: *const f32, _: *const f32, y: *mut f32) {
        // SAFETY: the caller's contract.
        unsafe {
            match self.kind {
                PoolKind::Max => leaf::<true>(self, rows, x, y),
                PoolKind::AverageInside | PoolKind::AveragePadded => leaf::<false>(self, rows, x, y),
            }
        }
    }

    /// First and last-but-one tap on the map, and the input position of the first.
    #[inline(always)]
    fn window(&self, axis: usize, at: usize, extent: u32) -> [usize; 3] {
        let (dilation, pad) = (self.dilations[axis] as usize, self.pads[axis] as usize);
        let origin = at * self.strides[axis] as usize;
        let (mut begin, mut end) = (0, self.kernel[axis] as usize);
        while begin < end && origin + begin * dilation < pad {
            begin += 1;
        }
        while end > begin && origin + (end - 1) * dilation >= extent as usize + pad {
            end -= 1;
        }
        [begin, end, (origin + begin * dilation).wrapping_sub(pad)]
    }

    /// What an average is divided by.
    #[inline(always)]
    fn count(&self, at: [usize; 2], window: &[[usize; 3]; 2]) -> f32 {
        let mut count = 1;
        for axis in 0..2 {
            let inside = window[axis][1] - window[axis][0];
            count *= match self.kind {
                PoolKind::AveragePadded => self.padded(axis, at[axis]),
                _ => inside,
            };
        }
        count as f32
    }

    /// The taps on the map and its declared padding.
    #[inline(always)]
    fn padded(&self, axis: usize, at: usize) -> usize {
        let extent = if axis == 0 { self.input.height } else { self.input.width };
        let end = (extent + self.pads[axis] + self.pads[axis + 2]) as usize;
        let origin = at * self.strides[axis] as usize;
        (0..self.kernel[axis] as usize).filter(|k| origin + k * (self.dilations[axis] as usize) < end).count()
    }
}

/// # Safety
/// As [`Pool2d::run`]; `MAX` says whether it is a maximum.
#[inline(never)]
unsafe fn leaf<const MAX: bool>(g: &Pool2d, rows: Range<usize>, x: *const f32, y: *mut f32) {
    let channels = g.output.channels as usize;
    for oy in rows {
        for ox in 0..g.output.width as usize {
            let window = [g.window(0, oy, g.input.height), g.window(1, ox, g.input.width)];
            let count = g.count([oy, ox], &window);
            let mut c = 0;
            // SAFETY: the channels exist.
            unsafe {
                if g.input.channel == 1 && g.output.channel == 1 {
                    while c + Sixteen::LANES <= channels {
                        pixel::<MAX, Sixteen>(g, [oy, ox, c], &window, count, x, y);
                        c += Sixteen::LANES;
                    }
                    while c + Eight::LANES <= channels {
                        pixel::<MAX, Eight>(g, [oy, ox, c], &window, count, x, y);
                        c += Eight::LANES;
                    }
                    while c + Four::LANES <= channels {
                        pixel::<MAX, Four>(g, [oy, ox, c], &window, count, x, y);
                        c += Four::LANES;
                    }
                }
                while c < channels {
                    pixel::<MAX, f32>(g, [oy, ox, c], &window, count, x, y);
                    c += 1;
                }
            }
        }
    }
}

/// The channels of a vector, in one pixel; with more lanes than one they are adjacent.
///
/// # Safety
/// As [`leaf`]; channels from `c` on exist for every lane, and the window lies inside the input.
#[inline(always)]
unsafe fn pixel<const MAX: bool, V: Vector>(
    g: &Pool2d,
    [oy, ox, c]: [usize; 3],
    window: &[[usize; 3]; 2],
    count: f32,
    x: *const f32,
    y: *mut f32,
) {
    let [[row_begin, row_end, iy], [column_begin, column_end, ix]] = *window;
    let map = &g.input;
    let empty = row_begin == row_end || column_begin == column_end;
    // SAFETY: the taps lie inside the input, and without one nothing is read.
    unsafe {
        let x = x.wrapping_add(iy.wrapping_mul(map.row as usize).wrapping_add(ix.wrapping_mul(map.pixel as usize)));
        let x = x.wrapping_add(c * map.channel as usize);
        let mut result = match MAX {
            true if empty => V::splat(f32::NEG_INFINITY),
            true => V::load(x),
            false => V::splat(0.0),
        };
        for ky in 0..row_end - row_begin {
            for kx in 0..column_end - column_begin {
                let step = ky * g.dilations[0] as usize * map.row as usize + kx * g.dilations[1] as usize * map.pixel as usize;
                let values = V::load(x.add(step));
                result = if MAX { result.max(values) } else { result.add(values) };
            }
        }
        if !MAX {
            result = result.divide(V::splat(count));
        }
        let map = &g.output;
        result.store(y.add(oy * map.row as usize + ox * map.pixel as usize + c * map.channel as usize));
    }
}
