//! The attributes of a sliding window, which convolutions and pools share.

use super::OpError;
use super::known::{self, KnownAttribute};
use crate::ir::Shape;
use crate::ir::window::{Axis, Window, spatial_rank};
use crate::onnx::node::NodeView;

/// How the window pads by itself.
pub(super) const AUTO_PAD: KnownAttribute = known::string("auto_pad").one_of(&["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]);

/// Reads the window's attributes; `kernel` is the weights' extent where `kernel_shape` is left out, `input` the type's shape. `ceil_mode` is
/// for those that have it.
pub(crate) fn parse(node: &NodeView<'_>, kernel: Option<&[usize]>, input: &Shape, ceil_mode: bool) -> Result<Window, OpError> {
    let spatial = spatial_rank(input)?;
    let kernel = match (node.filled_ints("kernel_shape")?, kernel) {
        (Some(ints), _) => extents(ints, spatial, "kernel_shape", 1)?,
        (None, Some(dims)) => extents(&dims.iter().map(|&d| d as i64).collect::<Vec<_>>(), spatial, "kernel_shape", 1)?,
        (None, None) => return Err(OpError::new("attribute `kernel_shape` is missing")),
    };
    let or_ones = |name| node.filled_ints(name)?.map_or(Ok([1; 3]), |ints| extents(ints, spatial, name, 1));
    let (strides, dilations, pads) = (or_ones("strides")?, or_ones("dilations")?, explicit_pads(node, spatial)?);
    let depth = Axis { kernel: kernel[0], stride: strides[0], dilation: dilations[0], pads: [pads[0], pads[3]] };
    let mut window = Window {
        kernel: [kernel[1], kernel[2]],
        strides: [strides[1], strides[2]],
        dilations: [dilations[1], dilations[2]],
        pads: [pads[1], pads[2], pads[4], pads[5]],
        ceil_mode,
        depth: (spatial == 3).then(|| Box::new(depth)),
    };
    match node.string("auto_pad")?.unwrap_or("NOTSET") {
        "NOTSET" => {}
        "VALID" => {
            window.pads = [0; 4];
            window.depth = window.depth.map(|depth| Box::new(Axis { pads: [0; 2], ..*depth }));
        }
        "SAME_UPPER" => window.pad_same(input, false),
        "SAME_LOWER" => window.pad_same(input, true),
        _ => return Err(node.unread("auto_pad")),
    }
    window.output(input)?;
    Ok(window)
}

/// Attribute `name` as (depth, height, width), each at least `least` and at most 2^16; what there is no axis for is at least one.
pub(super) fn extents(ints: &[i64], spatial: usize, name: &str, least: i64) -> Result<[usize; 3], OpError> {
    if ints.len() != spatial || !ints.iter().all(|i| (least..=1 << 16).contains(i)) {
        return Err(OpError::new(format!("attribute `{name}` is {ints:?}")).supported(format!("{spatial} values from {least} to 65536")));
    }
    let mut extents = [least.max(1) as usize; 3];
    extents[3 - spatial..].iter_mut().zip(ints).for_each(|(extent, &i)| *extent = i as usize);
    Ok(extents)
}

/// Attribute `pads`, each from zero to 2^16: front, top, left, back, bottom, right.
pub(super) fn explicit_pads(node: &NodeView<'_>, spatial: usize) -> Result<[usize; 6], OpError> {
    let mut pads = [0; 6];
    let Some(ints) = node.filled_ints("pads")? else { return Ok(pads) };
    if ints.len() != 2 * spatial || !ints.iter().all(|i| (0..=1 << 16).contains(i)) {
        return Err(OpError::new(format!("attribute `pads` is {ints:?}")).supported(format!("{} values from 0 to 65536", 2 * spatial)));
    }
    let (begins, ends) = ints.split_at(spatial);
    for (own, found) in pads.chunks_exact_mut(3).zip([begins, ends]) {
        own[3 - spatial..].iter_mut().zip(found).for_each(|(pad, &i)| *pad = i as usize);
    }
    Ok(pads)
}
