//! `Pad`: any axes padded with a constant, or with the input's own elements: mirrored (`reflect`), the outermost (`edge`), or those of the
//! other end (`wrap`).
//!
//! A constant is put around elements of any type in one pass; the input's own are copied, axis by axis, in steps of evenly spaced slices.

use std::ops::Range;

use super::gather::{copy_parts, evenly_spaced};
use super::operands::{distinct_axes, evaluated, floats, integers, ints, is_true, output, output_shape, tensor, typed};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::steps::Lowering;
use crate::steps::kernels::{Pad as Kernel, PadValue};
use crate::tensor::{DType, Data, Tensor, TensorType};
use crate::tensor::{ravel, unravel};

/// One input; the pads, the mode, the value and the axes are read when the node is parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pad {
    /// Begins of all axes, then ends of all axes.
    pub(crate) pads: Vec<usize>,
    pub(crate) mode: PadMode,
}

/// What stands around the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum PadMode {
    Constant(f32),
    /// A constant around integers, or around truth, as 0 or 1.
    Integer(i64),
    Reflect,
    Edge,
    Wrap,
}

impl Operator for Pad {
    const ATTRIBUTES: &'static [KnownAttribute] = &[
        known::string("mode").one_of(&["constant", "reflect", "edge", "wrap"]),
        known::ints("pads"),
        known::float("value"),
        known::refused("paddings"),
    ];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let mode = match node.string("mode")?.unwrap_or("constant") {
            "constant" => constant(node)?,
            "reflect" => PadMode::Reflect,
            "edge" => PadMode::Edge,
            "wrap" => PadMode::Wrap,
            _ => return Err(node.unread("mode")),
        };
        let rank = node.input_type(0)?.shape.rank();
        let found = ints(node, 1, "pads")?.ok_or_else(|| OpError::new("`pads` is missing"))?;
        let padded = match node.known_ints(3, "axes")? {
            Some(found) => distinct_axes(&found, rank)?,
            None => (0..rank).collect(),
        };
        Ok(Pad { pads: over_all_axes(&found, &padded, rank)?, mode })
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let x = typed(inputs, 0)?;
        let is_constant = self.mode.value().is_some();
        let of_floats = |value: PadValue| matches!(value, PadValue::Float(_));
        if self.mode.value().is_some_and(|value| of_floats(value) != (x.dtype == DType::F32)) {
            return Err(OpError::new(format!("input 0 is {x}, and `constant_value` is of another type")));
        }
        let rank = x.shape.rank();
        if self.pads.len() != 2 * rank {
            return Err(OpError::new(format!("{} pads are given for {x}", self.pads.len())).supported(format!("{}", 2 * rank)));
        }
        let is_padded = |axis: usize| self.pads[axis] > 0 || self.pads[rank + axis] > 0;
        if let Some(axis) = (0..rank).find(|&axis| !is_constant && x.shape[axis] == 0 && is_padded(axis)) {
            return Err(OpError::new(format!("the input is {x}: axis {axis} has no elements to pad with")).supported("extents from 1"));
        }
        let padded = |axis: usize| x.shape[axis].checked_add(self.pads[axis])?.checked_add(self.pads[rank + axis]);
        let dims = (0..rank).map(padded).collect::<Option<Vec<_>>>();
        output(x.dtype, dims.ok_or_else(|| OpError::new(format!("pads {:?} are too large", self.pads)))?)
    }

    /// Elements of any type are copied.
    fn runs(&self, _inputs: &[Option<&TensorType>]) -> bool {
        true
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let like = tensor(inputs, 0)?.shape();
        let strides = like.strides();
        let Some(value) = self.mode.value() else {
            let source = |flat: usize| {
                let index = unravel(flat, &shape);
                let places = index.iter().enumerate().map(|(axis, &at)| self.mode.source(at, self.pads[axis], like[axis]));
                ravel(&places.collect::<Vec<_>>(), &strides)
            };
            return Ok(vec![tensor(inputs, 0)?.gathered(&shape, source)]);
        };
        let inside = |flat: usize| {
            let mut index = unravel(flat, &shape);
            for (axis, i) in index.iter_mut().enumerate() {
                *i = i.checked_sub(self.pads[axis]).filter(|&inside| inside < like[axis])?;
            }
            Some(ravel(&index, &strides))
        };
        let (x, places) = (tensor(inputs, 0)?, (0..shape.elements()).map(inside));
        let data = match (value, x.data()) {
            (PadValue::Integer(value), Data::Bool(x)) => Data::Bool(places.map(|at| at.map_or(is_true(&value), |at| x[at])).collect()),
            (PadValue::Integer(value), _) => {
                let values = x.to_i64s().ok_or_else(|| OpError::new(format!("input 0 is {}", x.ty())).supported("integers"))?;
                integers(x.dtype(), places.map(|at| at.map_or(value, |at| values[at])))
            }
            (PadValue::Float(value), _) => {
                let x = floats(inputs, 0)?;
                Data::F32(places.map(|at| at.map_or(value, |at| x[at])).collect())
            }
        };
        evaluated(Tensor::new(shape.clone(), data))
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let Some(value) = self.mode.value() else { return self.lower_by_axis(ctx) };
        let read = ctx.input(0)?;
        let begins = self.pads[..read.dims.len()].to_vec();
        ctx.step(Kernel { begins, value }, vec![read]);
        Ok(())
    }
}

