//! `NonMaxSuppression`: of each image and class the boxes by their scores, without those that overlap one before them, as rows of image,
//! class and box; all rows behind the selected ones are -1.
//!
//! ONNX leaves it to the data how many rows there are. Here there are as many as there can be: for each image and class
//! `max_output_boxes_per_class` or, where those are fewer, the boxes. That rows of -1 fill them up is a convention of compilers with static
//! shapes. A `Gather` that reads such an index takes the last element. Which boxes are selected is what onnxruntime says, to the bit: of
//! equal scores the lower index comes first, thresholds must be exceeded, and a box without an area overlaps nothing. A score that is not a
//! number selects nothing.
//!
//! Each box that is looked at takes a pass over the scores of its class, and is compared with those that the class has: no memory, and a
//! time that is good for many boxes of which few exceed the threshold.

use std::cmp::Ordering;

use super::operands::{evaluated, float_type, floats, output, output_shape, tensor};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::steps::Lowering;
use crate::steps::kernels::NonMaxSuppression as Kernel;
use crate::tensor::{DType, Tensor, TensorType};

/// Inputs: boxes `[images, boxes, 4]` and scores `[images, classes, boxes]`; the others are read when the node is parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NonMaxSuppression {
    /// The most boxes of a class.
    pub(crate) most: usize,
    /// The part of their union that two boxes of a class may have in common.
    pub(crate) overlap: f32,
    /// What a score must exceed.
    pub(crate) above: Option<f32>,
    /// A box is `[x, y, width, height]` around its centre, instead of `[y, x, y, x]` of two opposite corners.
    pub(crate) centred: bool,
}

impl Operator for NonMaxSuppression {
    const ATTRIBUTES: &'static [KnownAttribute] = &[known::flag("center_point_box")];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let overlap = threshold(node, 3, "iou_threshold")?.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&overlap) {
            return Err(OpError::new(format!("`iou_threshold` is {overlap}")).supported("0 to 1"));
        }
        Ok(NonMaxSuppression {
            most: most(node)?,
            overlap,
            above: threshold(node, 4, "score_threshold")?,
            centred: node.flag("center_point_box")?.unwrap_or(false),
        })
    }

    fn data_inputs(&self) -> usize {
        2
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let (boxes, scores) = (float_type(inputs, 0)?, float_type(inputs, 1)?);
        match (&boxes.shape[..], &scores.shape[..]) {
            (&[images, count, 4], &[others, classes, scored]) if images == others && count == scored => {
                let rows = images.saturating_mul(classes).saturating_mul(count.min(self.most));
                output(DType::I64, [rows, 3])
            }
            _ => Err(OpError::new(format!("`boxes` is {boxes} and `scores` is {scores}"))
                .supported("`boxes` of [images, boxes, 4] and `scores` of [images, classes, boxes]")),
        }
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let (shape, boxes, scores) = (output_shape(self, inputs)?, floats(inputs, 0)?, floats(inputs, 1)?);
        let (classes, count) = (tensor(inputs, 1)?.shape()[1], tensor(inputs, 1)?.shape()[2]);
        let mut rows = Vec::new();
        for (group, scores) in scores.chunks_exact(count.max(1)).enumerate() {
            let (image, class) = (group / classes, group % classes);
            let boxes: Vec<_> =
                boxes[image * count * 4..][..count * 4].as_chunks().0.iter().map(|&numbers| self.rectangle(numbers)).collect();
            rows.extend(self.selected(&boxes, scores).into_iter().flat_map(|index| [image, class, index]).map(|number| number as i64));
        }
        rows.resize(shape.elements(), -1);
        evaluated(Tensor::i64(shape, rows))
    }

    /// Comparisons of a sort, and each box with all that may be selected.
    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        let Ok(scores) = float_type(inputs, 1) else { return 0 };
        let boxes = scores.shape.last().map_or(0, |&boxes| boxes.min(self.most));
        (scores.shape.elements() as u64).saturating_mul((boxes as u64).saturating_mul(8).saturating_add(64))
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let (boxes, scores) = (ctx.input(0)?, ctx.input(1)?);
        let count = boxes.dims[1].min(self.most);
        ctx.step(Kernel { count, overlap: self.overlap, above: self.above, centred: self.centred }, vec![boxes, scores]);
        Ok(())
    }
}

/// A box by its least and its greatest coordinates.
struct Rectangle {
    least: [f32; 2],
    greatest: [f32; 2],
}

impl Rectangle {
    fn area(&self) -> f32 {
        (self.greatest[0] - self.least[0]) * (self.greatest[1] - self.least[1])
    }

