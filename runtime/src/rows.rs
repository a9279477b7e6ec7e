//! Maps of which only the last rows are stored: where the rows of a window lie in such a ring, and which rows share memory.

use core::ops::Range;

use crate::executor::part_of;
use crate::taps::{Inside, taps_inside};
use crate::views::Pixels;

/// Where the operands of a kernel begin. For one row of the output the pointers are moved so that the row, and the first row of its
/// window, lie where they would if the maps were stored whole.
#[derive(Clone, Copy)]
pub struct Pointers<X = f32, W = f32, Y = f32, R = X> {
    pub(crate) x: *const X,
    pub(crate) r: *const R,
    pub(crate) w: *const W,
    pub(crate) y: *mut Y,
    /// Where a window's rows wrap in `x`, and in `r` where that is an input's rest.
    pub(crate) wraps: [Wrap; 2],
}

// SAFETY: the parts of a layer, or of a row of it, write different elements, and none is read.
unsafe impl<X, W, Y, R> Sync for Pointers<X, W, Y, R> {}

impl<X, W, Y, R> Pointers<X, W, Y, R> {
    /// Operands whose maps are stored whole.
    #[inline(always)]
    pub(crate) fn new(x: *const X, r: *const R, w: *const W, y: *mut Y) -> Self {
        Pointers { x, r, w, y, wraps: [Wrap::NEVER; 2] }
    }

    /// Those by which a leaf finds output row `row` and its window.
    #[inline(always)]
    pub(crate) fn moved(self, row: usize, window: &RowWindow, input: &Pixels, output: &Pixels) -> Self {
        let (shift, wrap) = window.place(input, row);
        let y = self.y.wrapping_add(output.shift(row));
        Pointers { x: self.x.wrapping_add(shift), y, wraps: [wrap, self.wraps[1]], ..self }
    }
}

/// Where the rows of a window wrap round the end of a ring.
#[derive(Clone, Copy)]
pub(crate) struct Wrap {
    /// The first row of the kernel that lies behind it.
    pub(crate) tap: usize,
    /// By how many elements the rows behind it lie earlier.
    pub(crate) back: usize,
}

impl Wrap {
    pub(crate) const NEVER: Wrap = Wrap { tap: usize::MAX, back: 0 };

    /// By how many elements row `tap` of the kernel lies earlier.
    #[inline(always)]
    pub(crate) fn back_at(&self, tap: usize) -> usize {
        if tap < self.tap { 0 } else { self.back }
    }
}

/// A kernel's window along rows: a row of the output is made of `kernel` rows of the input, `dilation` apart, from
/// `row * stride / divisor - pad` on, the quotient rounded down, as far as the input has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowWindow {
    /// Rows of the kernel.
    pub kernel: u32,
    /// Distance between windows.
    pub stride: u32,
    /// One but where a map grows: how many rows of the output share the distance between windows.
    pub divisor: u32,
    /// Distance between rows of the kernel.
    pub dilation: u32,
    /// Rows of padding above the input.
    pub pad: u32,
}

impl RowWindow {
    /// The same row alone.
    pub(crate) const SAME: RowWindow = RowWindow { kernel: 1, stride: 1, divisor: 1, dilation: 1, pad: 0 };

    /// Two rows, as those of a pool 2x2 with a stride of two.
    pub(crate) const TWO: RowWindow = RowWindow { kernel: 2, stride: 2, divisor: 1, dilation: 1, pad: 0 };

    /// Where the window of output row `row` begins, counted from the start of the padding.
    #[inline(always)]
    pub(crate) const fn origin(&self, row: usize) -> usize {
        let origin = row * self.stride as usize;
        if self.divisor == 1 {
            return origin;
        }
        // No geometry that has an extent divides by zero.
        match origin.checked_div(self.divisor as usize) {
            Some(origin) => origin,
            None => origin,
        }
    }

