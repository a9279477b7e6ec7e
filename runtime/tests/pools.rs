//! Pools of floats and of integers over windows of any form: strides above the kernel, padding on four sides, windows beside the map.
//! Against exact integers and the order of comparisons; in every number of channels that leaves a rest beside vectors.

use bytemuck::Pod;
use peleec_runtime::{AveragePool2d, Element, Extent, MaxPool2d, Pixels, Pool2d, PoolKind};

mod maps;

use maps::{Random, at, indices, written};

/// Numbers of channels about those of vectors.
const CHANNELS: [u32; 16] = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 20, 33, 64, 65, 87];

/// A window and where it goes.
#[derive(Clone, Copy, Debug)]
struct Window {
    kernel: [u32; 2],
    strides: [u32; 2],
    dilations: [u32; 2],
    /// Above, left, below and right.
    pads: [u32; 4],
    size: [u32; 2],
    output: [u32; 2],
}

impl Window {
    /// One whose output has any size, so that windows may lie beside the map.
    fn random(random: &mut Random) -> Self {
        let mut two = |least, n| [0, 1].map(|_| least + random.below(n));
        let (kernel, strides, dilations) = (two(1, 4), two(1, 5), two(1, 3));
        let (size, output, [before, after]) = (two(1, 9), two(1, 5), [two(0, 4), two(0, 4)]);
        Window { kernel, strides, dilations, pads: [before[0], before[1], after[0], after[1]], size, output }
    }

    /// Where each tap of an output position along an axis lies, counted from the map's first.
    fn places(&self, axis: usize, at: u32) -> impl Iterator<Item = i64> + Clone + use<> {
        let [stride, dilation, pad] = [self.strides[axis], self.dilations[axis], self.pads[axis]].map(i64::from);
        (0..i64::from(self.kernel[axis])).map(move |k| i64::from(at) * stride + k * dilation - pad)
    }

    /// The pixels of the map that an output pixel is made of, row by row.
    fn inside(&self, [oy, ox]: [u32; 2]) -> Vec<[u32; 2]> {
        let [height, width] = self.size.map(i64::from);
        let rows = self.places(0, oy).filter(move |y| (0..height).contains(y));
        rows.flat_map(|y| self.places(1, ox).filter(move |x| (0..width).contains(x)).map(move |x| [y as u32, x as u32])).collect()
    }

    /// How many positions of a window lie on the map or its padding.
    fn padded(&self, place: [u32; 2]) -> usize {
        let counts = [0, 1].map(|axis| {
            let end = i64::from(self.size[axis] + self.pads[axis + 2]);
            self.places(axis, place[axis]).filter(|&at| at < end).count()
        });
        counts[0] * counts[1]
    }

    /// What an average is divided by.
    fn count(&self, kind: PoolKind, place: [u32; 2]) -> usize {
        if kind == PoolKind::AveragePadded { self.padded(place) } else { self.inside(place).len() }
    }

    /// Its maps, of so many channels.
    fn maps(&self, random: &mut Random, channels: u32) -> [Pixels; 2] {
        [self.size, self.output].map(|[height, width]| random.map(height, width, channels))
    }

    /// The positions of its output.
    fn positions(&self, channels: u32) -> impl Iterator<Item = [u32; 3]> + use<> {
        indices([self.output[0], self.output[1], channels])
    }

    fn floats(&self, [input, output]: [Pixels; 2], kind: PoolKind) -> Pool2d {
        Pool2d::new(input, output, kind).kernel(self.kernel).strides(self.strides).dilations(self.dilations).pads(self.pads)
    }
}