impl Pad {
    /// One padded axis after the other: the input as a part of what it becomes, and copies of its slices around it.
    fn lower_by_axis(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let mut x = ctx.tensor(0)?;
        let rank = self.pads.len() / 2;
        let padded: Vec<usize> = (0..rank).filter(|&axis| self.pads[axis] > 0 || self.pads[rank + axis] > 0).collect();
        let Some(&last) = padded.last() else {
            ctx.finish(x);
            return Ok(());
        };
        for axis in padded {
            let mut shape = ctx.shape_of(x).clone();
            let (begin, extent) = (self.pads[axis], shape[axis]);
            shape.0[axis] = begin + extent + self.pads[rank + axis];
            let sources = |places: Range<usize>| places.map(|at| self.mode.source(at, begin, extent)).collect::<Vec<_>>();
            let mut parts = evenly_spaced(&sources(0..begin));
            parts.push((0, 1, extent));
            parts.extend(evenly_spaced(&sources(begin + extent..shape[axis])));
            let y = if axis == last { ctx.output() } else { ctx.between(shape) };
            copy_parts(ctx, [x, y], axis, parts)?;
            x = y;
        }
        Ok(())
    }
}

impl PadMode {
    /// The constant, where it is one.
    fn value(self) -> Option<PadValue> {
        match self {
            PadMode::Constant(value) => Some(PadValue::Float(value)),
            PadMode::Integer(value) => Some(PadValue::Integer(value)),
            PadMode::Reflect | PadMode::Edge | PadMode::Wrap => None,
        }
    }

    /// Which of an axis's `extent` elements, one at least, stands at index `at` where `begin` are put before them.
    fn source(self, at: usize, begin: usize, extent: usize) -> usize {
        let (at, extent) = (at as i64 - begin as i64, extent as i64);
        let source = match self {
            PadMode::Wrap => at.rem_euclid(extent),
            PadMode::Reflect => {
                // There and back; one element is mirrored to itself.
                let period = (2 * extent - 2).max(1);
                let at = at.rem_euclid(period);
                at.min(period - at)
            }
            PadMode::Edge | PadMode::Constant(_) | PadMode::Integer(_) => at.clamp(0, extent - 1),
        };
        source as usize
    }
}

/// The value around the input, of its type: an attribute up to opset 10, an input since.
fn constant(node: &NodeView<'_>) -> Result<PadMode, OpError> {
    let x = node.input_type(0)?.dtype;
    let given = node.known_input(2, "constant_value")?;
    let is_float = x == DType::F32;
    let Some(value) = given else {
        return Ok(if is_float { PadMode::Constant(node.float("value")?.unwrap_or(0.0)) } else { PadMode::Integer(0) });
    };
    let mode = match value.data() {
        _ if value.dtype() != x || value.shape().elements() != 1 => None,
        Data::F32(value) => value.first().map(|&value| PadMode::Constant(value)),
        Data::Bool(value) => value.first().map(|&value| PadMode::Integer(value.into())),
        _ => value.to_i64s().and_then(|value| Some(PadMode::Integer(*value.first()?))),
    };
    mode.ok_or_else(|| OpError::unsupported(format!("input `constant_value` is {}", value.ty())).supported(format!("one {x}")))
}

