//! Reductions, indices of extremes and normalisations through the checked door, against loops that follow their documentation to the letter.

use bytemuck::{cast_slice, cast_slice_mut};
use peleec_runtime::{
    Arg, Destination, Hardmax, Kernel, LogSoftmax, Lrn, MAX_RANK, NormKind, Normalize, Operands, PRelu, Place, Reduce, ReduceL1, ReduceL2,
    ReduceLogSum, ReduceLogSumExp, ReduceMax, ReduceMin, ReduceProd, ReduceSum, ReduceSumSquare, Reduction, TopK, TopKIndices, TopKValues,
    run_checked, run_row_checked,
};

mod maps;

use maps::{Random, at, operands};

/// Runs `kernel` with its output in an arena of NaN and everything else outside.
fn run(kernel: &impl Kernel, [x, r, w]: [&[f32]; 3], y_len: usize) -> Vec<f32> {
    let mut arena = vec![f32::NAN; y_len];
    run_checked(kernel, operands([x, r, w], &mut arena)).expect("the operands serve");
    arena
}

/// The last two of six dimensions.
fn two(a: u32, b: u32) -> [u32; MAX_RANK] {
    [1, 1, 1, 1, a, b]
}

/// As distances.
fn steps(a: u32, b: u32) -> [u32; MAX_RANK] {
    [0, 0, 0, 0, a, b]
}

/// Terms combined as the documentation has it: in blocks of 1024.
fn in_blocks(terms: &[f32], start: f32, combine: fn(f32, f32) -> f32) -> f32 {
    terms.chunks(1024).map(|block| block.iter().copied().fold(start, combine)).fold(start, combine)
}

fn sum(terms: &[f32]) -> f32 {
    in_blocks(terms, 0.0, |a, b| a + b)
}

/// Reduces groups of `h` by `w` elements, one a channel of a channels-last map.
fn reduced<K: Reduction>(channels: u32, [h, w]: [u32; 2], x: &[f32]) -> Vec<f32> {
    let input = [steps(0, 1), steps(w * channels, channels)];
    let reduce = Reduce::<K>::new(two(1, channels), two(h, w), input, steps(0, 1));
    run(&reduce, [x, &[], &[]], channels as usize)
}

