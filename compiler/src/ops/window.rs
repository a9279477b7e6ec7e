//! The attributes of a sliding window, which convolutions and pools share.

use super::OpError;
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::tensor::Shape;
use crate::tensor::window::{Axis, Window, spatial_rank};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Op;
    use crate::ops::test_case::Case;

    fn read(case: &Case) -> Result<Window, String> {
        match case.parse().map_err(|error| error.to_string())? {
            Op::Pool(pool) => Ok(pool.window),
            Op::Conv(conv) => Ok(conv.window),
            other => Err(format!("{other:?}")),
        }
    }

    fn pool(input: &[usize]) -> Case {
        Case::new("MaxPool", 12).input(input)
    }

    /// ONNX has the begins of all axes before their ends.
    #[test]
    fn attributes_are_those_of_the_axes_that_there_are() {
        let line = pool(&[1, 2, 9]).ints("kernel_shape", &[4]).ints("strides", &[2]).ints("dilations", &[2]).ints("pads", &[1, 3]);
        let wanted = Window { kernel: [1, 4], strides: [1, 2], dilations: [1, 2], pads: [0, 1, 0, 3], ..Window::pointwise() };
        assert_eq!(read(&line), Ok(wanted));
        let map = pool(&[1, 2, 9, 9]).ints("kernel_shape", &[2, 3]).ints("strides", &[4, 5]).ints("pads", &[0, 1, 1, 2]);
        let wanted = Window { kernel: [2, 3], strides: [4, 5], pads: [0, 1, 1, 2], ..Window::pointwise() };
        assert_eq!(read(&map), Ok(wanted));
        let volume = pool(&[1, 2, 9, 9, 9]).ints("kernel_shape", &[2, 3, 4]).ints("strides", &[1, 2, 3]);
        let volume = volume.ints("dilations", &[2, 1, 1]).ints("pads", &[0, 1, 2, 1, 2, 3]);
        let depth = Axis { kernel: 2, stride: 1, dilation: 2, pads: [0, 1] };
        let wanted = Window { kernel: [3, 4], strides: [2, 3], pads: [1, 2, 2, 3], depth: Some(Box::new(depth)), ..Window::pointwise() };
        assert_eq!(read(&volume), Ok(wanted));
    }

    #[test]
    fn a_kernel_that_is_left_out_is_as_large_as_the_weights() {
        let conv = || Case::new("Conv", 13).input(&[1, 4, 9, 9]).input(&[6, 4, 2, 5]);
        let wanted = Window { kernel: [2, 5], ..Window::pointwise() };
        assert_eq!((read(&conv()), read(&conv().ints("kernel_shape", &[2, 5]))), (Ok(wanted.clone()), Ok(wanted)));
        assert_eq!(read(&pool(&[1, 2, 9, 9])), Err("attribute `kernel_shape` is missing".to_owned()));
        assert!(conv().ints("kernel_shape", &[5, 2]).infer().is_err());
        let empty = Case::new("Conv", 13).input(&[1, 4, 9, 9]).input(&[6, 4, 0, 5]);
        assert_eq!(read(&empty), Err("attribute `kernel_shape` is [0, 5] (supported: 2 values from 1 to 65536)".to_owned()));
    }

    /// Of nine places a stride of two makes five, to which a kernel of four with a dilation of two wants six places of padding.
    #[test]
    fn padding_by_itself() {
        let of = |mode: &str| {
            let case = pool(&[1, 1, 9, 4]).ints("kernel_shape", &[4, 3]).ints("strides", &[2, 4]).ints("dilations", &[2, 1]);
            // What is said beside it does not count.
            read(&case.string("auto_pad", mode).ints("pads", &[1, 1, 1, 1]).int("ceil_mode", 1))
                .map(|window| (window.pads, window.ceil_mode))
        };
        assert_eq!(of("NOTSET"), Ok(([1; 4], true)));
        assert_eq!(of("VALID"), Ok(([0; 4], true)));
        assert_eq!(of("SAME_UPPER"), Ok(([3, 0, 3, 0], false)));
        assert_eq!(of("SAME_LOWER"), Ok(([3, 0, 3, 0], false)));
        assert!(of("SAME").unwrap_err().contains("`auto_pad` is `SAME`"));
        // The odd one at the end, or at the begin.
        let odd = |mode: &str| {
            let case = pool(&[1, 1, 5, 6, 8]).ints("kernel_shape", &[2, 4, 3]).ints("strides", &[1, 1, 2]).string("auto_pad", mode);
            read(&case).map(|window| (window.depth.map(|depth| depth.pads), window.pads))
        };
        assert_eq!(odd("SAME_UPPER"), Ok((Some([0, 1]), [1, 0, 2, 1])));
        assert_eq!(odd("SAME_LOWER"), Ok((Some([1, 0]), [2, 1, 1, 0])));
        let valid = pool(&[1, 1, 5, 6, 8]).ints("kernel_shape", &[2, 4, 3]).ints("pads", &[1; 6]).string("auto_pad", "VALID");
        assert_eq!(read(&valid).map(|window| window.is_unpadded()), Ok(true));
    }

    #[test]
    fn refusals() {
        let with = |name, values: &[i64]| {
            let case = pool(&[1, 2, 9, 9]).ints("kernel_shape", if name == "kernel_shape" { values } else { &[3, 3] });
            read(&if name == "kernel_shape" { case } else { case.ints(name, values) }).unwrap_err()
        };
        let sizes = "(supported: 2 values from 1 to 65536)";
        assert_eq!(with("kernel_shape", &[3]), format!("attribute `kernel_shape` is [3] {sizes}"));
        assert_eq!(with("kernel_shape", &[i64::MIN, 3]), format!("attribute `kernel_shape` is [{}, 3] {sizes}", i64::MIN));
        assert_eq!(with("strides", &[0, 1]), format!("attribute `strides` is [0, 1] {sizes}"));
        assert_eq!(with("dilations", &[1, 65_537]), format!("attribute `dilations` is [1, 65537] {sizes}"));
        assert_eq!(with("pads", &[0, 0, 0]), "attribute `pads` is [0, 0, 0] (supported: 4 values from 0 to 65536)");
        assert_eq!(with("pads", &[0, -1, 0, 0]), "attribute `pads` is [0, -1, 0, 0] (supported: 4 values from 0 to 65536)");
        assert!(with("dilations", &[1, 5]).contains("a kernel of extent 11 does not fit an input of 9"));
        // The greatest of all fit the arithmetic.
        assert!(with("dilations", &[1 << 16, 1 << 16]).contains("does not fit"));
        let flat = Case::new("MaxPool", 12).input(&[3, 4]).ints("kernel_shape", &[1]);
        assert!(read(&flat).unwrap_err().contains("2 dimensions"));
    }
}
