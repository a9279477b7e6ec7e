//! `LayerNormalization`, `RMSNormalization`, `GroupNormalization`, `InstanceNormalization`, `MeanVarianceNormalization` and
//! `LpNormalization`: groups of elements less their mean, over their deviation or their norm, and where it has them with a known scale and
//! bias.
//!
//! Of the results of `LayerNormalization` the first alone is computed. The mean is found before the variance.

use std::sync::Arc;

use peleec_runtime::NormKind;

use super::broadcast::{broadcast, source_index};
use super::operands::{Sum, axis, distinct_axes, evaluated, float_type, floats, output_shape, product};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::steps::kernels::Normalize as Kernel;
use crate::steps::{Lowering, Packed};
use crate::tensor::{Shape, Tensor, TensorType};

/// What forms a group, and which of its elements have a scale and a bias in common.
#[derive(Clone, Debug, PartialEq)]
enum Groups {
    /// The elements along these axes; ascending.
    Along(Vec<usize>),
    /// The elements along the axes from one on; scale and bias are broadcast.
    From(usize),
    /// The elements of each channel, with a scale and a bias each.
    Channels,
    /// The elements of so many groups of channels, with a scale and a bias a channel, or a group as ONNX had it before opset 21.
    OfChannels { count: usize, a_channel_each: bool },
}

/// Inputs: `X`, and for most `scale` and `B`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Normalization {
    name: &'static str,
    groups: Groups,
    kind: NormKind,
    /// What is added to a variance or a mean of squares.
    epsilon: f32,
    /// What is added to its root.
    beside: f32,
}

/// Names, with what elements are divided by.
const NAMES: [(&str, NormKind); 6] = [
    ("LayerNormalization", NormKind::Moments),
    ("RMSNormalization", NormKind::RootMeanSquare),
    ("GroupNormalization", NormKind::Moments),
    ("InstanceNormalization", NormKind::Moments),
    ("MeanVarianceNormalization", NormKind::Moments),
    ("LpNormalization", NormKind::L2),
];

/// Input slots of the parameters.
const PARAMETERS: [(usize, &str); 2] = [(1, "scale"), (2, "B")];