    /// What both have in common, over what they are together; none where there is nothing in common, or one has no area.
    fn overlap(&self, other: &Rectangle) -> Option<f32> {
        let least = [0, 1].map(|axis: usize| self.least[axis].max(other.least[axis]));
        let greatest = [0, 1].map(|axis: usize| self.greatest[axis].min(other.greatest[axis]));
        let meet = least.iter().zip(&greatest).all(|(least, greatest)| least < greatest);
        let common = Rectangle { least, greatest }.area();
        let union = self.area() + other.area() - common;
        (meet && [common, self.area(), other.area(), union].iter().all(|&area| area > 0.0)).then_some(common / union)
    }
}

impl NonMaxSuppression {
    /// The box of four numbers.
    fn rectangle(&self, numbers: [f32; 4]) -> Rectangle {
        let ends = [0, 1].map(|axis: usize| {
            let (first, second) = (numbers[axis], numbers[axis + 2]);
            if self.centred { [first - second / 2.0, first + second / 2.0] } else { [first.min(second), first.max(second)] }
        });
        Rectangle { least: ends.map(|[least, _]| least), greatest: ends.map(|[_, greatest]| greatest) }
    }

    /// The boxes of a class, by their indices.
    fn selected(&self, boxes: &[Rectangle], scores: &[f32]) -> Vec<usize> {
        let is_wanted = |score: f32| !score.is_nan() && self.above.is_none_or(|least| score > least);
        let mut order: Vec<usize> = (0..scores.len()).filter(|&index| is_wanted(scores[index])).collect();
        order.sort_by(|&a, &b| scores[b].partial_cmp(&scores[a]).unwrap_or(Ordering::Equal));
        let mut selected: Vec<usize> = Vec::new();
        for index in order {
            let overlaps = |&before: &usize| boxes[index].overlap(&boxes[before]).is_some_and(|overlap| overlap > self.overlap);
            if selected.len() < self.most && !selected.iter().any(overlaps) {
                selected.push(index);
            }
        }
        selected
    }
}

/// The most boxes of a class.
fn most(node: &NodeView<'_>) -> Result<usize, OpError> {
    let found = node.known_ints(2, "max_output_boxes_per_class")?;
    let told = match found.as_deref() {
        None => "left out".to_owned(),
        Some(&[most]) if most > 0 => return Ok(usize::try_from(most).unwrap_or(usize::MAX)),
        Some(&[most]) => most.to_string(),
        Some(found) => return Err(OpError::new(format!("`max_output_boxes_per_class` holds {} numbers", found.len())).supported("one")),
    };
    Err(OpError::unsupported(format!("`max_output_boxes_per_class` is {told}, so that no box is selected")).supported("1 or more"))
}

