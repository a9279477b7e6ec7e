//! The attributes of a sliding window, which convolutions and pools share.

use super::OpError;
use crate::ir::Shape;
use crate::ir::window::{Window, spatial_rank};
use crate::onnx::node::NodeView;

/// Reads the window's attributes; `kernel` is the weights' extent where `kernel_shape` is left out, `input` the type's shape.
pub(crate) fn parse(node: &NodeView<'_>, kernel: Option<&[usize]>, input: &Shape) -> Result<Window, OpError> {
    let spatial = spatial_rank(input)?;
    let kernel = match (node.filled_ints("kernel_shape")?, kernel) {
        (Some(ints), _) => pair(ints, spatial, "kernel_shape", 1)?,
        (None, Some(dims)) => pair(&dims.iter().map(|&d| d as i64).collect::<Vec<_>>(), spatial, "kernel_shape", 1)?,
        (None, None) => return Err(OpError::new("attribute `kernel_shape` is missing")),
    };
    let or_ones = |name| node.filled_ints(name)?.map_or(Ok([1, 1]), |ints| pair(ints, spatial, name, 1));
    let mut window = Window {
        kernel,
        strides: or_ones("strides")?,
        dilations: or_ones("dilations")?,
        pads: explicit_pads(node, spatial)?,
        ceil_mode: node.flag("ceil_mode")?.unwrap_or(false),
    };
    match node.string("auto_pad")?.unwrap_or("NOTSET") {
        "NOTSET" => {}
        "VALID" => window.pads = [0; 4],
        "SAME_UPPER" => window.pad_same(input, false),
        "SAME_LOWER" => window.pad_same(input, true),
        other => {
            return Err(OpError::new(format!("attribute `auto_pad` is `{other}`")).supported("NOTSET, VALID, SAME_UPPER, SAME_LOWER"));
        }
    }
    window.output(input)?;
    Ok(window)
}

/// Attribute `name` as (height, width), each at least `least` and at most 2^16.
pub(super) fn pair(ints: &[i64], spatial: usize, name: &str, least: i64) -> Result<[usize; 2], OpError> {
    let ok = ints.len() == spatial && ints.iter().all(|&i| (least..=1 << 16).contains(&i));
    match (ok, ints) {
        (true, &[w]) => Ok([least.max(1) as usize, w as usize]),
        (true, &[h, w]) => Ok([h as usize, w as usize]),
        _ => Err(OpError::new(format!("attribute `{name}` is {ints:?}")).supported(format!("{spatial} values from {least} to 65536"))),
    }
}

/// Attribute `pads`, each from zero to 2^16: top, left, bottom, right.
pub(super) fn explicit_pads(node: &NodeView<'_>, spatial: usize) -> Result<[usize; 4], OpError> {
    let Some(ints) = node.filled_ints("pads")? else { return Ok([0; 4]) };
    let ok = ints.len() == 2 * spatial && ints.iter().all(|i| (0..=1 << 16).contains(i));
    match (ok, ints) {
        (true, &[left, right]) => Ok([0, left as usize, 0, right as usize]),
        (true, &[t, l, b, r]) => Ok([t, l, b, r].map(|i| i as usize)),
        _ => Err(OpError::new(format!("attribute `pads` is {ints:?}")).supported(format!("{} values from 0 to 65536", 2 * spatial))),
    }
}
