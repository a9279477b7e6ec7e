//! Random maps for the tests of kernels.

#![allow(dead_code, reason = "each test takes what it needs of these")]

use bytemuck::{NoUninit, Pod, cast_slice, cast_slice_mut};
use peleec_runtime::{ConvTranspose2d, Destination, Kernel, MAX_RANK, Operands, Pixels, Place, Resample, run_checked};

/// Operands that all lie outside the arena but for the output at its beginning.
pub(crate) fn operands<'a>([x, r, w]: [&'a [f32]; 3], arena: &'a mut [f32]) -> Operands<'a> {
    let arena = cast_slice_mut(arena);
    Operands { arena, x: Place::Outside(cast_slice(x)), r: Place::Outside(cast_slice(r)), w: cast_slice(w), y: Destination::Arena(0) }
}

/// Operands of any elements that all lie outside the arena.
pub(crate) fn outside<'a, F: NoUninit, S: NoUninit, W: NoUninit, T: Pod>(
    x: &'a [F],
    r: &'a [S],
    w: &'a [W],
    y: &'a mut [T],
) -> Operands<'a> {
    let [x, r] = [Place::Outside(cast_slice(x)), Place::Outside(cast_slice(r))];
    Operands { arena: &mut [], x, r, w: cast_slice(w), y: Destination::Outside(cast_slice_mut(y)) }
}

/// What `kernel` writes over `y`, of an input and a second one.
pub(crate) fn written<F: NoUninit, S: NoUninit, T: Pod>(kernel: &impl Kernel, x: &[F], r: &[S], mut y: Vec<T>) -> Vec<T> {
    run_checked(kernel, outside(x, r, &[0_i32; 0], &mut y)).expect("the operands serve");
    y
}

/// Every index of these extents, the last dimension fastest.
pub(crate) fn indices<const N: usize>(dims: [u32; N]) -> impl Iterator<Item = [u32; N]> {
    let count: usize = dims.iter().map(|&dim| dim as usize).product();
    (0..count).map(move |mut rest| {
        let mut index = [0; N];
        for axis in (0..N).rev() {
            index[axis] = (rest % dims[axis] as usize) as u32;
            rest /= dims[axis] as usize;
        }
        index
    })
}

/// Where the element of an index lies.
pub(crate) fn offset<const N: usize>(strides: &[u32; N], index: [u32; N]) -> usize {
    strides.iter().zip(index).map(|(&stride, i)| u64::from(stride) * u64::from(i)).sum::<u64>() as usize
}

/// Random numbers, the same in every run.
pub(crate) struct Random(pub(crate) u32);

impl Random {
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % n
    }

    pub(crate) fn values(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.below(2001) as f32 * 1e-3 - 1.0).collect()
    }

    /// One of some.
    pub(crate) fn of<T: Copy>(&mut self, some: &[T]) -> T {
        some[self.below(some.len() as u32) as usize]
    }

    /// Whole numbers as floats, whose sums and products are exact.
    pub(crate) fn whole(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.below(19) as f32 - 9.0).collect()
    }

    /// Extents up to `most`.
    pub(crate) fn dims(&mut self, most: u32) -> [u32; MAX_RANK] {
        [(); MAX_RANK].map(|()| 1 + self.below(most))
    }

    /// Distances of a view of these extents whose elements share no place: its axes in any order, with gaps.
    pub(crate) fn view<const N: usize>(&mut self, dims: [u32; N]) -> [u32; N] {
        let (mut strides, mut axes, mut step) = ([0; N], (0..N).collect::<Vec<_>>(), 1 + self.below(2));
        while !axes.is_empty() {
            let axis = axes.swap_remove(self.below(axes.len() as u32) as usize);
            strides[axis] = step;
            step = step * dims[axis] + self.below(2);
        }
        strides
    }

    /// A map of the given size, channels-last with a wider pixel, or planar.
    pub(crate) fn map(&mut self, height: u32, width: u32, channels: u32) -> Pixels {
        if self.below(4) == 0 {
            return Pixels { height, width, channels, row: width, pixel: 1, channel: height * width, ring: height };
        }
        let pixel = channels + self.below(3);
        Pixels { height, width, channels, row: width * pixel + self.below(2), pixel, channel: 1, ring: height }
    }

    /// Tables of a resize, whose rows and columns lie on the map, behind it, or below zero.
    pub(crate) fn tables(&mut self, resample: &Resample) -> Vec<f32> {
        let Resample { input, output, taps, .. } = *resample;
        let mut tables = Vec::new();
        for (n, taps, extent) in [(output.height, taps[0], input.height), (output.width, taps[1], input.width)] {
            for _ in 0..n {
                let first = self.below(extent + 2).wrapping_sub(1);
                tables.push(f32::from_bits(first));
                tables.extend(self.values(taps as usize));
            }
        }
        tables
    }
}