/// `found`, begins then ends of the axes `padded`, as begins then ends of all axes.
fn over_all_axes(found: &[i64], padded: &[usize], rank: usize) -> Result<Vec<usize>, OpError> {
    let n_axes = padded.len();
    if found.len() != 2 * n_axes {
        return Err(OpError::new(format!("`pads` is {found:?} for {n_axes} axes")).supported(format!("{} values", 2 * n_axes)));
    }
    let mut pads = vec![0; 2 * rank];
    for (i, &pad) in found.iter().enumerate() {
        let end = i / n_axes * rank;
        let refusal = || OpError::unsupported(format!("`pads` is {found:?}")).supported("pads of zero and above");
        pads[padded[i % n_axes] + end] = usize::try_from(pad).map_err(|_| refusal())?;
    }
    Ok(pads)
}

#[cfg(test)]
mod tests {
    use crate::ir::test_build::Random;
    use crate::node::Attribute;
    use crate::ops::test_case::{Case, floats};
    use crate::tensor::{DType, Data, Shape, Tensor, TensorType};
    use crate::tensor::{ravel, unravel};

    fn row() -> Case {
        Case::new("Pad", 18).floats(&[1, 2], &[1.0, 2.0])
    }

    #[test]
    fn pads_from_attributes_inputs_and_axes() {
        let expected = floats(&[2, 4], &[0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(Case::new("Pad", 7).ints("pads", &[0, 1, 1, 1]).floats(&[1, 2], &[1.0, 2.0]).evaluate(), Ok(expected.clone()));
        assert_eq!(row().i64s(&[0, 1, 1, 1]).evaluate(), Ok(expected.clone()));
        assert_eq!(row().i64s(&[1, 0, 1, 1]).none().i64s(&[-1, 0]).evaluate(), Ok(expected));
        assert_eq!(row().i64s(&[2, 0]).floats(&[], &[9.0]).i64s(&[1]).values(), [9.0, 9.0, 1.0, 2.0]);
        let old_value = Case::new("Pad", 7).ints("pads", &[0, 0, 0, 1]).with("value", Attribute::Float(3.0));
        assert_eq!(old_value.floats(&[1, 1], &[1.0]).values(), [1.0, 3.0]);
    }

    #[test]
    fn pads_of_its_own_elements() {
        let cases: [(&str, [i64; 2], &[i64]); 5] = [
            ("reflect", [2, 1], &[3, 2, 1, 2, 3, 2]),
            ("reflect", [5, 0], &[2, 1, 2, 3, 2, 1, 2, 3]),
            ("edge", [2, 1], &[1, 1, 1, 2, 3, 3]),
            ("wrap", [4, 2], &[3, 1, 2, 3, 1, 2, 3, 1, 2]),
            ("wrap", [0, 0], &[1, 2, 3]),
        ];
        for (mode, pads, expected) in cases {
            let case = Case::new("Pad", 19).string("mode", mode).i64s(&[1, 2, 3]).i64s(&pads);
            assert_eq!(case.evaluate(), Ok(Tensor::i64s(expected)), "{mode} {pads:?}");
        }
        let both = Case::new("Pad", 13).string("mode", "reflect").floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]).i64s(&[1, 0, 0, 1]);
        assert_eq!(both.evaluate(), Ok(floats(&[3, 3], &[3.0, 4.0, 3.0, 1.0, 2.0, 1.0, 3.0, 4.0, 3.0])));
        let one = Case::new("Pad", 13).string("mode", "reflect").floats(&[1], &[7.0]).i64s(&[1, 2]);
        assert_eq!(one.values(), [7.0; 4]);
    }

    #[test]
    fn elements_are_of_any_type() {
        let bytes = || TensorType::new(DType::I8, [2]);
        for mode in ["edge", "constant"] {
            let case = Case::new("Pad", 13).string("mode", mode).typed(bytes()).i64s(&[1, 0]);
            assert_eq!(case.infer(), Ok(TensorType::new(DType::I8, [3])));
            assert!(case.parse().unwrap().runs(&[Some(&bytes())]));
        }
    }

