//! Kernels that compute one row at a time over rings of the least height, against the same kernels over whole maps: the same bits. Every
//! slot that does not hold a row of the window is poisoned.

use peleec_runtime::{
    Activation, Conv2d, ConvTranspose2d, DepthwiseConv2d, Destination, Executor, FloatArithmetic, Fused, Kernel, Mve, Operands, Pixels,
    Place, Plain, Pool2d, PoolKind, RegionError, Resample, RowLayer, RowWindow, SecondWithinRows, Vfp, WithinRows, run_checked,
    run_row_checked,
};

mod maps;

use maps::{Random, at, dense, operands, outputs};

/// What no kernel computes from values that are numbers.
const POISON: u32 = 0x7fc0_1234;

fn poison(len: usize) -> Vec<f32> {
    vec![f32::from_bits(POISON); len]
}

/// A window along rows: kernel, stride, dilation, padding above.
type Window = [u32; 4];

const ROW: Window = [1, 1, 1, 0];

/// How many rows of `map` a ring must hold.
fn least([kernel, _, dilation, _]: Window, map: &Pixels) -> u32 {
    ((kernel - 1) * dilation + 1).min(map.height)
}

/// An operand's map, its values when it is stored whole, and the window that a row of the output has on it.
struct Input {
    map: Pixels,
    values: Vec<f32>,
    window: Window,
    /// How many rows of the output share a stride.
    divisor: u32,
}

impl Input {
    fn new(random: &mut Random, map: Pixels, window: Window) -> Self {
        Input { map, values: random.values(map.extent().expect("a map has elements")), window, divisor: 1 }
    }

    /// Poison, but for the rows of the window of output row `row`, in a ring.
    fn ring(&self, ring: &Pixels, row: u32) -> Vec<f32> {
        let mut values = poison(ring.extent().expect("a ring has elements"));
        let [kernel, stride, dilation, pad] = self.window;
        for y in (0..kernel).filter_map(|k| (row * stride / self.divisor + k * dilation).checked_sub(pad)).filter(|&y| y < ring.height) {
            for (x, c) in (0..ring.width).flat_map(|x| (0..ring.channels).map(move |c| (x, c))) {
                values[at(ring, y, x, c)] = self.values[at(&self.map, y, x, c)];
            }
        }
        values
    }
}

/// Runs `kernel` whole, with its output in an arena of poison and everything else outside.
fn whole(kernel: &impl Kernel, [x, r, w]: [&[f32]; 3], len: usize) -> Vec<f32> {
    let mut arena = poison(len);
    run_checked(kernel, operands([x, r, w], &mut arena)).expect("the operands serve");
    arena
}

fn run_row(kernel: &impl Kernel, row: u32, [x, r, w]: [&[f32]; 3], y: &mut [f32]) -> Result<(), RegionError> {
    let y = Destination::Outside(bytemuck::cast_slice_mut(y));
    run_row_checked(kernel, row as usize, Operands { y, ..operands([x, r, w], &mut []) })
}