#[test]
fn reductions_give_the_bits_of_their_definition() {
    let mut random = Random(3);
    for (channels, [h, w]) in [(1, [1, 1]), (3, [4, 5]), (2, [40, 60]), (5, [1, 1024])] {
        let x = random.values((channels * h * w) as usize);
        let group = |c: u32| (0..h * w).map(|i| x[(i * channels + c) as usize]).collect::<Vec<_>>();
        let of = |found: Vec<f32>, wanted: &dyn Fn(&[f32]) -> f32| {
            for c in 0..channels {
                assert_eq!(found[c as usize].to_bits(), wanted(&group(c)).to_bits(), "{channels} {h} {w} at {c}");
            }
        };
        let terms = |x: &[f32], term: fn(f32) -> f32| x.iter().map(|x| term(*x)).collect::<Vec<_>>();
        let size = [h, w];
        of(reduced::<ReduceSum>(channels, size, &x), &|x| sum(x));
        of(reduced::<ReduceProd>(channels, size, &x), &|x| in_blocks(x, 1.0, |a, b| a * b));
        of(reduced::<ReduceMin>(channels, size, &x), &|x| x.iter().copied().fold(f32::INFINITY, f32::min));
        of(reduced::<ReduceMax>(channels, size, &x), &|x| x.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        of(reduced::<ReduceL1>(channels, size, &x), &|x| sum(&terms(x, f32::abs)));
        of(reduced::<ReduceSumSquare>(channels, size, &x), &|x| sum(&terms(x, |x| x * x)));
        of(reduced::<ReduceL2>(channels, size, &x), &|x| sum(&terms(x, |x| x * x)).sqrt());
        let positive: Vec<f32> = x.iter().map(|x| x.abs() + 0.1).collect();
        let close = |found: Vec<f32>, x: &[f32], wanted: fn(f64) -> f64| {
            for c in 0..channels {
                let sum: f64 = (0..h * w).map(|i| wanted(f64::from(x[(i * channels + c) as usize]))).sum();
                assert!((f64::from(found[c as usize]) - sum.ln()).abs() < 1e-5 * (1.0 + sum.ln().abs()), "{channels} {h} {w} at {c}");
            }
        };
        close(reduced::<ReduceLogSum>(channels, size, &positive), &positive, |x| x);
        close(reduced::<ReduceLogSumExp>(channels, size, &x), &x, f64::exp);
    }
    assert_eq!(reduced::<ReduceLogSumExp>(1, [1, 2], &[500.0, 500.0]), [500.0 + std::f32::consts::LN_2]);
    assert_eq!(reduced::<ReduceLogSumExp>(1, [1, 2], &[f32::NEG_INFINITY; 2]), [f32::NEG_INFINITY]);
}

#[test]
fn a_view_that_cannot_be_reduced_is_refused() {
    let extent = |dims, over, input| Reduce::<ReduceSum>::new(dims, over, input, steps(0, 1)).extent();
    assert!(extent(two(1, 2), two(1, 3), [steps(0, 1), steps(0, 2)]).is_some_and(|extent| (extent.x, extent.y) == (6, 2)));
    assert_eq!(extent(two(1, 2), two(0, 3), [steps(0, 1), steps(0, 2)]), None);
    assert_eq!(extent(two(1, 2), two(1, 2), [steps(0, 1 << 31), steps(0, 1 << 31)]), None);
}

#[test]
fn indices_of_extremes() {
    let dims = two(2, 4);
    let x: [f32; 8] = [3.0, 9.0, 9.0, 1.0, -2.0, -2.0, 0.0, -1.0];
    let of = |arg: Arg<f32>| {
        let mut y = [-1i64; 2];
        let (x, to) = (Place::Outside(cast_slice(&x)), Destination::Outside(cast_slice_mut(&mut y)));
        run_checked(&arg, Operands { arena: &mut [], x, r: Place::Outside(&[]), w: &[], y: to }).expect("the operands serve");
        y
    };
    let arg = Arg::<f32>::new(dims, steps(4, 1), steps(1, 0));
    assert_eq!([of(arg), of(arg.last(true)), of(arg.least(true)), of(arg.least(true).last(true))], [[1, 2], [2, 2], [3, 0], [3, 1]]);
    let ones = run(&Hardmax::new(dims, steps(4, 1), steps(4, 1)), [&x, &[], &[]], 8);
    assert_eq!(ones, [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn the_greatest_and_the_least_of_a_row() {
    let x = [3.0, 9.0, f32::NAN, 9.0, 1.0, -2.0, -2.0, 0.0, -1.0, f32::NAN];
    let values = |least| run(&TopK::<f32, TopKValues>::new(two(2, 5), 3, steps(5, 1), steps(1, 2)).least(least), [&x, &[], &[]], 6);
    assert_eq!([values(false), values(true)], [[9.0, 0.0, 9.0, -1.0, 3.0, -2.0], [1.0, -2.0, 3.0, -2.0, 9.0, -1.0]]);
    let indices = |least| {
        let mut y = [-1i64; 10];
        let (x, to) = (Place::Outside(cast_slice(&x)), Destination::Outside(cast_slice_mut(&mut y)));
        let kernel = TopK::<f32, TopKIndices>::new(two(2, 5), 5, steps(5, 1), steps(5, 1)).least(least);
        run_checked(&kernel, Operands { arena: &mut [], x, r: Place::Outside(&[]), w: &[], y: to }).expect("the operands serve");
        y
    };
    assert_eq!([indices(false), indices(true)], [[1, 3, 0, 4, 2, 2, 3, 0, 1, 4], [4, 0, 1, 3, 2, 0, 1, 3, 2, 4]]);
    for count in [0, 6] {
        assert_eq!(TopK::<f32, TopKValues>::new(two(2, 5), count, steps(5, 1), steps(5, 1)).extent(), None, "{count} of 5");
    }
}

#[test]
fn the_logarithm_of_a_softmax() {
    let mut random = Random(5);
    let x = random.values(3000);
    let y = run(&LogSoftmax::new(two(2, 1500), steps(1, 2), steps(1, 2)), [&x, &[], &[]], 3000);
    for row in 0..2 {
        let sum: f64 = x.iter().skip(row).step_by(2).map(|x| f64::from(*x).exp()).sum();
        for (x, y) in x.iter().zip(&y).skip(row).step_by(2) {
            assert!((f64::from(*x) - sum.ln() - f64::from(*y)).abs() < 2e-6);
        }
    }
    let large = run(&LogSoftmax::new(two(1, 2), steps(0, 1), steps(0, 1)), [&[10_000.0, 10_000.0], &[], &[]], 2);
    assert_eq!(large, [-std::f32::consts::LN_2; 2]);
}

#[test]
fn groups_are_normalised() {
    let mut random = Random(9);
    let (groups, count) = (3u32, 1100u32);
    let (x, r) = (random.values((groups * count) as usize), random.values(2 * count as usize));
    let (outer, inner) = (steps(0, count), steps(0, 1));
    for kind in [NormKind::Moments, NormKind::RootMeanSquare, NormKind::L1, NormKind::L2] {
        let plain = Normalize::new(two(1, groups), two(1, count), [outer, inner], [outer, inner], kind).epsilon(1e-3).beside(0.5);
        let scaled = plain.scales(Some([steps(0, 0), inner])).shift(count);
        let (found, both) = (run(&plain, [&x, &[], &[]], x.len()), run(&scaled, [&x, &r, &[]], x.len()));
        for (g, group) in x.chunks(count as usize).enumerate() {
            let n = count as f32;
            let mean = if kind == NormKind::Moments { sum(group) / n } else { 0.0 };
            let squares: Vec<f32> = group.iter().map(|x| (x - mean) * (x - mean)).collect();
            let divisor = match kind {
                NormKind::L1 => sum(&group.iter().map(|x| x.abs()).collect::<Vec<_>>()),
                NormKind::L2 => sum(&squares).sqrt(),
                _ => (sum(&squares) / n + 1e-3).sqrt() + 0.5,
            };
            for (i, x) in group.iter().enumerate() {
                let (wanted, at) = ((x - mean) / divisor, g * count as usize + i);
                assert_eq!(found[at].to_bits(), wanted.to_bits(), "{kind:?} {g} {i}");
                assert_eq!(both[at].to_bits(), (wanted * r[i] + r[i + count as usize]).to_bits(), "{kind:?} {g} {i}");
            }
        }
    }
    let zeros = Normalize::new(two(1, 1), two(1, 2), [steps(0, 0), inner], [steps(0, 0), inner], NormKind::L2);
    assert_eq!(run(&zeros, [&[0.0, 0.0], &[], &[]], 2), [0.0, 0.0]);
    assert_eq!(zeros.scales(Some([steps(0, 0), inner])).shift(u32::MAX).extent(), None);
}

#[test]
fn slopes_and_neighbours_of_channels() {
    let mut random = Random(21);
    for _ in 0..40 {
        let [h, w, channels] = [1 + random.below(4), 1 + random.below(5), 1 + random.below(9)];
        let (input, output) = (random.map(h, w, channels), random.map(h, w, channels));
        let reach = [random.below(4), random.below(4)];
        let (prelu, lrn) = (PRelu::new(input, output), Lrn::new(input, output, reach).alpha(0.5).beta(0.75).bias(2.0));
        let extent = prelu.extent().expect("maps of one size serve");
        let (x, slopes) = (random.values(extent.x), random.values(extent.w));
        let (sloped, normed) = (run(&prelu, [&x, &[], &slopes], extent.y), run(&lrn, [&x, &[], &[]], extent.y));
        for [row, column, c] in (0..h).flat_map(|y| (0..w).flat_map(move |x| (0..channels).map(move |c| [y, x, c]))) {
            let (value, to) = (x[at(&input, row, column, c)], at(&output, row, column, c));
            let slope = if value < 0.0 { slopes[c as usize] } else { 1.0 };
            assert_eq!(sloped[to].to_bits(), (slope * value).to_bits(), "{prelu:?}");
            let near = c.saturating_sub(reach[0])..(c + reach[1] + 1).min(channels);
            let sum: f64 = near.map(|c| f64::from(x[at(&input, row, column, c)]).powi(2)).sum();
            let wanted = f64::from(value) / (2.0 + 0.5 * sum).powf(0.75);
            assert!((f64::from(normed[to]) - wanted).abs() < 1e-6, "{lrn:?}");
        }
        // A row by itself, out of a ring of one row into another.
        let (one, kept) = (input.ring(1), output.ring(1));
        let rows = PRelu::new(one, kept);
        for row in 0..h {
            let mut found = vec![f32::NAN; rows.extent().expect("it has rows").y];
            let x = &x[(row * input.row) as usize..];
            run_row_checked(&rows, row as usize, operands([x, &[], &slopes], &mut found)).expect("the operands serve");
            for (column, c) in (0..w).flat_map(|x| (0..channels).map(move |c| (x, c))) {
                assert_eq!(found[at(&kept, row, column, c)], sloped[at(&output, row, column, c)], "{rows:?}");
            }
        }
    }
}
