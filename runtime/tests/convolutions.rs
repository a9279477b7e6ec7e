//! Convolutions of whole numbers, whose sums are exact in any order: against plain integers over windows of any form, scattered in place of
//! gathered, and against each other by what mathematics says of them.

use peleec_runtime::{
    Activation, Arithmetic, Conv2d, ConvTranspose2d, DepthwiseConv2d, Extent, FloatArithmetic, Fused, Kernel, Mve, Pixels, Plain, Pool2d,
    PoolKind, Vfp, run_checked,
};

mod maps;

use maps::{Random, at, dense, indices, outside, written};

/// A kernel and where it goes: rows, columns.
#[derive(Clone, Copy, Debug)]
struct Window {
    kernel: [u32; 2],
    strides: [u32; 2],
    dilations: [u32; 2],
    pads: [u32; 2],
}

impl Window {
    /// One with strides above its kernel, kernels larger than the map, and padding above both.
    fn random(random: &mut Random) -> Self {
        let mut two = |least, n| [0, 1].map(|_| least + random.below(n));
        Window { kernel: two(1, 5), strides: two(1, 5), dilations: two(1, 3), pads: two(0, 6) }
    }

    /// The tap of the kernel, along an axis, by which input position `from` reaches output position `to`.
    fn tap(&self, axis: usize, from: u32, to: u32) -> Option<u32> {
        let reach = (from + self.pads[axis]).checked_sub(to * self.strides[axis])?;
        (reach % self.dilations[axis] == 0 && reach / self.dilations[axis] < self.kernel[axis]).then(|| reach / self.dilations[axis])
    }

    fn taps(&self) -> u32 {
        self.kernel[0] * self.kernel[1]
    }

    /// The number of the tap by which an input pixel reaches an output pixel.
    fn number(&self, [iy, ix]: [u32; 2], [oy, ox]: [u32; 2]) -> Option<u32> {
        Some(self.tap(0, iy, oy)? * self.kernel[1] + self.tap(1, ix, ox)?)
    }
}

/// What lies between channels of a group: `depth` in, `filters` out.
#[derive(Clone, Copy, Debug)]
struct Groups {
    group: u32,
    depth: u32,
    filters: u32,
}

impl Groups {
    fn inputs(&self) -> u32 {
        self.group * self.depth
    }

    fn outputs(&self) -> u32 {
        self.group * self.filters
    }
}

/// Weights as ONNX has them: `[channels of the output][depth][taps]`, and a bias.
struct Weights {
    groups: Groups,
    taps: u32,
    values: Vec<f32>,
    bias: Vec<f32>,
}

impl Weights {
    fn random(random: &mut Random, groups: Groups, taps: u32) -> Self {
        let values = random.whole((groups.outputs() * groups.depth * taps) as usize);
        Weights { groups, taps, values, bias: random.whole(groups.outputs() as usize) }
    }

    fn value(&self, m: u32, ci: u32, tap: u32) -> f32 {
        self.values[((m * self.groups.depth + ci) * self.taps + tap) as usize]
    }

    /// By group and by blocks of `n` filters, of which the last is padded: what must not matter is not zero here.
    fn packed(&self, n: u32) -> Vec<f32> {
        let Groups { group, depth, filters } = self.groups;
        let mut packed = Vec::new();
        for (group, block) in (0..group).flat_map(|group| (0..filters.div_ceil(n)).map(move |block| (group, block))) {
            let each = |value: &dyn Fn(u32) -> f32| -> Vec<f32> {
                let lanes =
                    (block * n..(block + 1) * n).map(|filter| if filter < filters { value(group * filters + filter) } else { 99.0 });
                lanes.collect()
            };
            packed.extend(each(&|m| self.bias[m as usize]));
            for (tap, ci) in (0..self.taps).flat_map(|tap| (0..depth).map(move |ci| (tap, ci))) {
                packed.extend(each(&|m| self.value(m, ci, tap)));
            }
        }
        packed
    }
}