#[test]
fn averages_of_whole_numbers_are_quotients_of_integers() {
    let mut random = Random(1);
    let mut empty = 0;
    for round in 0..160 {
        let (window, channels) = (Window::random(&mut random), CHANNELS[round % CHANNELS.len()]);
        let maps = window.maps(&mut random, channels);
        let kind = [PoolKind::AverageInside, PoolKind::AveragePadded][round / CHANNELS.len() % 2];
        let pool = window.floats(maps, kind);
        let Extent { x, y, .. } = pool.extent().expect("the geometry is consistent");
        let x = random.whole(x);
        let found = written(&pool, &x, &x[..0], vec![0.125_f32; y]);
        let mut wanted = vec![0.125_f32; y];
        for [oy, ox, c] in window.positions(channels) {
            let (inside, count) = (window.inside([oy, ox]), window.count(kind, [oy, ox]));
            let sum: i32 = inside.iter().map(|&[iy, ix]| x[at(&maps[0], iy, ix, c)] as i32).sum();
            let to = at(&maps[1], oy, ox, c);
            // Of nothing there is no mean.
            empty += usize::from(count == 0);
            assert_eq!(count == 0, found[to].is_nan(), "{pool:?} at {oy},{ox},{c}");
            wanted[to] = if count == 0 { found[to] } else { (f64::from(sum) / count as f64) as f32 };
        }
        let same = found.iter().zip(&wanted).all(|(found, wanted)| found == wanted || found.is_nan() && wanted.is_nan());
        assert!(same, "{pool:?}");
    }
    assert!(empty > 100, "{empty}");
}

/// The first value stays unless a greater one comes: so do a zero's sign and what is no number, in vectors as in one lane.
#[test]
fn maxima_are_those_of_comparisons_in_order() {
    const SOME: [f32; 10] = [0.0, -0.0, 1.0, -1.0, 1e-45, -1e-45, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    let mut random = Random(2);
    for round in 0..160 {
        let (window, channels) = (Window::random(&mut random), CHANNELS[round % CHANNELS.len()]);
        let maps = window.maps(&mut random, channels);
        let pool = window.floats(maps, PoolKind::Max);
        let Extent { x, y, .. } = pool.extent().expect("the geometry is consistent");
        let x: Vec<f32> = (0..x).map(|_| random.of(&SOME)).collect();
        let mut wanted = vec![0.125_f32; y];
        for [oy, ox, c] in window.positions(channels) {
            let mut values = window.inside([oy, ox]).into_iter().map(|[iy, ix]| x[at(&maps[0], iy, ix, c)]);
            let first = values.next().unwrap_or(f32::NEG_INFINITY);
            wanted[at(&maps[1], oy, ox, c)] = values.fold(first, |most, value| if value > most { value } else { most });
        }
        let bits = |all: Vec<f32>| all.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(written(&pool, &x, &x[..0], vec![0.125; y])), bits(wanted), "{pool:?}");
    }
}

/// Of nothing the maximum is zero.
fn maxima<T: Element + Pod + Ord>(seed: u32, some: &[T], [other, zero]: [T; 2]) {
    let mut random = Random(seed);
    for round in 0..64 {
        let (window, channels) = (Window::random(&mut random), CHANNELS[round % CHANNELS.len()]);
        let [input, output] = window.maps(&mut random, channels);
        let pads = [window.pads[0], window.pads[1]];
        let pool = MaxPool2d::<T>::new(input, output).kernel(window.kernel).strides(window.strides).dilations(window.dilations).pads(pads);
        let Extent { x, y, .. } = pool.extent().expect("the geometry is consistent");
        let x: Vec<T> = (0..x).map(|_| random.of(some)).collect();
        let mut wanted = vec![other; y];
        for [oy, ox, c] in window.positions(channels) {
            let most = window.inside([oy, ox]).into_iter().map(|[iy, ix]| x[at(&input, iy, ix, c)]).max();
            wanted[at(&output, oy, ox, c)] = most.unwrap_or(zero);
        }
        assert_eq!(written(&pool, &x, &x[..0], vec![other; y]), wanted, "{pool:?}");
    }
}

#[test]
fn maxima_of_integers_of_every_width() {
    maxima::<i8>(1, &[i8::MIN, -1, 0, 1, i8::MAX], [7, 0]);
    maxima::<u8>(2, &[0, 1, 127, 128, u8::MAX], [7, 0]);
    maxima::<i16>(3, &[i16::MIN, -1, -255, 256, i16::MAX], [7, 0]);
    maxima::<i32>(4, &[i32::MIN, i32::MIN + 1, -1, 1 << 24, i32::MAX], [7, 0]);
    maxima::<i64>(5, &[i64::MIN, -1 << 32, -1, 1 << 32, i64::MAX], [7, 0]);
}