impl Operator for Normalization {
    const ATTRIBUTES: &'static [KnownAttribute] = &[
        known::int("axis").of(&["LayerNormalization", "RMSNormalization", "LpNormalization"]),
        known::float("epsilon").of(&["LayerNormalization", "RMSNormalization", "GroupNormalization", "InstanceNormalization"]),
        known::int("num_groups").of(&["GroupNormalization"]),
        known::ints("axes").of(&["MeanVarianceNormalization"]),
        known::int("p").one_of(&["1", "2"]).of(&["LpNormalization"]),
        known::ignored("stash_type").of(&["LayerNormalization", "RMSNormalization", "GroupNormalization"]),
    ];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let rank = node.input_type(0)?.shape.rank();
        let (name, mut kind) = *NAMES.iter().find(|(name, _)| *name == node.op_type).ok_or_else(|| OpError::unsupported("is no norm"))?;
        let from_last = || axis(node.int("axis")?.unwrap_or(-1), rank);
        let groups = match name {
            "LayerNormalization" | "RMSNormalization" => Groups::From(from_last()?),
            "InstanceNormalization" => Groups::Channels,
            "GroupNormalization" => match node.int("num_groups")? {
                Some(count @ 1..=0xffff) => Groups::OfChannels { count: count as usize, a_channel_each: node.opset >= 21 },
                Some(count) => return Err(OpError::new(format!("attribute `num_groups` is {count}")).supported("1 to 65535")),
                None => return Err(OpError::new("attribute `num_groups` is missing")),
            },
            "MeanVarianceNormalization" => {
                let mut axes = distinct_axes(node.ints("axes")?.unwrap_or(&[0, 2, 3]), rank)?;
                axes.sort_unstable();
                Groups::Along(axes)
            }
            _ => {
                kind = match node.int("p")?.unwrap_or(2) {
                    1 => NormKind::L1,
                    2 => NormKind::L2,
                    _ => return Err(node.unread("p")),
                };
                Groups::Along(vec![from_last()?])
            }
        };
        let (epsilon, beside) = match groups {
            // As the function has it by which ONNX defines it.
            Groups::Along(_) => (0.0, if kind == NormKind::Moments { 1e-9 } else { 0.0 }),
            _ => (node.finite("epsilon")?.unwrap_or(1e-5), 0.0),
        };
        Ok(Normalization { name, groups, kind, epsilon, beside })
    }

    fn op_type(&self) -> Option<&'static str> {
        Some(self.name)
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let x = float_type(inputs, 0)?;
        self.layout(&x.shape)?;
        for (slot, name) in PARAMETERS {
            let is_there = inputs.get(slot).copied().flatten().is_some();
            if self.wants(slot) || is_there {
                let found = float_type(inputs, slot)?;
                let taken = self.parameter(&x.shape, &found.shape);
                taken.ok_or_else(|| OpError::new(format!("`{name}` is {found} where `X` is {x}")).supported(self.supported(&x.shape)))?;
            }
        }
        Ok(vec![x.clone()])
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let (shape, x) = (output_shape(self, inputs)?, floats(inputs, 0)?);
        let (dims, axes) = self.layout(&shape)?;
        let mut kept = dims.clone();
        axes.iter().for_each(|&axis| kept.0[axis] = 1);
        let group = |i: usize| source_index(i, &dims, &kept);
        let count = product(&axes.iter().map(|&axis| dims[axis]).collect::<Vec<_>>()) as f32;
        let sums = |term: &dyn Fn(usize) -> f32| {
            let mut sums = vec![Sum::from(0.0); kept.elements()];
            (0..x.len()).for_each(|i| sums[group(i)].add(term(i)));
            sums.iter().map(|sum| sum.value(Sum::LONGEST)).collect::<Vec<f32>>()
        };
        let means: Vec<f32> = match self.kind {
            NormKind::Moments => sums(&|i| x[i]).into_iter().map(|sum| sum / count).collect(),
            _ => vec![0.0; kept.elements()],
        };
        let totals = match self.kind {
            NormKind::L1 => sums(&|i| x[i].abs()),
            _ => sums(&|i| (x[i] - means[group(i)]) * (x[i] - means[group(i)])),
        };
        let divisor = |total: f32| match self.kind {
            NormKind::Moments | NormKind::RootMeanSquare => (total / count + self.epsilon).sqrt() + self.beside,
            // Zeros stay zeros.
            _ if total == 0.0 => 1.0,
            NormKind::L1 => total,
            NormKind::L2 => total.sqrt(),
        };
        let divisors: Vec<f32> = totals.into_iter().map(divisor).collect();
        let mut values: Vec<f32> = (0..x.len()).map(|i| (x[i] - means[group(i)]) / divisors[group(i)]).collect();
        for (slot, _) in PARAMETERS {
            let Some(parameter) = inputs.get(slot).copied().flatten() else { continue };
            let (parameters, like) = (floats(inputs, slot)?, self.parameter(&shape, parameter.shape()).unwrap_or_default());
            for (i, value) in values.iter_mut().enumerate() {
                let parameter = parameters[source_index(i, &dims, &like)];
                *value = if slot == 1 { *value * parameter } else { *value + parameter };
            }
        }
        evaluated(Tensor::f32(shape, values))
    }

    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        float_type(inputs, 0).map_or(0, |x| product(&[x.shape.elements(), 16]) as u64)
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let (x, shape) = (ctx.tensor(0)?, ctx.shape());
        let (dims, axes) = self.layout(&shape)?;
        let parameters = self.joined(ctx, &shape)?;
        let kernel = Kernel { axes, kind: self.kind, epsilon: self.epsilon, beside: self.beside, is_scaled: parameters.is_some() };
        let is_same = dims == shape;
        let from = if is_same { x } else { ctx.viewed(x, dims.clone()) };
        let mut reads = vec![ctx.whole(from)];
        if let Some(parameters) = parameters {
            let tensor = ctx.known(parameters)?;
            reads.push(ctx.whole(tensor));
        }
        let to = if is_same { ctx.output() } else { ctx.output_as(dims) };
        let write = ctx.whole(to);
        ctx.push(Arc::new(kernel), reads, write, &Packed::default(), 0);
        if !is_same {
            ctx.finish(to);
        }
        Ok(())
    }
}

/// The most scales, and the most shifts.
const MOST_PARAMETERS: usize = 1 << 22;