    /// The rows of the kernel that lie on the map for output row `row`.
    #[inline(always)]
    const fn inside(&self, map: &Pixels, row: usize) -> Inside {
        taps_inside(self.kernel, 1, self.dilation, self.pad, map.height, self.origin(row))
    }

    /// Whether the map's ring holds all rows of one window.
    pub(crate) const fn held_by(&self, map: &Pixels) -> bool {
        let reach = (self.kernel as u64).saturating_sub(1) * self.dilation as u64 + 1;
        reach <= map.ring as u64 || map.height <= map.ring
    }

    /// Whether the rings of a map and of the rest of its channels do, where there is one.
    pub(crate) const fn held_by_both(&self, map: &Pixels, rest: &Option<Pixels>) -> bool {
        let rest = match rest {
            None => true,
            Some(rest) => self.held_by(rest),
        };
        rest && self.held_by(map)
    }

    /// Whether the rows of some window may wrap in the map's ring: not where a ring holds whole strides, and a window lies in one.
    pub(crate) const fn wraps_in(&self, map: &Pixels) -> bool {
        let reach = (self.kernel as u64).saturating_sub(1) * self.dilation as u64 + 1;
        let aligned = self.pad == 0 && self.divisor == 1 && reach <= self.stride as u64 && map.ring.is_multiple_of(self.stride);
        map.is_ring() && !aligned
    }

    /// Where row `row` of the output finds its window in `map`: by how many elements the map's pointer moves, and where rows wrap.
    #[inline(never)]
    pub(crate) fn place(&self, map: &Pixels, row: usize) -> (usize, Wrap) {
        let (ring, dilation) = (map.ring as usize, self.dilation as usize);
        if ring == 0 || !map.is_ring() {
            return (0, Wrap::NEVER);
        }
        let inside = self.inside(map, row);
        if inside.begin >= inside.end {
            return (0, Wrap::NEVER);
        }
        let first = (self.origin(row) + inside.begin * dilation).wrapping_sub(self.pad as usize);
        let mut wrap = Wrap { tap: inside.begin, back: ring.wrapping_mul(map.row as usize) };
        let mut slot = first % ring;
        // Counted, as no division by a dilation of zero would serve.
        while slot < ring && wrap.tap < inside.end {
            slot += dilation;
            wrap.tap += 1;
        }
        (map.shift(first), wrap)
    }

    /// Whether the span of output row `row` shares no element with that of any input row of its window, where the input begins at `x`
    /// and the output at `y` of one buffer.
    pub(crate) const fn apart(&self, row: usize, x: usize, input: &Pixels, y: usize, output: &Pixels) -> bool {
        let taps = self.inside(input, row);
        let (begin, end) = output.row_span(row);
        let (begin, end) = (begin + y, end + y);
        let mut tap = taps.begin;
        while tap < taps.end {
            let from = self.origin(row) + tap * self.dilation as usize - self.pad as usize;
            let (first, last) = input.row_span(from);
            if begin < last + x && first + x < end {
                return false;
            }
            tap += 1;
        }
        true
    }
}

/// Computes rows and columns of the output of a kernel with an input map and an output map. Its arguments are plain values, so that what is
/// known of them reaches into the one leaf that a layer links with.
///
/// # Safety
/// The geometry's `extent()` is some and the leaf is its own; `x` and `w` are readable and `y` writable for its lengths, moved as `at_row`
/// says where one row is computed, as `wrap` is; the area lies in the output; no element that is written is one that is read.
pub(crate) type MapLeaf<G, X = f32, W = f32, Y = f32> =
    unsafe fn(geometry: &G, rows: Range<usize>, columns: Range<usize>, x: *const X, w: *const W, y: *mut Y, wrap: Wrap);

/// Rows and columns of an output.
pub(crate) struct Area {
    pub(crate) rows: Range<usize>,
    pub(crate) columns: Range<usize>,
}

