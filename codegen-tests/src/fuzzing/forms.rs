//! Operators that compute, as nodes with operands that mostly go together and mostly sane attributes.

use super::wild::{Grade, Value, Wild};
use crate::cases::onnx::Attr;

pub(super) fn plain(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    wild.emit(op_type, &[&x.name], &[]);
}

pub(super) fn by_factors(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let factors = ["alpha", "beta", "gamma"].map(|name| (name, Attr::Float(wild.factor())));
    let given = wild.draw.below(4);
    wild.emit(op_type, &[&x.name], &factors[..given]);
}

pub(super) fn along_axis(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let (axis, keep, last) = (wild.axis(x), wild.flag(), wild.flag());
    let p = wild.odd(1 + last);
    let attributes =
        [("axis", Attr::Int(axis)), ("keepdims", Attr::Int(keep)), ("select_last_index", Attr::Int(last)), ("p", Attr::Int(p))];
    wild.emit(op_type, &[&x.name], &attributes);
}

/// Two values, or one and a constant.
pub(super) fn pair(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let value = if wild.draw.below(3) == 0 { wild.value() } else { None };
    let other = value.map_or_else(|| wild.beside(x), |value| value.name);
    let inputs: [&str; 2] = if wild.flag() == 0 { [&x.name, &other] } else { [&other, &x.name] };
    let fmod = wild.odd(1);
    wild.emit(op_type, &inputs, &[("fmod", Attr::Int(fmod))]);
}

