//! `Resize` and `Upsample`: nearest, linear and cubic, in every coordinate mode, to sizes or by scales that are known; at run time rows and
//! columns only.
//!
//! Coordinates are onnxruntime's, in single precision, as they decide which pixel is nearest; factors are made of them in double precision
//! and rounded once. ONNX's reference differs where scaled sizes are no whole numbers: there its `align_corners` ends at the size before
//! that is rounded. By onnxruntime, and here, a tensor of which every extent stays is copied, whatever its scales, and with `antialias` each
//! axis whose extent stays; by the reference, and here where another extent changes, such an axis is resized by its scale. Unlike by
//! onnxruntime, and as by the reference, an axis is cropped where its extent stays, too.

mod method;
mod table;

use std::sync::Arc;

use method::{Coordinates, Method, Target};
use table::Table;

use super::operands::{distinct_axes, evaluated, float_type, floats, output, output_shape, product};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::plan::problem::Relation;
use crate::steps::{Lowering, kernels};
use crate::tensor::unravel;
use crate::tensor::{DType, Shape, Tensor, TensorType};

/// The most elements that an axis is resized from or to.
const LONGEST: usize = 1 << 17;

/// What a tap of an element takes naively, in multiply-accumulates.
const TAP_WORK: usize = 8;

/// One input; all others are read when the node is parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resize {
    /// Of each axis of the input what it becomes; nothing where it stays as it is.
    pub(crate) axes: Vec<Option<Table>>,
    /// What an element becomes that lies outside of the input, in `tf_crop_and_resize`.
    pub(crate) outside: f32,
}

/// How a place in the output becomes one in the input.
const COORDINATES: &[&str] = &[
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
    "tf_crop_and_resize",
];