impl Area {
    /// Into how many parts `map`, or its row `row`, can be cut, up to `most`.
    pub(crate) fn parts(map: &Pixels, row: Option<usize>, most: usize) -> usize {
        most.min(if row.is_some() { map.width } else { map.height } as usize)
    }

    /// Part `part` of `parts`: a range of the map's rows, or of the columns of its row `row`.
    #[inline(always)]
    pub(crate) fn part(map: &Pixels, row: Option<usize>, part: usize, parts: usize) -> Self {
        let (rows, columns) = (map.height as usize, map.width as usize);
        match row {
            Some(row) => Area { rows: row..row + 1, columns: part_of(columns, 1, part, parts) },
            None => Area { rows: part_of(rows, 1, part, parts), columns: 0..columns },
        }
    }
}

/// Which areas of its output a kernel can be asked for, and whether a row of the output lies apart from the rows of its input.
macro_rules! areas {
    () => {
        /// Whether the span of output row `row` shares no element with that of any input row that it is made of, where the input begins
        /// at `x` and the output at `y` of one buffer.
        pub(crate) const fn row_apart(&self, row: usize, x: usize, y: usize) -> bool {
            self.row_window().apart(row, x, &self.input, y, &self.output)
        }

        /// Into how many parts the output, or its row `row`, can be cut, up to `most`.
        pub(crate) fn parts(&self, row: Option<usize>, most: usize) -> usize {
            crate::rows::Area::parts(&self.output, row, most)
        }

        /// Part `part` of `parts`.
        #[inline(always)]
        pub(crate) fn piece(&self, row: Option<usize>, part: usize, parts: usize) -> crate::rows::Area {
            crate::rows::Area::part(&self.output, row, part, parts)
        }
    };
}
pub(crate) use areas;

/// What a kernel with an input map and an output map asks of rings, and how rows are computed.
macro_rules! map_rows {
    ($input:ty, $weight:ty => $output:ty) => {
        /// Whether every row of every map is stored.
        pub(crate) const fn is_whole(&self) -> bool {
            !self.input.is_ring() && !self.output.is_ring()
        }

        /// Whether the input's ring holds all rows of one window.
        pub(crate) const fn holds_windows(&self) -> bool {
            self.row_window().held_by(&self.input)
        }

        /// There is no second map.
        pub(crate) const fn second_row_apart(&self, _row: usize, _r: usize, _y: usize) -> bool {
            false
        }

        /// The pointers by which a leaf finds output row `row` and its window.
        #[inline(always)]
        pub(crate) fn at_row(&self, row: usize, at: Pointers<$input, $weight, $output>) -> Pointers<$input, $weight, $output> {
            at.moved(row, &self.row_window(), &self.input, &self.output)
        }

        /// Computes a piece of the output by this geometry's leaf.
        ///
        /// # Safety
        /// As [`MapLeaf`].
        #[inline(always)]
        pub(crate) unsafe fn run(&self, leaf: MapLeaf<Self, $input, $weight, $output>, area: Area, at: Pointers<$input, $weight, $output>) {
            // SAFETY: the caller's contract.
            unsafe { leaf(self, area.rows, area.columns, at.x, at.w, at.y, at.wraps[0]) }
        }

        crate::rows::areas!();
    };
}
pub(crate) use map_rows;

/// The rows that a geometry with a window reads for a row of its output.
macro_rules! window_rows {
    () => {
        /// What a row of the output is made of.
        pub const fn row_window(&self) -> crate::rows::RowWindow {
            crate::rows::RowWindow {
                kernel: self.kernel[0],
                stride: self.strides[0],
                divisor: 1,
                dilation: self.dilations[0],
                pad: self.pads[0],
            }
        }
    };
}
pub(crate) use window_rows;

#[cfg(test)]
mod tests {
    use super::{Pixels, RowWindow, Wrap};