    #[test]
    fn constants_of_the_elements_type() {
        let tensor = |shape: &[usize], data: Data| Tensor::new(Shape(shape.to_vec()), data).unwrap();
        for (x, value, expected) in [
            (Data::U8([1, 2].into()), Data::U8([255].into()), Data::U8([255, 1, 2, 255].into())),
            (Data::I8([1, 2].into()), Data::I8([-128].into()), Data::I8([-128, 1, 2, -128].into())),
            (Data::I32([1, 2].into()), Data::I32([-7].into()), Data::I32([-7, 1, 2, -7].into())),
            (Data::I64([1, 2].into()), Data::I64([i64::MIN].into()), Data::I64([i64::MIN, 1, 2, i64::MIN].into())),
            (Data::Bool([false, true].into()), Data::Bool([true].into()), Data::Bool([true, false, true, true].into())),
        ] {
            let case = || Case::new("Pad", 13).known(tensor(&[2], x.clone())).i64s(&[1, 1]);
            assert_eq!(case().known(tensor(&[], value)).evaluate(), Ok(tensor(&[4], expected)));
            let around_zero = case().evaluate().unwrap();
            assert!(around_zero.as_bytes().iter().take(around_zero.dtype().bytes()).all(|&byte| byte == 0), "{around_zero:?}");
        }
    }

    #[test]
    fn refusals() {
        let other = row().string("mode", "symmetric").i64s(&[0; 4]).refusal();
        assert_eq!(other, "attribute `mode` is `symmetric` (supported: constant, reflect, edge, wrap)");
        let empty = Case::new("Pad", 13).string("mode", "edge").input(&[2, 0]).i64s(&[0, 1, 0, 0]);
        assert!(empty.refusal().contains("axis 1 has no elements to pad with"));
        assert!(row().i64s(&[0, -1, 0, 0]).refusal().contains("zero and above"));
        assert!(row().i64s(&[0, 1]).refusal().contains("4 values"));
        assert!(row().i64s(&[0; 4]).i64s(&[1]).refusal().contains("`constant_value` is i64[1] (supported: one f32)"));
        assert!(row().i64s(&[0; 4]).floats(&[0], &[]).refusal().contains("`constant_value` is f32[0]"));
        assert!(row().i64s(&[0; 4]).none().i64s(&[0, 2]).refusal().contains("axis 2"));
        assert!(row().i64s(&[0; 4]).none().i64s(&[1, -1]).refusal().contains("twice"));
        assert!(row().i64s(&[0, 0, 0, i64::MAX]).refusal().contains("too many"));
        assert!(row().input(&[4]).refusal().contains("run time"));
        assert!(row().refusal().contains("missing"));
    }

    /// Where a place beside an axis is taken from, by steps from the nearest end: there and back, or round.
    fn source(mode: &str, at: i64, extent: i64) -> i64 {
        let (mut at, last) = (at, extent - 1);
        while !(0..extent).contains(&at) {
            at = match mode {
                "edge" => at.clamp(0, last),
                "wrap" if at < 0 => at + extent,
                "wrap" => at - extent,
                _ if last == 0 => 0,
                _ if at < 0 => -at,
                _ => 2 * last - at,
            };
        }
        at
    }

    /// Pads that are wider than the axis, too.
    #[test]
    fn any_pads_at_run_time() {
        let mut random = Random(1);
        for round in 0..160 {
            let mode = ["constant", "edge", "reflect", "wrap"][round % 4];
            let dims: Vec<usize> = (0..1 + random.index(4)).map(|_| 1 + random.index(4)).collect();
            let pads: Vec<usize> = (0..2 * dims.len()).map(|_| random.index(3) * random.index(4)).collect();
            let values: Vec<f32> = (0..dims.iter().product()).map(|at: usize| at as f32).collect();
            let words: Vec<i64> = pads.iter().map(|&pad| pad as i64).collect();
            let case = Case::new("Pad", 19).string("mode", mode).floats(&dims, &values).i64s(&words);
            let case = if mode == "constant" { case.floats(&[], &[-1.5]) } else { case };
            let to: Vec<usize> = (0..dims.len()).map(|axis| pads[axis] + dims[axis] + pads[dims.len() + axis]).collect();
            let value = |flat: usize| {
                let mut own = Vec::new();
                for (axis, at) in unravel(flat, &to).into_iter().enumerate() {
                    let (at, extent) = (at as i64 - pads[axis] as i64, dims[axis] as i64);
                    if mode == "constant" && !(0..extent).contains(&at) {
                        return -1.5;
                    }
                    own.push(source(mode, at, extent) as usize);
                }
                values[ravel(&own, &Shape(dims.clone()).strides())]
            };
            let wanted = floats(&to, &(0..to.iter().product()).map(value).collect::<Vec<_>>());
            assert_eq!(case.computed(&[]), wanted, "{mode} {pads:?} around {dims:?}");
        }
    }
}
