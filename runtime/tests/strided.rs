//! Kernels over strided views of any order of their axes, of every type: against loops that follow ONNX's definitions, and against
//! themselves. Nothing but the output's elements is written.

use bytemuck::Pod;
use peleec_runtime::{
    Binary, BinaryKind, CumulativeSum, Element, Expression, Extent, Gather, Integer, LogSoftmax, MAX_RANK, MatMul, Mirror, Move, Pad,
    Softmax,
};

mod maps;

use maps::{Random, indices, offset, written};

/// An output of `len` elements that holds `value` where nothing is wanted.
fn expected<T: Copy>(len: usize, value: T, wanted: impl IntoIterator<Item = (usize, T)>) -> Vec<T> {
    let mut expected = vec![value; len];
    wanted.into_iter().for_each(|(at, value)| expected[at] = value);
    expected
}

/// So many elements, whatever their bits.
fn elements<T: Pod>(random: &mut Random, len: usize) -> Vec<T> {
    let bytes: Vec<u8> = (0..len * size_of::<T>()).map(|_| random.below(256) as u8).collect();
    bytes.chunks(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect()
}

/// An index as ONNX has it, which clamps where it is beyond the axis.
fn place(index: i128, count: u32) -> u32 {
    let index = if index < 0 { index + i128::from(count) } else { index };
    index.clamp(0, i128::from(count) - 1) as u32
}

/// `Gather` of data `[a, n, b, c]` by indices `[p, q]`, which gives `[a, p, q, b, c]`.
fn gathers<T: Element + Pod, I: Integer + Element + Pod + Into<i128>>(some: &[I], value: T) {
    let mut random = Random(size_of::<T>() as u32 + 16 * size_of::<I>() as u32);
    for _ in 0..30 {
        let [a, p, q, b, c, _] = random.dims(4);
        let n = [1, 2, 7, 200][random.below(4) as usize];
        let (data, list, dims) = ([a, n, b, c], [p, q], [1, a, p, q, b, c]);
        let (from, by, to) = (random.view(data), random.view(list), random.view(dims));
        let input = [0, from[0], 0, 0, from[2], from[3]];
        let gather = Gather::<T, I>::new(dims, input, [0, 0, by[0], by[1], 0, 0], to, [n, from[1]]);
        let Extent { x, r, y, .. } = gather.extent().expect("the views are consistent");
        let (x, r) = (elements::<T>(&mut random, x), (0..r).map(|_| random.of(some)).collect::<Vec<_>>());
        let wanted = indices(dims).map(|index @ [_, a, p, q, b, c]| {
            let picked = place(r[offset(&by, [p, q])].into(), n);
            (offset(&to, index), x[offset(&from, [a, picked, b, c])])
        });
        let bytes = |all: &[T]| bytemuck::cast_slice::<T, u8>(all).to_vec();
        assert_eq!(bytes(&written(&gather, &x, &r, vec![value; y])), bytes(&expected(y, value, wanted)), "{gather:?}");
    }
}

#[test]
fn slices_are_gathered_by_indices_of_every_type() {
    gathers::<f32, i8>(&[0, 1, -1, 6, -7, i8::MIN, i8::MAX], 7.0);
    gathers::<i8, u8>(&[0, 1, 6, 127, 128, 199, 200, u8::MAX], 7);
    gathers::<i16, i16>(&[0, 1, -2, 199, -200, -201, i16::MIN, i16::MAX], 7);
    gathers::<u8, i32>(&[0, 5, -1, 200, -201, i32::MIN, i32::MAX], 7);
    gathers::<i64, i64>(&[0, 3, -1, 1 << 32, -(1 << 32), i64::MIN, i64::MAX], 7);
}

/// `GatherElements` along the first axis: an index for each element of the output.
#[test]
fn elements_are_gathered_each_by_an_index_of_its_own() {
    let mut random = Random(2);
    for _ in 0..40 {
        let [n, m, b, c, ..] = random.dims(5);
        let (data, dims) = ([n, b, c], [1, 1, 1, m, b, c]);
        let (from, by, to) = (random.view(data), random.view([m, b, c]), random.view(dims));
        let gather = Gather::<i32, i64>::new(dims, [0, 0, 0, 0, from[1], from[2]], [0, 0, 0, by[0], by[1], by[2]], to, [n, from[0]]);
        let Extent { x, r, y, .. } = gather.extent().expect("the views are consistent");
        let (x, r) = (elements::<i32>(&mut random, x), (0..r).map(|_| i64::from(random.below(2 * n)) - i64::from(n)).collect::<Vec<_>>());
        let wanted = indices([m, b, c]).map(|index @ [m, b, c]| {
            let picked = place(r[offset(&by, index)].into(), n);
            (offset(&to, [0, 0, 0, m, b, c]), x[offset(&from, [picked, b, c])])
        });
        assert_eq!(written(&gather, &x, &r, vec![-1; y]), expected(y, -1, wanted), "{gather:?}");
    }
}

/// By any permutation and back by its inverse.
fn transposes<T: Element + Pod>(seed: u32, value: T) {
    let mut random = Random(seed);
    for _ in 0..20 {
        let dims = random.dims(3);
        let mut axes: Vec<usize> = (0..MAX_RANK).collect();
        let permutation: [usize; MAX_RANK] = [(); MAX_RANK].map(|()| axes.swap_remove(random.below(axes.len() as u32) as usize));
        let (from, to_dims) = (random.view(dims), permutation.map(|axis| dims[axis]));
        let to = random.view(to_dims);
        let there = Move::<T>::new(to_dims, permutation.map(|axis| from[axis]), to);
        let Extent { x, y, .. } = there.extent().expect("the views are consistent");
        let x = elements::<T>(&mut random, x);
        let moved = written(&there, &x, &x[..0], vec![value; y]);
        let bytes = |all: &[T]| bytemuck::cast_slice::<T, u8>(all).to_vec();
        let wanted = indices(dims).map(|index| (offset(&to, permutation.map(|axis| index[axis])), x[offset(&from, index)]));
        assert_eq!(bytes(&moved), bytes(&expected(y, value, wanted)), "{there:?}");
        let back = Move::<T>::new(to_dims, to, there.input);
        let again = written(&back, &moved, &x[..0], vec![value; x.len()]);
        let kept = indices(dims).map(|index| (offset(&from, index), x[offset(&from, index)]));
        assert_eq!(bytes(&again), bytes(&expected(x.len(), value, kept)), "{back:?}");
    }
}

#[test]
fn a_transpose_and_its_inverse_leave_every_element() {
    transposes(1, 7.0_f32);
    transposes(2, 7_i8);
    transposes(3, 7_u8);
    transposes(4, 7_i16);
    transposes(5, 7_i32);
    transposes(6, 7_i64);
}

#[test]
fn a_mirror_of_a_mirror_is_what_it_was() {
    let mut random = Random(7);
    for round in 0..64 {
        let dims = random.dims(4);
        let (from, to) = (random.view(dims), random.view(dims));
        // Every set of axes, by whatever number but zero.
        let mirrored: [u32; MAX_RANK] = std::array::from_fn(|axis| (round >> axis & 1) * (1 + random.below(9)));
        let there = Mirror::<i16>::new(dims, from, mirrored, to);
        let Extent { x, y, .. } = there.extent().expect("the views are consistent");
        let x = elements::<i16>(&mut random, x);
        let turned = written(&there, &x, &x[..0], vec![7; y]);
        let source = |index: [u32; MAX_RANK]| std::array::from_fn(|a| if mirrored[a] > 0 { dims[a] - 1 - index[a] } else { index[a] });
        let wanted = indices(dims).map(|index| (offset(&to, index), x[offset(&from, source(index))]));
        assert_eq!(turned, expected(y, 7, wanted), "{there:?}");
        let again = written(&Mirror::<i16>::new(dims, to, mirrored, from), &turned, &x[..0], vec![7; x.len()]);
        assert_eq!(again, expected(x.len(), 7, indices(dims).map(|index| offset(&from, index)).map(|at| (at, x[at]))), "{there:?}");
    }
}

/// Inputs that lie in the output, end beyond it, or begin behind it.
fn pads<T: Element + Expression + Pod>(seed: u32, value: T, other: T) {
    let mut random = Random(seed);
    let mut kept = 0;
    for _ in 0..60 {
        let (dims, inner) = (random.dims(4), random.dims(3));
        let begin = [(); MAX_RANK].map(|()| random.below(12).saturating_sub(8));
        let (from, to) = (random.view(inner), random.view(dims));
        let pad = Pad::new(dims, inner, begin, from, to, value);
        let Extent { x, y, .. } = pad.extent().expect("the views are consistent");
        let x = elements::<T>(&mut random, x);
        let mut wanted = expected(y, other, indices(dims).map(|index| (offset(&to, index), value)));
        for index in indices(inner) {
            let place: [u32; MAX_RANK] = std::array::from_fn(|axis| begin[axis] + index[axis]);
            if place.iter().zip(&dims).all(|(at, dim)| at < dim) {
                wanted[offset(&to, place)] = x[offset(&from, index)];
                kept += 1;
            }
        }
        let bytes = |all: &[T]| bytemuck::cast_slice::<T, u8>(all).to_vec();
        assert_eq!(bytes(&written(&pad, &x, &x[..0], vec![other; y])), bytes(&wanted), "{pad:?}");
    }
    assert!(kept > 100, "{kept}");
}

#[test]
fn a_pad_is_its_value_wherever_its_input_is_not() {
    pads(1, -0.0_f32, 7.0);
    pads(2, i8::MIN, 7);
    pads(3, u8::MAX, 7);
    pads(5, i32::MIN, 7);
    pads(6, i64::MAX, 7);
    let begins = |begin| Pad::new([2; 6], [1; 6], [0, 0, 0, 0, 0, begin], [1; 6], [32, 16, 8, 4, 2, 1], 0_u8).extent().is_some();
    assert!(begins(u32::MAX - 1) && !begins(u32::MAX), "an input's end is counted in 32 bits");
}

/// Sums of integers as those of `i128`, of which the low bits are left.
fn cumulative<T: Element + Pod + Into<i128>>(seed: u32, cut: fn(i128) -> T) {
    let mut random = Random(seed);
    for round in 0..40 {
        let (exclusive, reverse) = (round & 1 == 1, round & 2 == 2);
        let dims = random.dims(4);
        let (from, to) = (random.view(dims), random.view(dims));
        let sums = CumulativeSum::<T>::new(dims, from, to).exclusive(exclusive).reverse(reverse);
        let Extent { x, y, .. } = sums.extent().expect("the views are consistent");
        let x = elements::<T>(&mut random, x);
        let wanted = indices(dims).map(|index| {
            let last = index[MAX_RANK - 1];
            let counts = |i: u32| (if reverse { i > last } else { i < last }) || (i == last && !exclusive);
            let row = (0..dims[MAX_RANK - 1]).filter(|&i| counts(i)).map(|i| {
                let [a, b, c, d, e, _] = index;
                x[offset(&from, [a, b, c, d, e, i])].into()
            });
            (offset(&to, index), cut(row.sum()))
        });
        assert_eq!(written(&sums, &x, &x[..0], vec![cut(7); y]), expected(y, cut(7), wanted), "{sums:?}");
    }
}

#[test]
fn cumulative_sums_are_those_of_wider_integers() {
    cumulative::<i8>(1, |sum| sum as i8);
    cumulative::<u8>(2, |sum| sum as u8);
    cumulative::<i16>(3, |sum| sum as i16);
    cumulative::<i32>(4, |sum| sum as i32);
    cumulative::<i64>(5, |sum| sum as i64);
}

/// Of whole numbers, so that the order of a sum does not matter; a batch of either operand may be broadcast.
#[test]
fn matrix_products_are_those_of_integers() {
    let mut random = Random(8);
    for _ in 0..60 {
        let [p, q, m, n, k, _] = random.dims(5);
        let (mut left, mut right, output) = (random.view([p, q, m, k]), random.view([p, q, k, n]), random.view([p, q, m, n]));
        for axis in 0..2 {
            left[axis] *= random.below(2);
            right[axis] *= random.below(2);
        }
        let product = MatMul::new([p, q, m, n, k], left, right, output);
        let Extent { x, r, y, .. } = product.extent().expect("the views are consistent");
        let (x, r) = (random.whole(x), random.whole(r));
        let wanted = indices([p, q, m, n]).map(|index @ [p, q, m, n]| {
            let terms = (0..k).map(|k| x[offset(&left, [p, q, m, k])] as i32 * r[offset(&right, [p, q, k, n])] as i32);
            (offset(&output, index), terms.sum::<i32>() as f32)
        });
        assert_eq!(written(&product, &x, &r, vec![0.5; y]), expected(y, 0.5, wanted), "{product:?}");
    }
}

#[test]
fn functions_of_two_tensors_broadcast_any_axes_of_either() {
    let mut random = Random(9);
    for round in 0..80 {
        let dims = random.dims(3);
        let (mut left, mut right, output) = (random.view(dims), random.view(dims), random.view(dims));
        for axis in 0..MAX_RANK {
            left[axis] *= random.below(2);
            right[axis] *= random.below(2);
        }
        let (kind, exact): (_, fn(f64, f64) -> f64) = [
            (BinaryKind::Add, (|a, b| a + b) as fn(f64, f64) -> f64),
            (BinaryKind::Sub, |a, b| a - b),
            (BinaryKind::Mul, |a, b| a * b),
            (BinaryKind::Div, |a, b| a / b),
        ][round % 4];
        let binary = Binary::new(dims, left, right, output, kind);
        let Extent { x, r, y, .. } = binary.extent().expect("the views are consistent");
        let (x, r) = (random.values(x), random.values(r));
        // Double precision, rounded to single, is single precision of one operation.
        let value = |a: f32, b: f32| exact(f64::from(a), f64::from(b)) as f32;
        let wanted =
            indices(dims).map(|index| (offset(&output, index), value(x[offset(&left, index)], r[offset(&right, index)]).to_bits()));
        let found: Vec<u32> = written(&binary, &x, &r, vec![7.0; y]).into_iter().map(f32::to_bits).collect();
        assert_eq!(found, expected(y, 7.0_f32.to_bits(), wanted), "{binary:?}");
    }
}

/// Along the last axis, however far its elements lie apart, beside those of double precision; where all else is minus infinity, all of it.
#[test]
fn softmaxes_of_any_view_are_near_double_precision() {
    let mut random = Random(10);
    for round in 0..60 {
        let mut dims = random.dims(2);
        dims[MAX_RANK - 1] = [1, 2, 3, 17, 31, 32, 33, 70][round % 8];
        let (from, to) = (random.view(dims), random.view(dims));
        let (softmax, logarithm) = (Softmax::new(dims, from, to), LogSoftmax::new(dims, from, to));
        let Extent { x, y, .. } = softmax.extent().expect("the views are consistent");
        assert_eq!(logarithm.extent(), softmax.extent());
        let mut x: Vec<f32> = random.values(x).into_iter().map(|x| x * 30.0).collect();
        if round % 3 == 0 {
            let others = indices(dims).filter(|index| index[MAX_RANK - 1] > 0);
            others.for_each(|index| x[offset(&from, index)] = f32::NEG_INFINITY);
        }
        let (shares, logarithms) = (written(&softmax, &x, &x[..0], vec![7.0; y]), written(&logarithm, &x, &x[..0], vec![7.0; y]));
        let mut places = vec![false; y];
        for index in indices(dims) {
            let [a, b, c, d, e, _] = index;
            let row = (0..dims[MAX_RANK - 1]).map(|i| f64::from(x[offset(&from, [a, b, c, d, e, i])]));
            let greatest = row.clone().fold(f64::NEG_INFINITY, f64::max);
            let wanted = f64::from(x[offset(&from, index)]) - greatest - row.map(|x| (x - greatest).exp()).sum::<f64>().ln();
            let at = offset(&to, index);
            places[at] = true;
            assert!((f64::from(shares[at]) - wanted.exp()).abs() < 1e-6 * (1e-3 + wanted.exp()), "{softmax:?} {index:?}");
            let near = (f64::from(logarithms[at]) - wanted).abs() < 2e-6 * (1.0 + wanted.abs());
            assert!(near || f64::from(logarithms[at]) == wanted, "{logarithm:?} {index:?}: {} {wanted}", logarithms[at]);
        }
        let untouched = |y: &[f32]| y.iter().zip(&places).all(|(&y, &is_one)| is_one || y == 7.0);
        assert!(untouched(&shares) && untouched(&logarithms), "{softmax:?}");
    }
}