    /// Some windows over each of some maps, of which some rows are stored, and the rows of their outputs.
    fn each(mut check: impl FnMut(&RowWindow, &Pixels, usize)) {
        for (height, ring) in (1..7).flat_map(|height| (1..=height).map(move |ring| (height, ring))) {
            let map = Pixels::new([height, 2, 3]).ring(ring);
            for (kernel, dilation, pad) in [(1, 1, 0), (2, 1, 0), (2, 2, 1), (3, 1, 1), (3, 1, 2), (2, 3, 0), (4, 1, 3)] {
                for (stride, divisor) in [(1, 1), (2, 1), (3, 1), (1, 2), (2, 3)] {
                    let window = RowWindow { kernel, stride, divisor, dilation, pad };
                    for row in (0..12).filter(|&row| window.origin(row) < (height + pad) as usize) {
                        check(&window, &map, row);
                    }
                }
            }
        }
    }

    /// The rows of the map that an output row is made of, each with its tap.
    fn read(window: &RowWindow, map: &Pixels, row: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let RowWindow { kernel, stride, divisor, dilation, pad } = *window;
        let (origin, height) = (row * stride as usize / divisor as usize, map.height as usize);
        let place = move |tap: usize| (origin + tap * dilation as usize).checked_sub(pad as usize);
        (0..kernel as usize).filter_map(move |tap| Some((tap, place(tap)?))).filter(move |&(_, place)| place < height)
    }

    #[test]
    fn every_tap_finds_its_row_in_a_ring() {
        let mut wrapped = 0;
        each(|window, map, row| {
            if !window.held_by(map) {
                return;
            }
            let (shift, wrap) = window.place(map, row);
            for (tap, place) in read(window, map, row) {
                let found = shift.wrapping_add(place * map.row as usize).wrapping_sub(wrap.back_at(tap));
                assert_eq!(found, place % map.ring as usize * map.row as usize, "tap {tap} of row {row}: {window:?} {map:?}");
                wrapped += usize::from(wrap.back_at(tap) > 0);
            }
        });
        assert!(wrapped > 100, "{wrapped}");
    }

    /// Rows from the first to the last of a window have slots of their own.
    #[test]
    fn a_ring_holds_windows_whose_rows_do_not_meet() {
        each(|window, map, _| {
            let reach = (window.kernel as usize - 1) * window.dilation as usize + 1;
            let ring = map.ring as usize;
            let meet = (0..reach).any(|a| (0..a).any(|b| a % ring == b % ring));
            assert_eq!(window.held_by(map), !meet || map.ring == map.height, "{window:?} {map:?}");
        });
    }

    #[test]
    fn windows_that_never_wrap_are_known() {
        let mut aligned = 0;
        each(|window, map, row| {
            let wraps = window.wraps_in(map);
            if window.held_by(map) && !wraps {
                let Wrap { tap, .. } = window.place(map, row).1;
                assert!(read(window, map, row).all(|(read, _)| read < tap), "row {row}: {window:?} {map:?}");
                aligned += usize::from(map.is_ring());
            }
        });
        assert!(aligned > 10, "{aligned}");
    }

    /// An output of pixels that are wider or narrower than the input's, in front of it, behind it and in it.
    #[test]
    fn a_row_is_apart_from_those_that_share_no_element_with_it() {
        let mut apart = [0; 2];
        each(|window, map, row| {
            let output = Pixels::new([12, 2, 2]).ring(3);
            for (x, y) in [(0, 0), (0, 5), (7, 0), (0, 13), (20, 2)] {
                let span = |map: &Pixels, row: usize, first: usize| {
                    let begin = first + row % map.ring as usize * map.row as usize;
                    begin..begin + (map.width * map.channels) as usize
                };
                let written = span(&output, row, y);
                let meets = read(window, map, row).any(|(_, place)| span(map, place, x).any(|element| written.contains(&element)));
                assert_eq!(window.apart(row, x, map, y, &output), !meets, "row {row} from {x} to {y}: {window:?} {map:?}");
                apart[usize::from(meets)] += 1;
            }
        });
        assert!(apart.iter().all(|&count| count > 100), "{apart:?}");
    }
}