/// A dense map that is stored whole.
pub(crate) const fn dense(height: u32, width: u32, channels: u32) -> Pixels {
    Pixels::new([height, width, channels])
}

/// Where element (y, x, c) lies.
pub(crate) fn at(map: &Pixels, y: u32, x: u32, c: u32) -> usize {
    (y % map.ring * map.row + x * map.pixel + c * map.channel) as usize
}

/// A value of a transposed convolution by its definition.
pub(crate) fn transposed(conv: &ConvTranspose2d, x: &[f32], w: &[f32], [oy, ox, m]: [u32; 3]) -> f32 {
    let ConvTranspose2d { input, output, kernel, strides, dilations, pads, .. } = *conv;
    let (depth, filters) = (conv.depth(), conv.filters());
    let (group, filter) = (m / filters, m % filters);
    let tap = |axis: usize, at: u32, k: u32, extent: u32| {
        let reach = (at + pads[axis]).checked_sub(k * dilations[axis])?;
        (reach % strides[axis] == 0 && reach / strides[axis] < extent).then_some(reach / strides[axis])
    };
    let mut sum = w[m as usize];
    for (ky, kx) in (0..kernel[0]).flat_map(|ky| (0..kernel[1]).map(move |kx| (ky, kx))) {
        let (Some(iy), Some(ix)) = (tap(0, oy, ky, input.height), tap(1, ox, kx, input.width)) else { continue };
        for ci in 0..depth {
            let weight = output.channels + (((group * kernel[0] + ky) * kernel[1] + kx) * depth + ci) * filters + filter;
            sum += x[at(&input, iy, ix, group * depth + ci)] * w[weight as usize];
        }
    }
    sum
}

/// A value of a resize by its definition.
pub(crate) fn resampled(resample: &Resample, x: &[f32], w: &[f32], [oy, ox, c]: [u32; 3]) -> f32 {
    let Resample { input, output, taps, outside, reads, .. } = *resample;
    let ([stride, divisor, pad, reach], [rows, columns]) = (reads.map(i64::from), taps.map(|taps| taps as usize));
    let row = &w[oy as usize * (1 + rows)..][..1 + rows];
    let column = &w[output.height as usize * (1 + rows) + ox as usize * (1 + columns)..][..1 + columns];
    let [first_row, first_column] = [row, column].map(|entry| i64::from(entry[0].to_bits().cast_signed()));
    if first_row < 0 || first_column < 0 {
        return outside;
    }
    let begin = i64::from(oy) * stride / divisor - pad;
    let end = (begin + reach).min(input.height.into());
    let value = |ky: usize, kx: usize| {
        let iy = (first_row + ky as i64).max(begin).max(0).min(end - 1);
        let ix = (first_column + kx as i64).min(i64::from(input.width) - 1);
        x[at(&input, iy as u32, ix as u32, c)]
    };
    if taps == [1, 1] {
        return value(0, 0);
    }
    let all = (0..rows).flat_map(|ky| (0..columns).map(move |kx| (ky, kx)));
    all.fold(0.0, |sum, (ky, kx)| sum + value(ky, kx) * (row[1 + ky] * column[1 + kx]))
}

/// Positions of a window of `reach` on `extent` padded on both sides, if it fits.
pub(crate) fn outputs(extent: u32, pad: u32, reach: u32, stride: u32) -> Option<u32> {
    Some((extent + 2 * pad).checked_sub(reach)? / stride + 1)
}
