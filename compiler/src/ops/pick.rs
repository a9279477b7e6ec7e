//! `Slice`, `Split`, `Expand` and `Tile`: parts and repetitions of a tensor.
//!
//! Where a part in the tensor's own order and its readers can share the tensor's memory, nothing is copied.

use std::sync::Arc;

use super::broadcast::broadcast;
use super::operands::{axis, distinct_axes, ints, output, tensor, typed};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::plan::problem::Relation;
use crate::steps::kernels::Strided;
use crate::steps::{Lowering, Packed};
use crate::tensor::{Shape, Tensor, TensorType};
use crate::tensor::{ravel, unravel};

/// Which elements of an axis an output has: `len` of them from `start`, `step` apart, counted round where they reach the end.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    start: usize,
    step: i64,
    len: usize,
}

/// One input; what is picked is read when the node is parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pick {
    input: Shape,
    /// One entry an output, which has a range for each of its axes; the input's axes are the last ones.
    outputs: Vec<Vec<Range>>,
    name: &'static str,
}

impl Operator for Pick {
    const ATTRIBUTES: &'static [KnownAttribute] = &[
        known::ints("starts").of(&["Slice"]),
        known::ints("ends").of(&["Slice"]),
        known::ints("axes").of(&["Slice"]),
        known::int("axis").of(&["Split"]),
        known::ints("split").of(&["Split"]),
        known::int("num_outputs").of(&["Split"]),
    ];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let input = node.input_type(0)?.shape.clone();
        let (name, outputs) = match node.op_type {
            "Slice" => ("Slice", vec![sliced(node, &input)?]),
            "Split" => ("Split", split(node, &input)?),
            "Expand" => ("Expand", vec![expanded(node, &input)?]),
            _ => ("Tile", vec![tiled(node, &input)?]),
        };
        Ok(Pick { input, outputs, name })
    }

    fn op_type(&self) -> Option<&'static str> {
        Some(self.name)
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let input = typed(inputs, 0)?;
        if input.shape != self.input {
            return Err(OpError::new(format!("the input is {input} where [{}] is picked from", self.input)));
        }
        let of = |ranges: &Vec<Range>| output(input.dtype, ranges.iter().map(|range| range.len).collect::<Vec<_>>());
        Ok(self.outputs.iter().map(of).collect::<Result<Vec<_>, _>>()?.concat())
    }

    fn runs(&self, _inputs: &[Option<&TensorType>]) -> bool {
        let is_walked = |ranges: &Vec<Range>| (0..ranges.len()).all(|axis| ranges[axis].times(self.extent(ranges, axis)).is_some());
        self.outputs.iter().all(is_walked)
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let x = ctx.tensor(0)?;
        for (slot, ranges) in self.outputs.iter().enumerate().filter(|(slot, _)| ctx.is_read(*slot)).collect::<Vec<_>>() {
            let axes = self.axes(ranges)?;
            let of = |extent: fn(&Axis) -> usize| Shape(axes.iter().map(extent).collect());
            let from = ctx.reshaped(x, of(|axis| axis.extent));
            let mut part = ctx.whole(from);
            for (at, axis) in axes.iter().enumerate() {
                (part.start[at], part.dims[at]) = axis.span();
            }
            let shape = of(|axis| axis.range.len);
            // What repeats has axes of its own for it, and one output.
            let is_whole = shape.rank() == ranges.len();
            let y = if is_whole { ctx.output_at(slot) } else { ctx.output_as(shape) };
            let steps: Vec<i64> = axes.iter().map(|axis| axis.range.step).collect();
            let write = ctx.whole(y);
            if steps.iter().all(|&step| step == 1) {
                ctx.push_move(part, write, Relation::Same);
            } else {
                ctx.push(Arc::new(Strided { steps }), vec![part], write, &Packed::default(), 0);
            }
            if !is_whole {
                ctx.finish(y);
            }
        }
        Ok(())
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let input = tensor(inputs, 0)?;
        let types = self.infer(&[Some(&input.ty())])?;
        let strides = input.shape().strides();
        let picked = |(ranges, ty): (&Vec<Range>, &TensorType)| {
            let new = ranges.len() - self.input.rank();
            input.gathered(&ty.shape, |flat| {
                let index = unravel(flat, &ty.shape);
                let places =
                    index[new..].iter().zip(&ranges[new..]).zip(self.input.iter()).map(|((&i, range), &extent)| range.at(i, extent));
                ravel(&places.collect::<Vec<_>>(), &strides)
            })
        };
        Ok(self.outputs.iter().zip(&types).map(picked).collect())
    }
}