impl Operator for Resize {
    const ATTRIBUTES: &'static [KnownAttribute] = &[
        known::string("mode").one_of(&["nearest", "linear", "cubic"]).of(&["Resize"]),
        known::string("mode").one_of(&["nearest", "linear"]).of(&["Upsample"]),
        known::string("nearest_mode").one_of(&["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]).of(&["Resize"]),
        known::string("coordinate_transformation_mode").one_of(COORDINATES).of(&["Resize"]),
        known::string("keep_aspect_ratio_policy").one_of(&["stretch", "not_larger", "not_smaller"]).of(&["Resize"]),
        known::flag("antialias").of(&["Resize"]),
        known::ints("axes").of(&["Resize"]),
        known::float("cubic_coeff_a").of(&["Resize"]),
        known::flag("exclude_outside").of(&["Resize"]),
        known::float("extrapolation_value").of(&["Resize"]),
        known::floats("scales").of(&["Upsample"]),
        known::refused("height_scale").of(&["Upsample"]),
        known::refused("width_scale").of(&["Upsample"]),
    ];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let input = &node.input_type(0)?.shape;
        let method = Method::parse(node)?;
        let resized = match node.ints("axes")? {
            Some(found) => distinct_axes(found, input.rank())?,
            None => (0..input.rank()).collect(),
        };
        let targets = targets(node, input, &resized)?;
        let is_crop = method.coordinates == Coordinates::TfCropAndResize;
        let roi = if is_crop { roi(node, resized.len())? } else { vec![[0.0, 1.0]; resized.len()] };
        let stays = resized.iter().zip(&targets).all(|(&axis, target)| target.to == input[axis]);
        let mut axes = vec![None; input.rank()];
        for ((&axis, target), roi) in resized.iter().zip(targets).zip(roi) {
            let from = input[axis];
            let is_copied = stays || target.scale == 1.0 || method.is_antialiased();
            if target.to == from && is_copied && roi == [0.0, 1.0] {
                continue;
            }
            if !(1..=LONGEST).contains(&from) || !(1..=LONGEST).contains(&target.to) {
                let found = format!("axis {axis} is resized from {from} to {}", target.to);
                return Err(OpError::unsupported(found).supported(format!("extents from 1 to {LONGEST}")));
            }
            axes[axis] = Some(method.table(target, from, roi));
        }
        Ok(Resize { axes, outside: node.float("extrapolation_value")?.unwrap_or(0.0) })
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let x = float_type(inputs, 0)?;
        let fits = x.shape.rank() == self.axes.len()
            && self.axes.iter().zip(x.shape.iter()).all(|(table, &from)| table.as_ref().is_none_or(|table| table.from == from));
        if !fits {
            return Err(OpError::new(format!("the input is {x}, which is not what was to be resized")));
        }
        let dims = self.axes.iter().zip(x.shape.iter()).map(|(table, &from)| table.as_ref().map_or(from, |table| table.first.len()));
        output(DType::F32, dims.collect::<Vec<_>>())
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let (x, like) = (floats(inputs, 0)?, inputs[0].map(|tensor| tensor.shape().clone()).unwrap_or_default());
        let strides = like.strides();
        let values = (0..shape.elements()).map(|flat| self.element(x, &strides, &unravel(flat, &shape)));
        evaluated(Tensor::f32(shape.clone(), values.collect::<Vec<_>>()))
    }

    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        let elements = self.infer(inputs).map_or(0, |outputs| outputs[0].shape.elements());
        let taps: Vec<_> = self.axes.iter().flatten().map(|table| table.taps).collect();
        elements.saturating_mul(product(&taps)).saturating_mul(TAP_WORK) as u64
    }

    /// A step an image.
    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        if self.axes.iter().all(Option::is_none) {
            let (read, y) = (ctx.input(0)?, ctx.output());
            let write = ctx.whole(y);
            ctx.push_move(read, write, Relation::Same);
            return Ok(());
        }
        let x = ctx.tensor(0)?;
        if let Some(extent) = ctx.shape_of(x).iter().skip(2).find(|extent| **extent > LONGEST) {
            return Err(OpError::unsupported(format!("a map of {extent} rows or columns is resized")).supported(format!("{LONGEST}")));
        }
        let spatial = match &self.axes[..] {
            [None, None, columns] => Some([Table::of_same(1), columns.clone().unwrap_or_else(|| Table::of_same(ctx.shape_of(x)[2]))]),
            [None, None, rows, columns] => {
                Some([(rows, 2), (columns, 3)].map(|(table, axis)| table.clone().unwrap_or_else(|| Table::of_same(ctx.shape_of(x)[axis]))))
            }
            _ => None,
        };
        let Some([rows, columns]) = spatial else {
            let axes: Vec<_> = (0..self.axes.len()).filter(|&axis| self.axes[axis].is_some()).collect();
            let found = format!("resizes axes {axes:?} of {} at run time", ctx.shape_of(x));
            return Err(OpError::unsupported(found).supported("rows and columns of [N,C,H,W], and columns of [N,C,W]"));
        };
        let (batch, y) = (ctx.shape()[0], ctx.output());
        let packed: Vec<i32> = rows.packed().chain(columns.packed()).collect();
        let packed = ctx.add_weights(&packed, size_of_val(&packed[..]));
        let kernel: Arc<dyn kernels::Kernel> =
            Arc::new(kernels::Resample { taps: [rows.taps, columns.taps], outside: self.outside, rows: rows.reads() });
        ctx.images(batch)?;
        for n in 0..batch {
            let (read, write) = (ctx.image(x, n), ctx.image(y, n));
            ctx.push(kernel.clone(), vec![read], write, &packed, 0);
        }
        Ok(())
    }
}

