//! How the windows of a tile's pixels are read: in place, run by run; tap by tap, where some lie on padding; or by copies.

use super::{Maps, QuantizedConv2d, RUN, Strip};
use crate::element::Element;
use crate::i8::products::{ByteArithmetic, Runs};

impl<F: Element, T: Element, U: ByteArithmetic, const P: usize, const N: usize> QuantizedConv2d<F, T, U, P, N> {
    /// Where the windows of pixels begin, which may be before the input.
    #[inline(always)]
    fn origins(&self, maps: &Maps<'_, F, T>, channel: usize, places: &[[usize; 2]; P]) -> [*const F; P] {
        let input = &self.input;
        let first = |at: usize, axis: usize| (at * self.strides[axis] as usize).wrapping_sub(self.pads[axis] as usize);
        let channel = channel.wrapping_mul(input.channel as usize);
        let mut origins = [maps.x; P];
        for (origin, &[oy, ox]) in origins.iter_mut().zip(places) {
            let row = first(oy, 0).wrapping_mul(input.row as usize);
            *origin = origin.wrapping_add(row.wrapping_add(first(ox, 1).wrapping_mul(input.pixel as usize)).wrapping_add(channel));
        }
        origins
    }

    /// What leads from a window's beginning to a tap.
    #[inline(always)]
    fn distance(&self, maps: &Maps<'_, F, T>, ky: usize, kx: usize) -> usize {
        let row = (ky * self.dilations[0] as usize).wrapping_mul(self.input.row as usize).wrapping_sub(maps.wrap.back_at(ky));
        row.wrapping_add((kx * self.dilations[1] as usize).wrapping_mul(self.input.pixel as usize))
    }

    /// Whether a tap of the window at a place lies on the input.
    #[inline(always)]
    fn is_on_input(&self, [oy, ox]: [usize; 2], ky: usize, kx: usize) -> bool {
        self.tap(0, oy, ky, self.input.height).is_some() && self.tap(1, ox, kx, self.input.width).is_some()
    }

    /// Adds the products of windows that lie on the input, run by run.
    ///
    /// # Safety
    /// As [`Leaf`](super::Leaf); the windows of the places lie on the input.
    #[inline(always)]
    pub(super) unsafe fn add_runs(
        &self,
        strip: &Strip,
        maps: &Maps<'_, F, T>,
        places: &[[usize; 2]; P],
        [per_row, len]: [usize; 2],
        sums: &mut [[i32; N]; P],
    ) {
        let origins = self.origins(maps, strip.channel, places);
        let height = self.kernel[0] as usize;
        let mut at = 0;
        if U::JOINS_RUNS {
            // Those of all rows where none wraps and each is one run, or else those of a row.
            let joined = per_row == 1 && maps.wrap.back_at(height.wrapping_sub(1)) == 0;
            let ([of_rows, of_columns], input) = (self.dilations, &self.input);
            let (calls, count, [dilation, map]) =
                if joined { (1, height, [of_rows, input.row]) } else { (height, per_row, [of_columns, input.pixel]) };
            let step = (dilation as usize).wrapping_mul(map as usize);
            for ky in 0..calls {
                let x = origins.map(|x| x.wrapping_add(self.distance(maps, ky, 0)));
                // SAFETY: the caller's contract.
                unsafe { U::add_runs(sums, x, self.weights_at(strip, at), Runs { count, len, step }, self.block(strip)) };
                at += count * len;
            }
            return;
        }
        for ky in 0..height {
            for kx in 0..per_row {
                let distance = self.distance(maps, ky, kx);
                // SAFETY: the caller's contract.
                unsafe { U::add_run(sums, origins.map(|x| x.wrapping_add(distance)), self.weights_at(strip, at), len, self.block(strip)) };
                at += len;
            }
        }
    }

    /// As [`add_runs`](Self::add_runs), for tiles that no one row fills: out of line, so that what reads adjacent pixels is short.
    ///
    /// # Safety
    /// As there.
    #[inline(never)]
    pub(super) unsafe fn add_runs_apart(
        &self,
        strip: &Strip,
        maps: &Maps<'_, F, T>,
        places: &[[usize; 2]; P],
        runs: [usize; 2],
        sums: &mut [[i32; N]; P],
    ) {
        // SAFETY: the caller's contract.
        unsafe { self.add_runs(strip, maps, places, runs, sums) }
    }