/// An axis of what a kernel walks: what it reads of an extent, a step of zero for one element that is repeated.
struct Axis {
    extent: usize,
    range: Range,
}

impl Axis {
    /// The first element that is read, and how many there are from it to the last.
    fn span(&self) -> (usize, usize) {
        let reach = self.range.step.unsigned_abs() as usize * self.range.len.saturating_sub(1);
        let start = if self.range.step < 0 { self.range.start.saturating_sub(reach) } else { self.range.start };
        (start, reach + usize::from(self.range.len > 0))
    }
}

impl Pick {
    /// The extent of the input along an axis of an output: one along those that are new.
    fn extent(&self, ranges: &[Range], axis: usize) -> usize {
        (axis + self.input.rank()).checked_sub(ranges.len()).map_or(1, |own| self.input[own])
    }

    /// The axes of an output as a kernel walks them: one more for each that is repeated and has more than one element.
    fn axes(&self, ranges: &[Range]) -> Result<Vec<Axis>, OpError> {
        let mut axes = Vec::new();
        for (at, range) in ranges.iter().enumerate() {
            let extent = self.extent(ranges, at);
            match range.times(extent) {
                None => return Err(OpError::unsupported(format!("picks {range:?} of {extent}"))),
                Some(1) => {
                    let step = if range.len > 1 { range.step } else { 1 };
                    axes.push(Axis { extent, range: Range { step, ..*range } });
                }
                Some(times) => {
                    axes.push(Axis { extent: 1, range: Range { start: 0, step: 0, len: times } });
                    if extent > 1 {
                        axes.push(Axis { extent, range: Range { start: 0, step: 1, len: extent } });
                    }
                }
            }
        }
        Ok(axes)
    }

    /// Whether the one output is the input.
    pub(crate) fn hands_on(&self) -> bool {
        let [ranges] = self.outputs.as_slice() else { return false };
        let whole =
            |(range, &extent): (&Range, &usize)| *range == Range { start: 0, step: 1, len: extent } || (range.len, extent) == (1, 1);
        ranges.len() == self.input.rank() && ranges.iter().zip(self.input.iter()).all(whole)
    }
}

impl Range {
    /// How often the axis of `extent` elements is repeated: once where a part of it is taken; none where that cannot be walked in steps.
    fn times(self, extent: usize) -> Option<usize> {
        let last = self.step.saturating_mul(self.len as i64 - 1).saturating_add(self.start as i64);
        let is_part = self.len <= 1 || (self.step != 0 && (0..extent as i64).contains(&last));
        let is_repeated = self.start == 0 && (self.step == 1 || extent == 1) && self.len.checked_rem(extent) == Some(0);
        if is_part { Some(1) } else { is_repeated.then(|| self.len / extent) }
    }

    fn at(self, i: usize, extent: usize) -> usize {
        (self.start as i64).wrapping_add(self.step.wrapping_mul(i as i64)).rem_euclid(extent as i64) as usize
    }
}

fn whole(input: &Shape) -> Vec<Range> {
    input.iter().map(|&extent| Range { start: 0, step: 1, len: extent }).collect()
}

/// Bounds are inputs since opset 10; each counts from the end where it is negative, and is cut to the axis.
fn sliced(node: &NodeView<'_>, input: &Shape) -> Result<Vec<Range>, OpError> {
    let missing = |name: &str| OpError::new(format!("`{name}` is missing"));
    let starts = ints(node, 1, "starts")?.ok_or_else(|| missing("starts"))?;
    let ends = ints(node, 2, "ends")?.ok_or_else(|| missing("ends"))?;
    let axes = ints(node, 3, "axes")?.filter(|axes| !axes.is_empty()).unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = node.known_ints(4, "steps")?.filter(|steps| !steps.is_empty()).unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        let found = format!("{} starts, {} ends, {} axes and {} steps", starts.len(), ends.len(), axes.len(), steps.len());
        return Err(OpError::new(found).supported("as many of each"));
    }
    let mut ranges = whole(input);
    for (i, axis) in distinct_axes(&axes, input.rank())?.into_iter().enumerate() {
        ranges[axis] = slice(starts[i], ends[i], steps[i], input[axis])?;
    }
    Ok(ranges)
}

