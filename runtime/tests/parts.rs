//! Layers and rows that several cores share: whatever an executor does with the work that it is given, and into however many parts that is
//! cut, every bit is that of one core, and nothing else is written.

use bytemuck::{Pod, bytes_of};
use peleec_runtime::{
    Activation, AveragePool2d, BinaryKind, Cast, Conv2d, ConvTranspose2d, DepthwiseConv2d, Dequantize, Executor, Fused, Layer, Lookup, Lrn,
    MaxPool2d, OneCore, PRelu, Pairs, Plain, Pool2d, PoolKind, Quads, Quantize, QuantizedBinary, QuantizedConv2d, QuantizedDepthwiseConv2d,
    QuantizedSum, Requantize, Resample, RowLayer, Single,
};

mod maps;

use maps::{Random, dense};

/// The length of every operand: more than any needs.
const LEN: usize = 1 << 11;

/// Says that there are so many cores, and calls the work so often, one call after the other.
struct Calls {
    cores: usize,
    calls: usize,
}

impl Executor for Calls {
    fn cores(&self) -> usize {
        self.cores
    }

    fn share(&self, work: &(dyn Fn() + Sync)) {
        (0..self.calls).for_each(|_| work());
    }
}

/// So many threads that are started anew.
struct Scoped(usize);

impl Executor for Scoped {
    fn cores(&self) -> usize {
        self.0
    }

    fn share(&self, work: &(dyn Fn() + Sync)) {
        std::thread::scope(|scope| (0..self.0).for_each(|_| _ = scope.spawn(work)));
    }
}

/// Fewer cores than there are rows, as many, and more; one that leaves all to its caller, and one that calls too often.
const EXECUTORS: [&dyn Executor; 4] =
    [&Calls { cores: 2, calls: 1 }, &Calls { cores: 3, calls: 0 }, &Calls { cores: 7, calls: 9 }, &Calls { cores: usize::MAX, calls: 1 }];

/// Elements for an operand: floats are of moderate size, integers of any bits.
trait Elements: Pod {
    fn elements(random: &mut Random) -> Box<[Self; LEN]>;
}

impl Elements for f32 {
    fn elements(random: &mut Random) -> Box<[f32; LEN]> {
        random.values(LEN).try_into().expect("as many")
    }
}

macro_rules! elements {
    ($($integer:ident)+) => {$(
        impl Elements for $integer {
            fn elements(random: &mut Random) -> Box<[$integer; LEN]> {
                let mut word = || i64::from(random.below(1 << 16)) << 16 | i64::from(random.below(1 << 16));
                let all: Box<[$integer]> = (0..LEN).map(|_| (word() << 32 | word()) as $integer).collect();
                all.try_into().expect("as many")
            }
        }
    )+};
}

elements!(i8 u8 i16 i32 i64);

/// Runs a layer, and a layer of rows, on one core and on each executor.
macro_rules! check {
    ($random:ident, $kernel:ident: $type:ty, $height:expr) => {{
        let [x, r] = [0; 2].map(|_| Elements::elements(&mut $random));
        let w = Elements::elements(&mut $random);
        // Whatever was there is told from what is written.
        let before = Elements::elements(&mut $random);
        let whole = |executor: &dyn Executor| {
            let mut y = before.clone();
            Layer::<$type, LEN, LEN, LEN, LEN>::new($kernel).run(executor, &x, &r, &w, &mut y);
            y
        };
        let rows = |executor: &dyn Executor| {
            let mut y = before.clone();
            let layer = RowLayer::<$type, LEN, LEN, LEN, LEN>::new($kernel);
            // In any order, and once more than there are rows.
            (0..=$height as usize).rev().for_each(|row| layer.run_row(executor, row, &x, &r, &w, &mut y));
            y
        };
        let wanted = whole(&OneCore);
        assert!(bytes_of(&*wanted) != bytes_of(&*before), "nothing is written: {:?}", $kernel);
        assert!(bytes_of(&*wanted) == bytes_of(&*rows(&OneCore)), "rows of {:?}", $kernel);
        for (i, executor) in EXECUTORS.into_iter().enumerate() {
            assert!(bytes_of(&*wanted) == bytes_of(&*whole(executor)), "executor {i}: {:?}", $kernel);
            assert!(bytes_of(&*wanted) == bytes_of(&*rows(executor)), "rows by executor {i}: {:?}", $kernel);
        }
        assert!(bytes_of(&*wanted) == bytes_of(&*whole(&Scoped(3))), "threads: {:?}", $kernel);
    }};
}