impl Resize {
    /// One element of the output: the sum over the taps of all axes, the last axis' fastest, of each value and the product of its factors.
    fn element(&self, x: &[f32], strides: &[usize], index: &[usize]) -> f32 {
        let mut taps: Vec<(usize, f32)> = vec![(0, 1.0)];
        for ((table, &stride), &at) in self.axes.iter().zip(strides).zip(index) {
            let Some(table) = table else {
                taps.iter_mut().for_each(|(offset, _)| *offset += at * stride);
                continue;
            };
            let Ok(first) = usize::try_from(table.first[at]) else { return self.outside };
            let factors = &table.factors[at * table.taps..][..table.taps];
            let along = |&(offset, by): &(usize, f32)| {
                let along = factors.iter().enumerate();
                along.map(move |(k, factor)| (offset + (first + k) * stride, by * factor)).collect::<Vec<_>>()
            };
            taps = taps.iter().flat_map(along).collect();
        }
        match taps[..] {
            [(offset, _)] => x[offset],
            _ => taps.iter().fold(0.0, |sum, &(offset, factor)| sum + x[offset] * factor),
        }
    }
}

/// The targets of the axes `resized`, by scales or by sizes.
fn targets(node: &NodeView<'_>, input: &Shape, resized: &[usize]) -> Result<Vec<Target>, OpError> {
    let extents: Vec<usize> = resized.iter().map(|&axis| input[axis]).collect();
    let wrong = |name: &str, n: usize| {
        OpError::new(format!("`{name}` has {n} values for {} axes", extents.len())).supported(format!("{} values", extents.len()))
    };
    if let Some(scales) = scales(node)? {
        if scales.len() != extents.len() {
            return Err(wrong("scales", scales.len()));
        }
        if let Some(scale) = scales.iter().find(|scale| !(scale.is_finite() && **scale > 0.0)) {
            return Err(OpError::new(format!("`scales` holds {scale}")).supported("finite numbers above zero"));
        }
        return Ok(extents.iter().zip(scales).map(|(&from, scale)| Target { to: (from as f32 * scale) as usize, scale }).collect());
    }
    let sizes = if method::is_resize_of_11(node) { node.known_ints(3, "sizes")?.filter(|sizes| !sizes.is_empty()) } else { None };
    let sizes = sizes.ok_or_else(|| OpError::new("neither `scales` nor `sizes` is given"))?;
    if sizes.len() != extents.len() {
        return Err(wrong("sizes", sizes.len()));
    }
    let sizes: Option<Vec<usize>> = sizes.iter().map(|&size| usize::try_from(size).ok()).collect();
    let sizes = sizes.ok_or_else(|| OpError::new("`sizes` holds a number below zero"))?;
    let ratios = || extents.iter().zip(&sizes).map(|(&from, &to)| to as f32 / from as f32);
    let common = match node.string("keep_aspect_ratio_policy")?.unwrap_or("stretch") {
        "stretch" => {
            let each = sizes.iter().zip(ratios());
            return Ok(each.map(|(&to, ratio)| Target { to, scale: ratio }).collect());
        }
        "not_larger" => ratios().fold(f32::INFINITY, f32::min),
        "not_smaller" => ratios().fold(0.0, f32::max),
        _ => return Err(node.unread("keep_aspect_ratio_policy")),
    };
    Ok(extents.iter().map(|&from| Target { to: (from as f32 * common).round() as usize, scale: common }).collect())
}

/// The scales, where there are any: an input, or an attribute of `Upsample` before opset 9.
fn scales(node: &NodeView<'_>) -> Result<Option<Vec<f32>>, OpError> {
    let slot = if method::is_resize_of_11(node) { 2 } else { 1 };
    let Some(tensor) = node.known_input(slot, "scales")? else {
        return Ok(node.floats("scales")?.map(<[f32]>::to_vec));
    };
    let scales = tensor.as_f32().ok_or_else(|| OpError::new(format!("input `scales` holds {}, not floats", tensor.dtype())))?;
    Ok(Some(scales.to_vec()).filter(|scales| !scales.is_empty()))
}

