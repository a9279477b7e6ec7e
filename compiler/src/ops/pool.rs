//! `MaxPool`, `AveragePool`, `GlobalMaxPool` and `GlobalAveragePool`: 1-D, 2-D or 3-D with any kernel, stride, pads, dilation and `ceil_mode`.
//!
//! An average sums its taps in the order (kz, ky, kx), then divides by their number. A maximum starts from its first tap and moves on a
//! greater one, so a NaN wins only as the first tap. Padding never wins; a window that lies in padding alone is refused.
//!
//! With three spatial axes a step pools the rows and columns of each depth, and one the depths of what that gives. So an average is one of
//! averages, of the same number of taps each: it rounds once a depth more. Maxima are the same but for NaNs: one that
//! is the first tap of its depth hides the others of that depth.

use std::sync::Arc;

use super::operands::{Sum, evaluated, floats, output, output_shape, product, tensor, typed};
use super::window;
use super::{Cast, OpError, Operator, volume};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::plan::problem::TensorId;
use crate::steps::kernels::{Kernel, MaxPool2d, Pool2d};
use crate::steps::{Lowering, Packed};
use crate::tensor::window::{Axis, Window, dhw, with_spatial};
use crate::tensor::{DType, Shape, Tensor, TensorType};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum PoolKind {
    Max,
    /// The divisor is the number of cells inside the map, or inside the map and its pads; never beyond those.
    Average {
        count_include_pad: bool,
    },
}

impl PoolKind {
    pub(crate) fn lowered(self) -> peleec_runtime::PoolKind {
        match self {
            PoolKind::Max => peleec_runtime::PoolKind::Max,
            PoolKind::Average { count_include_pad: false } => peleec_runtime::PoolKind::AverageInside,
            PoolKind::Average { count_include_pad: true } => peleec_runtime::PoolKind::AveragePadded,
        }
    }
}

/// One input, [N,C,W], [N,C,H,W] or [N,C,D,H,W]; `MaxPool`'s `Indices` are not computed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pool {
    pub(crate) kind: PoolKind,
    pub(crate) window: Window,
}

impl Pool {
    /// A step an image, from `x` to the operator's output; two where there is a depth.
    pub(super) fn lower_from(&self, ctx: &mut Lowering<'_>, x: TensorId) -> Result<(), OpError> {
        if let Some(&along) = self.window.depth.as_deref() {
            return self.lower_depths(ctx, x, along);
        }
        let y = ctx.output();
        self.steps(ctx, self.window.clone(), x, y)
    }

    /// Pools each depth by rows and columns, then all pixels `along` the depth.
    fn lower_depths(&self, ctx: &mut Lowering<'_>, x: TensorId, along: Axis) -> Result<(), OpError> {
        let (shape, from) = (ctx.shape(), volume::joined(ctx, x));
        let ([depth, ..], [depths, height, width]) = (dhw(ctx.shape_of(x)), dhw(&shape));
        let (batch, channels, pixels) = (shape[0], shape[1], product(&[height, width]));
        let plane = Window { depth: None, ..self.window.clone() };
        let planes = if plane.is_pointwise() {
            from
        } else if along.is_pointwise() {
            let y = volume::output(ctx);
            self.steps(ctx, plane, from, y)?;
            y
        } else {
            let planes = ctx.between(Shape(vec![batch, product(&[depth, channels]), height, width]));
            self.steps(ctx, plane, from, planes)?;
            planes
        };
        if along.is_pointwise() {
            volume::finish(ctx, planes);
            return Ok(());
        }
        // A map whose rows are the depths.
        let by_depth = ctx.viewed(planes, Shape(vec![batch, depth, channels, pixels]));
        let rows = ctx.permuted(by_depth, vec![0, 2, 1, 3]);
        let column = Window {
            kernel: [along.kernel, 1],
            strides: [along.stride, 1],
            dilations: [along.dilation, 1],
            pads: [along.pads[0], 0, along.pads[1], 0],
            ceil_mode: self.window.ceil_mode,
            depth: None,
        };
        let y = ctx.output_as(Shape(vec![batch, channels, depths, pixels]));
        self.steps(ctx, column, rows, y)?;
        ctx.finish(y);
        Ok(())
    }

