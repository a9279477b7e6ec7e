//! Convolutions of bytes by the leaves of a unit, into an output of any layout whose gaps are left alone: depthwise ones against loops over taps, and others
//! against a unit in plain Rust.

use core::fmt::Write;

use peleec_runtime::{
    ByteArithmetic, ByteElement, Destination, Operands, Pixels, Place, QuantizedConv2d, QuantizedDepthwiseConv2d, Requantize, run_checked,
    run_row_checked,
};

use crate::cases::Check;
use crate::geometry::{Layout, Random, at, bytes_mut};

/// Geometries of each layout.
const DRAWS: u32 = 40;

/// What no kernel computes.
const GAP: u8 = 0x5a;

/// A convolution, and what it is of.
struct Case<'a> {
    input: Pixels,
    kernel: [u32; 2],
    strides: [u32; 2],
    dilations: [u32; 2],
    pads: [u32; 2],
    input_zero: i32,
    requantize: Requantize,
    /// Whether the input's bytes have signs.
    signed: bool,
    x: &'a [u8],
    /// Biases, multipliers and bytes.
    w: &'a [u8],
}

impl Case<'_> {
    /// The result of a pixel and channel.
    fn wanted(&self, [oy, ox, c]: [u32; 3]) -> u8 {
        let (channels, c) = (self.input.channels as usize, c as usize);
        let value = |at: usize| self.w.get(4 * at..).and_then(|w| w.first_chunk()).map_or(0, |word| i64::from(i32::from_le_bytes(*word)));
        let mut sum = value(c);
        for (ky, kx) in (0..self.kernel[0]).flat_map(|ky| (0..self.kernel[1]).map(move |kx| (ky, kx))) {
            let place = |axis: usize, o: u32, k: u32, extent: u32| {
                (o * self.strides[axis] + k * self.dilations[axis]).checked_sub(self.pads[axis]).filter(|&place| place < extent)
            };
            let x = match (place(0, oy, ky, self.input.height), place(1, ox, kx, self.input.width)) {
                (Some(y), Some(x)) => {
                    let byte = self.x[at(&self.input, [y, x, c as u32])];
                    if self.signed { byte.cast_signed().into() } else { byte.into() }
                }
                _ => i64::from(self.input_zero),
            };
            let w = self.w[8 * channels + (ky * self.kernel[1] + kx) as usize * channels + c].cast_signed();
            sum += x * i64::from(w);
        }
        let Requantize { left, right, zero, low, high } = self.requantize;
        let rounded = ((sum << left) * value(channels + c) + (1 << (31 + right))) >> (32 + right);
        (rounded + i64::from(zero)).clamp(low.into(), high.into()) as u8
    }
}

