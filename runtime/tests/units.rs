//! Convolutions of bytes by every unit from one set of weights, packed by the order that the unit names: the integers of a loop, into outputs
//! of any layout, at the ends of their types.

use bytemuck::{Pod, cast_slice_mut};
use peleec_runtime::{
    ByteArithmetic, ByteElement, Dsp, Extent, Filters, Mve, Pairs, Pixels, Quads, QuantizedConv2d, QuantizedDepthwiseConv2d, Requantize,
    Single, Thumb, Thumb2, WeightOrder, run_checked,
};

mod maps;

use maps::{Random, at, indices, outside};

/// A convolution, as ONNX has it.
#[derive(Debug)]
struct Convolution<F> {
    input: Pixels,
    output: Pixels,
    kernel: [u32; 2],
    strides: [u32; 2],
    dilations: [u32; 2],
    pads: [u32; 2],
    group: u32,
    input_zero: i32,
    rule: Requantize,
    x: Vec<F>,
    /// `[filters][taps][depth]`.
    weights: Vec<i8>,
    bias: Vec<i32>,
    multipliers: Vec<i32>,
}

impl<F: ByteElement + Pod + Into<i32>> Convolution<F> {
    /// One whose numbers are at the ends of their types now and then, up to where sums and results stay in 32 bits.
    fn random(random: &mut Random) -> Self {
        let (group, depth, filters) = (random.of(&[1, 1, 2, 3]), 1 + random.below(21), 1 + random.below(19));
        Self::of(random, group, [depth, filters])
    }

    fn of(random: &mut Random, group: u32, [depth, filters]: [u32; 2]) -> Self {
        let mut two = |least, n| [0, 1].map(|_| least + random.below(n));
        let (kernel, strides, dilations, pads) = (two(1, 3), two(1, 4), two(1, 2), two(0, 4));
        let ([h, w], [oh, ow]) = (two(1, 7), two(1, 5));
        let (input, output) = (random.map(h, w, group * depth), random.map(oh, ow, group * filters));
        let byte = |random: &mut Random| if random.below(3) == 0 { random.of(&[0, 127, 128, 255]) } else { random.below(256) as u8 };
        let count = |map: &Pixels| map.extent().expect("a map has elements");
        let x = (0..count(&input)).map(|_| bytemuck::cast(byte(random))).collect();
        let n_weights = (group * filters * kernel[0] * kernel[1] * depth) as usize;
        // The least byte is not for units that make sums of 16 bits first.
        let weights = (0..n_weights).map(|_| byte(random).cast_signed().max(-127)).collect();
        let [low, high] = if random.below(2) == 0 { [-128, 127] } else { [-90, 101] };
        let rule = Requantize { left: random.below(3), right: 1 + random.below(11), zero: random.below(256) as i32 - 128, low, high };
        let bias = (0..group * filters).map(|_| random.below(200_000) as i32 - 100_000).collect();
        let multipliers = (0..group * filters).map(|_| random.of(&[0, 1, 1 << 30, i32::MAX, random.0 as i32 & i32::MAX])).collect();
        let input_zero = random.of(&[F::LIMITS[0], F::LIMITS[1], 0, 7]);
        Convolution { input, output, kernel, strides, dilations, pads, group, input_zero, rule, x, weights, bias, multipliers }
    }

    fn depth(&self) -> u32 {
        self.input.channels / self.group
    }

    fn filters(&self) -> u32 {
        self.output.channels / self.group
    }

    /// The weights of a filter, tap by tap.
    fn filter(&self, m: u32) -> &[i8] {
        let len = self.weights.len() / self.output.channels as usize;
        &self.weights[m as usize * len..][..len]
    }