/// A height, a width and channels: a row, a column, a pixel, more rows than cores.
const SIZES: [[u32; 3]; 6] = [[1, 9, 5], [9, 1, 5], [1, 1, 17], [13, 2, 3], [2, 13, 4], [5, 6, 20]];

#[test]
fn functions_of_an_element_in_parts() {
    let mut random = Random(1);
    for [height, width, channels] in SIZES {
        let (input, output) = (random.map(height, width, channels), random.map(height, width, channels));
        let cast = Cast::<f32, i64>::new(input, output);
        check!(random, cast: Cast<f32, i64>, height);
        let narrow = Cast::<i64, i16>::new(input, output);
        check!(random, narrow: Cast<i64, i16>, height);
        let quantize = Quantize::<u8>::new(input, output, 0.01, 100);
        check!(random, quantize: Quantize<u8>, height);
        let dequantize = Dequantize::<i32>::new(input, output, 0.01, 100);
        check!(random, dequantize: Dequantize<i32>, height);
        let lookup = Lookup::<i8, u8>::new(input, output);
        check!(random, lookup: Lookup<i8, u8>, height);
        let prelu = PRelu::new(input, output);
        check!(random, prelu: PRelu, height);
        let lrn = Lrn::new(input, output, [1, 2]).alpha(0.3);
        check!(random, lrn: Lrn, height);
    }
}

#[test]
fn functions_of_two_maps_in_parts() {
    let mut random = Random(2);
    for [height, width, channels] in SIZES {
        let [input, second, output] = [0; 3].map(|_| random.map(height, width, channels));
        // One pixel for all, one row for all.
        for second in [second, second.distances([0, 0, 1]), second.distances([0, channels, 1])] {
            let sum = QuantizedSum::<i8, u8>::new(input, second, output).factors([3, -5]).offset(1000).shift(3);
            check!(random, sum: QuantizedSum<i8, u8>, height);
            let product = QuantizedBinary::<u8, i8>::new(input, second, output, BinaryKind::Mul).scale(90.0).low(-128).high(127);
            check!(random, product: QuantizedBinary<u8, i8>, height);
        }
    }
}

#[test]
fn pools_in_parts() {
    let mut random = Random(3);
    for [height, width, channels] in SIZES {
        let (input, output) = (random.map(height + 1, width + 2, channels), random.map(height, width, channels));
        let pool = Pool2d::new(input, output, PoolKind::AverageInside).kernel([2, 3]);
        check!(random, pool: Pool2d, height);
        let largest = Pool2d::new(input, output, PoolKind::Max).kernel([3, 3]).pads([1, 1, 0, 0]);
        check!(random, largest: Pool2d, height);
        let integers = MaxPool2d::<i16>::new(input, output).kernel([2, 2]).pads([1, 0]);
        check!(random, integers: MaxPool2d<i16>, height);
        let average = AveragePool2d::<u8, u8>::new(input, output, PoolKind::AveragePadded).kernel([3, 3]).pads([1, 1, 1, 1]);
        check!(random, average: AveragePool2d<u8, u8>, height);
    }
}

/// Enlarged without padding and in three times as many rows, whose tables name whatever the floats' bits say.
#[test]
fn maps_that_grow_in_parts() {
    let mut random = Random(4);
    for [height, width, channels] in SIZES {
        let (input, output) = (random.map(height, width, channels), random.map(2 * height, width + 1, channels));
        let back = ConvTranspose2d::new(input, output).kernel([3, 2]).strides([2, 1]).pads([1, 0]);
        if back.extent().is_some_and(|extent| extent.w <= LEN) {
            check!(random, back: ConvTranspose2d, 2 * height);
        }
        let copy = Resample::new(input, output).reads([0, 1, 0, height]);
        check!(random, copy: Resample, 2 * height);
        let mixed = Resample::new(input, output).taps([2, 2]).reads([1, 2, 1, 3]);
        check!(random, mixed: Resample, 2 * height);
    }
}