/// Integers, of which single precision has the same: by walking over the input, and adding what each of its pixels gives.
fn scattered(window: &Window, weights: &Weights, [input, output]: [&Pixels; 2], x: &[f32]) -> Vec<([u32; 3], f32)> {
    let Groups { depth, filters, .. } = weights.groups;
    let mut sums: Vec<i64> =
        indices([output.height, output.width, output.channels]).map(|[.., m]| weights.bias[m as usize] as i64).collect();
    for [iy, ix, c] in indices([input.height, input.width, input.channels]) {
        let value = x[at(input, iy, ix, c)] as i64;
        for [oy, ox] in indices([output.height, output.width]) {
            let Some(tap) = window.number([iy, ix], [oy, ox]) else { continue };
            for m in c / depth * filters..(c / depth + 1) * filters {
                let to = (oy * output.width + ox) * output.channels + m;
                sums[to as usize] += value * weights.value(m, c % depth, tap) as i64;
            }
        }
    }
    indices([output.height, output.width, output.channels]).zip(sums.into_iter().map(|sum| sum as f32)).collect()
}

/// What `kernel` writes in an output of `len` elements, which hold one half where it writes none.
fn run(kernel: &impl Kernel, [x, r, w]: [&[f32]; 3], len: usize) -> Vec<f32> {
    let mut y = vec![0.5; len];
    run_checked(kernel, outside(x, r, w, &mut y)).expect("the operands serve");
    y
}

fn convolutions<A: Arithmetic<Epilogue = Activation> + FloatArithmetic, const T: usize, const N: usize>(seed: u32) {
    let mut random = Random(seed);
    for _ in 0..30 {
        let window = Window::random(&mut random);
        let groups = Groups { group: 1 + random.below(3), depth: 1 + random.below(5), filters: 1 + random.below(11) };
        let [h, w, oh, ow] = [7, 9, 4, 6].map(|most| 1 + random.below(most));
        let (input, output) = (random.map(h, w, groups.inputs()), random.map(oh, ow, groups.outputs()));
        let Window { kernel, strides, dilations, pads } = window;
        let residual = (random.below(2) == 0).then(|| random.map(oh, ow, groups.outputs()));
        let conv = Conv2d::<A, T, N>::new(input, output).kernel(kernel).strides(strides).dilations(dilations).pads(pads);
        let conv = conv.group(groups.group).residual(residual).general(random.below(2) == 0).epilogue(Activation::Clip(-150.0, 90.0));
        let Extent { x, r, y, .. } = conv.extent().expect("the geometry is consistent");
        let (weights, x, r) = (Weights::random(&mut random, groups, window.taps()), random.whole(x), random.whole(r));
        let mut wanted = vec![0.5; y];
        for ([oy, ox, m], sum) in scattered(&window, &weights, [&input, &output], &x) {
            let sum = sum + residual.map_or(0.0, |map| r[at(&map, oy, ox, m)]);
            wanted[at(&output, oy, ox, m)] = sum.clamp(-150.0, 90.0);
        }
        assert_eq!(run(&conv, [&x, &r, &weights.packed(N as u32)], y), wanted, "tile {T}x{N}: {window:?} {groups:?} {input:?} {output:?}");
    }
}

#[test]
fn convolutions_are_sums_over_what_reaches_a_pixel() {
    convolutions::<Plain, 1, 1>(1);
    convolutions::<Plain, 4, 8>(2);
    convolutions::<Fused, 6, 16>(3);
    convolutions::<Fused, 9, 32>(4);
    convolutions::<Vfp<Plain>, 4, 4>(5);
    convolutions::<Mve, 3, 8>(6);
}