/// The number at input `slot`, where it is there.
fn threshold(node: &NodeView<'_>, slot: usize, name: &str) -> Result<Option<f32>, OpError> {
    let Some(tensor) = node.known_input(slot, name)? else { return Ok(None) };
    match tensor.as_f32() {
        Some(&[value]) if !value.is_nan() => Ok(Some(value)),
        Some(&[value]) => Err(OpError::new(format!("`{name}` is {value}")).supported("a number")),
        _ => Err(OpError::new(format!("`{name}` is {}", tensor.ty())).supported("one number of f32")),
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::test_case::{Case, floats};
    use crate::tensor::Tensor;

    /// Boxes and scores of two images, two classes and twelve boxes, which follow from a seed: small whole numbers, so that many scores are
    /// equal, and many boxes have a side or no area in common.
    fn drawn(mut state: u32) -> [Vec<f32>; 2] {
        let mut draw = |count: usize, below: u32| -> Vec<f32> {
            let number = |_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((state >> 8) % below) as f32
            };
            (0..count).map(number).collect()
        };
        [draw(2 * 12 * 4, 7), draw(2 * 2 * 12, 6)]
    }

    fn case(centred: i64, boxes: Tensor, scores: Tensor) -> Case {
        Case::new("NonMaxSuppression", 11).int("center_point_box", centred).known(boxes).known(scores)
    }

    fn threshold(case: Case, value: Option<f32>) -> Case {
        match value {
            Some(value) => case.floats(&[1], &[value]),
            None => case.none(),
        }
    }

    /// What onnxruntime 1.23 gives, by images and classes.
    type Selected = [[&'static [i64]; 2]; 2];

    const OF_CORNERS: Selected = [[&[0, 7, 4, 5], &[0, 3, 5]], [&[5], &[4, 8, 3, 7]]];
    const OF_CENTRES: Selected = [[&[0, 3, 5, 4, 1, 8, 7, 10], &[1, 6, 0]], [&[1, 4, 8, 10, 3, 6, 7, 9], &[2, 7, 3, 6, 8, 11, 0]]];
    const OF_ANY_SCORE: Selected = [[&[6, 10, 5, 7], &[10, 2, 6, 8]], [&[3, 7, 10, 11], &[8, 11, 7, 10]]];
    const OF_ALL: Selected = [
        [&[0, 6, 8, 2, 5, 7, 9, 1, 11, 3, 4, 10], &[9, 3, 10, 1, 4, 7, 11, 0, 2, 6, 8, 5]],
        [&[6, 4, 5, 0, 3, 1, 2, 7, 8, 9], &[7, 8, 4, 5, 2, 1, 11, 3, 6, 9]],
    ];

    #[test]
    fn the_boxes_that_onnxruntime_selects() {
        let cases = [
            (0, 5, Some(0.125), Some(3.0), OF_CORNERS),
            (1, 9, Some(0.25), Some(1.0), OF_CENTRES),
            (0, 4, None, None, OF_ANY_SCORE),
            (1, 12, Some(0.5), None, OF_ALL),
        ];
        for (centred, most, iou, above, selected) in cases {
            let [boxes, mut scores] = drawn((centred * 10 + most) as u32);
            if above.is_none() {
                scores.iter_mut().filter(|score| **score == 0.0).for_each(|score| *score = f32::NEG_INFINITY);
            }
            let case = case(centred, floats(&[2, 12, 4], &boxes), floats(&[2, 2, 12], &scores)).i64s(&[most]);
            let mut rows = Vec::new();
            for (image, class) in [(0_usize, 0_usize), (0, 1), (1, 0), (1, 1)] {
                rows.extend(selected[image][class].iter().flat_map(|&index| [image as i64, class as i64, index]));
            }
            let count = 4 * most as usize;
            rows.resize(count * 3, -1);
            let found = threshold(threshold(case, iou), above).evaluate().unwrap();
            assert_eq!(found, Tensor::i64([count, 3], rows).unwrap(), "{centred} {most}");
        }
    }

    fn three(scores: [f32; 3]) -> Case {
        let boxes = [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.5], [5.0, 5.0, 6.0, 6.0]];
        case(0, floats(&[1, 3, 4], boxes.as_flattened()), floats(&[1, 1, 3], &scores)).i64s(&[7])
    }

    #[test]
    fn thresholds_must_be_exceeded() {
        let selected = |case: Case| case.evaluate().unwrap().to_i64s().unwrap().chunks(3).map(|row| row[2]).collect::<Vec<_>>();
        let case = |iou, above| three([0.5, 0.75, 0.25]).floats(&[1], &[iou]).floats(&[1], &[above]);
        assert_eq!(selected(case(0.5, 0.25)), [1, 0, -1]);
        assert_eq!(selected(case(0.49, 0.0)), [1, 2, -1]);
        assert_eq!(selected(three([f32::NAN, f32::INFINITY, f32::NEG_INFINITY])), [1, 2, -1]);
    }

    #[test]
    fn the_rows_are_as_many_as_there_can_be() {
        let case = |most| Case::new("NonMaxSuppression", 10).input(&[2, 6, 4]).input(&[2, 3, 6]).i64s(&[most]).shape().unwrap();
        assert_eq!([case(2), case(100), case(i64::MAX)], [[12, 3], [36, 3], [36, 3]]);
    }

    #[test]
    fn refusals() {
        let case = |boxes: &[usize], scores: &[usize]| Case::new("NonMaxSuppression", 11).input(boxes).input(scores);
        let usual = || case(&[1, 6, 4], &[1, 2, 6]);
        assert_eq!(usual().refusal(), "`max_output_boxes_per_class` is left out, so that no box is selected (supported: 1 or more)");
        for (most, told) in [(&[0][..], "is 0, so"), (&[-5][..], "is -5, so"), (&[1, 2][..], "holds 2 numbers")] {
            assert!(usual().i64s(most).refusal().contains(told), "{told}");
        }
        assert!(usual().input(&[1]).refusal().contains("`max_output_boxes_per_class` is computed at run time"));
        let iou = |values: &[f32]| usual().i64s(&[1]).floats(&[values.len()], values);
        assert_eq!(iou(&[1.5]).refusal(), "`iou_threshold` is 1.5 (supported: 0 to 1)");
        assert!(iou(&[f32::NAN]).refusal().contains("`iou_threshold` is NaN"));
        assert!(iou(&[0.5, 0.5]).refusal().contains("`iou_threshold` is f32[2]"));
        assert!(iou(&[0.5]).i64s(&[1]).refusal().contains("`score_threshold` is i64[1]"));
        for (boxes, scores) in [([1, 6, 5], [1, 2, 6]), ([1, 6, 4], [1, 2, 7]), ([2, 6, 4], [1, 2, 6])] {
            assert!(case(&boxes, &scores).i64s(&[1]).refusal().contains("`boxes` of [images, boxes, 4]"), "{boxes:?}");
        }
        assert!(case(&[6, 4], &[2, 6]).i64s(&[1]).refusal().contains("`boxes` is f32[6,4]"));
        assert!(usual().i64s(&[1]).int("center_point_box", 2).refusal().contains("`center_point_box` is 2"));
    }
}