fn slice(start: i64, end: i64, step: i64, extent: usize) -> Result<Range, OpError> {
    let extent = extent as i64;
    let from_end = |at: i64| if at < 0 { at.saturating_add(extent) } else { at };
    let (start, end) = (from_end(start), from_end(end));
    let len = match step {
        0 => return Err(OpError::new("`steps` holds 0").supported("any other number")),
        1.. => {
            let (start, end) = (start.clamp(0, extent), end.clamp(0, extent));
            (start, (end - start).max(0) as u64)
        }
        _ => {
            // A start before the axis is its first element, an end there is before this.
            let (start, end) = (start.clamp(0, (extent - 1).max(0)), end.clamp(-1, extent - 1));
            (start, (start - end).clamp(0, extent) as u64)
        }
    };
    let (start, reach) = len;
    Ok(Range { start: start.max(0) as usize, step, len: reach.div_ceil(step.unsigned_abs()) as usize })
}

/// Parts of the given lengths, or as many equal ones as there are outputs, of which the last may be shorter.
fn split(node: &NodeView<'_>, input: &Shape) -> Result<Vec<Vec<Range>>, OpError> {
    let axis = axis(node.int("axis")?.unwrap_or(0), input.rank())?;
    let extent = input[axis];
    let lengths = match ints(node, 1, "split")?.filter(|lengths| !lengths.is_empty()) {
        Some(found) => {
            let lengths = found.iter().map(|&length| usize::try_from(length)).collect::<Result<Vec<_>, _>>().ok();
            let fits = |lengths: &Vec<usize>| lengths.iter().try_fold(0usize, |sum, &length| sum.checked_add(length)) == Some(extent);
            lengths
                .filter(fits)
                .ok_or_else(|| OpError::new(format!("`split` is {found:?}")).supported(format!("parts of {extent} together")))?
        }
        None => {
            let count = node.int("num_outputs")?.map_or(node.outputs, |count| usize::try_from(count).unwrap_or(0));
            let refusal = || OpError::new(format!("{count} parts of an extent of {extent}")).supported(format!("1 to {extent} parts"));
            if count == 0 || count > extent.max(1) {
                return Err(refusal());
            }
            if count != node.outputs {
                return Err(OpError::new(format!("{} outputs are named for {count} parts", node.outputs)));
            }
            let length = extent.div_ceil(count);
            (0..count).map(|part| length.min(extent.saturating_sub(part * length))).collect()
        }
    };
    if lengths.len() < node.outputs {
        return Err(OpError::new(format!("{} outputs are named for {} parts", node.outputs, lengths.len())));
    }
    let mut start = 0;
    let part = |len: usize| {
        let mut ranges = whole(input);
        ranges[axis] = Range { start, step: 1, len };
        start += len;
        ranges
    };
    Ok(lengths.into_iter().map(part).collect())
}

/// An extent of one is repeated; new axes come in front.
fn expanded(node: &NodeView<'_>, input: &Shape) -> Result<Vec<Range>, OpError> {
    let wanted = extents(node, "shape")?;
    let shape = broadcast(input, &wanted)?;
    let own = whole(input).into_iter();
    let new = shape.rank() - input.rank();
    let ranges = vec![Range { start: 0, step: 0, len: 1 }; new].into_iter().chain(own);
    Ok(ranges.zip(shape.iter()).map(|(range, &len)| Range { len, ..range }).collect())
}

fn tiled(node: &NodeView<'_>, input: &Shape) -> Result<Vec<Range>, OpError> {
    let repeats = extents(node, "repeats")?;
    if repeats.len() != input.rank() {
        return Err(OpError::new(format!("`repeats` is {repeats:?} for {input}")).supported(format!("{} values", input.rank())));
    }
    let range = |(&extent, &times): (&usize, &usize)| {
        let len = extent.checked_mul(times).ok_or_else(|| OpError::new(format!("`repeats` {repeats:?} is too much")))?;
        Ok(Range { start: 0, step: 1, len })
    };
    input.iter().zip(&repeats).map(range).collect()
}

/// The known integers of input 1, none of them negative.
fn extents(node: &NodeView<'_>, name: &str) -> Result<Vec<usize>, OpError> {
    let found = node.known_ints(1, name)?.ok_or_else(|| OpError::new(format!("`{name}` is missing")))?;
    let extents = found.iter().map(|&extent| usize::try_from(extent)).collect::<Result<Vec<_>, _>>();
    extents.map_err(|_| OpError::new(format!("`{name}` is {found:?}")).supported("numbers from 0"))
}

#[cfg(test)]
mod tests {
    use crate::ir::test_build::Random;
    use crate::ops::test_case::{Case, floats};
    use crate::tensor::Tensor;
    use crate::tensor::{ravel, unravel};