    /// What is written, behind `gap` where nothing is.
    fn wanted(&self, gap: i8) -> Vec<i8> {
        let mut wanted = vec![gap; self.output.extent().expect("a map has elements")];
        for [oy, ox, m] in indices([self.output.height, self.output.width, self.output.channels]) {
            let place = |axis: usize, o: u32, k: u32, extent: u32| {
                (o * self.strides[axis] + k * self.dilations[axis]).checked_sub(self.pads[axis]).filter(|&at| at < extent)
            };
            let first = m / self.filters() * self.depth();
            let terms = indices([self.kernel[0], self.kernel[1], self.depth()]).zip(self.filter(m)).map(|([ky, kx, ci], &weight)| {
                let place = (place(0, oy, ky, self.input.height), place(1, ox, kx, self.input.width));
                let x = match place {
                    (Some(iy), Some(ix)) => self.x[at(&self.input, iy, ix, first + ci)].into(),
                    _ => self.input_zero,
                };
                i64::from(x) * i64::from(weight)
            });
            let sum = i64::from(self.bias[m as usize]) + terms.sum::<i64>();
            let Requantize { left, right, zero, low, high } = self.rule;
            let product = (i128::from(sum) << left) * i128::from(self.multipliers[m as usize]);
            let rounded = ((product + (1 << (31 + right))) >> (32 + right)) + i128::from(zero);
            wanted[at(&self.output, oy, ox, m)] = rounded.clamp(low.into(), high.into()) as i8;
        }
        wanted
    }

    /// Words of blocks of `n` filters: biases, multipliers, and bytes in an order. What pads a block is not zero but in a filter's words.
    fn packed(&self, order: WeightOrder, n: usize) -> Vec<i32> {
        let (filters, len) = (self.filters() as usize, self.filter(0).len());
        let of_filter = order.filter(len as u32) as usize;
        let mut packed = Vec::new();
        for (group, block) in (0..self.group as usize).flat_map(|group| (0..filters.div_ceil(n)).map(move |block| (group, block))) {
            let own = |lane: usize| Some(block * n + lane).filter(|&filter| filter < filters).map(|filter| group * filters + filter);
            packed.extend((0..n).map(|lane| own(lane).map_or(77, |m| self.bias[m])));
            packed.extend((0..n).map(|lane| own(lane).map_or(77, |m| self.multipliers[m])));
            let mut words = vec![0_i32; (of_filter * n).div_ceil(4)];
            let bytes: &mut [i8] = cast_slice_mut(&mut words);
            for (lane, at) in (0..n).flat_map(|lane| (0..len).map(move |at| (lane, at))) {
                bytes[order.place(at, lane, n, of_filter)] = own(lane).map_or(7, |m| self.filter(m as u32)[at]);
            }
            packed.extend(words);
        }
        packed
    }

    /// By a unit.
    fn check<U: ByteArithmetic, const P: usize, const N: usize>(&self, wanted: &[i8]) {
        let conv = QuantizedConv2d::<F, i8, U, P, N>::new(self.input, self.output).kernel(self.kernel).strides(self.strides);
        let conv = conv.dilations(self.dilations).pads(self.pads).group(self.group).input_zero(self.input_zero).requantize(self.rule);
        let Extent { x, w, y, .. } = conv.extent().expect("the geometry is consistent");
        let packed = self.packed(<U as ByteArithmetic>::ORDER, N);
        assert_eq!([x, w, y], [self.x.len(), packed.len(), wanted.len()], "{self:?}");
        let mut found = vec![GAP; y];
        assert_eq!(run_checked(&conv, outside(&self.x, &self.x[..0], &packed, &mut found)), Ok(()));
        let unit = core::any::type_name::<U>();
        assert!(found == wanted, "{unit} {P}x{N}: {:?}", (self.input, self.output, self.kernel, self.strides, self.dilations, self.pads));
    }
}

/// What no kernel computes.
const GAP: i8 = 0x5a;

#[test]
fn all_units_give_the_same_integers() {
    let mut random = Random(1);
    for _ in 0..14 {
        let case = Convolution::<i8>::random(&mut random);
        let wanted = case.wanted(GAP);
        case.check::<Single, 2, 2>(&wanted);
        case.check::<Single, 1, 5>(&wanted);
        case.check::<Pairs, 4, 8>(&wanted);
        case.check::<Pairs, 6, 16>(&wanted);
        case.check::<Quads, 4, 16>(&wanted);
        case.check::<Quads, 12, 32>(&wanted);
        case.check::<Dsp, 4, 8>(&wanted);
        case.check::<Dsp, 4, 16>(&wanted);
        case.check::<Mve, 3, 8>(&wanted);
        case.check::<Mve, 3, 16>(&wanted);
        case.check::<Filters, 4, 4>(&wanted);
        case.check::<Filters, 4, 8>(&wanted);
        case.check::<Thumb, 2, 2>(&wanted);
        case.check::<Thumb2, 3, 8>(&wanted);
    }
}

