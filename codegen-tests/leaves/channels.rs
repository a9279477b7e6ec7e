//! Depthwise convolutions by the leaves of a unit, against the same ones by scalars of portable Rust, into an output whose channels lie apart.

use core::fmt::Write;
use core::hint::black_box;

use peleec_runtime::{Activation, DepthwiseConv2d, FloatArithmetic, run_checked, run_row_checked};

use crate::cases::{Check, POISON, operands, same};
use crate::geometry::{Layout, Random, at};

/// Geometries of each layout and activation.
const DRAWS: u32 = 20;

const ACTIVATIONS: [Activation; 6] = [
    Activation::Identity,
    Activation::Relu,
    Activation::LeakyRelu(0.1),
    Activation::Clip(-0.5, 0.5),
    Activation::Clip(0.5, -0.5),
    Activation::HardSwish,
];

impl<W: Write> Check<'_, W> {
    /// Depthwise convolutions of the unit `U`, whose class is that of `C`.
    pub(crate) fn channels<U: FloatArithmetic, C: FloatArithmetic>(&mut self, unit: &str) {
        let mut random = Random(17);
        let before = self.n_cases;
        for (layout, activation) in Layout::ALL.into_iter().flat_map(|layout| ACTIVATIONS.map(|activation| (layout, activation))) {
            for _ in 0..DRAWS {
                if !self.failed {
                    self.depthwise::<U, C>(&mut random, layout, activation);
                }
            }
        }
        _ = writeln!(self.out, "{unit} channels: {} cases", self.n_cases - before);
    }

    fn depthwise<U: FloatArithmetic, C: FloatArithmetic>(&mut self, random: &mut Random, layout: Layout, activation: Activation) {
        self.n_cases += 1;
        let channels = 1 + random.below(21);
        let kernel = [0, 1].map(|_| random.one_of([1, 3, 3, 5]));
        let [strides, dilations] = [0, 1].map(|_| [0, 1].map(|_| 1 + random.below(2)));
        let pads = kernel.map(|kernel| random.below(kernel));
        let size = [0, 1].map(|i| (kernel[i] - 1) * dilations[i] + 1 + random.below([5, 12][i]));
        let out = [0, 1].map(|i| (size[i] + pads[i] - (kernel[i] - 1) * dilations[i] - 1) / strides[i] + 1);
        let (input, output) = (layout.map(size, channels), random.one_of(Layout::ALL).map(out, channels));
        let apart = Layout::Planar.map(out, channels);
        let by_leaf = |input| {
            let conv = DepthwiseConv2d::<U>::new(input, output).kernel(kernel).strides(strides).dilations(dilations);
            conv.pads(pads).activation(activation)
        };
        let by_twin = DepthwiseConv2d::<C>::new(input, apart).kernel(kernel).strides(strides).dilations(dilations);
        let by_twin = by_twin.pads(pads);
        let (Some(extent), Some(plain)) = (by_leaf(input).extent(), by_twin.extent()) else {
            return self.fail(format_args!("no extent: {input:?} {kernel:?} {strides:?} {dilations:?} {pads:?}"));
        };
        let [x, ring, weights, found, wanted] = self.memory.of_channels();
        let (x, weights) = (&mut x[..extent.x], &mut weights[..extent.w]);
        let (found, wanted) = (&mut found[..extent.y], &mut wanted[..plain.y]);
        let rare = if random.below(4) == 0 { self.rare } else { &[] };
        random.fill(x, rare);
        random.fill(weights, &[]);
        found.fill(f32::from_bits(POISON));
        wanted.fill(f32::from_bits(POISON));
        let mut ran = run_checked(&by_twin, operands([x, &[], weights], wanted)).is_ok();
        if random.below(2) == 0 {
            ran &= run_checked(&by_leaf(input), operands([x, &[], weights], found)).is_ok();
        } else {
            // Over a ring of the input that holds the rows of one window, some of which wrap.
            let map = input.ring(((kernel[0] - 1) * dilations[0] + 1).min(input.height));
            let Some(len) = map.extent() else { return self.fail(format_args!("no ring: {map:?}")) };
            for row in 0..output.height {
                ring[..len].fill(f32::from_bits(POISON));
                let rows = (0..kernel[0]).filter_map(|k| (row * strides[0] + k * dilations[0]).checked_sub(pads[0]));
                for y in rows.filter(|&y| y < map.height) {
                    for (px, c) in (0..map.width).flat_map(|px| (0..map.channels).map(move |c| (px, c))) {
                        ring[at(&map, [y, px, c])] = x[at(&input, [y, px, c])];
                    }
                }
                ran &= run_row_checked(&by_leaf(map), row as usize, operands([&ring[..len], &[], weights], found)).is_ok();
            }
        }
        if !ran {
            return self.fail(format_args!("refused: {input:?} {kernel:?} {strides:?} {dilations:?} {pads:?}"));
        }
        for place in (0..out[0]).flat_map(|y| (0..out[1]).flat_map(move |x| (0..channels).map(move |c| [y, x, c]))) {
            // One by one, as rustc makes vectors of functions of many values, which may take what is not a number for less.
            let (found, sum) = (found[at(&output, place)], black_box(wanted[at(&apart, place)]));
            let wanted = activation.apply(sum);
            if !same(found, wanted) {
                return self.fail(format_args!(
                    "{place:?} is {found:e} and not {wanted:e}: {input:?} {kernel:?} {strides:?} {dilations:?} {pads:?}"
                ));
            }
        }
        let computed = found.iter().filter(|value| value.to_bits() != POISON).count();
        if computed != (out[0] * out[1] * channels) as usize {
            self.fail(format_args!("{computed} elements are written: {input:?} {kernel:?} {strides:?} {dilations:?} {pads:?}"));
        }
    }
}