/// Row after row: each of the values of `wanted`, and nothing else is written. `rings` makes the kernel over rings.
fn by_rows<K: Kernel>(
    kernel: impl Fn(Pixels, Option<Pixels>, Pixels) -> K,
    x: &Input,
    r: Option<&Input>,
    w: &[f32],
    (output, wanted): (&Pixels, &[f32]),
    output_ring: u32,
) {
    let shorter = |input: &Input, by: u32| Pixels { ring: least(input.window, &input.map) - by, ..input.map };
    let (x_ring, r_ring) = (shorter(x, 0), r.map(|r| shorter(r, 0)));
    let y_ring = Pixels { ring: output_ring, ..*output };
    let over_rings = kernel(x_ring, r_ring, y_ring);
    for row in 0..output.height {
        let values = [x.ring(&x_ring, row), r.map_or(Vec::new(), |r| r.ring(&r_ring.expect("there is one"), row))];
        let mut y = poison(y_ring.extent().expect("a ring has elements"));
        run_row(&over_rings, row, [&values[0], &values[1], w], &mut y).expect("the operands serve");
        for (ox, c) in (0..output.width).flat_map(|x| (0..output.channels).map(move |c| (x, c))) {
            let (found, wanted) = (&mut y[at(&y_ring, row, ox, c)], wanted[at(output, row, ox, c)]);
            assert_eq!(found.to_bits(), wanted.to_bits(), "{x_ring:?} and {r_ring:?} to {y_ring:?} at {row},{ox},{c}");
            *found = f32::from_bits(POISON);
        }
        assert!(y.iter().all(|value| value.to_bits() == POISON), "{y_ring:?}: only row {row} is written");
    }
    // A row that the output does not have.
    let (mut y, large) = (poison(y_ring.extent().expect("a ring has elements")), poison(1 << 16));
    run_row(&over_rings, output.height, [&large, &large, w], &mut y).expect("the operands serve");
    assert!(y.iter().all(|value| value.to_bits() == POISON));
    let refused = |kernel: K| assert_eq!(run_row(&kernel, 0, [&large, &large, w], &mut poison(1 << 16)), Err(RegionError::Geometry));
    refused(kernel(shorter(x, 1), r_ring, y_ring));
    if let Some(r) = r {
        refused(kernel(x_ring, Some(shorter(r, 1)), y_ring));
    }
    refused(kernel(x_ring, r_ring, Pixels { ring: 0, ..y_ring }));
    let is_ring = |map: &Pixels| map.ring < map.height;
    if is_ring(&x_ring) || r_ring.as_ref().is_some_and(is_ring) || is_ring(&y_ring) {
        assert_eq!(run_checked(&over_rings, operands([&large, &large, w], &mut y)), Err(RegionError::Geometry));
    }
}

fn activation(random: &mut Random) -> Activation {
    [Activation::Identity, Activation::Relu, Activation::LeakyRelu(0.1)][random.below(3) as usize]
}

fn convolutions<A: FloatArithmetic, const T: usize, const N: usize>(_: A) {
    let mut random = Random(T as u32 * 100 + N as u32);
    let mut ran = 0;
    while ran < 60 {
        let (group, depth, filters) = (1 + random.below(2), 1 + random.below(9), 1 + random.below(20));
        let kernel = [0, 1].map(|_| [1, 2, 3, 3, 5][random.below(5) as usize]);
        let (strides, dilations, pads) =
            ([0, 1].map(|_| 1 + random.below(2)), [1 + random.below(2), 1 + random.below(2)], [0, 1].map(|_| random.below(3)));
        let (h, w) = (1 + random.below(12), 1 + random.below(30));
        let sizes = [0, 1].map(|i| outputs([h, w][i], pads[i], (kernel[i] - 1) * dilations[i] + 1, strides[i]));
        let [Some(oh), Some(ow)] = sizes else { continue };
        let (input, output) = (random.map(h, w, group * depth), random.map(oh, ow, group * filters));
        let residual = (random.below(2) == 0).then(|| random.map(oh, ow, group * filters));
        let conv = Conv2d::<A, T, N>::new(input, output)
            .residual(residual)
            .kernel(kernel)
            .strides(strides)
            .dilations(dilations)
            .pads(pads)
            .group(group)
            .band([1 + random.below(4), 1 + random.below(30)])
            .epilogue(activation(&mut random));
        let extent = conv.extent().expect("the geometry is consistent");
        let x = Input::new(&mut random, input, [kernel[0], strides[0], dilations[0], pads[0]]);
        let r = residual.map(|map| Input::new(&mut random, map, ROW));
        let w = random.values(extent.w);
        let wanted = whole(&conv, [&x.values, r.as_ref().map_or(&[], |r| &r.values), &w], extent.y);
        let general = kernel[0] > 1 || random.below(2) == 0;
        let over = |input, residual, output| conv.general(general).residual(residual).over(input, output);
        by_rows(over, &x, r.as_ref(), &w, (&output, &wanted), 1 + random.below(oh));
        ran += 1;
    }
}