    /// A step an image.
    fn steps(&self, ctx: &mut Lowering<'_>, window: Window, x: TensorId, y: TensorId) -> Result<(), OpError> {
        let batch = ctx.shape()[0];
        let kernel: Arc<dyn Kernel> = match ctx.dtype() {
            DType::F32 => Arc::new(Pool2d { window, kind: self.kind.lowered() }),
            _ => Arc::new(MaxPool2d { window }),
        };
        ctx.images(batch)?;
        for n in 0..batch {
            let (read, write) = (ctx.image(x, n), ctx.image(y, n));
            ctx.push(kernel.clone(), vec![read], write, &Packed::default(), 0);
        }
        Ok(())
    }
}

/// The operators that have a window of their own.
const SLIDING: &[&str] = &["MaxPool", "AveragePool"];

impl Operator for Pool {
    const ATTRIBUTES: &'static [KnownAttribute] = &[
        known::ints("kernel_shape").of(SLIDING),
        known::ints("strides").of(SLIDING),
        known::ints("dilations").of(SLIDING),
        known::ints("pads").of(SLIDING),
        window::AUTO_PAD.of(SLIDING),
        known::flag("ceil_mode").of(SLIDING),
        known::flag("storage_order").only(&["0"]).of(&["MaxPool"]),
        known::flag("count_include_pad").of(&["AveragePool"]),
    ];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let input = &node.input_type(0)?.shape;
        // The list has the one order in which there is nothing to do.
        node.flag("storage_order")?;
        let kind = match node.op_type {
            "MaxPool" | "GlobalMaxPool" => PoolKind::Max,
            _ => PoolKind::Average { count_include_pad: node.flag("count_include_pad")?.unwrap_or(false) },
        };
        let window = match node.op_type.starts_with("Global") {
            true => Window::whole(input)?,
            false => window::parse(node, None, input, node.flag("ceil_mode")?.unwrap_or(false))?,
        };
        Ok(Pool { kind, window })
    }

    fn op_type(&self) -> Option<&'static str> {
        Some(if self.kind == PoolKind::Max { "MaxPool" } else { "AveragePool" })
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let x = typed(inputs, 0)?;
        if !self.takes(x.dtype) {
            let supported = if self.kind == PoolKind::Max { "f32, i8, u8" } else { "f32" };
            return Err(OpError::unsupported(format!("input 0 is {}", x.dtype)).supported(supported));
        }
        let spatial = self.window.output(&x.shape)?;
        let (axes, extents) = (self.window.axes(), dhw(&x.shape));
        if !(0..3).all(|axis| axes[axis].reaches_cells(extents[axis], spatial[axis])) {
            let axes = &axes[usize::from(self.window.depth.is_none())..];
            let kernel: Vec<usize> = axes.iter().map(|axis| axis.kernel).collect();
            let pads: Vec<usize> = [0, 1].iter().flat_map(|&end| axes.iter().map(move |axis| axis.pads[end])).collect();
            let found = format!("a window of kernel {kernel:?} and pads {pads:?} on {x} lies in padding alone");
            return Err(OpError::unsupported(found).supported("pads smaller than the kernel"));
        }
        output(x.dtype, with_spatial(&x.shape, x.shape[0], x.shape[1], spatial))
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let like = inputs[0].map(|tensor| tensor.shape().clone()).unwrap_or_default();
        // Of bytes the maxima are the same as floats.
        let dtype = tensor(inputs, 0)?.dtype();
        let as_floats = Cast { to: DType::F32 }.evaluate(&inputs[..1])?;
        let (x, extents, [od, oh, ow]) = (floats(&[as_floats.first()], 0)?, dhw(&like), dhw(&shape));
        let mut values = Vec::with_capacity(shape.elements());
        for plane in 0..product(&shape[..2]) {
            let map = &x[plane * product(&extents)..][..product(&extents)];
            for (z, y) in (0..od).flat_map(|z| (0..oh).map(move |y| (z, y))) {
                values.extend((0..ow).map(|at| self.one(map, extents, [z, y, at])));
            }
        }
        Cast { to: dtype }.evaluate(&[evaluated(Tensor::f32(shape, values))?.first()])
    }

    fn runs(&self, inputs: &[Option<&TensorType>]) -> bool {
        inputs.iter().flatten().all(|ty| self.takes(ty.dtype))
    }

    /// A step an image.
    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let x = ctx.tensor(0)?;
        self.lower_from(ctx, x)
    }

    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        let elements = self.infer(inputs).map_or(0, |outputs| outputs[0].shape.elements());
        let [depth, rows, columns] = self.window.axes().map(|axis| axis.kernel);
        product(&[elements, depth, rows, columns]) as u64
    }
}