impl Normalization {
    /// `X`'s shape in which some axes are those of a group, and these axes.
    fn layout(&self, x: &Shape) -> Result<(Shape, Vec<usize>), OpError> {
        let from = |first: usize, rank: usize| (first..rank).collect::<Vec<_>>();
        match &self.groups {
            Groups::Along(axes) if axes.iter().all(|&axis| axis < x.rank()) => Ok((x.clone(), axes.clone())),
            Groups::From(axis) if *axis < x.rank() => Ok((x.clone(), from(*axis, x.rank()))),
            Groups::Along(_) | Groups::From(_) => Err(OpError::new(format!("`X` has shape {x}, which has not the axes"))),
            _ if x.rank() < 2 => Err(OpError::new(format!("`X` has shape {x}")).supported("[N,C,..]")),
            Groups::Channels => Ok((x.clone(), from(2, x.rank()))),
            Groups::OfChannels { count, .. } if !x[1].is_multiple_of(*count) => {
                Err(OpError::new(format!("`X` has {} channels, which are no {count} groups", x[1])))
            }
            Groups::OfChannels { count, .. } => {
                let dims = [&[x[0], *count, x[1] / count][..], &x[2..]].concat();
                let axes = from(2, dims.len());
                Ok((Shape(dims), axes))
            }
        }
    }

    /// Whether it cannot do without the parameter.
    fn wants(&self, slot: usize) -> bool {
        match self.groups {
            Groups::Along(_) => false,
            Groups::From(_) => slot == 1,
            Groups::Channels | Groups::OfChannels { .. } => true,
        }
    }

    /// The shape of a parameter that is broadcast to the layout of `x`, where it serves.
    fn parameter(&self, x: &Shape, found: &Shape) -> Option<Shape> {
        let behind = vec![1; x.rank().saturating_sub(2)];
        match self.groups {
            Groups::Along(_) => None,
            Groups::From(_) => broadcast(x, found).is_ok_and(|shape| shape == *x).then(|| found.clone()),
            Groups::Channels => (found[..] == x[1..2]).then(|| Shape([vec![x[1]], behind].concat())),
            Groups::OfChannels { count, a_channel_each: true } => {
                (found[..] == x[1..2]).then(|| Shape([vec![count, x[1] / count], behind].concat()))
            }
            Groups::OfChannels { count, a_channel_each: false } => (found[..] == [count]).then(|| Shape([vec![count, 1], behind].concat())),
        }
    }

    /// The shape of parameters, in words.
    fn supported(&self, x: &Shape) -> String {
        match self.groups {
            Groups::Along(_) | Groups::From(_) => "what is broadcast to `X`".to_owned(),
            Groups::OfChannels { count, a_channel_each: false } => format!("[{count}]"),
            Groups::Channels | Groups::OfChannels { .. } => format!("[{}]", x[1]),
        }
    }

    /// Scales, and then shifts, where there are any.
    fn joined(&self, ctx: &Lowering<'_>, x: &Shape) -> Result<Option<Tensor>, OpError> {
        let mut found = Vec::new();
        for (slot, name) in PARAMETERS {
            if ctx.has(slot) {
                let values = ctx.weights(slot, name)?;
                let shape = ctx.constant(slot).and_then(|tensor| self.parameter(x, tensor.shape())).unwrap_or_default();
                found.push((values, shape));
            }
        }
        let Some(&(scales, ref scale_shape)) = found.first() else { return Ok(None) };
        // A bias that is left out is zero.
        let zero = [0.0f32];
        let none = (&zero[..], Shape::default());
        let &(shifts, ref shift_shape) = found.get(1).unwrap_or(&none);
        let shape = broadcast(scale_shape, shift_shape)?;
        if shape.elements() > MOST_PARAMETERS {
            let found = format!("scales and shifts are of shape {shape} together");
            return Err(OpError::unsupported(found).supported(format!("{MOST_PARAMETERS} elements")));
        }
        let spread = |values: &[f32], own: &Shape| (0..shape.elements()).map(|i| values[source_index(i, &shape, own)]).collect::<Vec<_>>();
        let values = [spread(scales, scale_shape), spread(shifts, shift_shape)].concat();
        Ok(Tensor::f32([&[2][..], &shape[..]].concat(), values))
    }
}

#[cfg(test)]
mod tests {
    use crate::node::Attribute;
    use crate::ops::test_case::Case;
    use crate::tensor::unravel;

    /// Values of onnxruntime, and of ONNX's reference where it has none, are rounded so.
    fn rounded(case: &Case) -> Vec<f32> {
        case.values().iter().map(|v| (v * 1e3).round() / 1e3).collect()
    }

    const X: [f32; 8] = [1.0, -2.0, 3.0, 0.5, -4.0, 2.0, 1.5, 5.0];

    fn map(name: &'static str, opset: i64) -> Case {
        Case::new(name, opset).floats(&[1, 4, 1, 2], &X)
    }

    fn matrix(name: &'static str, opset: i64) -> Case {
        Case::new(name, opset).floats(&[2, 3], &X[..6])
    }

