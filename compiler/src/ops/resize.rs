//! `Resize` and `Upsample`: nearest, linear and cubic, in every coordinate mode, to sizes or by scales that are known; at run time rows and
//! columns only.
//!
//! Coordinates are onnxruntime's, in single precision, as they decide which pixel is nearest; factors are made of them in double precision
//! and rounded once. ONNX's reference differs where scaled sizes are no whole numbers: there its `align_corners` ends at the size before
//! that is rounded. Unlike by onnxruntime, and as by the reference, an axis of scale 1 is cropped too.

use std::iter::repeat_n;
use std::sync::Arc;

use super::operands::{distinct_axes, evaluated, float_type, floats, output, output_shape, product};
use super::{OpError, Operator};
use crate::ir::tensor::unravel;
use crate::ir::{DType, Shape, Tensor, TensorType};
use crate::lower::{Lowering, kernels};
use crate::onnx::node::{Attribute, NodeView};
use crate::plan::problem::{Relation, Rows};

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

/// What the elements along an axis are made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    /// The input's extent.
    pub(crate) from: usize,
    /// How many elements of the input one of the output is made of.
    pub(crate) taps: usize,
    /// For each element of the output the first of the input that it is made of; below zero where it lies outside.
    pub(crate) first: Vec<i32>,
    /// For each element of the output the factors of the taps.
    pub(crate) factors: Vec<f32>,
}