/// The region of each of `n` axes, where it begins and ends, in parts of the axis.
fn roi(node: &NodeView<'_>, n: usize) -> Result<Vec<[f32; 2]>, OpError> {
    let tensor = node.known_input(1, "roi")?.ok_or_else(|| OpError::new("`roi` is missing, which `tf_crop_and_resize` needs"))?;
    match tensor.as_f32() {
        Some(roi) if roi.len() == 2 * n && roi.iter().all(|value| value.is_finite()) => Ok((0..n).map(|i| [roi[i], roi[n + i]]).collect()),
        _ => Err(OpError::new(format!("input `roi` is {}", tensor.ty())).supported(format!("{} finite f32", 2 * n))),
    }
}

#[cfg(test)]
mod tests {
    use crate::node::Attribute;
    use crate::ops::test_case::Case;

    /// 1, 2 and so on.
    fn count(n: u8) -> Vec<f32> {
        (1..=n).map(f32::from).collect()
    }

    /// A row of four to a new length, with the values that onnxruntime 1.23 gives, as all in this file.
    fn row(opset: i64) -> Case {
        Case::new("Resize", opset).floats(&[1, 1, 1, 4], &count(4)).none()
    }

    fn by(case: Case, scale: f32) -> Case {
        case.floats(&[4], &[1.0, 1.0, 1.0, scale])
    }

    fn to(case: Case, size: i64) -> Case {
        case.none().i64s(&[1, 1, 1, size])
    }

    fn close(found: &[f32], wanted: &[f32]) {
        let is_close = |(found, wanted): (&f32, &f32)| (found - wanted).abs() < 1e-5;
        assert!(found.len() == wanted.len() && found.iter().zip(wanted).all(is_close), "{found:?} {wanted:?}");
    }