/// A 1x1 convolution of a map and its rest, with a pool or without, against one of their concat: whole and row by row.
fn concats<A: FloatArithmetic, const T: usize, const N: usize>(_: A) {
    let mut random = Random(T as u32 * 100 + N as u32 + 1);
    for run in 0..90 {
        let kinds = [None, Some(PoolKind::Max), Some(PoolKind::AverageInside), Some(PoolKind::AveragePadded)];
        let pool = kinds[run % kinds.len()].filter(|_| T.is_multiple_of(4));
        let (channels, filters) = ([0, 1].map(|_| 1 + random.below(9)), 1 + random.below(40));
        let depth = channels[0] + channels[1];
        let (h, w) = (1 + random.below(9), 1 + random.below(20));
        let half = |extent: u32, up: bool| if up || extent == 1 { extent.div_ceil(2) } else { extent / 2 };
        let [oh, ow] = if pool.is_some() { [h, w].map(|extent| half(extent, random.below(2) == 0)) } else { [h, w] };
        let [first, rest] = channels.map(|channels| random.map(h, w, channels));
        let (both, output) = (random.map(h, w, depth), random.map(oh, ow, filters));
        let window = if pool.is_some() { [2, 2, 1, 0] } else { ROW };
        let concat = Input::new(&mut random, both, window);
        let slice = |map: Pixels, from: u32| {
            let mut values = poison(map.extent().expect("a map has elements"));
            for (y, x, c) in (0..h).flat_map(|y| (0..w).flat_map(move |x| (0..map.channels).map(move |c| (y, x, c)))) {
                values[at(&map, y, x, c)] = concat.values[at(&both, y, x, from + c)];
            }
            Input { map, values, window, divisor: 1 }
        };
        let (first, rest) = (slice(first, 0), slice(rest, channels[0]));
        let conv = Conv2d::<A, T, N>::new(both, output)
            .band([1 + random.below(4), 1 + random.below(30)])
            .epilogue(activation(&mut random))
            .pool(pool);
        let extent = conv.extent().expect("the geometry is consistent");
        let packed = random.values(extent.w);
        let wanted = whole(&conv, [&concat.values, &[], &packed], extent.y);
        let apart = conv.general(true).over(first.map, output).rest(Some(rest.map));
        let found = whole(&apart, [&first.values, &rest.values, &packed], extent.y);
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&found), bits(&wanted), "tile {T}x{N}, {:?} and {:?} to {output:?}, {pool:?}", first.map, rest.map);
        let output_ring = 1 + random.below(oh);
        let general = run % 2 == 0;
        by_rows(|input, _, output| conv.general(general).over(input, output), &concat, None, &packed, (&output, &wanted), output_ring);
        let over = |input, rest, output| apart.over(input, output).rest(rest);
        by_rows(over, &first, Some(&rest), &packed, (&output, &wanted), output_ring);
    }
}

/// Plain and fused, under every kind of tile, and the portable twins of the units of Cortex-M.
macro_rules! under_every_tile {
    ($check:ident) => {{
        $check::<_, 1, 1>(Plain);
        $check::<_, 4, 4>(Plain);
        $check::<_, 4, 24>(Fused);
        $check::<_, 2, 8>(Fused);
        $check::<_, 5, 64>(Plain);
        $check::<_, 12, 16>(Fused);
        $check::<_, 12, 4>(Plain);
        $check::<_, 4, 4>(Vfp(Plain));
        $check::<_, 1, 16>(Vfp(Fused));
        $check::<_, 3, 8>(Mve);
    }};
}

#[test]
fn rows_of_convolutions() {
    under_every_tile!(convolutions);
}

#[test]
fn rows_of_convolutions_of_concats() {
    under_every_tile!(concats);
}

#[test]
fn rows_of_depthwise_convolutions() {
    fn check<A: FloatArithmetic>(_: A) {
        let mut random = Random(7);
        let mut ran = 0;
        while ran < 100 {
            let (h, w, channels) = (1 + random.below(9), 1 + random.below(24), 1 + random.below(40));
            let kernel = [0, 1].map(|_| [1, 3, 5][random.below(3) as usize]);
            let [strides, dilations] = [0, 1].map(|_| [0, 1].map(|_| 1 + random.below(2)));
            let pads = [0, 1].map(|_| random.below(3));
            let sizes = [0, 1].map(|i| outputs([h, w][i], pads[i], (kernel[i] - 1) * dilations[i] + 1, strides[i]));
            let [Some(oh), Some(ow)] = sizes else { continue };
            let (input, output) = (random.map(h, w, channels), random.map(oh, ow, channels));
            let conv = |input, output| {
                let conv = DepthwiseConv2d::<A>::new(input, output).kernel(kernel).strides(strides).dilations(dilations);
                conv.pads(pads).activation(Activation::Relu)
            };
            let extent = conv(input, output).extent().expect("the geometry is consistent");
            let x = Input::new(&mut random, input, [kernel[0], strides[0], dilations[0], pads[0]]);
            let packed = random.values(extent.w);
            let wanted = whole(&conv(input, output), [&x.values, &[], &packed], extent.y);
            let over = |input, _, output| conv(input, output);
            by_rows(over, &x, None, &packed, (&output, &wanted), 1 + random.below(oh));
            ran += 1;
        }
    }
    check(Plain);
    check(Fused);
    check(Mve);
    check(Vfp(Plain));
}

