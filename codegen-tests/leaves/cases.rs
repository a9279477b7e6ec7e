//! Convolutions by the leaves of a unit, against the same ones by scalars of portable Rust under a tile of 4 pixels by 1 channel: the same
//! bits, and nothing else is written.

use core::fmt::Write;
use core::hint::black_box;

use peleec_runtime::{
    Activation, Conv2d, Destination, FloatArithmetic, Kernel, Operands, Pixels, Place, PoolKind, run_checked, run_row_checked,
};

use crate::geometry::{Layout, Random, at, bytes, bytes_mut};

/// Elements of an operand: more than any case has.
const MOST: usize = 1 << 14;

/// What no kernel computes.
pub(crate) const POISON: u32 = 0x7fc0_1234;

/// Geometries of each combination.
const DRAWS: u32 = 2;

/// What else there may be in an input: subnormal numbers, and what is or makes what is not a number.
pub(crate) const RARE: [f32; 8] =
    [f32::MIN_POSITIVE / 4.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN_POSITIVE, 0.0, -0.0];

/// The memory of all operands.
pub(crate) struct Memory {
    x: [f32; MOST],
    r: [f32; MOST],
    ring: [f32; MOST],
    weights: [f32; MOST],
    packed: [f32; MOST],
    found: [f32; MOST],
    wanted: [f32; MOST],
}

impl Memory {
    pub(crate) const fn new() -> Self {
        let zeros = [0.0; MOST];
        Memory { x: zeros, r: zeros, ring: zeros, weights: zeros, packed: zeros, found: zeros, wanted: zeros }
    }

    /// The input, its ring, the weights, and what is found and wanted.
    pub(crate) fn of_channels(&mut self) -> [&mut [f32]; 5] {
        let Memory { x, ring, weights, found, wanted, .. } = self;
        [x, ring, weights, found, wanted]
    }
}

/// Where a second window comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Second {
    /// From nowhere, and the leaf is for one.
    None,
    /// From nowhere, and the leaf is for two.
    Absent,
    /// From where the rows of a ring wrap.
    Wrap,
    /// From another map, with that many channels more than a multiple of four.
    Rest(u32),
}

/// What comes behind the sums.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Epilogue {
    Only(Activation),
    Residual,
    Pool(PoolKind),
}

const SECONDS: [Second; 7] =
    [Second::None, Second::Absent, Second::Wrap, Second::Rest(0), Second::Rest(1), Second::Rest(2), Second::Rest(3)];

const EPILOGUES: [Epilogue; 9] = [
    Epilogue::Only(Activation::Identity),
    Epilogue::Only(Activation::Relu),
    Epilogue::Only(Activation::LeakyRelu(0.1)),
    Epilogue::Only(Activation::Clip(-0.5, 0.5)),
    Epilogue::Only(Activation::Sigmoid),
    Epilogue::Residual,
    Epilogue::Pool(PoolKind::Max),
    Epilogue::Pool(PoolKind::AverageInside),
    Epilogue::Pool(PoolKind::AveragePadded),
];

/// A combination of all that leaves distinguish.
#[derive(Clone, Copy, Debug)]
struct Case {
    layout: Layout,
    /// Channels more than a multiple of four.
    ones: u32,
    second: Second,
    epilogue: Epilogue,
}

impl Case {
    fn all() -> impl Iterator<Item = Case> {
        let windows = Layout::ALL.into_iter().flat_map(|layout| (0..4).flat_map(move |ones| SECONDS.map(|second| (layout, ones, second))));
        windows.flat_map(|(layout, ones, second)| EPILOGUES.map(|epilogue| Case { layout, ones, second, epilogue }))
    }

    fn is_possible(&self, pixels: usize) -> bool {
        match self.epilogue {
            Epilogue::Only(_) => true,
            Epilogue::Residual => !matches!(self.second, Second::Rest(_)),
            Epilogue::Pool(_) => pixels.is_multiple_of(4),
        }
    }

    /// Whether the kernel has one tap, as those with a rest and those with a pool do.
    fn is_pointwise(&self) -> bool {
        matches!(self.second, Second::Rest(_)) || matches!(self.epilogue, Epilogue::Pool(_))
    }
}

/// Channels of which `ones` are more than a multiple of four.
fn channels(random: &mut Random, ones: u32) -> u32 {
    let fours = random.below(3);
    if fours + ones == 0 { 4 } else { 4 * fours + ones }
}

/// Compares, and counts what was compared.
pub(crate) struct Check<'a, W> {
    pub(crate) memory: &'a mut Memory,
    pub(crate) out: W,
    /// What may be in an input beside usual numbers.
    pub(crate) rare: &'static [f32],
    pub(crate) n_cases: usize,
    pub(crate) failed: bool,
}

