//! Geometries as the expressions that build them: read again by a reader of literals, bit for bit, and without what is as it would be anyway.

use peleec_runtime::{
    Activation, Conv2d, ConvTranspose2d, DepthwiseConv2d, Dequantize, Expression, Fused, Gather, Lrn, MAX_RANK, Map, NonMaxSuppression,
    NormKind, Normalize, Pad, Pixels, Plain, Pool2d, PoolKind, Quantize, QuantizedConv2d, Requantize, Single, TopK, TopKIndices,
};

mod maps;

use maps::Random;

fn text(value: &dyn Expression) -> String {
    let mut text = String::new();
    value.write(&mut text).expect("a string takes all");
    text
}

/// The float that a literal is, as rustc reads it.
fn float(text: &str) -> f32 {
    let bits = text.strip_prefix("f32::from_bits(").and_then(|rest| rest.strip_suffix(")"));
    // A literal without a point or an exponent would be an integer.
    assert!(bits.is_some() || text.contains(['.', 'e']), "{text}");
    bits.map_or_else(|| text.parse().expect("a literal"), |bits| f32::from_bits(bits.parse().expect("an integer")))
}

/// The integers of a list, however deep.
fn integers(text: &str) -> Vec<i64> {
    text.split(|c: char| !c.is_ascii_digit() && c != '-')
        .filter(|word| !word.is_empty())
        .map(|word| word.parse().expect("an integer"))
        .collect()
}

#[test]
fn floats_are_read_as_they_were_written() {
    let mut random = Random(1);
    let any = (0..20_000).map(|_| f32::from_bits(random.below(1 << 16) << 16 | random.below(1 << 16)));
    let rare =
        [0.0, -0.0, 1.0, -1.0, 1e16, 1e-45, f32::MAX, f32::MIN, f32::MIN_POSITIVE, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -f32::NAN];
    for value in any.collect::<Vec<_>>().into_iter().chain(rare) {
        assert_eq!(float(&text(&value)).to_bits(), value.to_bits(), "{}", text(&value));
    }
}

#[test]
fn integers_and_lists_are_read_as_they_were_written() {
    assert_eq!(
        [text(&i8::MIN), text(&u8::MAX), text(&i32::MIN), text(&u32::MAX), text(&i64::MIN)].map(|text| integers(&text)),
        [vec![-128], vec![255], vec![i32::MIN.into()], vec![u32::MAX.into()], vec![i64::MIN]]
    );
    assert_eq!([text(&true), text(&false)], ["true", "false"]);
    assert_eq!(text(&[[1_u32, 2], [3, 4]]), "[[1, 2], [3, 4]]");
    assert_eq!(text(&[0_u32; 0]), "[]");
    assert_eq!([text(&None::<f32>), text(&Some(-0.5_f32)), text(&Some([1_u32]))], ["None", "Some(-0.5)", "Some([1])"]);
}

/// A map is its extents, its distances where they are not those of a dense one, and its ring where it is none.
#[test]
fn maps_are_written_by_what_is_unusual() {
    let mut random = Random(2);
    for _ in 0..2000 {
        let extents = [(); 3].map(|()| random.of(&[0, 1, 2, 77, 1 << 20, u32::MAX]));
        let mut map = Pixels::new(extents);
        if random.below(2) == 0 {
            map = map.distances([(); 3].map(|()| random.of(&[0, 1, 5, u32::MAX])));
        }
        if random.below(2) == 0 {
            map = map.ring(random.of(&[0, 1, u32::MAX]));
        }
        let written = text(&map);
        let rest = written.strip_prefix("peleec_runtime::Pixels::new([").expect("it begins so");
        let (own, rest) = rest.split_once("])").expect("a list ends");
        let mut built = Pixels::new(integers(own).iter().map(|&n| n as u32).collect::<Vec<_>>().try_into().expect("three"));
        let is_dense = !rest.contains(".distances([");
        if !is_dense {
            let (own, _) = rest.split_once("])").expect("a list ends");
            built = built.distances(integers(own).iter().map(|&n| n as u32).collect::<Vec<_>>().try_into().expect("three"));
        }
        if let Some((_, ring)) = rest.split_once(".ring(") {
            built = built.ring(integers(ring)[0] as u32);
        }
        assert_eq!(built, map, "{written}");
        let dense = Pixels::new(extents);
        assert_eq!(is_dense, dense.distances([map.row, map.pixel, map.channel]) == dense, "{written}");
        assert_eq!(rest.contains(".ring("), map.ring != map.height, "{written}");
    }
}

