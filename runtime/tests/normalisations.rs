//! Reductions and normalisations over any axes in any order: against integers and double precision, and by what does not change them.

use peleec_runtime::{
    Destination, Extent, Kernel, Lrn, MAX_RANK, NormKind, Normalize, Operands, PRelu, Place, Reduce, ReduceL1, ReduceL2, ReduceLogSum,
    ReduceLogSumExp, ReduceProd, ReduceSum, ReduceSumSquare, Reduction, run_checked,
};

mod maps;

use maps::{Random, at, dense, indices, offset, outside, written};

/// Which axes are kept, and which a group runs over: extents and a view of all.
struct Groups {
    kept: [u32; MAX_RANK],
    over: [u32; MAX_RANK],
    /// Steps along those that are kept, and along the others.
    steps: [[u32; MAX_RANK]; 2],
}

impl Groups {
    /// Any set of axes, out of a tensor of any order of them.
    fn random(random: &mut Random) -> Self {
        let (dims, set) = (random.dims(4), random.below(1 << MAX_RANK));
        let view = random.view(dims);
        let is_kept = |axis: usize| set >> axis & 1 == 1;
        let pick = |all: [u32; MAX_RANK], kept: bool, other: u32| {
            std::array::from_fn(|axis| if is_kept(axis) == kept { all[axis] } else { other })
        };
        Groups { kept: pick(dims, true, 1), over: pick(dims, false, 1), steps: [pick(view, true, 0), pick(view, false, 0)] }
    }

    /// The elements of a group, as places.
    fn group(&self, index: [u32; MAX_RANK]) -> impl Iterator<Item = usize> + Clone + use<> {
        let (first, steps) = (offset(&self.steps[0], index), self.steps[1]);
        let all: Vec<usize> = indices(self.over).map(|inner| first + offset(&steps, inner)).collect();
        all.into_iter()
    }
}

/// What a reduction gives for each group, and the group's elements in double precision.
fn reduced<K: Reduction>(random: &mut Random, values: fn(&mut Random, usize) -> Vec<f32>, check: impl Fn(f32, Vec<f64>)) {
    for _ in 0..30 {
        let groups = Groups::random(random);
        let to = random.view(groups.kept);
        let reduce = Reduce::<K>::new(groups.kept, groups.over, groups.steps, to);
        let Extent { x, y, .. } = reduce.extent().expect("the views are consistent");
        let x = values(random, x);
        let found = written(&reduce, &x, &x[..0], vec![0.375_f32; y]);
        let mut places = vec![false; y];
        for index in indices(groups.kept) {
            places[offset(&to, index)] = true;
            check(found[offset(&to, index)], groups.group(index).map(|at| f64::from(x[at])).collect());
        }
        assert!(found.iter().zip(places).all(|(&found, is_one)| is_one || found == 0.375), "{reduce:?}");
    }
}

/// Ones, with signs, and now and then a two.
fn factors(random: &mut Random, count: usize) -> Vec<f32> {
    (0..count).map(|_| random.of(&[1.0, 1.0, -1.0, 1.0, -1.0, 1.0, 1.0, 2.0, 0.5])).collect()
}

#[test]
fn reductions_of_whole_numbers_are_exact_over_any_axes() {
    let random = &mut Random(1);
    reduced::<ReduceSum>(random, Random::whole, |found, group| assert_eq!(f64::from(found), group.iter().sum::<f64>()));
    reduced::<ReduceL1>(random, Random::whole, |found, group| assert_eq!(f64::from(found), group.iter().map(|x| x.abs()).sum::<f64>()));
    reduced::<ReduceSumSquare>(random, Random::whole, |found, group| {
        assert_eq!(f64::from(found), group.iter().map(|x| x * x).sum::<f64>())
    });
    reduced::<ReduceL2>(random, Random::whole, |found, group| {
        // A root is the nearest float, of one operation.
        assert_eq!(found, (group.iter().map(|x| x * x).sum::<f64>() as f32).sqrt());
    });
    reduced::<ReduceProd>(random, factors, |found, group| assert_eq!(f64::from(found), group.iter().product::<f64>()));
}

#[test]
fn logarithms_of_sums_are_near_double_precision_over_any_axes() {
    let random = &mut Random(2);
    let near = |found: f32, wanted: f64| assert!((f64::from(found) - wanted).abs() < 3e-6 * (1.0 + wanted.abs()), "{found} {wanted}");
    let positive = |random: &mut Random, count: usize| random.values(count).into_iter().map(|x| x.abs() + 0.25).collect::<Vec<_>>();
    reduced::<ReduceLogSum>(random, positive, |found, group| near(found, group.iter().sum::<f64>().ln()));
    // Exponentials that no float holds.
    let large = |random: &mut Random, count: usize| random.values(count).into_iter().map(|x| x * 3000.0).collect::<Vec<_>>();
    reduced::<ReduceLogSumExp>(random, large, |found, group| {
        let most = group.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        near(found, most + group.iter().map(|x| (x - most).exp()).sum::<f64>().ln());
    });
}