#[test]
fn depthwise_convolutions_are_convolutions_of_as_many_groups() {
    fn check<A: FloatArithmetic>(seed: u32) {
        let mut random = Random(seed);
        for channels in [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20, 31, 33, 48, 63, 64, 67] {
            let window = Window::random(&mut random);
            let [h, w, oh, ow] = [7, 9, 4, 6].map(|most| 1 + random.below(most));
            let (input, output) = (random.map(h, w, channels), random.map(oh, ow, channels));
            let Window { kernel, strides, dilations, pads } = window;
            let conv = DepthwiseConv2d::<A>::new(input, output).kernel(kernel).strides(strides).dilations(dilations).pads(pads);
            let Extent { x, y, .. } = conv.extent().expect("the geometry is consistent");
            let groups = Groups { group: channels, depth: 1, filters: 1 };
            let (weights, x) = (Weights::random(&mut random, groups, window.taps()), random.whole(x));
            let by_tap = indices([window.taps(), channels]).map(|[tap, m]| weights.value(m, 0, tap));
            let packed: Vec<f32> = weights.bias.iter().copied().chain(by_tap).collect();
            let mut wanted = vec![0.5; y];
            for ([oy, ox, c], sum) in scattered(&window, &weights, [&input, &output], &x) {
                wanted[at(&output, oy, ox, c)] = sum.max(0.0);
            }
            assert_eq!(run(&conv.activation(Activation::Relu), [&x, &[], &packed], y), wanted, "{window:?} {input:?} {output:?}");
        }
    }
    check::<Plain>(1);
    check::<Fused>(2);
    check::<Vfp<Fused>>(3);
}

/// By its definition in ONNX: pixel `i` of the input adds to pixel `i * stride + k * dilation - pad` of the output.
#[test]
fn transposed_convolutions_scatter() {
    let mut random = Random(8);
    for _ in 0..120 {
        let window = Window::random(&mut random);
        let groups = Groups { group: 1 + random.below(3), depth: 1 + random.below(4), filters: 1 + random.below(21) };
        let [h, w, oh, ow] = [4, 5, 9, 11].map(|most| 1 + random.below(most));
        let (input, output) = (random.map(h, w, groups.inputs()), random.map(oh, ow, groups.outputs()));
        let Window { kernel, strides, dilations, pads } = window;
        let conv = ConvTranspose2d::new(input, output).kernel(kernel).strides(strides).dilations(dilations).pads(pads).group(groups.group);
        let Extent { x, y, w, .. } = conv.extent().expect("the geometry is consistent");
        let (x, packed) = (random.whole(x), random.whole(w));
        let mut wanted = vec![0.5; y];
        for [oy, ox, m] in indices([oh, ow, groups.outputs()]) {
            wanted[at(&output, oy, ox, m)] = packed[m as usize];
        }
        let Groups { depth, filters, .. } = groups;
        let weight = indices([groups.group, window.taps(), depth, filters]).zip(&packed[groups.outputs() as usize..]);
        for ([group, tap, ci, filter], weight) in weight {
            for [iy, ix] in indices([input.height, input.width]) {
                let place = |axis: usize, i: u32, k: u32, extent: u32| {
                    (i * strides[axis] + k * dilations[axis]).checked_sub(pads[axis]).filter(|&at| at < extent)
                };
                let places = (place(0, iy, tap / kernel[1], oh), place(1, ix, tap % kernel[1], ow));
                if let (Some(oy), Some(ox)) = places {
                    wanted[at(&output, oy, ox, group * filters + filter)] += x[at(&input, iy, ix, group * depth + ci)] * weight;
                }
            }
        }
        assert_eq!(run(&conv, [&x, &[], &packed], y), wanted, "{conv:?}");
    }
}