impl Pool {
    /// Whether it pools elements of this type.
    fn takes(&self, dtype: DType) -> bool {
        dtype == DType::F32 || self.kind == PoolKind::Max && matches!(dtype, DType::I8 | DType::U8)
    }

    fn one(&self, map: &[f32], [d, h, w]: [usize; 3], [z, y, x]: [usize; 3]) -> f32 {
        let [depth, rows, columns] = self.window.axes();
        let lines = depth.taps(z, d).flat_map(move |(_, iz)| rows.taps(y, h).map(move |(_, iy)| iz * h + iy));
        let taps = lines.flat_map(move |line| columns.taps(x, w).map(move |(_, ix)| map[line * w + ix]));
        match self.kind {
            PoolKind::Max => taps.reduce(|max, v| if v > max { v } else { max }).unwrap_or(f32::MIN),
            PoolKind::Average { count_include_pad } => {
                let mut sum = Sum::from(0.0);
                taps.for_each(|v| sum.add(v));
                let counted = |axis: Axis, at: usize, extent: usize| axis.count(at, extent, count_include_pad);
                sum.value(Sum::LONGEST) / (counted(depth, z, d) * counted(rows, y, h) * counted(columns, x, w)) as f32
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::test_case::Case;

    const NINE: [f32; 9] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];

    fn nine(op_type: &'static str, kernel: &[i64], stride: i64) -> Case {
        Case::new(op_type, 19).ints("kernel_shape", kernel).ints("strides", &[stride, stride]).floats(&[1, 1, 3, 3], &NINE)
    }

    #[test]
    fn shapes() {
        let map =
            |extent: usize| Case::new("MaxPool", 12).ints("kernel_shape", &[2, 2]).ints("strides", &[2, 2]).input(&[1, 1, extent, extent]);
        assert_eq!(map(19).shape(), Ok(vec![1, 1, 9, 9]));
        assert_eq!(map(19).int("ceil_mode", 1).shape(), Ok(vec![1, 1, 10, 10]));
        assert_eq!(map(19).string("auto_pad", "SAME_UPPER").shape(), Ok(vec![1, 1, 10, 10]));
        assert_eq!(map(19).ints("dilations", &[3, 3]).shape(), Ok(vec![1, 1, 8, 8]));
        // The last window would start in the trailing pad.
        assert_eq!(map(3).ints("pads", &[1, 1, 1, 1]).int("ceil_mode", 1).shape(), Ok(vec![1, 1, 2, 2]));
        assert_eq!(Case::new("GlobalAveragePool", 1).input(&[2, 3, 7, 5]).shape(), Ok(vec![2, 3, 1, 1]));
        assert_eq!(Case::new("MaxPool", 12).ints("kernel_shape", &[3]).input(&[1, 2, 9]).shape(), Ok(vec![1, 2, 7]));
    }

    #[test]
    fn maxima() {
        assert_eq!(nine("MaxPool", &[2, 2], 1).values(), [5.0, 6.0, 8.0, 9.0]);
        assert_eq!(nine("MaxPool", &[2, 2], 2).int("ceil_mode", 1).values(), [5.0, 6.0, 8.0, 9.0]);
        assert_eq!(nine("MaxPool", &[2, 2], 1).ints("dilations", &[2, 2]).values(), [9.0]);
        let negative = Case::new("MaxPool", 12).ints("kernel_shape", &[3]).ints("pads", &[1, 1]).floats(&[1, 1, 2], &[-5.0, -7.0]);
        assert_eq!(negative.values(), [-5.0, -5.0]);
        assert_eq!(nine("GlobalMaxPool", &[], 1).values(), [9.0]);
    }

    #[test]
    fn a_nan_wins_only_as_the_first_tap() {
        let row = |values: [f32; 2]| Case::new("MaxPool", 12).ints("kernel_shape", &[2]).floats(&[1, 1, 2], &values).values();
        assert_eq!(row([1.0, f32::NAN]), [1.0]);
        assert!(row([f32::NAN, 1.0])[0].is_nan());
    }

    #[test]
    fn averages_of_cut_off_windows() {
        // Columns: {1,2}, {3}; the last window is cut off, not padded.
        assert_eq!(nine("AveragePool", &[2, 2], 2).int("ceil_mode", 1).values(), [3.0, 4.5, 7.5, 9.0]);
        let padded = || nine("AveragePool", &[2, 2], 2).ints("pads", &[1, 1, 0, 0]);
        assert_eq!(padded().values(), [1.0, 2.5, 5.5, 7.0]);
        assert_eq!(padded().int("count_include_pad", 1).values(), [0.25, 1.25, 2.75, 7.0]);
        // Padded extent 5: windows at 0 and 3, of which the last holds one cell and one pad, and is cut off there.
        let row = |include| {
            let case = Case::new("AveragePool", 19).ints("kernel_shape", &[3]).ints("strides", &[3]).ints("pads", &[1, 1]);
            case.int("ceil_mode", 1).int("count_include_pad", include).floats(&[1, 1, 3], &[1.0, 2.0, 3.0]).values()
        };
        assert_eq!((row(0), row(1)), (vec![1.5, 3.0], vec![1.0, 1.5]));
        assert_eq!(nine("GlobalAveragePool", &[], 1).values(), [5.0]);
    }

    /// A volume of 1 to 12, three deep, with what onnxruntime gives.
    fn volume(op_type: &'static str, kernel: &[i64]) -> Case {
        let x: Vec<f32> = (1..=12u8).map(f32::from).collect();
        Case::new(op_type, 19).ints("kernel_shape", kernel).floats(&[1, 1, 3, 2, 2], &x)
    }

    #[test]
    fn three_dimensions() {
        assert_eq!(volume("MaxPool", &[2, 2, 2]).values(), [8.0, 12.0]);
        let up = volume("MaxPool", &[2, 2, 1]).ints("strides", &[2, 1, 1]).int("ceil_mode", 1);
        assert_eq!((up.shape(), up.values()), (Ok(vec![1, 1, 2, 1, 2]), vec![7.0, 8.0, 11.0, 12.0]));
        let padded =
            |include| volume("AveragePool", &[3, 1, 2]).ints("pads", &[1, 0, 0, 1, 0, 1]).int("count_include_pad", include).values();
        assert_eq!(padded(0), [3.5, 4.0, 5.5, 6.0, 5.5, 6.0, 7.5, 8.0, 7.5, 8.0, 9.5, 10.0]);
        let counted: [f32; 12] = [14.0, 8.0, 22.0, 12.0, 33.0, 18.0, 45.0, 24.0, 30.0, 16.0, 38.0, 20.0];
        assert_eq!(padded(1), counted.map(|sum| sum / 6.0));
        assert_eq!(volume("GlobalAveragePool", &[]).values(), [6.5]);
        assert_eq!(volume("GlobalMaxPool", &[]).values(), [12.0]);
        assert_eq!(volume("MaxPool", &[2, 2, 2]).string("auto_pad", "SAME_UPPER").shape(), Ok(vec![1, 1, 3, 2, 2]));
        let alone = volume("MaxPool", &[2, 1, 1]).ints("pads", &[2, 0, 0, 0, 0, 0]).refusal();
        assert!(alone.contains("a window of kernel [2, 1, 1] and pads [2, 0, 0, 0, 0, 0]"), "{alone}");
    }

    #[test]
    fn refusals() {
        assert!(nine("MaxPool", &[2, 2], 1).int("storage_order", 1).refusal().contains("storage_order"));
        assert!(nine("MaxPool", &[2, 2], 1).ints("pads", &[2, 0, 0, 0]).refusal().contains("padding alone"));
        assert!(nine("MaxPool", &[2, 2], 1).ints("pads", &[0, 0, 0, 2]).refusal().contains("padding alone"));
        assert!(nine("MaxPool", &[2, 2], 1).ints("dilations", &[9, 9]).ints("pads", &[8, 8, 8, 8]).refusal().contains("padding alone"));
        assert!(nine("MaxPool", &[4, 4], 1).refusal().contains("does not fit"));
        assert!(nine("MaxPool", &[0, 1], 1).refusal().contains("`kernel_shape` is [0, 1]"));
        assert!(Case::new("MaxPool", 12).input(&[1, 1, 3, 3]).refusal().contains("`kernel_shape` is missing"));
        assert!(Case::new("GlobalAveragePool", 1).input(&[1, 1, 0, 3]).refusal().contains("is empty"));
        assert!(Case::new("GlobalAveragePool", 1).input(&[1, 1]).refusal().contains("2 dimensions"));
    }
}