#[test]
fn convolutions_in_parts() {
    let mut random = Random(5);
    for [height, width, channels] in SIZES {
        let (input, output) = (random.map(height, width, channels), random.map(height, width, channels));
        let filter = DepthwiseConv2d::<Fused>::new(input, output).kernel([3, 3]).pads([1, 1]).activation(Activation::Relu);
        check!(random, filter: DepthwiseConv2d<Fused>, height);
        let residual = random.map(height, width, channels);
        for band in [[1, 1], [2, 5], [u32::MAX, u32::MAX]] {
            let conv = Conv2d::<Plain, 4, 8>::new(input, output).band(band).residual(Some(residual)).general(true);
            check!(random, conv: Conv2d<Plain, 4, 8>, height);
            let wide = Conv2d::<Fused, 6, 16>::new(input, output).band(band).general(band[0] == 1);
            check!(random, wide: Conv2d<Fused, 6, 16>, height);
        }
        let few = dense(height, width, 3);
        let stem = Conv2d::<Plain, 2, 4>::new(few, output).kernel([3, 3]).pads([1, 1]);
        check!(random, stem: Conv2d<Plain, 2, 4>, height);
    }
}

#[test]
fn convolutions_of_bytes_in_parts() {
    let mut random = Random(6);
    let rule = Requantize { right: 9, ..Requantize::DEFAULT };
    for [height, width, channels] in SIZES {
        let (input, output) = (random.map(height, width, channels), random.map(height, width, channels));
        let filter = QuantizedDepthwiseConv2d::<i8, i8, Single>::new(input, output).kernel([3, 3]).pads([1, 1]).input_zero(-3);
        let filter = filter.requantize(rule);
        check!(random, filter: QuantizedDepthwiseConv2d<i8, i8, Single>, height);
        let single = QuantizedConv2d::<i8, i8, Single, 2, 2>::new(input, output).kernel([3, 1]).pads([1, 0]).input_zero(5).requantize(rule);
        check!(random, single: QuantizedConv2d<i8, i8, Single, 2, 2>, height);
        let pairs = QuantizedConv2d::<i8, i8, Pairs, 4, 8>::new(input, output).requantize(rule);
        check!(random, pairs: QuantizedConv2d<i8, i8, Pairs, 4, 8>, height);
        let quads = QuantizedConv2d::<u8, i8, Quads, 12, 16>::new(input, output).requantize(rule);
        check!(random, quads: QuantizedConv2d<u8, i8, Quads, 12, 16>, height);
    }
}

/// One pool for several threads, each of which runs layers of its own: who finds it busy works alone.
#[cfg(feature = "threads")]
#[test]
fn layers_of_several_threads_share_a_pool() {
    let pool = peleec_runtime::Threads::new(3).expect("threads can be started");
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let pool = &pool;
            scope.spawn(move || {
                let mut random = Random(seed);
                for [height, width, channels] in SIZES {
                    let map = random.map(height, width, channels);
                    let layer = Layer::<DepthwiseConv2d<Plain>, LEN, LEN, LEN, LEN>::new(
                        DepthwiseConv2d::new(map, map).kernel([3, 3]).pads([1, 1]),
                    );
                    let [x, w, before] = [0; 3].map(|_| f32::elements(&mut random));
                    let run = |executor: &dyn Executor| {
                        let mut y = before.clone();
                        layer.run(executor, &x, &w, &w, &mut y);
                        y
                    };
                    let wanted = run(&OneCore);
                    for _ in 0..10 {
                        assert!(bytes_of(&*run(pool)) == bytes_of(&*wanted), "{map:?}");
                    }
                }
            });
        }
    });
}