impl Operator for Resize {
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
        let mut axes = vec![None; input.rank()];
        for ((&axis, target), roi) in resized.iter().zip(targets).zip(roi) {
            let from = input[axis];
            if target.to == from && target.scale == 1.0 && roi == [0.0, 1.0] {
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

impl Table {
    /// Each element of the one in its place.
    fn of_same(extent: usize) -> Self {
        Table { from: extent, taps: 1, first: (0..).take(extent).collect(), factors: vec![1.0; extent] }
    }

    /// For each element the first that it is made of, and the bits of the factors.
    fn packed(&self) -> impl Iterator<Item = i32> + '_ {
        let factors = self.factors.chunks(self.taps);
        let entry = |(&first, factors): (&i32, &[f32])| {
            let bits: Vec<i32> = factors.iter().map(|factor| factor.to_bits().cast_signed()).collect();
            std::iter::once(first).chain(bits)
        };
        self.first.iter().zip(factors).flat_map(entry)
    }

    /// Which rows each row is made of, by a rule for all, where one number of rows is a multiple of the other.
    fn reads(&self) -> Option<Rows> {
        let (from, to) = (self.from, self.first.len());
        let (stride, divisor) = match () {
            () if from == 0 || to == 0 => return None,
            () if from.is_multiple_of(to) => (from / to, 1),
            () if to.is_multiple_of(from) => (1, to / from),
            () => return None,
        };
        let (mut pad, mut ahead) = (0_usize, 0_usize);
        for (row, &first) in self.first.iter().enumerate() {
            let Ok(first) = usize::try_from(first) else { continue };
            let origin = row * stride / divisor;
            pad = pad.max(origin.saturating_sub(first));
            ahead = ahead.max((first + self.taps - 1).saturating_sub(origin));
        }
        Some(Rows { stride, divisor, pad, reach: pad + ahead + 1 })
    }
}

/// What an axis is resized to.
#[derive(Clone, Copy)]
struct Target {
    to: usize,
    scale: f32,
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
    let sizes = if is_resize_of_11(node) { node.known_ints(3, "sizes")?.filter(|sizes| !sizes.is_empty()) } else { None };
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
        other => {
            let found = format!("attribute `keep_aspect_ratio_policy` is `{other}`");
            return Err(OpError::new(found).supported("stretch, not_larger, not_smaller"));
        }
    };
    Ok(extents.iter().map(|&from| Target { to: (from as f32 * common).round() as usize, scale: common }).collect())
}

/// Whether the node has the inputs that `Resize` has since opset 11: `roi`, `scales` and `sizes`.
fn is_resize_of_11(node: &NodeView<'_>) -> bool {
    node.op_type == "Resize" && node.opset >= 11
}

/// The scales, where there are any: an input, or an attribute of `Upsample` before opset 9.
fn scales(node: &NodeView<'_>) -> Result<Option<Vec<f32>>, OpError> {
    let slot = if is_resize_of_11(node) { 2 } else { 1 };
    let Some(tensor) = node.known_input(slot, "scales")? else {
        return match node.attributes.get("scales") {
            Some(Attribute::Floats(scales)) => Ok(Some(scales.clone())),
            _ => Ok(None),
        };
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

/// How elements are made of their neighbours.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Nearest(Rounding),
    Linear,
    Cubic { coefficient: f32, exclude_outside: bool },
}

/// Which neighbour is the nearest.
#[derive(Clone, Copy, PartialEq)]
enum Rounding {
    PreferFloor,
    PreferCeil,
    Floor,
    Ceil,
    /// As it was before opset 11: the lower one, or the upper one where the axis shrinks.
    Outer,
}

/// Where elements of the output lie in the input.
#[derive(Clone, Copy, PartialEq)]
enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    TfHalfPixelForNn,
    TfCropAndResize,
}

/// The arithmetic of one axis.
struct Method {
    mode: Mode,
    coordinates: Coordinates,
}

impl Method {
    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let is_old = !is_resize_of_11(node);
        if node.flag("antialias")?.unwrap_or(false) {
            let refusal = OpError::unsupported("attribute `antialias` is 1").supported("0");
            return Err(refusal.help("where a map shrinks by a whole number, an `AveragePool` of as large strides does not alias either"));
        }
        let mode = match node.string("mode")?.unwrap_or("nearest") {
            "nearest" if is_old => Mode::Nearest(Rounding::Outer),
            "nearest" => Mode::Nearest(match node.string("nearest_mode")?.unwrap_or("round_prefer_floor") {
                "round_prefer_floor" => Rounding::PreferFloor,
                "round_prefer_ceil" => Rounding::PreferCeil,
                "floor" => Rounding::Floor,
                "ceil" => Rounding::Ceil,
                other => {
                    let found = format!("attribute `nearest_mode` is `{other}`");
                    return Err(OpError::new(found).supported("round_prefer_floor, round_prefer_ceil, floor, ceil"));
                }
            }),
            "linear" => Mode::Linear,
            "cubic" if !is_old => {
                let coefficient = node.finite("cubic_coeff_a")?.unwrap_or(-0.75);
                Mode::Cubic { coefficient, exclude_outside: node.flag("exclude_outside")?.unwrap_or(false) }
            }
            other => {
                let supported = if is_old { "nearest, linear" } else { "nearest, linear, cubic" };
                return Err(OpError::new(format!("attribute `mode` is `{other}`")).supported(supported));
            }
        };
        let coordinates = match node.string("coordinate_transformation_mode")?.unwrap_or("half_pixel") {
            _ if is_old => Coordinates::Asymmetric,
            "half_pixel" => Coordinates::HalfPixel,
            "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
            "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
            "align_corners" => Coordinates::AlignCorners,
            "asymmetric" => Coordinates::Asymmetric,
            "tf_half_pixel_for_nn" => Coordinates::TfHalfPixelForNn,
            "tf_crop_and_resize" => Coordinates::TfCropAndResize,
            other => {
                let known = "half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric, tf_crop_and_resize";
                return Err(OpError::new(format!("attribute `coordinate_transformation_mode` is `{other}`")).supported(known));
            }
        };
        Ok(Method { mode, coordinates })
    }