/// Infinities are what they are in sums of other numbers, too.
#[test]
fn reductions_of_infinities() {
    const INF: f32 = f32::INFINITY;
    fn of<K: Reduction>(x: [f32; 3]) -> f32 {
        let row = Reduce::<K>::new([1; 6], [1, 1, 1, 1, 1, 3], [[0; 6], [0, 0, 0, 0, 0, 1]], [0; 6]);
        written(&row, &x, &x[..0], vec![0.5_f32])[0]
    }
    assert_eq!([of::<ReduceSum>([INF, 1.0, -3.0]), of::<ReduceL1>([-INF, 1.0, 0.0]), of::<ReduceL2>([-INF, 1.0, 0.0])], [INF; 3]);
    assert_eq!([of::<ReduceLogSumExp>([INF, 1.0, -INF]), of::<ReduceLogSum>([INF, 1.0, 1.0])], [INF; 2]);
    assert_eq!([of::<ReduceLogSum>([0.0; 3]), of::<ReduceLogSumExp>([-INF; 3])], [-INF; 2]);
    assert_eq!(of::<ReduceLogSumExp>([-INF, 7.5, -INF]), 7.5);
    assert!(of::<ReduceSum>([INF, -INF, 0.0]).is_nan() && of::<ReduceProd>([INF, 0.0, 1.0]).is_nan());
    assert!(of::<ReduceSum>([f32::NAN, 1.0, 2.0]).is_nan() && of::<ReduceSumSquare>([0.0, 1.0, f32::NAN]).is_nan());
}

/// Runs `kernel` over its input.
fn in_place(kernel: &impl Kernel, x: &[f32]) -> Vec<f32> {
    let mut arena = x.to_vec();
    let (x, r, y) = (Place::Arena(0), Place::Outside(&[]), Destination::Arena(0));
    assert_eq!(run_checked(kernel, Operands { arena: bytemuck::cast_slice_mut(&mut arena), x, r, w: &[], y }), Ok(()));
    arena
}

#[test]
fn normalised_groups_are_near_double_precision() {
    let mut random = Random(3);
    for round in 0..120 {
        let groups = Groups::random(&mut random);
        let kind = [NormKind::Moments, NormKind::RootMeanSquare, NormKind::L1, NormKind::L2][round % 4];
        let Groups { kept, over, steps } = groups;
        // The output's axes go as the input's do, or in another order.
        let mut view = || split(random.view(std::array::from_fn(|axis| kept[axis] * over[axis])), kept, over);
        let (to, of_scales) = (if round % 8 < 4 { steps } else { view() }, view());
        let normalize = Normalize::new(kept, over, steps, to, kind).epsilon(1e-3).beside(0.25);
        let Extent { x, y, .. } = normalize.extent().expect("the views are consistent");
        let shift = random.below(40);
        let scaled = normalize.scales(Some(of_scales)).shift(shift);
        let r = random.values(scaled.extent().expect("the views are consistent").r);
        let x: Vec<f32> = random.values(x).into_iter().map(|x| x + 2.0).collect();
        let (plain, both) = (written(&normalize, &x, &x[..0], vec![9.5_f32; y]), written(&scaled, &x, &r, vec![9.5_f32; y]));
        let mut places = vec![false; y];
        for index in indices(kept) {
            let group: Vec<f64> = Groups { kept, over, steps }.group(index).map(|at| f64::from(x[at])).collect();
            let count = group.len() as f64;
            let mean = if kind == NormKind::Moments { group.iter().sum::<f64>() / count } else { 0.0 };
            let squares = group.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
            let divisor = match kind {
                NormKind::L1 => group.iter().map(|x| x.abs()).sum(),
                NormKind::L2 => squares.sqrt(),
                NormKind::Moments | NormKind::RootMeanSquare => (squares / count + f64::from(1e-3_f32)).sqrt() + 0.25,
            };
            for (inner, value) in indices(over).zip(&group) {
                let wanted = (value - mean) / divisor;
                let (to, by) = (offset(&to[0], index) + offset(&to[1], inner), offset(&of_scales[0], index) + offset(&of_scales[1], inner));
                places[to] = true;
                assert!((f64::from(plain[to]) - wanted).abs() < 1e-5, "{normalize:?}: {} {wanted}", plain[to]);
                let wanted = wanted * f64::from(r[by]) + f64::from(r[by + shift as usize]);
                assert!((f64::from(both[to]) - wanted).abs() < 1e-5, "{scaled:?}: {} {wanted}", both[to]);
            }
        }
        assert!([&plain, &both].iter().all(|all| all.iter().zip(&places).all(|(&y, &is_one)| is_one || y == 9.5)), "{normalize:?}");
        if to == steps && x.len() == y {
            let found = in_place(&normalize, &x);
            assert!((0..y).all(|at| found[at].to_bits() == if places[at] { plain[at] } else { x[at] }.to_bits()), "{normalize:?}");
        }
    }
}