/// `<conv(a), b> = <a, transposed(b)>` for every `a` and `b`, by the same weights and without a bias.
#[test]
fn a_transposed_convolution_is_the_adjoint_of_its_convolution() {
    let mut random = Random(9);
    for _ in 0..60 {
        let window = Window::random(&mut random);
        let groups = Groups { group: 1 + random.below(2), depth: 1 + random.below(4), filters: 1 + random.below(6) };
        let [h, w, oh, ow] = [7, 8, 4, 5].map(|most| 1 + random.below(most));
        let (large, small) = (dense(h, w, groups.inputs()), dense(oh, ow, groups.outputs()));
        let mut weights = Weights::random(&mut random, groups, window.taps());
        weights.bias.fill(0.0);
        let Window { kernel, strides, dilations, pads } = window;
        let conv = Conv2d::<Plain, 4, 8>::new(large, small).kernel(kernel).strides(strides).dilations(dilations).pads(pads);
        let back = ConvTranspose2d::new(small, large).kernel(kernel).strides(strides).dilations(dilations).pads(pads).group(groups.group);
        let Groups { group, depth, filters } = groups;
        let turned = indices([group, window.taps(), filters, depth])
            .map(|[group, tap, filter, ci]| weights.value(group * filters + filter, ci, tap));
        let turned: Vec<f32> = vec![0.0; groups.inputs() as usize].into_iter().chain(turned).collect();
        let (a, b) = (random.whole((h * w * groups.inputs()) as usize), random.whole((oh * ow * groups.outputs()) as usize));
        let there = run(&conv.group(groups.group), [&a, &[], &weights.packed(8)], b.len());
        let again = run(&back, [&b, &[], &turned], a.len());
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| *a as i64 * *b as i64).sum::<i64>();
        assert_eq!(product(&there, &b), product(&a, &again), "{window:?} {groups:?} {large:?} {small:?}");
    }
}

/// A kernel of a single one moves the map by as much as the tap lies from where the padding begins.
#[test]
fn a_kernel_of_one_tap_moves_its_map() {
    let mut random = Random(10);
    for _ in 0..60 {
        let ([h, w], channels) = ([2 + random.below(6), 2 + random.below(6)], 1 + random.below(9));
        let [kernel, pads] = [[0, 1].map(|_| 1 + random.below(5)), [0, 1].map(|_| random.below(5))];
        let tap = kernel.map(|extent| random.below(extent));
        let map = dense(h, w, channels);
        let mut weights = vec![0.0; (channels * (1 + kernel[0] * kernel[1])) as usize];
        let first = (channels * (1 + tap[0] * kernel[1] + tap[1])) as usize;
        weights[first..first + channels as usize].fill(1.0);
        let conv = DepthwiseConv2d::<Plain>::new(map, map).kernel(kernel).pads(pads);
        let x = random.values((h * w * channels) as usize);
        let y = run(&conv, [&x, &[], &weights], x.len());
        for [oy, ox, c] in indices([h, w, channels]) {
            let from = [oy + tap[0], ox + tap[1]].iter().zip(pads).map(|(at, pad)| at.checked_sub(pad)).collect::<Option<Vec<_>>>();
            let value = from.filter(|at| at[0] < h && at[1] < w).map_or(0.0, |from| x[at(&map, from[0], from[1], c)]);
            assert_eq!(y[at(&map, oy, ox, c)], value, "{conv:?}");
        }
    }
}

/// Weights are never read beyond what the lengths say, nor maps: whatever the packing leaves out does not matter.
#[test]
fn what_lies_between_the_elements_of_maps_does_not_matter() {
    let mut random = Random(11);
    for _ in 0..40 {
        let map = |height, width, channels: u32| dense(height, width, channels).distances([width * (channels + 3) + 2, channels + 3, 1]);
        let ([h, w], depth, filters) = ([1 + random.below(5), 1 + random.below(9)], 1 + random.below(9), 1 + random.below(9));
        let (input, output) = (map(h, w, depth), map(h, w, filters));
        let conv = Conv2d::<Fused, 4, 8>::new(input, output);
        let Extent { x, y, w, .. } = conv.extent().expect("the geometry is consistent");
        let (x, weights) = (random.values(x), random.values(w));
        let mut spoiled = vec![f32::NAN; x.len()];
        for [iy, ix, c] in indices([h, input.width, depth]) {
            spoiled[at(&input, iy, ix, c)] = x[at(&input, iy, ix, c)];
        }
        assert_eq!(run(&conv, [&x, &[], &weights], y), run(&conv, [&spoiled, &[], &weights], y), "{input:?} {output:?}");
        let pool = Pool2d::new(input, input, PoolKind::Max).kernel([2, 2]);
        let pooled = |x: &[f32]| written(&pool, x, &x[..0], vec![0.5_f32; x.len()]);
        assert_eq!(pooled(&x), pooled(&spoiled), "{input:?}");
    }
}