#[test]
fn rows_of_pools() {
    let mut random = Random(11);
    for run in 0..300 {
        let kind = [PoolKind::Max, PoolKind::AverageInside, PoolKind::AveragePadded][run % 3];
        let (h, w, channels) = (2 + random.below(9), 2 + random.below(9), 1 + random.below(70));
        let kernel = [0, 1].map(|_| 1 + random.below(3));
        let [strides, dilations] = [0, 1].map(|_| [0, 1].map(|_| 1 + random.below(2)));
        let pads = [0, 1].map(|i| random.below(2).min(kernel[i] - 1));
        let sizes = [0, 1].map(|i| outputs([h, w][i], pads[i], (kernel[i] - 1) * dilations[i] + 1, strides[i]));
        let [Some(oh), Some(ow)] = sizes else { continue };
        // Half of the sizes are rounded up: the last window begins on the map and is cut off at its edge.
        let ceil = |out: u32, i: usize, extent: u32| if out * strides[i] < extent + pads[i] { out + 1 } else { out };
        let [oh, ow] = if random.below(2) == 0 { [ceil(oh, 0, h), ceil(ow, 1, w)] } else { [oh, ow] };
        let (input, output) = (random.map(h, w, channels), random.map(oh, ow, channels));
        let pool = |input, output| {
            let pool = Pool2d::new(input, output, kind).kernel(kernel).strides(strides).dilations(dilations);
            pool.pads([pads[0], pads[1], pads[0], pads[1]])
        };
        let extent = pool(input, output).extent().expect("the geometry is consistent");
        let x = Input::new(&mut random, input, [kernel[0], strides[0], dilations[0], pads[0]]);
        let wanted = whole(&pool(input, output), [&x.values, &[], &[]], extent.y);
        let over = |input, _, output| pool(input, output);
        by_rows(over, &x, None, &[], (&output, &wanted), 1 + random.below(oh));
    }
}

#[test]
fn rows_of_transposed_convolutions() {
    let mut random = Random(15);
    for _ in 0..300 {
        let (h, w, depth, filters) = (1 + random.below(9), 1 + random.below(5), 1 + random.below(5), 1 + random.below(40));
        let (oh, ow) = (1 + random.below(20), 1 + random.below(9));
        let [kernel, strides, dilations] = [0; 3].map(|_| [0, 1].map(|_| 1 + random.below(3)));
        let pads = [0, 1].map(|_| random.below(4));
        let (input, output) = (random.map(h, w, depth), random.map(oh, ow, filters));
        let over = |input, _, output| ConvTranspose2d::new(input, output).kernel(kernel).strides(strides).dilations(dilations).pads(pads);
        let whole_maps = over(input, None, output);
        let extent = whole_maps.extent().expect("the geometry is consistent");
        let RowWindow { kernel: reach, divisor, pad, .. } = whole_maps.row_window();
        let weights = random.values(extent.w);
        let x = Input { divisor, ..Input::new(&mut random, input, [reach, 1, 1, pad]) };
        let wanted = whole(&whole_maps, [&x.values, &[], &weights], extent.y);
        by_rows(over, &x, None, &weights, (&output, &wanted), 1 + random.below(oh));
    }
}

#[test]
fn rows_of_resizes() {
    let mut random = Random(13);
    for _ in 0..300 {
        let (h, w, channels) = (1 + random.below(9), 1 + random.below(9), 1 + random.below(40));
        let (stride, divisor) = [(1, 1), (2, 1), (1, 2), (1, 3)][random.below(4) as usize];
        let (oh, ow) = ((h * divisor).div_ceil(stride), 1 + random.below(12));
        let pad = random.below(3);
        let reach = pad + 1 + random.below(3);
        let taps = [0, 1].map(|_| 1 + random.below(3));
        let (input, output) = (random.map(h, w, channels), random.map(oh, ow, channels));
        let over = |input, _, output| Resample::new(input, output).taps(taps).outside(7.0).reads([stride, divisor, pad, reach]);
        let whole_maps = over(input, None, output);
        let extent = whole_maps.extent().expect("the geometry is consistent");
        let tables = random.tables(&whole_maps);
        let x = Input { divisor, ..Input::new(&mut random, input, [reach, stride, 1, pad]) };
        let wanted = whole(&whole_maps, [&x.values, &[], &tables], extent.y);
        by_rows(over, &x, None, &tables, (&output, &wanted), 1 + random.below(oh));
    }
}

