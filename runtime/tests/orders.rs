//! The greatest and the least elements of rows, and where they stand, against a stable sort; of every type, over views of any axes.

use std::cmp::Ordering;

use bytemuck::Pod;
use peleec_runtime::{Arg, Element, Extent, Hardmax, MAX_RANK, Reduce, ReduceMax, ReduceMin, TopK, TopKIndices, TopKValues};

mod maps;

use maps::{Random, indices, offset, written};

/// The last axis.
const LAST: usize = MAX_RANK - 1;

/// Elements of which many are alike, among them the least and the greatest of their type.
trait Some: Element + Pod {
    const SOME: &'static [Self];
}

impl Some for f32 {
    const SOME: &'static [f32] = &[0.0, -0.0, 1.0, -1.0, 1e-45, -1e-45, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
}

macro_rules! some {
    ($($integer:ident)+) => {$(
        impl Some for $integer {
            const SOME: &'static [$integer] = &[0, 1, $integer::MIN, $integer::MAX, $integer::MAX / 2, $integer::MIN + 1];
        }
    )+};
}

some!(i8 u8 i16 i32 i64);

/// Where the elements of `row` stand in order: by `sign`, the greatest or the least first, equal ones as they came, and NaN last.
fn order<T: Some>(row: &[T], least: bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&a, &b| {
        let is_nan = |at: usize| row[at].partial_cmp(&row[at]).is_none();
        let numbers = if least { row[a].partial_cmp(&row[b]) } else { row[b].partial_cmp(&row[a]) };
        numbers.unwrap_or_else(|| is_nan(a).cmp(&is_nan(b)))
    });
    order
}

/// The rows of `x` along the last axis, and the index of each one's first element.
fn rows<T: Copy>(dims: [u32; MAX_RANK], from: &[u32; MAX_RANK], x: &[T]) -> Vec<([u32; MAX_RANK], Vec<T>)> {
    let first = indices(dims).filter(|index| index[LAST] == 0);
    let row = |[a, b, c, d, e, _]: [u32; MAX_RANK]| (0..dims[LAST]).map(|i| x[offset(from, [a, b, c, d, e, i])]).collect();
    first.map(|index| (index, row(index))).collect()
}

/// The index of the `i`th element of a row.
fn along([a, b, c, d, e, _]: [u32; MAX_RANK], i: usize) -> [u32; MAX_RANK] {
    [a, b, c, d, e, i as u32]
}

fn bytes<T: Pod>(all: &[T]) -> Vec<u8> {
    bytemuck::cast_slice(all).to_vec()
}

fn tops<T: Some>(seed: u32) {
    let mut random = Random(seed);
    for round in 0..60 {
        let mut dims = random.dims(3);
        dims[LAST] = 1 + random.below(12);
        let (count, least) = (1 + random.below(dims[LAST]), round % 2 == 0);
        let mut found = dims;
        found[LAST] = count;
        let (from, to) = (random.view(dims), random.view(found));
        let values = TopK::<T, TopKValues>::new(dims, count, from, to).least(least);
        let places = TopK::<T, TopKIndices>::new(dims, count, from, to).least(least);
        let Extent { x, y, .. } = values.extent().expect("the views are consistent");
        assert_eq!(places.extent(), values.extent());
        let x: Vec<T> = (0..x).map(|_| random.of(T::SOME)).collect();
        let (mut wanted, mut wanted_places) = (vec![T::SOME[1]; y], vec![-1; y]);
        for (index, row) in rows(dims, &from, &x) {
            for (i, place) in order(&row, least).into_iter().take(count as usize).enumerate() {
                let at = offset(&to, along(index, i));
                (wanted[at], wanted_places[at]) = (row[place], place as i64);
            }
        }
        assert_eq!(bytes(&written(&values, &x, &x[..0], vec![T::SOME[1]; y])), bytes(&wanted), "{values:?}");
        assert_eq!(written(&places, &x, &x[..0], vec![-1_i64; y]), wanted_places, "{places:?}");
    }
}

#[test]
fn the_first_elements_are_those_of_a_stable_sort() {
    tops::<f32>(1);
    tops::<i8>(2);
    tops::<u8>(3);
    tops::<i16>(4);
    tops::<i32>(5);
    tops::<i64>(6);
}

/// Both ends of a row, of several of which the first or the last is asked for; of numbers alone.
fn extremes<T: Some>(seed: u32) {
    let mut random = Random(seed);
    let some: Vec<T> = T::SOME.iter().copied().filter(|value| value.partial_cmp(value).is_some()).collect();
    for round in 0..60 {
        let (least, last) = (round & 1 == 1, round & 2 == 2);
        let mut dims = random.dims(3);
        dims[LAST] = 1 + random.below(9);
        let mut found = dims;
        found[LAST] = 1;
        let (from, to) = (random.view(dims), random.view(found));
        let arg = Arg::<T>::new(dims, from, to).least(least).last(last);
        let Extent { x, y, .. } = arg.extent().expect("the views are consistent");
        let x: Vec<T> = (0..x).map(|_| random.of(&some)).collect();
        let mut wanted = vec![-1; y];
        for (index, row) in rows(dims, &from, &x) {
            let order = order(&row, least);
            let best = row[order[0]];
            let alike = order.iter().take_while(|&&place| row[place].partial_cmp(&best) == Some(Ordering::Equal));
            wanted[offset(&to, index)] = if last { *alike.last().expect("the best is like itself") } else { order[0] } as i64;
        }
        assert_eq!(written(&arg, &x, &x[..0], vec![-1_i64; y]), wanted, "{arg:?}");
    }
}