/// By those that make more of signs than the others do.
#[test]
fn bytes_without_signs_give_the_same_integers() {
    let mut random = Random(2);
    for _ in 0..20 {
        let case = Convolution::<u8>::random(&mut random);
        let wanted = case.wanted(GAP);
        case.check::<Single, 2, 2>(&wanted);
        case.check::<Pairs, 4, 8>(&wanted);
        case.check::<Quads, 4, 16>(&wanted);
        case.check::<Dsp, 4, 8>(&wanted);
        case.check::<Mve, 3, 8>(&wanted);
    }
}

/// Of as many groups as channels, each of one filter.
#[test]
fn depthwise_convolutions_are_those_of_as_many_groups() {
    fn check<F: ByteElement + Pod + Into<i32> + std::fmt::Debug>(seed: u32) {
        let mut random = Random(seed);
        for channels in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 65] {
            let case = Convolution::<F>::of(&mut random, channels, [1, 1]);
            let wanted = case.wanted(GAP);
            case.check::<Single, 2, 1>(&wanted);
            let taps = case.weights.len() / channels as usize;
            let mut bytes = vec![0_i32; case.weights.len().div_ceil(4)];
            let by_tap = (0..taps).flat_map(|tap| (0..channels).map(move |c| (tap, c))).map(|(tap, c)| case.filter(c)[tap]);
            cast_slice_mut::<i32, i8>(&mut bytes).iter_mut().zip(by_tap).for_each(|(to, weight)| *to = weight);
            let w = [case.bias.clone(), case.multipliers.clone(), bytes].concat();
            by_unit::<F, Single>(&case, &w, &wanted);
            by_unit::<F, Dsp>(&case, &w, &wanted);
            by_unit::<F, Mve>(&case, &w, &wanted);
            by_unit::<F, Thumb>(&case, &w, &wanted);
        }
    }
    check::<i8>(1);
    check::<u8>(2);
}

fn by_unit<F: ByteElement + Pod + Into<i32>, U: ByteArithmetic>(case: &Convolution<F>, w: &[i32], wanted: &[i8]) {
    let conv = QuantizedDepthwiseConv2d::<F, i8, U>::new(case.input, case.output).kernel(case.kernel).strides(case.strides);
    let conv = conv.dilations(case.dilations).pads(case.pads).input_zero(case.input_zero).requantize(case.rule);
    assert_eq!(conv.extent().map(|extent| extent.w), Some(w.len()));
    let mut found = vec![GAP; wanted.len()];
    assert_eq!(run_checked(&conv, outside(&case.x, &case.x[..0], w, &mut found)), Ok(()));
    assert!(
        found == wanted,
        "{}: {:?}",
        core::any::type_name::<U>(),
        (case.input, case.output, case.kernel, case.strides, case.dilations, case.pads)
    );
}

/// Every byte of a block has a place of its own, and a filter's come in their order.
#[test]
fn orders_of_weights_are_permutations() {
    for order in [WeightOrder::Words(1), WeightOrder::Words(2), WeightOrder::Words(4), WeightOrder::Filters] {
        for (weights, lanes) in [(1, 1), (3, 2), (4, 4), (9, 8), (27, 5), (64, 16)] {
            let len = order.filter(weights) as usize;
            assert!(len >= weights as usize && len < weights as usize + 4);
            let mut taken = vec![false; len * lanes];
            for lane in 0..lanes {
                let places: Vec<usize> = (0..len).map(|at| order.place(at, lane, lanes, len)).collect();
                assert!(places.is_sorted_by(|a, b| a < b), "{order:?}");
                places.iter().for_each(|&place| assert!(!core::mem::replace(&mut taken[place], true), "{order:?} {place}"));
            }
            assert!(taken.iter().all(|&is_taken| is_taken), "{order:?}");
        }
    }
    assert_eq!(WeightOrder::Words(4).filter(u32::MAX), u32::MAX, "what is too long saturates");
}