/// Says that there are three cores, so that rows are cut into parts.
struct Three;

impl Executor for Three {
    fn cores(&self) -> usize {
        3
    }

    fn share(&self, work: &(dyn Fn() + Sync)) {
        work();
    }
}

fn array<const N: usize>(values: &[f32]) -> &[f32; N] {
    values.try_into().expect("as many values")
}

#[test]
fn rows_that_several_cores_share() {
    /// A 3x3 convolution, whose residual lies in a ring of one row.
    fn residual<const WIDTH: u32, const X: usize, const R: usize, const Y: usize>() {
        let conv = Conv2d::<Plain, 4, 4>::new(dense(9, WIDTH, 5), dense(9, WIDTH, 10))
            .residual(Some(dense(9, WIDTH, 10)))
            .kernel([3, 3])
            .pads([1, 1])
            .band([2, 11])
            .epilogue(Activation::Relu)
            .general(true);
        let mut random = Random(WIDTH);
        let (input, output) = (Pixels { ring: 3, ..conv.input }, Pixels { ring: 2, ..conv.output });
        let x = Input::new(&mut random, conv.input, [3, 1, 1, 1]);
        let r = Input::new(&mut random, conv.output, ROW);
        let w = random.values(552);
        let wanted = whole(&conv, [&x.values, &r.values, &w], 9 * Y / 2);
        let row_map = Pixels { ring: 1, ..conv.output };
        let layer = RowLayer::<Conv2d<Plain, 4, 4>, X, 552, Y, R>::new(conv.residual(Some(row_map)).over(input, output));
        let mut y = [f32::NAN; Y];
        for row in 0..9 {
            let (x, r) = (x.ring(&input, row), r.ring(&row_map, row));
            layer.run_row(&Three, row as usize, array(&x), array(&r), array(&w), &mut y);
            let slot = row as usize % 2 * (Y / 2);
            assert_eq!(y[slot..slot + Y / 2], wanted[row as usize * (Y / 2)..][..Y / 2]);
        }
        layer.run_row(&Three, usize::MAX, array(&x.values[..X]), array(&r.values[..R]), array(&w), &mut y);
    }
    // Parts of columns, and parts of channels.
    residual::<19, 285, 190, 380>();
    residual::<7, 105, 70, 140>();

    /// A pool, alone and in a convolution of a map and its rest.
    fn pools<const WIDTH: u32, const X: usize, const Y: usize>() {
        let half = WIDTH.div_ceil(2);
        let pool = |input, output| Pool2d::new(input, output, PoolKind::AverageInside).kernel([2, 2]).strides([2, 2]);
        let (ring, row) = (dense(9, WIDTH, 6).ring(2), dense(5, half, 6).ring(1));
        let mut random = Random(WIDTH);
        let x = Input::new(&mut random, dense(9, WIDTH, 6), [2, 2, 1, 0]);
        let wanted = whole(&pool(x.map, dense(5, half, 6)), [&x.values, &[], &[]], 5 * Y);
        let layer = RowLayer::<Pool2d, X, 0, Y>::new(pool(ring, row));
        let conv = Conv2d::<Fused, 8, 4>::new(ring, row)
            .rest(Some(ring))
            .band([9, WIDTH])
            .epilogue(Activation::Relu)
            .pool(Some(PoolKind::AverageInside))
            .general(true);
        let over_whole = conv.over(x.map, dense(5, half, 6)).rest(Some(x.map));
        let w = random.values(104);
        let convolved = whole(&over_whole, [&x.values, &x.values, &w], 5 * Y);
        let conv = RowLayer::<Conv2d<Fused, 8, 4>, X, 104, Y, X>::new(conv);
        for row in 0..5 {
            let (at, x) = (row as usize * Y, x.ring(&ring, row));
            let mut y = [f32::NAN; Y];
            layer.run_row(&Three, row as usize, array(&x), &[], &[], &mut y);
            assert_eq!(y, wanted[at..at + Y]);
            let mut y = [f32::NAN; Y];
            conv.run_row(&Three, row as usize, array(&x), array(&x), array(&w), &mut y);
            assert_eq!(y, convolved[at..at + Y]);
        }
    }
    pools::<37, 444, 114>();
    pools::<5, 60, 18>();
}