#[test]
fn an_extreme_stands_at_an_end_of_a_stable_sort() {
    extremes::<f32>(1);
    extremes::<i8>(2);
    extremes::<u8>(3);
    extremes::<i16>(4);
    extremes::<i32>(5);
    extremes::<i64>(6);
}

/// What comes first is compared with all others, and none of them is beyond what is no number.
#[test]
fn what_is_no_number_is_an_extreme_only_where_it_comes_first() {
    let (dims, step) = ([1, 1, 1, 1, 1, 3], [0, 0, 0, 0, 0, 1]);
    let of = |arg: Arg<f32>, x: [f32; 3]| written(&arg, &x, &x[..0], vec![-1_i64])[0];
    let arg = Arg::<f32>::new(dims, step, step);
    for arg in [arg, arg.last(true), arg.least(true), arg.least(true).last(true)] {
        assert_eq!([of(arg, [f32::NAN, 1.0, -1.0]), of(arg, [f32::NAN; 3])], [0, 0], "{arg:?}");
        assert_eq!(of(arg, [0.5, f32::NAN, f32::NAN]), 0, "{arg:?}");
    }
    assert_eq!([of(arg, [0.0, f32::NAN, 1.0]), of(arg.least(true), [0.0, f32::NAN, -1.0])], [2, 2]);
    assert_eq!([of(arg, [-0.0, 0.0, -0.0]), of(arg.last(true), [0.0, -0.0, -1.0])], [0, 1], "both zeros are one number");
}

#[test]
fn a_one_stands_where_the_index_of_the_greatest_says() {
    let mut random = Random(9);
    for _ in 0..60 {
        let mut dims = random.dims(3);
        dims[LAST] = 1 + random.below(9);
        let mut found = dims;
        found[LAST] = 1;
        let (from, to, place) = (random.view(dims), random.view(dims), random.view(found));
        let hardmax = Hardmax::new(dims, from, to);
        let Extent { x, y, .. } = hardmax.extent().expect("the views are consistent");
        let x: Vec<f32> = (0..x).map(|_| random.of(f32::SOME)).collect();
        let arg = Arg::<f32>::new(dims, from, place);
        let places = written(&arg, &x, &x[..0], vec![-1_i64; arg.extent().expect("the views are consistent").y]);
        let mut wanted = vec![7.0; y];
        for index in indices(dims) {
            let is_greatest = places[offset(&place, along(index, 0))] == i64::from(index[LAST]);
            wanted[offset(&to, index)] = f32::from(u8::from(is_greatest));
        }
        assert_eq!(written(&hardmax, &x, &x[..0], vec![7.0; y]), wanted, "{hardmax:?}");
    }
}

/// Over any three axes for each index of the other three: an end of the sorted numbers, and of none the value that all others are beyond.
#[test]
fn reduced_extremes_are_ends_of_a_sort() {
    let mut random = Random(11);
    for _ in 0..60 {
        let dims = random.dims(4);
        let from = random.view(dims);
        // Every second axis, from either.
        let first = random.below(2) as usize;
        let pick =
            |all: [u32; MAX_RANK], start: usize, rest: u32| std::array::from_fn(|i| if i < 3 { rest } else { all[2 * (i - 3) + start] });
        let (kept, over) = (pick(dims, first, 1), pick(dims, 1 - first, 1));
        let input = [pick(from, first, 0), pick(from, 1 - first, 0)];
        let to = random.view(kept);
        let (least, greatest) = (Reduce::<ReduceMin>::new(kept, over, input, to), Reduce::<ReduceMax>::new(kept, over, input, to));
        let Extent { x, y, .. } = least.extent().expect("the views are consistent");
        assert_eq!(greatest.extent(), least.extent());
        let x: Vec<f32> = (0..x).map(|_| random.of(f32::SOME)).collect();
        let found = [written(&least, &x, &x[..0], vec![7.0; y]), written(&greatest, &x, &x[..0], vec![7.0; y])];
        let mut wanted = [vec![7.0; y], vec![7.0; y]];
        for index in indices(kept) {
            let group = indices(over).map(|inner| x[offset(&input[0], index) + offset(&input[1], inner)]);
            let mut group: Vec<f32> = group.filter(|x| !x.is_nan()).collect();
            group.sort_by(f32::total_cmp);
            let at = offset(&to, index);
            wanted[0][at] = group.first().copied().unwrap_or(f32::INFINITY);
            wanted[1][at] = group.last().copied().unwrap_or(f32::NEG_INFINITY);
        }
        // Both zeros are one number.
        assert_eq!(found, wanted, "{least:?}");
    }
}