    #[test]
    fn each_channel() {
        let case = map("InstanceNormalization", 6).with("epsilon", Attribute::Float(1e-2));
        let case = case.floats(&[4], &[1.0, 2.0, -1.0, 0.5]).floats(&[4], &[0.0, 1.0, 0.0, -1.0]);
        assert_eq!(rounded(&case), [0.998, -0.998, 2.994, -0.994, 0.999, -0.999, -1.499, -0.501]);
    }

    #[test]
    fn groups_of_channels() {
        let old = map("GroupNormalization", 18).int("num_groups", 2).floats(&[2], &[2.0, 3.0]).floats(&[2], &[0.0, 1.0]);
        assert_eq!(rounded(&old), [0.421, -2.948, 2.667, -0.14, -3.734, 1.808, 1.346, 4.58]);
        let new = map("GroupNormalization", 21).int("num_groups", 2);
        let new = new.floats(&[4], &[1.0, 2.0, -1.0, 0.5]).floats(&[4], &[0.0, 1.0, 0.0, -1.0]);
        assert_eq!(rounded(&new), [0.211, -1.474, 3.667, 0.86, 1.578, -0.269, -0.942, -0.403]);
    }

    #[test]
    fn layers() {
        let scale = [1.0, 2.0, -1.0];
        let biased = matrix("LayerNormalization", 17).floats(&[3], &scale).floats(&[3], &[0.0, 1.0, 0.5]);
        assert_eq!(rounded(&biased), [0.162, -1.596, -0.636, 0.392, -1.746, -0.481]);
        let all = matrix("LayerNormalization", 17).int("axis", 0).with("epsilon", Attribute::Float(1e-2)).floats(&[3], &scale);
        assert_eq!(rounded(&all), [0.384, -1.743, -1.22, 0.174, -3.417, -0.802]);
        assert_eq!(rounded(&matrix("RMSNormalization", 23).floats(&[3], &scale)), [0.463, -1.852, -1.389, 0.192, -3.079, -0.77]);
    }

    #[test]
    fn without_parameters() {
        assert_eq!(rounded(&matrix("LpNormalization", 1).int("p", 1)), [0.167, -0.333, 0.5, 0.077, -0.615, 0.308]);
        assert_eq!(rounded(&matrix("LpNormalization", 22).int("axis", 0)), [0.894, -0.447, 0.832, 0.447, -0.894, 0.555]);
        assert_eq!(Case::new("LpNormalization", 22).floats(&[2], &[0.0, 0.0]).values(), [0.0, 0.0]);
        assert_eq!(rounded(&map("MeanVarianceNormalization", 13)), [1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0, 1.0]);
        let rows = matrix("MeanVarianceNormalization", 9).ints("axes", &[1]);
        assert_eq!(rounded(&rows), [0.162, -1.298, 1.136, 0.392, -1.373, 0.981]);
    }

    #[test]
    fn refusals() {
        let group = |count| Case::new("GroupNormalization", 18).int("num_groups", count).input(&[1, 4, 2]).input(&[2]).input(&[2]);
        assert_eq!(group(3).refusal(), "`X` has 4 channels, which are no 3 groups");
        assert_eq!(group(0).refusal(), "attribute `num_groups` is 0 (supported: 1 to 65535)");
        assert_eq!(group(4).refusal(), "`scale` is f32[2] where `X` is f32[1,4,2] (supported: [4])");
        assert!(Case::new("GroupNormalization", 21).input(&[1, 4, 2]).refusal().contains("`num_groups` is missing"));
        assert_eq!(matrix("LpNormalization", 1).int("p", 3).refusal(), "attribute `p` is 3 (supported: 1, 2)");
        assert!(matrix("LayerNormalization", 17).floats(&[2], &[1.0; 2]).refusal().contains("broadcast to `X`"));
        assert!(matrix("LayerNormalization", 17).refusal().contains("input 1 is missing"));
        assert!(matrix("LayerNormalization", 17).int("axis", 2).refusal().contains("axis 2"));
        assert!(matrix("MeanVarianceNormalization", 9).refusal().contains("axis 2 is not one of 2 dimensions"));
        assert!(Case::new("InstanceNormalization", 6).input(&[4]).input(&[4]).input(&[4]).refusal().contains("[N,C,..]"));
        assert!(Case::new("InstanceNormalization", 6).i64s(&[1]).refusal().contains("i64"));
    }