    /// Adds the products of windows tap by tap: some lie on padding.
    ///
    /// # Safety
    /// As [`Leaf`](super::Leaf); the places lie in the output.
    #[inline(never)]
    pub(super) unsafe fn add_taps(&self, strip: &Strip, maps: &Maps<'_, F, T>, places: &[[usize; 2]; P], sums: &mut [[i32; N]; P]) {
        let (depth, origins) = (self.depth() as usize, self.origins(maps, strip.channel, places));
        let mut at = 0;
        for ky in 0..self.kernel[0] as usize {
            for kx in 0..self.kernel[1] as usize {
                let (distance, on_input) = (self.distance(maps, ky, kx), places.map(|place| self.is_on_input(place, ky, kx)));
                let n_on_input = on_input.iter().filter(|is_on_input| **is_on_input).count();
                let nothing = n_on_input == 0 && self.input_zero == 0;
                let longest = if n_on_input == P { depth } else { RUN };
                let mut done = if nothing { depth } else { 0 };
                while done < depth {
                    let len = longest.min(depth - done);
                    let mut x = origins.map(|x| x.wrapping_add(distance).wrapping_add(done));
                    for (x, on_input) in x.iter_mut().zip(on_input) {
                        *x = if on_input { *x } else { maps.padding.as_ptr() };
                    }
                    // SAFETY: the tap's channels lie on the input, and padding is as long as the run.
                    unsafe { U::add_run(sums, x, self.weights_at(strip, at + done), len, self.block(strip)) };
                    done += len;
                }
                at += depth;
            }
        }
    }

    /// Adds the products of windows that are copied first, part by part.
    ///
    /// # Safety
    /// As [`Leaf`](super::Leaf); the places lie in the output.
    #[inline(never)]
    pub(super) unsafe fn add_gathered(&self, strip: &Strip, maps: &Maps<'_, F, T>, places: &[[usize; 2]; P], sums: &mut [[i32; N]; P]) {
        let values = self.kernel[0] as usize * self.kernel[1] as usize * self.depth() as usize;
        let mut gathered = [maps.padding; P];
        let mut at = 0;
        while at < values {
            let len = RUN.min(values - at);
            // SAFETY: the caller's contract.
            unsafe {
                self.gather(maps, strip.channel, places, at, len, &mut gathered);
                U::add_run(sums, gathered.each_ref().map(|run| run.as_ptr()), self.weights_at(strip, at), len, self.block(strip));
            }
            at += len;
        }
    }

    /// What leads from a window's beginning to each of its values, which are no more than a run has.
    #[inline(never)]
    pub(super) fn distances(&self, maps: &Maps<'_, F, T>) -> [usize; RUN] {
        let mut distances = [0; RUN];
        let mut next = distances.iter_mut();
        for ky in 0..self.kernel[0] as usize {
            for kx in 0..self.kernel[1] as usize {
                let mut distance = self.distance(maps, ky, kx);
                for next in next.by_ref().take(self.depth() as usize) {
                    *next = distance;
                    distance = distance.wrapping_add(self.input.channel as usize);
                }
            }
        }
        distances
    }

    /// Copies windows, which are no longer than a run and have these distances.
    ///
    /// # Safety
    /// As [`Leaf`](super::Leaf); the places lie in the output, and their windows on the input where they are inside.
    #[inline(never)]
    pub(super) unsafe fn gather_windows(
        &self,
        maps: &Maps<'_, F, T>,
        channel: usize,
        places: &[[usize; 2]; P],
        is_inside: bool,
        distances: &[usize; RUN],
        gathered: &mut [[F; RUN]; P],
    ) {
        let (depth, [height, width]) = (self.depth() as usize, self.kernel.map(|extent| extent as usize));
        let pixel = (self.dilations[1] as usize).wrapping_mul(self.input.pixel as usize);
        // On smaller cores a call of a copy costs as much as the copy.
        let is_run = cfg!(not(target_arch = "arm")) && self.input.channel == 1 && pixel == depth;
        for ((to, origin), place) in gathered.iter_mut().zip(self.origins(maps, channel, places)).zip(places) {
            // SAFETY: the caller's contract; a run has room for the values, which lie on the input where the window is inside.
            unsafe {
                match (distances.get(..height * width * depth), to.get_mut(..height * width * depth)) {
                    (Some(distances), Some(to)) if is_inside && !is_run => U::gather(origin, distances, to),
                    _ => self.gather_window(maps, origin, place, [height, width, depth], is_inside, to),
                }
            }
        }
    }

    /// Copies the window at `origin`, of so many rows, columns and channels: what lies on the input, and, where the window is inside, each
    /// row's taps as a run.
    ///
    /// # Safety
    /// As [`gather_windows`](Self::gather_windows), of the window of `place`; taps of a row follow each other where it is inside.
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    #[cfg_attr(target_arch = "arm", inline(never))]
    unsafe fn gather_window(
        &self,
        maps: &Maps<'_, F, T>,
        origin: *const F,
        place: &[usize; 2],
        [height, width, depth]: [usize; 3],
        is_inside: bool,
        to: &mut [F; RUN],
    ) {
        let (step, pixel) = (self.input.channel as usize, (self.dilations[1] as usize).wrapping_mul(self.input.pixel as usize));
        let mut to = to.as_mut_ptr();
        for ky in 0..height {
            let mut x = origin.wrapping_add(self.distance(maps, ky, 0));
            if cfg!(not(target_arch = "arm")) && is_inside {
                // SAFETY: the taps of a row follow each other, as they do in the run, which has room for them.
                unsafe { copy(x, to, width * depth) };
                to = to.wrapping_add(width * depth);
                continue;
            }
            for kx in 0..width {
                let end = to.wrapping_add(depth);
                if self.is_on_input(*place, ky, kx) {
                    let mut x = x;
                    while to != end {
                        // SAFETY: the channel lies on the input, and the window in the run.
                        unsafe { *to = *x };
                        (to, x) = (to.wrapping_add(1), x.wrapping_add(step));
                    }
                }
                (to, x) = (end, x.wrapping_add(pixel));
            }
        }
    }