/// Arguments come in their order, options by their names and only where they are not what they are by default.
#[test]
fn geometries_are_written_by_their_options() {
    let map = Pixels::new([4, 4, 2]);
    let own = "peleec_runtime::Pixels::new([4, 4, 2])";
    let both = format!("Kernel::new({own}, {own}");
    let pool = Pool2d::new(map, map, PoolKind::AveragePadded);
    assert_eq!(text(&pool), format!("{both}, peleec_runtime::PoolKind::AveragePadded)"));
    let pool = pool.kernel([2, 1]).pads([0, 1, 2, 3]).strides([1, 1]);
    assert_eq!(text(&pool), format!("{both}, peleec_runtime::PoolKind::AveragePadded).kernel([2, 1]).pads([0, 1, 2, 3])"));
    let depthwise = DepthwiseConv2d::<Fused>::new(map, map).activation(Activation::Clip(-0.5, f32::INFINITY));
    let infinite = f32::INFINITY.to_bits();
    let clip = format!("peleec_runtime::Activation::Clip(-0.5, f32::from_bits({infinite}))");
    assert_eq!(text(&depthwise), format!("{both}).activation({clip})"));
    let conv = Conv2d::<Plain, 4, 8>::new(map, map).residual(Some(map.ring(1))).general(true).band([2, u32::MAX]).rest(None).group(2);
    assert_eq!(text(&conv), format!("{both}).residual(Some({own}.ring(1))).band([2, {}]).general(true).group(2)", u32::MAX));
    let conv = Conv2d::<Plain, 4, 8>::new(map, map).rest(Some(map)).pool(Some(PoolKind::Max)).epilogue(Activation::LeakyRelu(0.1));
    let written =
        format!("{both}).epilogue(peleec_runtime::Activation::LeakyRelu(0.1)).pool(Some(peleec_runtime::PoolKind::Max)).rest(Some({own}))");
    assert_eq!(text(&conv), written);
    assert_eq!(text(&ConvTranspose2d::new(map, map).dilations([2, 3]).group(1)), format!("{both}).dilations([2, 3])"));
    let rule = Requantize { zero: -3, ..Requantize::DEFAULT };
    let bytes = QuantizedConv2d::<i8, i8, Single, 2, 2>::new(map, map).input_zero(-5).requantize(rule);
    let written = "peleec_runtime::Requantize { left: 2, right: 1, zero: -3, low: -128, high: 127 }";
    assert!(text(&bytes).contains(written) && text(&bytes).contains(".input_zero(-5)"), "{}", text(&bytes));
    assert!(!text(&bytes.requantize(Requantize::DEFAULT)).contains("Requantize"));
    assert_eq!(text(&Quantize::<i8>::new(map, map, 0.25, -1).low(-128).high(255)), format!("{both}, 0.25, -1).low(-128)"));
    assert_eq!(text(&Dequantize::<u8>::new(map, map, 1e-9, 255)), format!("{both}, 1e-9, 255)"));
    assert_eq!(text(&Lrn::new(map, map, [1, 2]).beta(0.75).bias(1.0)), format!("{both}, [1, 2]).beta(0.75)"));
}

#[test]
fn strided_geometries_are_written_by_their_options() {
    let (dims, steps) = ([1, 1, 1, 1, 2, 3], [0, 0, 0, 0, 3, 1]);
    let lists = "[1, 1, 1, 1, 2, 3], [0, 0, 0, 0, 3, 1]";
    assert_eq!(text(&Map::new(dims, steps, steps)), format!("Kernel::new({lists}, [0, 0, 0, 0, 3, 1])"));
    let top = TopK::<f32, TopKIndices>::new(dims, 2, steps, steps).least(true);
    assert_eq!(text(&top), "Kernel::new([1, 1, 1, 1, 2, 3], 2, [0, 0, 0, 0, 3, 1], [0, 0, 0, 0, 3, 1]).least(true)");
    let pad = Pad::new(dims, [1; MAX_RANK], [0; MAX_RANK], steps, steps, i64::MIN);
    assert!(text(&pad).ends_with(&format!(", {})", i64::MIN)), "{}", text(&pad));
    let gather = Gather::<u8, i32>::new(dims, steps, [0; MAX_RANK], steps, [7, 1]);
    assert_eq!(text(&gather), format!("Kernel::new({lists}, [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 3, 1], [7, 1])"));
    let normalize = Normalize::new([1; MAX_RANK], dims, [[0; MAX_RANK], steps], [[0; MAX_RANK], steps], NormKind::L2);
    let scaled = normalize.scales(Some([[0; MAX_RANK], steps])).shift(6);
    assert!(text(&normalize).ends_with("peleec_runtime::NormKind::L2)"), "{}", text(&normalize));
    assert_eq!(text(&scaled), format!("{}.scales(Some([[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 3, 1]])).shift(6)", text(&normalize)));
    let boxes = NonMaxSuppression::new([1, 2, 3], 2, 0.5, [0, 4, 1], [0, 3, 1], [3, 1]).above(Some(-0.0)).centred(true);
    assert_eq!(text(&boxes), "Kernel::new([1, 2, 3], 2, 0.5, [0, 4, 1], [0, 3, 1], [3, 1]).above(Some(-0.0)).centred(true)");
}