    /// A case over the values below, the axes of a group where that is all, or how many groups of channels.
    type Row = (&'static str, i64, Vec<usize>, Result<Vec<usize>, usize>, Vec<usize>);

    /// By doubles; with a scale and a bias where there are any, whose elements are known.
    #[test]
    fn groups_at_run_time_by_their_definition() {
        let rows: [Row; 11] = [
            ("LayerNormalization", 17, vec![2, 3, 4], Ok(vec![2]), vec![4]),
            ("LayerNormalization", 17, vec![2, 3, 4], Ok(vec![1, 2]), vec![3, 4]),
            ("LayerNormalization", 17, vec![2, 3, 4], Ok(vec![1, 2]), vec![3, 1]),
            ("LayerNormalization", 17, vec![5], Ok(vec![0]), vec![1]),
            ("RMSNormalization", 23, vec![2, 3, 4], Ok(vec![0, 1, 2]), vec![4]),
            ("InstanceNormalization", 6, vec![2, 3, 4], Ok(vec![2]), vec![3]),
            ("InstanceNormalization", 6, vec![2, 3, 2, 2], Ok(vec![2, 3]), vec![3]),
            ("GroupNormalization", 21, vec![2, 6, 2, 2], Err(3), vec![6]),
            ("GroupNormalization", 18, vec![2, 6, 4], Err(2), vec![2]),
            ("MeanVarianceNormalization", 13, vec![2, 3, 2, 2], Ok(vec![0, 2, 3]), vec![]),
            ("LpNormalization", 22, vec![2, 3, 4], Ok(vec![1]), vec![]),
        ];
        for (name, opset, dims, groups, parameter) in rows {
            let count: usize = dims.iter().product();
            let values: Vec<f32> = (0..count).map(|at| ((at * 29 + 7) % 17) as f32 / 4.0 - 2.0).collect();
            let of = |first: f32| (0..parameter.iter().product()).map(|at: usize| first + at as f32 * 0.5).collect::<Vec<_>>();
            let (scale, bias, has_parameters) = (of(0.5), of(-1.0), !parameter.is_empty());
            let case = Case::new(name, opset).floats(&dims, &values);
            let case = if has_parameters { case.floats(&parameter, &scale) } else { case };
            let has_bias = has_parameters && name != "RMSNormalization";
            let case = if has_bias { case.floats(&parameter, &bias) } else { case };
            let case = match (&groups, name) {
                (Err(count), _) => case.int("num_groups", *count as i64),
                (Ok(axes), "LayerNormalization" | "RMSNormalization") => case.int("axis", axes[0] as i64 - dims.len() as i64),
                (Ok(axes), "LpNormalization") => case.int("axis", axes[0] as i64),
                _ => case,
            };
            let found = case.executed(&[1, 2]).unwrap().remove(0);
            let channels = |at: usize| unravel(at, &dims)[1];
            // Elements of a group have this number in common.
            let group = |at: usize| match &groups {
                Ok(axes) => unravel(at, &dims)
                    .iter()
                    .enumerate()
                    .fold(0, |group, (axis, &at)| 8 * group + if axes.contains(&axis) { 0 } else { at }),
                Err(groups) => 8 * unravel(at, &dims)[0] + channels(at) / (dims[1] / groups),
            };
            let element = |at: usize| match name {
                "InstanceNormalization" => channels(at),
                "GroupNormalization" if parameter[0] == dims[1] => channels(at),
                "GroupNormalization" => channels(at) / (dims[1] / parameter[0]),
                // Broadcast from the last axis on.
                _ => crate::ops::broadcast::source_index(at, &dims, &parameter),
            };
            for (at, &found) in found.as_f32().unwrap().iter().enumerate() {
                let members: Vec<f64> = (0..count).filter(|&other| group(other) == group(at)).map(|other| values[other].into()).collect();
                let n = members.len() as f64;
                let is_centred = !matches!(name, "RMSNormalization" | "LpNormalization");
                let mean = if is_centred { members.iter().sum::<f64>() / n } else { 0.0 };
                let squares: f64 = members.iter().map(|value| (value - mean).powi(2)).sum();
                let divisor = match name {
                    "LpNormalization" => squares.sqrt(),
                    "MeanVarianceNormalization" => (squares / n).sqrt() + 1e-9,
                    _ => (squares / n + 1e-5).sqrt(),
                };
                let mut wanted = (f64::from(values[at]) - mean) / divisor;
                if has_parameters {
                    wanted = wanted * f64::from(scale[element(at)]) + if has_bias { bias[element(at)].into() } else { 0.0 };
                }
                assert!((f64::from(found) - wanted).abs() < 1e-5, "{name} of {dims:?} at {at}: {found} is not {wanted}");
            }
        }
    }
}