/// Up to four values and constants.
pub(super) fn several(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let mut names = vec![x.name.clone()];
    for _ in 0..wild.draw.below(4) {
        let value = if wild.flag() == 0 { wild.value() } else { None };
        names.push(value.map_or_else(|| wild.beside(x), |value| value.name));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    wild.emit(op_type, &names, &[]);
}

pub(super) fn where_either(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let Some(condition) = wild.value_of(Grade::Exact) else { return plain(wild, op_type, x) };
    let other = wild.beside(x);
    let inputs: [&str; 3] = if wild.flag() == 0 { [&condition.name, &x.name, &other] } else { [&condition.name, &other, &x.name] };
    wild.emit(op_type, &inputs, &[]);
}

pub(super) fn prelu(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let channels = x.dims().get(1).copied().unwrap_or(1);
    let slope = match wild.draw.below(3) {
        0 => wild.weights(&[channels, 1, 1], 1.0),
        1 => wild.weights(&[channels], 1.0),
        _ => wild.beside(x),
    };
    wild.emit(op_type, &[&x.name, &slope], &[]);
}

pub(super) fn clip(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let low = wild.draw.pick(&[-0.5, -1.0, 0.0, f32::NEG_INFINITY]);
    let high = wild.draw.pick(&[0.5, 6.0, -2.0, f32::MAX]);
    if wild.opset < 11 {
        return wild.emit(op_type, &[&x.name], &[("min", Attr::Float(low)), ("max", Attr::Float(high))]);
    }
    let bounds = [low, high].map(|bound| {
        let name = wild.fresh();
        wild.onnx.floats(&name, &[], &[bound])
    });
    let low = if wild.draw.seldom(4) { "" } else { bounds[0].as_str() };
    wild.emit(op_type, &[&x.name, low, &bounds[1]], &[]);
}

pub(super) fn conv(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let Some((&channels, spatial)) = x.dims().get(1..).and_then(<[usize]>::split_first) else { return plain(wild, op_type, x) };
    let group = if wild.draw.seldom(3) { channels } else { 1 };
    let filters = group * (1 + wild.draw.below(5));
    let kernel: Vec<usize> = spatial.iter().map(|_| 1 + wild.draw.below(3)).collect();
    let dims = [&[filters, channels / group], &kernel[..]].concat();
    weighted(wild, op_type, x, &dims, filters, group);
}

pub(super) fn conv_transpose(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let Some((&channels, spatial)) = x.dims().get(1..).and_then(<[usize]>::split_first) else { return plain(wild, op_type, x) };
    let group = if wild.draw.seldom(3) { channels } else { 1 };
    let filters = 1 + wild.draw.below(3);
    let kernel: Vec<usize> = spatial.iter().map(|_| 1 + wild.draw.below(3)).collect();
    let dims = [&[channels, filters], &kernel[..]].concat();
    weighted(wild, op_type, x, &dims, filters * group, group);
}

/// A convolution with weights of so many extents and perhaps a bias.
fn weighted(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value, dims: &[usize], filters: usize, group: usize) {
    let fan_in: usize = dims[1..].iter().product();
    let weights = wild.weights(dims, (3.0 / fan_in as f32).sqrt());
    let bias = wild.weights(&[filters], 1.0);
    let inputs: [&str; 3] = [&x.name, &weights, &bias];
    let given = 2 + wild.draw.below(2);
    windowed(wild, op_type, &inputs[..given], &dims[2..], group);
}

pub(super) fn pool(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let kernel: Vec<usize> = x.dims().iter().skip(2).map(|_| 1 + wild.draw.below(3)).collect();
    windowed(wild, op_type, &[&x.name], &kernel, 1);
}

fn windowed(wild: &mut Wild<'_, '_>, op_type: &str, inputs: &[&str], kernel: &[usize], group: usize) {
    let rank = kernel.len();
    let mut list = |len: usize, sane: &[i64]| -> Vec<i64> {
        let drawn: Vec<i64> = (0..len).map(|_| wild.draw.pick(sane)).collect();
        drawn.into_iter().map(|number| wild.odd(number)).collect()
    };
    let strides = list(rank, &[1, 1, 2, 3]);
    let dilations = list(rank, &[1, 1, 1, 2]);
    let pads = list(2 * rank, &[0, 0, 1]);
    let beyond = list(rank, &[0, 0, 1]);
    let kernel: Vec<i64> = kernel.iter().map(|&extent| extent as i64).collect();
    let (ceil, include) = (wild.flag(), wild.flag());
    let group = wild.odd(group as i64);
    let mut attributes = vec![
        ("kernel_shape", Attr::Ints(&kernel)),
        ("strides", Attr::Ints(&strides)),
        ("group", Attr::Int(group)),
        ("ceil_mode", Attr::Int(ceil)),
        ("count_include_pad", Attr::Int(include)),
    ];
    if op_type != "AveragePool" || wild.opset >= 19 {
        attributes.push(("dilations", Attr::Ints(&dilations)));
    }
    if op_type == "ConvTranspose" {
        attributes.push(("output_padding", Attr::Ints(&beyond)));
    }
    if wild.draw.seldom(8) {
        let rule = wild.draw.pick(&["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET", "same"]);
        attributes.push(("auto_pad", Attr::Text(rule)));
    } else {
        attributes.push(("pads", Attr::Ints(&pads)));
    }
    wild.emit(op_type, inputs, &attributes);
}

pub(super) fn matmul(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let depth = x.dims().last().copied().unwrap_or(1);
    let value = if wild.draw.seldom(3) { wild.value() } else { None };
    let columns = 1 + wild.draw.below(9);
    let other = value.map_or_else(|| wild.weights(&[depth, columns], (3.0 / depth as f32).sqrt()), |value| value.name);
    wild.emit(op_type, &[&x.name, &other], &[]);
}

pub(super) fn gemm(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let (a, b) = (wild.draw.seldom(4), wild.flag());
    let depth = if a { x.dims().first() } else { x.dims().last() }.copied().unwrap_or(1);
    let columns = 1 + wild.draw.below(9);
    let dims = if b == 1 { [columns, depth] } else { [depth, columns] };
    let weights = wild.weights(&dims, (3.0 / depth as f32).sqrt());
    let bias = wild.weights(&[columns], 1.0);
    let (alpha, beta) = (wild.draw.pick(&[1.0, 0.5]), wild.draw.pick(&[1.0, 0.25]));
    let attributes =
        [("transA", Attr::Int(a.into())), ("transB", Attr::Int(b)), ("alpha", Attr::Float(alpha)), ("beta", Attr::Float(beta))];
    wild.emit(op_type, &[&x.name, &weights, &bias], &attributes);
}

pub(super) fn reduce(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let mask = wild.draw.byte();
    let axes: Vec<i64> = (0..x.rank().min(8)).filter(|&axis| mask >> axis & 1 == 1).map(|axis| axis as i64).collect();
    let axes: Vec<i64> = axes.into_iter().map(|axis| wild.odd(axis)).collect();
    let keep = wild.flag();
    let keep = ("keepdims", Attr::Int(wild.odd(keep)));
    if axes.is_empty() {
        return wild.emit(op_type, &[&x.name], &[keep]);
    }
    let since = if op_type == "ReduceSum" { 13 } else { 18 };
    wild.listed(op_type, x, since, "axes", &axes, &[keep]);
}

pub(super) fn cumulative_sum(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let axis = wild.axis(x);
    let name = wild.fresh();
    let axis = wild.onnx.initializer(&name, &[], 7, axis.to_le_bytes().to_vec());
    let (exclusive, reverse) = (wild.flag(), wild.flag());
    wild.emit(op_type, &[&x.name, &axis], &[("exclusive", Attr::Int(exclusive)), ("reverse", Attr::Int(reverse))]);
}

fn scales(wild: &mut Wild<'_, '_>, x: &Value) -> String {
    let factors: Vec<f32> = (0..x.rank()).map(|axis| if axis < 2 { 1.0 } else { wild.draw.pick(&[2.0, 1.0, 0.5, 1.5, 3.0]) }).collect();
    let name = wild.fresh();
    wild.onnx.floats(&name, &[factors.len()], &factors)
}

pub(super) fn resize(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let scales = scales(wild, x);
    let sizes: Vec<usize> = (0..x.rank()).map(|axis| if axis < 2 { x.dims()[axis] } else { 1 + wild.draw.below(9) }).collect();
    let sizes: Vec<i64> = sizes.into_iter().map(|size| wild.odd(size as i64)).collect();
    let sizes = wild.ints(&sizes);
    let mode = wild.draw.pick(&["nearest", "linear", "cubic"]);
    let place = wild.draw.pick(&["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric", "other"]);
    let nearest = wild.draw.pick(&["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]);
    let attributes =
        [("mode", Attr::Text(mode)), ("coordinate_transformation_mode", Attr::Text(place)), ("nearest_mode", Attr::Text(nearest))];
    match (wild.opset, wild.flag()) {
        (..11, _) => wild.emit(op_type, &[&x.name, &scales], &attributes),
        (_, 0) => wild.emit(op_type, &[&x.name, "", &scales], &attributes),
        _ => wild.emit(op_type, &[&x.name, "", "", &sizes], &attributes),
    }
}

pub(super) fn upsample(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let scales = scales(wild, x);
    let mode = wild.draw.pick(&["nearest", "linear"]);
    wild.emit(op_type, &[&x.name, &scales], &[("mode", Attr::Text(mode))]);
}

pub(super) fn batch_normalization(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let channels = [x.dims().get(1).copied().unwrap_or(1)];
    let [scale, shift, mean] = [(); 3].map(|()| wild.weights(&channels, 1.0));
    let variance = wild.positive(&channels);
    wild.emit(op_type, &[&x.name, &scale, &shift, &mean, &variance], &[]);
}

pub(super) fn local_response(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let size = wild.draw.pick(&[3, 1, 5, 2]);
    let size = wild.odd(size);
    let (alpha, beta) = (wild.draw.pick(&[0.0001, 0.5]), wild.draw.pick(&[0.75, 0.5, 1.0]));
    wild.emit(op_type, &[&x.name], &[("size", Attr::Int(size)), ("alpha", Attr::Float(alpha)), ("beta", Attr::Float(beta))]);
}

/// A normalisation over the axes from one on.
pub(super) fn last_axes(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let first = wild.draw.below(x.rank());
    let dims = x.dims().get(first..).unwrap_or_default();
    let (scale, bias) = (wild.weights(dims, 1.0), wild.weights(dims, 1.0));
    let axis = wild.odd(first as i64);
    let inputs: [&str; 3] = [&x.name, &scale, &bias];
    let given = if op_type == "RMSNormalization" { 2 } else { 2 + wild.draw.below(2) };
    wild.emit(op_type, &inputs[..given], &[("axis", Attr::Int(axis))]);
}

pub(super) fn by_channels(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let channels = x.dims().get(1).copied().unwrap_or(1);
    let divisors: Vec<usize> = (1..=channels).filter(|&groups| channels.is_multiple_of(groups)).collect();
    let groups = wild.draw.pick(&divisors);
    let factors = if wild.opset < 21 { groups } else { channels };
    let (scale, bias) = (wild.weights(&[factors], 1.0), wild.weights(&[factors], 1.0));
    let groups = wild.odd(groups as i64);
    wild.emit(op_type, &[&x.name, &scale, &bias], &[("num_groups", Attr::Int(groups))]);
}

pub(super) fn instance_normalization(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let channels = x.dims().get(1).copied().unwrap_or(1);
    let (scale, bias) = (wild.weights(&[channels], 1.0), wild.weights(&[channels], 1.0));
    wild.emit(op_type, &[&x.name, &scale, &bias], &[]);
}

/// `QuantizeLinear` and back.
pub(super) fn through_bytes(wild: &mut Wild<'_, '_>, _: &str, x: &Value) {
    let (scale, zero) = (wild.draw.pick(&[0.0625, 0.03125]), wild.draw.pick(&[0, -3, 17, -128, 127]));
    let name = wild.node_name().to_owned();
    wild.onnx.through_bytes(&name, &x.name, scale, zero);
}