    /// Copies `len` values of windows from value `at` on.
    ///
    /// # Safety
    /// As [`Leaf`](super::Leaf); the places lie in the output.
    #[inline(never)]
    unsafe fn gather(
        &self,
        maps: &Maps<'_, F, T>,
        channel: usize,
        places: &[[usize; 2]; P],
        at: usize,
        len: usize,
        gathered: &mut [[F; RUN]; P],
    ) {
        let (depth, width, step) = (self.depth() as usize, self.kernel[1] as usize, self.input.channel as usize);
        let origins = self.origins(maps, channel, places);
        // Counted, as not every core divides.
        let [mut ky, mut kx, mut c] = [0, 0, at];
        let after = |ky: usize, kx: usize| if kx + 1 == width { [ky + 1, 0] } else { [ky, kx + 1] };
        while c >= depth && depth > 0 {
            [ky, kx] = after(ky, kx);
            c -= depth;
        }
        let mut done = 0;
        while done < len.min(RUN) {
            let here = (depth - c).min(len - done);
            let distance = self.distance(maps, ky, kx).wrapping_add(c.wrapping_mul(step));
            for ((gathered, origin), place) in gathered.iter_mut().zip(origins).zip(places) {
                let is_on_input = self.is_on_input(*place, ky, kx);
                let mut x = origin.wrapping_add(distance);
                for value in gathered.iter_mut().skip(done).take(here) {
                    // SAFETY: the channel lies on the input.
                    *value = if is_on_input { unsafe { *x } } else { maps.padding[0] };
                    x = x.wrapping_add(step);
                }
            }
            [ky, kx] = after(ky, kx);
            c = 0;
            done += here;
        }
    }

    /// Adds the products of pixels whose channels lie in two maps: run by run where the channels are adjacent and a run begins and ends as
    /// words of the weights do, and by copies between.
    ///
    /// # Safety
    /// As [`Leaf`](super::Leaf), of a geometry with a rest; the places lie in the output, and the channels are adjacent where `DENSE`.
    #[inline(never)]
    pub(super) unsafe fn add_both<const DENSE: bool>(
        &self,
        strip: &Strip,
        maps: &Maps<'_, F, T>,
        places: &[[usize; 2]; P],
        sums: &mut [[i32; N]; P],
    ) {
        let (input, rest) = (&self.input, self.rest.as_ref().unwrap_or(&self.input));
        let (first, depth) = (input.channels as usize, self.depth() as usize);
        let word = <U as ByteArithmetic>::ORDER.word() as usize;
        let x = places.map(|[oy, ox]| maps.x.wrapping_add(input.place(oy, ox)));
        let r = places.map(|[oy, ox]| maps.r.wrapping_add(rest.place(oy, ox)));
        let mut at = 0;
        while at < depth {
            let is_first = at < first;
            let left = if is_first { first - at } else { depth - at };
            let whole = if is_first { left - left % word } else { left };
            if DENSE && whole > 0 {
                let run = if is_first { x.map(|x| x.wrapping_add(at)) } else { r.map(|r| r.wrapping_add(at - first)) };
                // SAFETY: the caller's contract.
                unsafe { U::add_run(sums, run, self.weights_at(strip, at), whole, self.block(strip)) };
                at += whole;
                continue;
            }
            let len = RUN.min(depth - at);
            let mut gathered = [maps.padding; P];
            for ((gathered, x), r) in gathered.iter_mut().zip(x).zip(r) {
                for (c, value) in (at..depth).zip(gathered.iter_mut()) {
                    let from = if c < first {
                        x.wrapping_add(c.wrapping_mul(input.channel as usize))
                    } else {
                        r.wrapping_add((c - first).wrapping_mul(rest.channel as usize))
                    };
                    // SAFETY: the channel lies in one of both maps.
                    *value = unsafe { *from };
                }
            }
            // SAFETY: the copies are as long as the run.
            unsafe { U::add_run(sums, gathered.each_ref().map(|run| run.as_ptr()), self.weights_at(strip, at), len, self.block(strip)) };
            at += len;
        }
    }
}

/// Copies adjacent elements: those of some length as two of eight bytes, which may overlap.
///
/// # Safety
/// `from` is readable and `to` writable for `len` elements, which are not the same.
#[inline(always)]
unsafe fn copy<F: Element>(from: *const F, to: *mut F, len: usize) {
    const WIDE: usize = 8;
    // SAFETY: the caller's contract.
    unsafe {
        if (WIDE..=2 * WIDE).contains(&len) {
            for at in [0, len - WIDE] {
                to.add(at).cast::<[F; WIDE]>().write(from.add(at).cast::<[F; WIDE]>().read());
            }
        } else {
            from.copy_to_nonoverlapping(to, len);
        }
    }
}