impl<W: Write> Check<'_, W> {
    /// Depthwise convolutions of the unit `U`, of bytes `F` to bytes `T`.
    pub(crate) fn bytes<F: ByteElement, T: ByteElement, U: ByteArithmetic>(&mut self, unit: &str) {
        let mut random = Random(18);
        let before = self.n_cases;
        for layout in Layout::ALL {
            for _ in 0..DRAWS {
                if !self.failed {
                    self.depthwise_of_bytes::<F, T, U>(&mut random, layout);
                }
            }
        }
        _ = writeln!(self.out, "{unit} bytes: {} cases", self.n_cases - before);
    }

    fn depthwise_of_bytes<F: ByteElement, T: ByteElement, U: ByteArithmetic>(&mut self, random: &mut Random, layout: Layout) {
        self.n_cases += 1;
        let channels = 1 + random.below(40);
        let kernel = [0, 1].map(|_| random.one_of([1, 3, 3, 5]));
        let [strides, dilations] = [0, 1].map(|_| [0, 1].map(|_| 1 + random.below(2)));
        let pads = kernel.map(|kernel| random.below(kernel));
        let size = [0, 1].map(|i| (kernel[i] - 1) * dilations[i] + 1 + random.below([3, 9][i]));
        let out = [0, 1].map(|i| (size[i] + pads[i] - (kernel[i] - 1) * dilations[i] - 1) / strides[i] + 1);
        let (input, output) = (layout.map(size, channels), random.one_of(Layout::ALL).map(out, channels));
        let [least, greatest] = T::LIMITS;
        let [low, high] = random.one_of([[least, greatest], [least + 28, greatest - 37]]);
        let requantize = Requantize { left: 2, right: 3 + random.below(6), zero: random.below(20) as i32, low, high };
        let input_zero = random.one_of([0, F::LIMITS[0], F::LIMITS[1], 7]);
        let conv = |input| {
            let conv = QuantizedDepthwiseConv2d::<F, T, U>::new(input, output).kernel(kernel).strides(strides).dilations(dilations);
            conv.pads(pads).input_zero(input_zero).requantize(requantize)
        };
        let Some(extent) = conv(input).extent() else {
            return self.fail(format_args!("no extent: {input:?} {kernel:?} {strides:?} {dilations:?} {pads:?}"));
        };
        let [x, ring, w, found, _] = self.memory.of_channels().map(bytes_mut);
        let (x, w, found) = (&mut x[..extent.x], &mut w[..4 * extent.w], &mut found[..extent.y]);
        x.iter_mut().chain(&mut *w).for_each(|byte| *byte = random.below(256) as u8);
        for (c, word) in w.chunks_exact_mut(4).take(2 * channels as usize).enumerate() {
            let value = if c < channels as usize { random.below(20_000) as i32 - 10_000 } else { random.below(1 << 20) as i32 * 256 };
            word.copy_from_slice(&value.to_le_bytes());
        }
        found.fill(GAP);
        let mut ran = true;
        if random.below(2) == 0 {
            ran &= run_checked(&conv(input), operands(x, w, found)).is_ok();
        } else {
            // Over a ring of the input that holds the rows of one window, some of which wrap.
            let map = input.ring(((kernel[0] - 1) * dilations[0] + 1).min(input.height));
            let Some(len) = map.extent() else { return self.fail(format_args!("no ring: {map:?}")) };
            for row in 0..output.height {
                ring[..len].fill(GAP);
                let rows = (0..kernel[0]).filter_map(|k| (row * strides[0] + k * dilations[0]).checked_sub(pads[0]));
                for y in rows.filter(|&y| y < map.height) {
                    for (px, c) in (0..map.width).flat_map(|px| (0..map.channels).map(move |c| (px, c))) {
                        ring[at(&map, [y, px, c])] = x[at(&input, [y, px, c])];
                    }
                }
                ran &= run_row_checked(&conv(map), row as usize, operands(&ring[..len], w, found)).is_ok();
            }
        }
        if !ran {
            return self.fail(format_args!("refused: {input:?} {kernel:?} {strides:?} {dilations:?} {pads:?}"));
        }
        let case = Case { input, kernel, strides, dilations, pads, input_zero, requantize, signed: F::LIMITS[0] < 0, x, w };
        let places = (0..out[0]).flat_map(|y| (0..out[1]).flat_map(move |x| (0..channels).map(move |c| [y, x, c])));
        for place in places {
            let (found, wanted) = (core::mem::replace(&mut found[at(&output, place)], GAP), case.wanted(place));
            if found != wanted {
                return self
                    .fail(format_args!("{place:?} is {found} and not {wanted}: {input:?} {kernel:?} {strides:?} {dilations:?} {pads:?}"));
            }
        }
        if found.iter().any(|&byte| byte != GAP) {
            self.fail(format_args!("a gap is written: {output:?} {kernel:?} {strides:?} {dilations:?} {pads:?}"));
        }
    }

    /// Convolutions of bytes, some of them averaged, by tiles of `P` pixels and `N` filters of the unit `U`, and of `V`, which reads weights in
    /// the same order.
    pub(crate) fn tile_of_bytes<F: ByteElement, U: ByteArithmetic, V: ByteArithmetic, const P: usize, const N: usize>(
        &mut self,
        unit: &str,
    ) {
        let mut random = Random(19);
        let before = self.n_cases;
        for layout in Layout::ALL {
            for _ in 0..DRAWS {
                if !self.failed {
                    self.convolution_of_bytes::<F, U, V, P, N>(&mut random, layout);
                }
            }
        }
        _ = writeln!(self.out, "{unit} {P}x{N} bytes: {} cases", self.n_cases - before);
    }

    fn convolution_of_bytes<F: ByteElement, U: ByteArithmetic, V: ByteArithmetic, const P: usize, const N: usize>(
        &mut self,
        random: &mut Random,
        layout: Layout,
    ) {
        self.n_cases += 1;
        let kernel = [0, 1].map(|_| random.one_of([1, 1, 3]));
        let (depth, filters) = (1 + random.below([130, 40][usize::from(kernel == [3, 3])]), 1 + random.below(N as u32 + 8));
        let strides = [0, 1].map(|_| 1 + random.below(2));
        let pads = kernel.map(|kernel| random.below(kernel));
        let dilations = [0, 1].map(|_| 1 + random.below(2));
        let reach = [0, 1].map(|i| (kernel[i] - 1) * dilations[i] + 1);
        let size = reach.map(|reach| reach + random.below(5));
        let is_pooled = kernel == [1, 1] && strides == [1, 1] && random.below(2) == 0;
        let halves = |extent: u32| if extent > 1 { (extent + random.below(2)) / 2 } else { 1 };
        let out = [0, 1].map(|i| (size[i] + pads[i] - reach[i]) / strides[i] + 1);
        let out = if is_pooled { out.map(halves) } else { out };
        let (input, output) = (layout.map(size, depth), random.one_of(Layout::ALL).map(out, filters));
        let averaged = if is_pooled { random.one_of([[0, i32::MAX], [-900, 1200]]) } else { [0, -1] };
        let [least, greatest] = F::LIMITS;
        let [low, high] = random.one_of([[least, greatest], [least + 28, greatest - 37]]);
        let requantize = Requantize { left: random.below(3), right: 3 + random.below(6), zero: random.below(20) as i32, low, high };
        let input_zero = random.one_of([0, least, greatest, 7]);
        let own = QuantizedConv2d::<F, F, U, P, N>::new(input, output).kernel(kernel).strides(strides).pads(pads);
        let own = own.dilations(dilations).input_zero(input_zero).requantize(requantize).averaged(averaged);
        let twin = QuantizedConv2d::<F, F, V, P, N>::new(input, output).kernel(kernel).strides(strides).pads(pads);
        let twin = twin.dilations(dilations).input_zero(input_zero).requantize(requantize).averaged(averaged);
        let Some(extent) = own.extent().filter(|_| own.extent() == twin.extent()) else {
            return self.fail(format_args!("no extent: {own:?}"));
        };
        let [x, _, w, found, wanted] = self.memory.of_channels().map(bytes_mut);
        let (x, w, found, wanted) = (&mut x[..extent.x], &mut w[..4 * extent.w], &mut found[..extent.y], &mut wanted[..extent.y]);
        x.iter_mut().chain(&mut *w).for_each(|byte| *byte = random.below(256) as u8);
        for block in w.chunks_exact_mut(4 * extent.w / filters.div_ceil(N as u32) as usize) {
            for (lane, word) in block.chunks_exact_mut(4).take(2 * N).enumerate() {
                let value = if lane < N { random.below(20_000) as i32 - 10_000 } else { random.below(1 << 20) as i32 * 256 };
                word.copy_from_slice(&value.to_le_bytes());
            }
        }
        found.fill(GAP);
        wanted.fill(GAP);
        let ran = run_checked(&own, operands(x, w, found)).is_ok() && run_checked(&twin, operands(x, w, wanted)).is_ok();
        if !ran || found != wanted {
            self.fail(format_args!("not as the twin: {own:?}"));
        }
    }
}

fn operands<'a>(x: &'a [u8], w: &'a [u8], y: &'a mut [u8]) -> Operands<'a> {
    Operands { arena: &mut [], x: Place::Outside(x), r: Place::Outside(&[]), w, y: Destination::Outside(y) }
}