    /// What the elements of an axis are made of; no extent is zero.
    fn table(&self, target: Target, from: usize, roi: [f32; 2]) -> Table {
        let taps = match self.mode {
            Mode::Nearest(_) => 1,
            Mode::Linear => 2,
            Mode::Cubic { .. } => 4,
        };
        let mut table = Table { from, taps: taps.min(from), first: Vec::new(), factors: Vec::new() };
        for at in 0..target.to {
            let x = self.coordinate(at, target, from, roi);
            if self.coordinates == Coordinates::TfCropAndResize && !(0.0..=(from - 1) as f32).contains(&x) {
                table.first.push(-1);
                table.factors.extend(repeat_n(0.0, table.taps));
                continue;
            }
            match self.mode {
                Mode::Nearest(rounding) => table.push(rounding.nearest(x, target.scale < 1.0), &[1.0]),
                Mode::Linear => {
                    let (below, part) = parts(x);
                    table.push(below, &[1.0 - part, part]);
                }
                Mode::Cubic { coefficient, exclude_outside } => {
                    let (below, part) = parts(x);
                    let mut factors = cubic(f64::from(coefficient), part);
                    if exclude_outside {
                        let is_outside = |k: usize| !(0..from as i64).contains(&(below - 1 + k as i64));
                        (0..4).filter(|&k| is_outside(k)).for_each(|k| factors[k] = 0.0);
                        let sum: f64 = factors.iter().sum();
                        factors = factors.map(|factor| if sum == 0.0 { factor } else { factor / sum });
                    }
                    table.push(below - 1, &factors);
                }
            }
        }
        table
    }

    /// Where element `at` of the output lies in the input.
    fn coordinate(&self, at: usize, Target { to, scale }: Target, from: usize, [begin, end]: [f32; 2]) -> f32 {
        let x = at as f32;
        let last = from.saturating_sub(1) as f32;
        let half_pixel = (x + 0.5) / scale - 0.5;
        match self.coordinates {
            Coordinates::HalfPixel => half_pixel,
            Coordinates::HalfPixelSymmetric => {
                let adjustment = to as f32 / (scale * from as f32);
                from as f32 / 2.0 * (1.0 - adjustment) + (x + 0.5) / scale - 0.5
            }
            Coordinates::PytorchHalfPixel => {
                if to > 1 {
                    half_pixel
                } else {
                    0.0
                }
            }
            Coordinates::AlignCorners if to == 1 => 0.0,
            Coordinates::AlignCorners => x * last / (to - 1) as f32,
            Coordinates::Asymmetric => x / scale,
            Coordinates::TfHalfPixelForNn => (x + 0.5) / scale,
            Coordinates::TfCropAndResize if to == 1 => 0.5 * (begin + end) * last,
            Coordinates::TfCropAndResize => begin * last + x * (end - begin) * last / (to - 1) as f32,
        }
    }
}

impl Rounding {
    /// The neighbour of `x`, which may lie beside the input.
    fn nearest(self, x: f32, shrinks: bool) -> i64 {
        match self {
            Rounding::PreferFloor if x == x.trunc() + 0.5 => x.floor() as i64,
            Rounding::PreferFloor | Rounding::PreferCeil => x.round() as i64,
            Rounding::Floor => x.floor() as i64,
            Rounding::Ceil => x.ceil() as i64,
            Rounding::Outer => (if shrinks { x.ceil() } else { x.floor() }) as i64,
        }
    }
}

impl Table {
    /// Adds an element that is made of those from `first` on; what lies beside the input is the element at its edge.
    fn push(&mut self, first: i64, factors: &[f64]) {
        let (last, most) = (self.from as i64 - 1, (self.from - self.taps) as i64);
        let begin = first.clamp(0, most);
        let mut sums = [0.0_f64; 4];
        for (at, factor) in (first..).zip(factors) {
            sums[(at.clamp(0, last) - begin) as usize] += factor;
        }
        self.first.push(begin as i32);
        self.factors.extend(sums[..self.taps].iter().map(|&sum| sum as f32));
    }
}

/// The whole number below `x`, and what is left.
fn parts(x: f32) -> (i64, f64) {
    (x.floor() as i64, f64::from(x) - f64::from(x.floor()))
}

/// The factors of the two neighbours below and the two above.
fn cubic(a: f64, part: f64) -> [f64; 4] {
    let near = |t: f64| ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0;
    let far = |t: f64| ((a * t - 5.0 * a) * t + 8.0 * a) * t - 4.0 * a;
    [far(part + 1.0), near(part), near(1.0 - part), far(2.0 - part)]
}

#[cfg(test)]
mod tests {
    use crate::onnx::node::Attribute;
    use crate::ops::case::Case;

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