    fn slice(bounds: &[&[i64]]) -> Case {
        bounds.iter().fold(Case::new("Slice", 13).i64s(&[0, 1, 2, 3, 4]), |case, bound| case.i64s(bound))
    }

    #[test]
    fn slices_in_either_direction() {
        let cases: [(&[&[i64]], &[i64]); 10] = [
            (&[&[1], &[3]], &[1, 2]),
            (&[&[-2], &[i64::MAX]], &[3, 4]),
            (&[&[0], &[5], &[0], &[2]], &[0, 2, 4]),
            (&[&[-1], &[i64::MIN + 1], &[0], &[-1]], &[4, 3, 2, 1, 0]),
            (&[&[i64::MAX], &[0], &[-1], &[-3]], &[4, 1]),
            (&[&[-9], &[i64::MIN + 1], &[0], &[-1]], &[0]),
            (&[&[3], &[1]], &[]),
            (&[&[-9], &[9], &[], &[]], &[0, 1, 2, 3, 4]),
            (&[&[], &[]], &[0, 1, 2, 3, 4]),
            (&[&[7], &[9]], &[]),
        ];
        for (bounds, expected) in cases {
            assert_eq!(slice(bounds).evaluate(), Ok(Tensor::i64s(expected)), "{bounds:?}");
        }
        let old = Case::new("Slice", 9).ints("starts", &[1, 0]).ints("ends", &[2, 1]).floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(old.evaluate(), Ok(floats(&[1, 1], &[3.0])));
        let columns = Case::new("Slice", 13).floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]).i64s(&[1]).i64s(&[2]).i64s(&[-1]);
        assert_eq!(columns.evaluate(), Ok(floats(&[2, 1], &[2.0, 4.0])));
        let none = Case::new("Slice", 13).i64s(&[]).i64s(&[-1]).i64s(&[i64::MIN + 1]).i64s(&[0]).i64s(&[-1]);
        assert_eq!(none.shape(), Ok(vec![0]));
    }

    #[test]
    fn splits() {
        let parts = |case: Case| {
            let (op, value) = (case.parse().unwrap(), Tensor::i64s([0, 1, 2, 3, 4]));
            op.evaluate(&[Some(&value)]).unwrap().iter().map(|part| part.to_i64s().unwrap()).collect::<Vec<_>>()
        };
        let case = |opset, outputs| {
            let mut case = Case::new("Split", opset).i64s(&[0, 1, 2, 3, 4]);
            case.outputs = outputs;
            case
        };
        assert_eq!(parts(case(13, 2).i64s(&[2, 3])), [vec![0, 1], vec![2, 3, 4]]);
        assert_eq!(parts(case(11, 2).ints("split", &[5, 0])), [vec![0, 1, 2, 3, 4], vec![]]);
        assert_eq!(parts(case(18, 2).int("num_outputs", 2)), [vec![0, 1, 2], vec![3, 4]]);
        assert!(case(13, 2).i64s(&[2, 2]).refusal().contains("`split` is [2, 2]"));
        assert!(case(13, 3).i64s(&[2, 3]).refusal().contains("3 outputs are named for 2 parts"));
        assert!(case(18, 1).int("num_outputs", 0).refusal().contains("0 parts"));
    }

    #[test]
    fn repetitions() {
        let row = |name| Case::new(name, 13).floats(&[1, 2], &[1.0, 2.0]);
        assert_eq!(row("Expand").i64s(&[2, 1]).evaluate(), Ok(floats(&[2, 2], &[1.0, 2.0, 1.0, 2.0])));
        assert_eq!(row("Expand").i64s(&[2, 1, 1]).shape(), Ok(vec![2, 1, 2]));
        assert_eq!(row("Expand").i64s(&[2]).values(), [1.0, 2.0]);
        assert_eq!(row("Tile").i64s(&[1, 2]).evaluate(), Ok(floats(&[1, 4], &[1.0, 2.0, 1.0, 2.0])));
        assert_eq!(row("Tile").i64s(&[0, 2]).shape(), Ok(vec![0, 4]));
        assert!(row("Expand").i64s(&[3]).refusal().contains("do not broadcast"));
        assert!(row("Tile").i64s(&[1]).refusal().contains("2 values"));
        assert!(row("Tile").i64s(&[1, -1]).refusal().contains("numbers from 0"));
        assert!(row("Tile").i64s(&[i64::MAX, i64::MAX]).refusal().contains("too m"));
    }

    #[test]
    fn parts_and_repetitions_run() {
        let runs = |case: Case| case.parse().unwrap().runs(&[]);
        assert!(runs(slice(&[&[0], &[9]])) && runs(slice(&[&[1], &[9]])) && runs(slice(&[&[-1], &[-9], &[0], &[-2]])));
        assert!(runs(Case::new("Tile", 13).input(&[1, 2]).i64s(&[2, 3])) && runs(Case::new("Expand", 13).input(&[1, 2]).i64s(&[3, 2, 1])));
    }

    #[test]
    fn axes_are_walked_in_steps() {
        let range = |start, step, len| super::Range { start, step, len };
        let times = [range(4, -2, 3).times(5), range(0, 1, 10).times(5), range(0, 0, 3).times(1), range(0, 1, 3).times(1)];
        assert_eq!(times, [Some(1), Some(2), Some(3), Some(3)]);
        assert_eq!([range(1, 1, 5).times(5), range(0, 1, 7).times(5)], [None, None]);
        let span = |range, extent| super::Axis { extent, range }.span();
        assert_eq!([span(range(4, -2, 3), 5), span(range(1, 3, 2), 6), span(range(0, 0, 7), 1)], [(0, 5), (1, 4), (0, 1)]);
    }

    #[test]
    fn what_changes_nothing_is_handed_on() {
        let hands_on = |case: Case| matches!(case.parse().unwrap(), crate::ops::Op::Pick(pick) if pick.hands_on());
        assert!(hands_on(slice(&[&[0], &[9]])) && !hands_on(slice(&[&[1], &[9]])) && !hands_on(slice(&[&[-1], &[-9], &[0], &[-1]])));
        let row = |name| Case::new(name, 13).input(&[1, 2]);
        assert!(hands_on(row("Tile").i64s(&[1, 1])) && !hands_on(row("Tile").i64s(&[2, 1])));
        assert!(hands_on(row("Expand").i64s(&[1, 2])) && !hands_on(row("Expand").i64s(&[1, 1, 1])));
    }

    #[test]
    fn refusals() {
        assert!(slice(&[&[0], &[1], &[0], &[0]]).refusal().contains("`steps` holds 0"));
        assert!(slice(&[&[0], &[1, 2]]).refusal().contains("2 ends"));
        assert!(slice(&[&[0, 0], &[1, 1], &[0, -1]]).refusal().contains("twice"));
        assert!(slice(&[&[0], &[1], &[1]]).refusal().contains("axis 1"));
        assert!(Case::new("Slice", 13).input(&[2]).input(&[1]).i64s(&[1]).refusal().contains("run time"));
        assert!(Case::new("Slice", 13).input(&[2]).refusal().contains("missing"));
    }

    /// The places along an axis, by walking from the start on.
    fn walked(start: i64, end: i64, step: i64, extent: i128) -> Vec<usize> {
        let from_end = |at: i64| if at < 0 { i128::from(at) + extent } else { at.into() };
        // ONNX cuts bounds to the axis, and an end below it to the place before the first.
        let (least, most) = if step > 0 { (0, extent) } else { (0, extent - 1) };
        let mut at = from_end(start).clamp(least, most.max(0));
        let end = if step > 0 { from_end(end).clamp(0, extent) } else { from_end(end).clamp(-1, extent - 1) };
        let mut places = Vec::new();
        while if step > 0 { at < end } else { at > end } {
            places.push(at as usize);
            at += i128::from(step);
        }
        places
    }

    /// Of axes that are sliced in any direction, with bounds and steps at the limits among them.
    #[test]
    fn random_slices_at_run_time_are_walks() {
        let (mut random, mut ran) = (Random(1), 0);
        for _ in 0..300 {
            let dims: Vec<usize> = (0..1 + random.index(4)).map(|_| 1 + random.index(5)).collect();
            let axes: Vec<usize> = random.shuffled(dims.len()).into_iter().take(1 + random.index(dims.len())).collect();
            let limits = [i64::MIN, i64::MIN + 1, i64::MAX];
            let mut bound = |extent: usize| {
                if random.below(6) == 0 { limits[random.index(3)] } else { random.below(4 * extent as u32 + 1) as i64 - 2 * extent as i64 }
            };
            let bounds: Vec<[i64; 2]> = axes.iter().map(|&axis| [bound(dims[axis]), bound(dims[axis])]).collect();
            let steps: Vec<i64> = axes.iter().map(|_| [1, 1, 2, 3, -1, -2, i64::MAX, i64::MIN][random.index(8)]).collect();
            let mut places: Vec<Vec<usize>> = dims.iter().map(|&dim| (0..dim).collect()).collect();
            for ((&axis, [start, end]), &step) in axes.iter().zip(&bounds).zip(&steps) {
                places[axis] = walked(*start, *end, step, dims[axis] as i128);
            }
            let named: Vec<i64> = axes.iter().map(|&axis| axis as i64 - if axis % 2 == 0 { dims.len() as i64 } else { 0 }).collect();
            let [starts, ends] = [0, 1].map(|side| bounds.iter().map(|bounds| bounds[side]).collect::<Vec<_>>());
            let values: Vec<f32> = (0..dims.iter().product()).map(|at: usize| at as f32).collect();
            let case = Case::new("Slice", 13).floats(&dims, &values).i64s(&starts).i64s(&ends).i64s(&named).i64s(&steps);
            let to: Vec<usize> = places.iter().map(Vec::len).collect();
            let strides = crate::tensor::Shape(dims.clone()).strides();
            let value = |flat: usize| {
                let index = unravel(flat, &to);
                values[ravel(&index.iter().zip(&places).map(|(&at, places)| places[at]).collect::<Vec<_>>(), &strides)]
            };
            let wanted = floats(&to, &(0..to.iter().product()).map(value).collect::<Vec<_>>());
            assert_eq!(case.evaluate(), Ok(wanted.clone()), "{dims:?} from {starts:?} to {ends:?} by {steps:?} along {named:?}");
            if !to.contains(&0) {
                assert_eq!(case.computed(&[]), wanted, "{dims:?} from {starts:?} to {ends:?} by {steps:?} along {named:?}");
                ran += 1;
            }
        }
        assert!(ran > 60, "{ran}");
    }

    #[test]
    fn repetitions_and_parts_at_run_time() {
        let (mut random, strides) = (Random(2), |dims: &[usize]| crate::tensor::Shape(dims.to_vec()).strides());
        for _ in 0..60 {
            let dims: Vec<usize> = (0..random.index(4)).map(|_| 1 + random.index(3)).collect();
            let values: Vec<f32> = (0..dims.iter().product()).map(|at: usize| at as f32).collect();
            let repeats: Vec<usize> = dims.iter().map(|_| 1 + random.index(3)).collect();
            let wanted = |to: &[usize]| {
                let value = |flat: usize| {
                    let index = unravel(flat, to);
                    let own = index[to.len() - dims.len()..].iter().zip(&dims).map(|(at, dim)| at % dim);
                    values[ravel(&own.collect::<Vec<_>>(), &strides(&dims))]
                };
                floats(to, &(0..to.iter().product()).map(value).collect::<Vec<_>>())
            };
            let words = |values: &[usize]| values.iter().map(|&value| value as i64).collect::<Vec<_>>();
            let tiled: Vec<usize> = dims.iter().zip(&repeats).map(|(dim, times)| dim * times).collect();
            assert_eq!(Case::new("Tile", 13).floats(&dims, &values).i64s(&words(&repeats)).computed(&[]), wanted(&tiled));
            // What is asked for may have fewer axes, and ones where the input has more.
            let front: Vec<usize> = (0..random.index(3)).map(|_| 1 + random.index(3)).collect();
            let own: Vec<usize> = dims.iter().zip(&repeats).map(|(&dim, &times)| if dim == 1 { times } else { dim }).collect();
            let asked: Vec<usize> = own.iter().map(|&dim| if random.below(3) == 0 { 1 } else { dim }).collect();
            let expanded: Vec<usize> = front.iter().copied().chain(asked.iter().zip(&dims).map(|(&asked, &dim)| asked.max(dim))).collect();
            let case = Case::new("Expand", 13).floats(&dims, &values).i64s(&words(&[&front[..], &asked].concat()));
            assert_eq!(case.computed(&[]), wanted(&expanded), "{dims:?} to {asked:?} behind {front:?}");
        }
        let mut case =
            Case::new("Split", 18).floats(&[2, 7], &(0..14).map(|at| at as f32).collect::<Vec<_>>()).int("axis", -1).int("num_outputs", 3);
        case.outputs = 3;
        let parts = [&[0.0, 1.0, 2.0, 7.0, 8.0, 9.0][..], &[3.0, 4.0, 5.0, 10.0, 11.0, 12.0], &[6.0, 13.0]];
        assert_eq!(case.executed(&[]), Ok(parts.map(|part| floats(&[2, part.len() / 2], part)).to_vec()));
    }
}