impl<W: Write> Check<'_, W> {
    /// All combinations for a tile of `T` pixels by `N` channels of the unit `U`, whose class is that of `C`.
    pub(crate) fn tile<U: FloatArithmetic, C: FloatArithmetic, const T: usize, const N: usize>(&mut self, unit: &str) {
        let mut random = Random(T as u32 * 100 + N as u32);
        let before = self.n_cases;
        for case in Case::all().filter(|case| case.is_possible(T)) {
            for _ in 0..DRAWS {
                if !self.failed {
                    self.draw::<U, C, T, N>(&mut random, case);
                }
            }
        }
        _ = writeln!(self.out, "{unit} {T}x{N}: {} cases", self.n_cases - before);
    }

    /// One geometry of a combination.
    fn draw<U: FloatArithmetic, C: FloatArithmetic, const T: usize, const N: usize>(&mut self, random: &mut Random, case: Case) {
        self.n_cases += 1;
        let shape = Shape::of(random, case, N as u32);
        let by_leaf: Conv2d<U, T, N> = shape.geometry(shape.input, case.second != Second::None);
        // Applied one by one below, as rustc makes vectors of functions of many values, which may take what is not a number for less.
        let applied = match case.epilogue {
            Epilogue::Only(activation) => activation,
            Epilogue::Residual | Epilogue::Pool(_) => Activation::Identity,
        };
        let bare = if applied == shape.activation { Activation::Identity } else { shape.activation };
        let by_twin: Conv2d<C, 4, 1> = Shape { activation: bare, ..shape }.geometry(shape.input, true);
        let (Some(extent), Some(plain)) = (by_leaf.extent(), by_twin.extent()) else {
            return self.fail(format_args!("no extent: {case:?} {shape:?}"));
        };
        let Memory { x, r, ring, weights, packed, found, wanted } = &mut *self.memory;
        let (x, r, weights, packed) = (&mut x[..extent.x], &mut r[..extent.r], &mut weights[..plain.w], &mut packed[..extent.w]);
        let (found, wanted) = (&mut found[..extent.y], &mut wanted[..extent.y]);
        let rare = if random.below(4) == 0 { self.rare } else { &[] };
        random.fill(x, rare);
        random.fill(r, rare);
        random.fill(weights, &[]);
        if random.below(8) == 0 {
            // Sums of -0.0, which pass a relu.
            weights.fill(-0.0);
        }
        shape.pack(weights, packed, N);
        found.fill(f32::from_bits(POISON));
        wanted.fill(f32::from_bits(POISON));
        let mut ran = run_checked(&by_twin, operands([x, r, weights], wanted)).is_ok();
        for value in wanted.iter_mut().filter(|value| value.to_bits() != POISON) {
            *value = applied.apply(black_box(*value));
        }
        ran &= match case.second {
            Second::Wrap => shape.by_rows::<U, T, N>(random, ring, [x, r, packed], found),
            _ => run_checked(&by_leaf, operands([x, r, packed], found)).is_ok(),
        };
        let differs = found.iter().zip(&*wanted).position(|(found, wanted)| !same(*found, *wanted));
        match differs {
            _ if !ran => self.fail(format_args!("refused: {case:?} {shape:?}")),
            Some(index) => {
                let (found, wanted) = (found[index], wanted[index]);
                self.fail(format_args!("element {index} is {found:e} and not {wanted:e}: {case:?} {shape:?}"));
            }
            None => {}
        }
    }

    pub(crate) fn fail(&mut self, why: core::fmt::Arguments<'_>) {
        self.failed = true;
        _ = writeln!(self.out, "{why}");
    }
}

pub(crate) fn same(found: f32, wanted: f32) -> bool {
    let computed = |value: f32| value.to_bits() != POISON;
    found.to_bits() == wanted.to_bits() || found.is_nan() && wanted.is_nan() && computed(found) && computed(wanted)
}

pub(crate) fn operands<'a>([x, r, w]: [&'a [f32]; 3], y: &'a mut [f32]) -> Operands<'a> {
    let [x, r, w] = [x, r, w].map(bytes);
    Operands { arena: &mut [], x: Place::Outside(x), r: Place::Outside(r), w, y: Destination::Outside(bytes_mut(y)) }
}

/// Sizes and steps along one axis.
struct Axis {
    input: u32,
    output: u32,
    kernel: u32,
    stride: u32,
    dilation: u32,
    pad: u32,
}

/// An axis of `extent` outputs; a pool halves it, and rounds up or down.
fn axis(random: &mut Random, case: &Case, extent: u32, kernel: u32) -> Axis {
    if let Epilogue::Pool(_) = case.epilogue {
        let output = if extent == 1 { 1 } else { random.one_of([extent / 2, extent.div_ceil(2)]) };
        return Axis { input: extent, output, kernel: 1, stride: 1, dilation: 1, pad: 0 };
    }
    if case.is_pointwise() {
        return Axis { input: extent, output: extent, kernel: 1, stride: 1, dilation: 1, pad: 0 };
    }
    let (stride, dilation) = (1 + random.below(2), 1 + random.below(2));
    let pad = if kernel > 1 { random.below(3) } else { 0 };
    let reach = (kernel - 1) * dilation + 1;
    let input = ((extent - 1) * stride + reach).saturating_sub(2 * pad).max(1);
    let output = (input + 2 * pad - reach) / stride + 1;
    Axis { input, output, kernel, stride, dilation, pad }
}