/// `a / b`, of two integers as near the even one.
fn nearest(a: i64, b: i64) -> i64 {
    let (below, twice) = (a.div_euclid(b), 2 * a.rem_euclid(b));
    below + i64::from(twice > b || (twice == b && below % 2 != 0))
}

/// Scales that are powers of two, so that what goes through floats is what integers give: `(sum / count) * 2^from / 2^to`.
fn averages<F: Element + Pod + Into<i64>, T: Element + Pod>(seed: u32, some: &[F], [low, high]: [i32; 2], cut: fn(i64) -> T) {
    let mut random = Random(seed);
    for round in 0..64 {
        let (window, channels) = (Window::random(&mut random), CHANNELS[round % CHANNELS.len()]);
        let [input, output] = window.maps(&mut random, channels);
        let kind = [PoolKind::AverageInside, PoolKind::AveragePadded][round / CHANNELS.len() % 2];
        let (shift, from_zero, zero) = (random.below(5), random.below(300) as i32 - 150, random.below(200) as i32 - 100);
        let low = if random.below(2) == 0 { low } else { low / 2 };
        let pool = AveragePool2d::<F, T>::new(input, output, kind).kernel(window.kernel).strides(window.strides);
        let pool = pool.dilations(window.dilations).pads(window.pads).from_scale(0.25).from_zero(from_zero);
        let pool = pool.scale(0.125 * (1 << shift) as f32).zero(zero).low(low).high(high);
        let Extent { x, y, .. } = pool.extent().expect("the geometry is consistent");
        let x: Vec<F> = (0..x).map(|_| random.of(some)).collect();
        let mut wanted = vec![cut(7); y];
        for [oy, ox, c] in window.positions(channels) {
            let inside = window.inside([oy, ox]).into_iter().map(|[iy, ix]| x[at(&input, iy, ix, c)].into() - i64::from(from_zero));
            let count = window.count(kind, [oy, ox]) as i64;
            let result = match count {
                0 => low.into(),
                _ => (nearest(2 * inside.sum::<i64>(), count << shift) + i64::from(zero)).clamp(low.into(), high.into()),
            };
            wanted[at(&output, oy, ox, c)] = cut(result);
        }
        assert_eq!(written(&pool, &x, &x[..0], vec![cut(7); y]), wanted, "{pool:?}");
    }
}

#[test]
fn averages_of_integers_are_quotients_to_the_nearest_even() {
    let signed: Vec<i8> = (i8::MIN..=i8::MAX).collect();
    let unsigned: Vec<u8> = (0..=u8::MAX).collect();
    averages::<i8, i8>(1, &signed, [-128, 127], |y| y as i8);
    averages::<u8, u8>(2, &unsigned, [0, 255], |y| y as u8);
    averages::<u8, i8>(3, &unsigned, [-128, 127], |y| y as i8);
    averages::<i16, i16>(4, &[i16::MIN, -300, -1, 0, 1, 299, i16::MAX], [-32768, 32767], |y| y as i16);
}

/// What a pool may not have: another number of channels, a maximum of sums, maps that write one place twice.
#[test]
fn pools_that_contradict_themselves_have_no_lengths() {
    let (input, output) = (Pixels::new([4, 4, 3]), Pixels::new([2, 2, 3]));
    let average = |input, output, kind| AveragePool2d::<u8, u8>::new(input, output, kind).kernel([2, 2]).extent().is_some();
    assert!(average(input, output, PoolKind::AverageInside) && average(input, output, PoolKind::AveragePadded));
    assert!(!average(input, output, PoolKind::Max) && !average(Pixels::new([4, 4, 2]), output, PoolKind::AverageInside));
    let folded = output.distances([6, 2, 1]);
    assert!(!average(input, folded, PoolKind::AverageInside));
    assert_eq!(MaxPool2d::<u8>::new(input, folded).extent(), None);
    assert_eq!(Pool2d::new(input, folded, PoolKind::Max).extent(), None);
    // An input may: it is only read.
    let once = Pixels::new([4, 4, 3]).distances([0, 0, 1]);
    assert_eq!(Pool2d::new(once, output, PoolKind::Max).kernel([2, 2]).extent().map(|extent| extent.x), Some(3));
}