/// The steps of a view along the axes that are kept, and along the others.
fn split(view: [u32; MAX_RANK], kept: [u32; MAX_RANK], over: [u32; MAX_RANK]) -> [[u32; MAX_RANK]; 2] {
    let along = |dims: [u32; MAX_RANK]| std::array::from_fn(|axis| if dims[axis] > 1 { view[axis] } else { 0 });
    [along(kept), along(over)]
}

/// Four times the numbers, to the bit: without an epsilon none of these notices.
#[test]
fn a_scale_of_all_changes_no_normalised_bit() {
    let mut random = Random(4);
    let (kept, over) = ([1, 1, 1, 1, 1, 3], [1, 1, 1, 1, 1, 50]);
    let steps = [[0, 0, 0, 0, 0, 50], [0, 0, 0, 0, 0, 1]];
    for kind in [NormKind::Moments, NormKind::RootMeanSquare, NormKind::L1, NormKind::L2] {
        let normalize = Normalize::new(kept, over, steps, steps, kind);
        let x = random.values(150);
        let more: Vec<f32> = x.iter().map(|x| x * 4.0).collect();
        let less: Vec<f32> = x.iter().map(|x| x / 1024.0).collect();
        let [x, more, less] = [x, more, less].map(|x| written(&normalize, &x, &x[..0], vec![9.5_f32; 150]));
        assert_eq!([&more, &less], [&x; 2], "{kind:?}");
    }
}

/// Of one channel, of all, and of more channels than there are; odd numbers of neighbours lie as far before as behind.
#[test]
fn neighbours_of_a_channel_end_with_the_map() {
    let mut random = Random(5);
    for channels in [1, 2, 5, 8, 17] {
        for reach in [[0, 0], [0, 3], [2, 2], [4, 0], [u32::MAX, u32::MAX], [1, u32::MAX]] {
            let (input, output) = (random.map(2, 3, channels), random.map(2, 3, channels));
            let lrn = Lrn::new(input, output, reach).alpha(0.25).beta(0.5).bias(1.5);
            let Extent { x, y, .. } = lrn.extent().expect("maps of one size serve");
            let x = random.values(x);
            let found = written(&lrn, &x, &x[..0], vec![9.5_f32; y]);
            for [row, column, c] in indices([2, 3, channels]) {
                let is_near = |other: &u32| *other + reach[0].min(99) >= c && *other <= c + reach[1].min(99);
                let sum: f64 = (0..channels).filter(is_near).map(|c| f64::from(x[at(&input, row, column, c)]).powi(2)).sum();
                let wanted = f64::from(x[at(&input, row, column, c)]) / (1.5 + 0.25 * sum).sqrt();
                assert!((f64::from(found[at(&output, row, column, c)]) - wanted).abs() < 1e-6, "{lrn:?}");
            }
        }
    }
}

/// What is not below zero passes as it is: zeros of both signs, what is no number, infinities; slopes may be anything.
#[test]
fn a_slope_is_for_what_is_below_zero() {
    let map = dense(1, 7, 4);
    let values = [0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1e-45, 2.5];
    let slopes = [0.5_f32, -2.0, 0.0, f32::INFINITY];
    let x: Vec<f32> = values.into_iter().flat_map(|value| [value; 4]).collect();
    let mut y = [9.5_f32; 28];
    assert_eq!(run_checked(&PRelu::new(map, map), outside(&x, &x[..0], &slopes, &mut y)), Ok(()));
    for [_, column, c] in indices([1, 7, 4]) {
        let (value, slope) = (values[column as usize], slopes[c as usize]);
        let wanted = if value < 0.0 { value * slope } else { value };
        let found = y[at(&map, 0, column, c)];
        assert!(found.to_bits() == wanted.to_bits() || (found.is_nan() && wanted.is_nan()), "{value} by {slope}: {found}");
    }
}