/// A convolution, whatever computes it.
#[derive(Clone, Copy, Debug)]
struct Shape {
    input: Pixels,
    rest: Option<Pixels>,
    output: Pixels,
    residual: Option<Pixels>,
    kernel: [u32; 2],
    strides: [u32; 2],
    dilations: [u32; 2],
    pads: [u32; 2],
    group: u32,
    band: [u32; 2],
    activation: Activation,
    pool: Option<PoolKind>,
}

impl Shape {
    /// One of a combination, for tiles of `n` channels.
    fn of(random: &mut Random, case: Case, n: u32) -> Self {
        let wraps = case.second == Second::Wrap;
        let [tall, wide] =
            if wraps { [random.one_of([2, 3]), random.one_of([1, 3])] } else { random.one_of([[1, 1], [3, 3], [1, 3], [2, 2]]) };
        let (height, width) = (if wraps { 4 + random.below(4) } else { 1 + random.below(6) }, 1 + random.below(9));
        let [rows, columns] = [axis(random, &case, height, tall), axis(random, &case, width, wide)];
        let (size, out_size) = ([rows.input, columns.input], [rows.output, columns.output]);
        let rest = match case.second {
            Second::Rest(ones) => Some(case.layout.map(size, channels(random, ones))),
            _ => None,
        };
        let group = if rest.is_some() { 1 } else { random.one_of([1, 1, 2]) };
        let filters = group * random.one_of([n, n, n + 1, n.max(2) - 1]);
        let mut out_map = || random.one_of(Layout::ALL).map(out_size, filters);
        let (output, residual) = (out_map(), (case.epilogue == Epilogue::Residual).then(out_map));
        let (activation, pool) = match case.epilogue {
            Epilogue::Only(activation) => (activation, None),
            Epilogue::Residual => (random.one_of([Activation::Identity, Activation::Relu]), None),
            Epilogue::Pool(kind) => (random.one_of([Activation::Identity, Activation::Relu]), Some(kind)),
        };
        Shape {
            input: case.layout.map(size, group * channels(random, case.ones)),
            rest,
            output,
            residual,
            kernel: [rows.kernel, columns.kernel],
            strides: [rows.stride, columns.stride],
            dilations: [rows.dilation, columns.dilation],
            pads: [rows.pad, columns.pad],
            group,
            band: [1 + random.below(4), 1 + random.below(9)],
            activation,
            pool,
        }
    }

    /// By a unit and a tile, over an input that may be a ring.
    fn geometry<A: FloatArithmetic, const T: usize, const N: usize>(&self, input: Pixels, general: bool) -> Conv2d<A, T, N> {
        Conv2d::new(input, self.output)
            .rest(self.rest)
            .residual(self.residual)
            .kernel(self.kernel)
            .strides(self.strides)
            .dilations(self.dilations)
            .pads(self.pads)
            .group(self.group)
            .band(self.band)
            .epilogue(self.activation)
            .pool(self.pool)
            .general(general)
    }

    /// Packs weights that lie filter after filter, each behind its bias, in blocks of `n` filters.
    fn pack(&self, weights: &[f32], packed: &mut [f32], n: usize) {
        let filters = (self.output.channels / self.group) as usize;
        let len = weights.len() / self.output.channels as usize;
        for (block, values) in packed.chunks_exact_mut(len * n).enumerate() {
            let (group, first) = (block / filters.div_ceil(n), block % filters.div_ceil(n) * n);
            for (i, value) in values.iter_mut().enumerate() {
                let filter = first + i % n;
                *value = if filter < filters { weights[(group * filters + filter) * len + i / n] } else { 0.0 };
            }
        }
    }

    /// Computes row after row, over a ring of the input that holds the rows of one window; whether it was taken.
    fn by_rows<A: FloatArithmetic, const T: usize, const N: usize>(
        &self,
        random: &mut Random,
        ring: &mut [f32],
        [x, r, w]: [&[f32]; 3],
        found: &mut [f32],
    ) -> bool
    where
        Conv2d<A, T, N>: Kernel,
    {
        let [kernel, stride, dilation, pad] = match self.pool {
            Some(_) => [2, 2, 1, 0],
            None => [self.kernel[0], self.strides[0], self.dilations[0], self.pads[0]],
        };
        let rows = (kernel - 1) * dilation + 1 + random.below(2);
        let map = self.input.ring(rows.min(self.input.height));
        let Some(len) = map.extent() else { return false };
        let geometry: Conv2d<A, T, N> = self.geometry(map, true);
        (0..self.output.height).all(|row| {
            ring[..len].fill(f32::from_bits(POISON));
            for y in (0..kernel).filter_map(|k| (row * stride + k * dilation).checked_sub(pad)).filter(|&y| y < map.height) {
                for (px, c) in (0..map.width).flat_map(|px| (0..map.channels).map(move |c| (px, c))) {
                    ring[at(&map, [y, px, c])] = x[at(&self.input, [y, px, c])];
                }
            }
            run_row_checked(&geometry, row as usize, operands([&ring[..len], r, w], found)).is_ok()
        })
    }
}