#[test]
fn an_output_that_grows_over_rows_that_are_no_longer_needed() {
    const CONV: Conv2d<Plain, 4, 4> =
        Conv2d::<Plain, 4, 4>::new(dense(7, 6, 4), dense(7, 6, 4)).residual(Some(dense(7, 6, 4))).kernel([3, 3]).pads([1, 1]).band([1, 6]);
    // Row y is written where row y - 2 of the input was.
    const LAYER: WithinRows<Conv2d<Plain, 4, 4>, 216, 148, 168> = WithinRows::<Conv2d<Plain, 4, 4>, 216, 148, 168>::new(CONV, 48, 0);
    let mut random = Random(5);
    let [x, r, w] = [168, 168, 148].map(|len| random.values(len));
    let wanted = whole(&CONV, [&x, &r, &w], 168);
    let (mut z, mut arena) = ([0.0; 216], [0.0; 216]);
    z[48..].copy_from_slice(&x);
    arena[48..].copy_from_slice(&x);
    for row in 0..8 {
        LAYER.run_row(&Three, row, array(&r), array(&w), &mut z);
        let operands = Operands { x: Place::Arena(4 * 48), ..operands([&[], &r, &w], &mut arena) };
        run_row_checked(&CONV, row, operands).expect("the row is apart");
    }
    assert_eq!(z[..168], wanted);
    assert_eq!(arena, z);
    let operands = Operands { x: Place::Arena(4 * 24), ..operands([&[], &r, &w], &mut arena) };
    assert_eq!(run_row_checked(&CONV, 1, operands), Err(RegionError::Overlap));
}

#[test]
fn a_sum_that_grows_over_rows_of_what_is_added() {
    const CONV: Conv2d<Plain, 4, 4> =
        Conv2d::<Plain, 4, 4>::new(dense(7, 6, 4), dense(7, 6, 4)).residual(Some(dense(7, 6, 4))).kernel([3, 3]).pads([1, 1]).band([1, 6]);
    // Row y is written where row y - 1 of the residual was.
    const LAYER: SecondWithinRows<Conv2d<Plain, 4, 4>, 168, 148, 192> =
        SecondWithinRows::<Conv2d<Plain, 4, 4>, 168, 148, 192>::new(CONV, 24, 0);
    let mut random = Random(6);
    let [x, r, w] = [168, 168, 148].map(|len| random.values(len));
    let wanted = whole(&CONV, [&x, &r, &w], 168);
    let (mut z, mut arena) = ([0.0; 192], [0.0; 192]);
    z[24..].copy_from_slice(&r);
    arena[24..].copy_from_slice(&r);
    for row in 0..8 {
        LAYER.run_row(&Three, row, array(&x), array(&w), &mut z);
        let operands = Operands { r: Place::Arena(4 * 24), ..operands([&x, &[], &w], &mut arena) };
        run_row_checked(&CONV, row, operands).expect("the row is apart");
    }
    assert_eq!(z[..168], wanted);
    assert_eq!(arena, z);
    let nearer = Operands { r: Place::Arena(4 * 23), ..operands([&x, &[], &w], &mut arena) };
    assert_eq!(run_row_checked(&CONV, 1, nearer), Err(RegionError::Overlap));
    let by_maps = Operands { r: Place::Arena(4 * 24), ..operands([&x, &[], &w], &mut arena) };
    assert_eq!(run_checked(&CONV, by_maps), Err(RegionError::Overlap), "only rows lie apart");
}

#[test]
fn a_band_beyond_the_map_is_all_of_it() {
    let map = |height, ring| Pixels::new([height, 1, 1]).ring(ring);
    let conv = |output| Conv2d::<Plain, 1, 1>::new(map(2, 2), output).band([u32::MAX, u32::MAX]);
    let mut y = [0.0];
    run_row(&conv(map(2, 1)), 1, [&[3.0, 5.0], &[], &[1.0, 2.0]], &mut y).expect("the operands serve");
    assert_eq!(y, [11.0]);
}