    #[test]
    fn nearest() {
        let case = |mode, scale| {
            let case = by(row(13), scale).string("coordinate_transformation_mode", "asymmetric");
            case.string("nearest_mode", mode).values()
        };
        assert_eq!(case("round_prefer_floor", 2.0), [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
        assert_eq!(case("round_prefer_ceil", 2.0), [1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 4.0]);
        assert_eq!(case("floor", 1.75), [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0]);
        assert_eq!(case("ceil", 1.75), [1.0, 2.0, 3.0, 3.0, 4.0, 4.0, 4.0]);
        assert_eq!(by(row(11), 2.0).values(), [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
    }

    #[test]
    fn before_opset_11() {
        let resize = Case::new("Resize", 10).floats(&[1, 1, 2, 4], &count(8)).floats(&[4], &[1.0, 1.0, 0.6, 0.6]);
        assert_eq!(resize.values(), [1.0, 3.0]);
        let square = |opset| Case::new("Upsample", opset).floats(&[1, 1, 2, 2], &count(4));
        let wanted = [1.0, 1.5, 2.0, 2.0, 2.0, 2.5, 3.0, 3.0, 3.0, 3.5, 4.0, 4.0, 3.0, 3.5, 4.0, 4.0];
        assert_eq!(square(9).string("mode", "linear").floats(&[4], &[1.0, 1.0, 2.0, 2.0]).values(), wanted);
        let old = square(7).with("scales", Attribute::Floats(vec![1.0, 1.0, 1.0, 3.0]));
        assert_eq!(old.values(), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0, 4.0, 4.0]);
    }

    #[test]
    fn linear_in_each_coordinate_mode() {
        let values = |mode: &str, case: Case| case.string("mode", "linear").string("coordinate_transformation_mode", mode).values();
        let of_half_pixel = [1.0, 1.357_142_9, 1.928_571_5, 2.5, 3.071_428_5, 3.642_857, 4.0];
        for (mode, shorter, longer) in [
            ("half_pixel", [1.333_333_3, 3.0], of_half_pixel),
            ("half_pixel_symmetric", [1.666_666_7, 3.333_333_3], of_half_pixel),
            ("pytorch_half_pixel", [1.333_333_3, 3.0], of_half_pixel),
            ("align_corners", [1.0, 4.0], [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]),
            ("asymmetric", [1.0, 2.666_666_5], [1.0, 1.571_428_5, 2.142_857, 2.714_285_6, 3.285_714_4, 3.857_143, 4.0]),
        ] {
            close(&values(mode, by(row(19), 0.6)), &shorter);
            close(&values(mode, to(row(19), 7)), &longer);
        }
        let square = Case::new("Resize", 19).string("mode", "linear").floats(&[1, 1, 2, 2], &count(4)).none();
        let wanted = [1.0, 1.25, 1.75, 2.0, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3.0, 3.25, 3.75, 4.0];
        assert_eq!(square.floats(&[4], &[1.0, 1.0, 2.0, 2.0]).values(), wanted);
    }

    /// Of scales that are not one; all values are onnxruntime's.
    #[test]
    fn extents_that_stay() {
        for mode in ["nearest", "linear", "cubic"] {
            for coordinates in ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"] {
                let case = by(row(19), 1.2).string("mode", mode).string("coordinate_transformation_mode", coordinates);
                assert_eq!(case.values(), [1.0, 2.0, 3.0, 4.0], "{mode} {coordinates}");
            }
        }
        let rows = |mode: &str, coordinates: &str, scale: f32| {
            let case = Case::new("Resize", 19).floats(&[1, 1, 2, 4], &count(8)).none().floats(&[4], &[1.0, 1.0, scale, 1.2]);
            case.string("mode", mode).string("coordinate_transformation_mode", coordinates)
        };
        for (mode, coordinates, first) in [
            ("nearest", "half_pixel", [1.0, 2.0, 3.0, 3.0]),
            ("nearest", "half_pixel_symmetric", [1.0, 2.0, 3.0, 4.0]),
            ("linear", "half_pixel", [1.0, 1.75, 2.583_333_3, 3.416_666_7]),
            ("linear", "half_pixel_symmetric", [1.25, 2.083_333_3, 2.916_666_7, 3.75]),
            ("linear", "align_corners", [1.0, 2.0, 3.0, 4.0]),
            ("linear", "asymmetric", [1.0, 1.833_333_3, 2.666_666_7, 3.5]),
            ("cubic", "half_pixel", [0.525_608, 1.246_094, 2.141_204, 3.091_001]),
            ("cubic", "asymmetric", [1.0, 1.769_676, 2.629_629, 3.593_75]),
        ] {
            close(&rows(mode, coordinates, 2.0).values()[..4], &first);
        }
        for (mode, coordinates, wanted) in [
            ("linear", "half_pixel", [3.0, 4.0, 5.0, 6.0]),
            ("cubic", "half_pixel", [3.0, 4.0, 5.0, 6.0]),
            ("linear", "asymmetric", [2.0, 3.0, 4.0, 5.0]),
        ] {
            close(&rows(mode, coordinates, 0.5).int("antialias", 1).values(), &wanted);
        }
    }

    #[test]
    fn a_region_that_leaves_the_input_is_filled() {
        let case = Case::new("Resize", 13).floats(&[1, 1, 1, 4], &count(4)).floats(&[8], &[0.0, 0.0, 0.0, 0.25, 1.0, 1.0, 1.0, 1.25]);
        let case = case.string("mode", "linear").string("coordinate_transformation_mode", "tf_crop_and_resize");
        let case = case.with("extrapolation_value", Attribute::Float(10.0));
        assert_eq!(to(case, 5).values(), [1.75, 2.5, 3.25, 4.0, 10.0]);
    }

    #[test]
    fn cubic() {
        let case = |outside| by(row(13), 2.0).string("mode", "cubic").int("exclude_outside", outside).values();
        close(&case(0), &[0.894_531_25, 1.191_406_3, 1.667_968_8, 2.296_875, 2.703_125, 3.332_031_3, 3.808_593_8, 4.105_469]);
        close(&case(1), &[0.863_636_4, 1.173_144_8, 1.645_283, 2.296_875, 2.703_125, 3.354_716_8, 3.826_855_2, 4.136_363_5]);
        let other = by(row(13), 0.75).string("mode", "cubic").with("cubic_coeff_a", Attribute::Float(-0.5));
        close(&other.string("coordinate_transformation_mode", "align_corners").values(), &[1.0, 2.5, 4.0]);
    }

    #[test]
    fn filters_widen_where_an_axis_shrinks() {
        let values = |case: Case, mode| case.string("mode", mode).int("antialias", 1).values();
        close(&values(by(row(18), 0.6), "linear"), &[1.375, 3.0]);
        close(&values(to(row(18), 3), "linear"), &[1.272_727_3, 2.5, 3.727_272_7]);
        close(&values(to(row(18), 1), "linear"), &[2.5]);
        close(&values(by(row(18), 2.0), "linear"), &[1.0, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4.0]);
        close(&values(by(row(18), 0.6), "cubic"), &[1.303_614_3, 3.071_428_8]);
        close(&values(to(row(18), 3), "cubic"), &[1.155_001_9, 2.5, 3.844_998_6]);
        close(&values(by(row(18).int("exclude_outside", 1), 0.6), "cubic"), &[1.321_428_3, 3.105_263_2]);
    }

    #[test]
    fn symmetric_coordinates_are_rounded_once() {
        let case = by(Case::new("Resize", 19).floats(&[1, 1, 1, 3], &count(3)).none(), 0.35).string("nearest_mode", "floor");
        assert_eq!(case.string("coordinate_transformation_mode", "half_pixel_symmetric").values(), [1.0]);
    }

    #[test]
    fn sizes_of_some_axes_keep_their_ratio() {
        let case = |policy| {
            let case = Case::new("Resize", 18).string("keep_aspect_ratio_policy", policy).ints("axes", &[3, -2]);
            case.input(&[1, 5, 2, 4]).none().none().i64s(&[8, 7]).shape()
        };
        assert_eq!(case("not_larger"), Ok(vec![1, 5, 4, 8]));
        assert_eq!(case("not_smaller"), Ok(vec![1, 5, 7, 14]));
        assert_eq!(case("stretch"), Ok(vec![1, 5, 7, 8]));
        assert!(case("squeeze").unwrap_err().to_string().contains("`squeeze` (supported: stretch, not_larger, not_smaller)"));
    }

    #[test]
    fn refusals() {
        assert!(by(row(18), 0.5).int("antialias", 1).refusal().contains("`antialias` is 1"));
        assert!(by(row(18), 0.5).string("mode", "area").refusal().contains("`area` (supported: nearest, linear, cubic)"));
        assert!(by(row(18), 0.5).string("nearest_mode", "up").refusal().contains("`nearest_mode` is `up`"));
        assert!(by(row(18), 0.5).string("coordinate_transformation_mode", "odd").refusal().contains("`odd`"));
        assert!(by(row(13), 0.5).string("coordinate_transformation_mode", "tf_crop_and_resize").refusal().contains("`roi` is missing"));
        assert!(by(row(13), -1.0).refusal().contains("`scales` holds -1"));
        assert!(by(row(13), 0.1).refusal().contains("axis 3 is resized from 4 to 0"));
        assert!(to(row(13), i64::MAX).refusal().contains("extents from 1"));
        assert!(row(13).floats(&[1], &[2.0]).refusal().contains("`scales` has 1 values for 4 axes"));
        assert!(row(13).refusal().contains("neither `scales` nor `sizes`"));
        assert!(row(13).input(&[4]).refusal().contains("run time"));
        assert!(
            Case::new("Upsample", 9).string("mode", "cubic").input(&[1, 1, 2, 2]).floats(&[4], &[1.0; 4]).refusal().contains("`cubic`")
        );
    }
}
