//! `Range`: numbers that lie equally far apart, which are known when compiling.
//!
//! As with `ConstantOfShape`, the tensor is made once the whole file is known to be within its limits.

use super::operands::{evaluated, output};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

/// The most numbers that one node may ask for.
const MOST_ELEMENTS: usize = 1 << 22;

/// No inputs: start, limit and distance are read when the node is parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Range {
    numbers: Numbers,
    count: usize,
}

/// The first number and the distance.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Numbers {
    F32(f32, f32),
    I32(i64, i64),
    I64(i64, i64),
}

impl Range {
    fn ty(&self) -> TensorType {
        let dtype = match self.numbers {
            Numbers::F32(..) => DType::F32,
            Numbers::I32(..) => DType::I32,
            Numbers::I64(..) => DType::I64,
        };
        TensorType::new(dtype, [self.count])
    }
}

impl Operator for Range {
    const ATTRIBUTES: &'static [KnownAttribute] = &[known::ignored("stash_type")];

    /// The numbers from `start` to before `limit`, `delta` apart; all three of one type.
    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let names = ["start", "limit", "delta"];
        let scalar = |slot: usize| {
            let tensor = node.known_input(slot, names[slot])?.ok_or_else(|| OpError::new(format!("input {slot} is missing")))?;
            let refusal = || OpError::new(format!("input `{}` is {}", names[slot], tensor.ty())).supported("one number");
            if tensor.shape().elements() == 1 { Ok(tensor.data().clone()) } else { Err(refusal()) }
        };
        let counted = |count: f64| {
            let refusal = || OpError::unsupported(format!("asks for {count} numbers")).supported(format!("{MOST_ELEMENTS}"));
            if count.is_finite() && count <= MOST_ELEMENTS as f64 { Ok(count.max(0.0) as usize) } else { Err(refusal()) }
        };
        // In integers, as doubles do not tell large ones apart.
        let steps = |start: i64, limit: i64, delta: i64| {
            let (span, step) = (i128::from(limit) - i128::from(start), i128::from(delta));
            let whole = |span: i128, step: i128| (span + step - 1).div_euclid(step) as f64;
            counted(match delta {
                0 => f64::INFINITY,
                1.. => whole(span, step),
                _ => whole(-span, -step),
            })
        };
        let (numbers, count) = match (scalar(0)?, scalar(1)?, scalar(2)?) {
            (Data::F32(a), Data::F32(b), Data::F32(d)) => {
                let count = counted(((f64::from(b[0]) - f64::from(a[0])) / f64::from(d[0])).ceil())?;
                (Numbers::F32(a[0], d[0]), count)
            }
            (Data::I64(a), Data::I64(b), Data::I64(d)) => (Numbers::I64(a[0], d[0]), steps(a[0], b[0], d[0])?),
            (Data::I32(a), Data::I32(b), Data::I32(d)) => {
                let [a, b, d] = [a, b, d].map(|v| i64::from(v[0]));
                (Numbers::I32(a, d), steps(a, b, d)?)
            }
            _ => return Err(OpError::new("the inputs are not numbers of one type")),
        };
        Ok(Range { numbers, count })
    }

    fn data_inputs(&self) -> usize {
        0
    }

    fn infer(&self, _inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let ty = self.ty();
        output(ty.dtype, ty.shape)
    }

    fn evaluate(&self, _inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let at = |start: i64, delta: i64, i: usize| start.wrapping_add(delta.wrapping_mul(i as i64));
        let data = match self.numbers {
            Numbers::F32(start, delta) => Data::F32((0..self.count).map(|i| start + i as f32 * delta).collect()),
            Numbers::I32(start, delta) => Data::I32((0..self.count).map(|i| at(start, delta, i) as i32).collect()),
            Numbers::I64(start, delta) => Data::I64((0..self.count).map(|i| at(start, delta, i)).collect()),
        };
        evaluated(Tensor::new(Shape(vec![self.count]), data))
    }

    /// Three numbers of a file become many bytes.
    fn work(&self, _inputs: &[Option<&TensorType>]) -> u64 {
        self.ty().bytes() as u64
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::test_case::Case;
    use crate::tensor::{Data, Shape, Tensor};

    #[test]
    fn ranges_of_every_number() {
        let scalar = |value| Tensor::i64([], [value]).unwrap();
        let ints = |a, b, d| Case::new("Range", 11).known(scalar(a)).known(scalar(b)).known(scalar(d));
        assert_eq!(ints(1, 6, 2).evaluate(), Ok(Tensor::i64s([1, 3, 5])));
        assert_eq!(ints(3, 0, -1).evaluate(), Ok(Tensor::i64s([3, 2, 1])));
        assert_eq!(ints(3, 3, 1).evaluate(), Ok(Tensor::i64s([])));
        assert_eq!(Case::new("Range", 11).floats(&[], &[0.0]).floats(&[], &[1.0]).floats(&[], &[0.4]).values(), [0.0, 0.4, 0.8]);
        assert!(ints(0, 1, 0).refusal().contains("numbers"));
        assert!(ints(i64::MIN, i64::MAX, 1).refusal().contains("asks for"));
        assert!(Case::new("Range", 11).known(scalar(0)).i64s(&[1, 2]).known(scalar(1)).refusal().contains("one number"));
        assert!(Case::new("Range", 11).known(scalar(0)).floats(&[], &[1.0]).known(scalar(1)).refusal().contains("one type"));
    }

    #[test]
    fn the_longest_is_known_before_it_is_made() {
        let scalar = |value| Tensor::i64([], [value]).unwrap();
        let to = |limit| Case::new("Range", 11).known(scalar(0)).known(scalar(limit)).known(scalar(1));
        assert_eq!(to(1 << 22).shape(), Ok(vec![1 << 22]));
        assert!(to((1 << 22) + 1).refusal().contains("asks for 4194305 numbers"));
    }

    /// Where doubles hold every second number, or not even that.
    #[test]
    fn ranges_at_the_limits_of_integers() {
        let (least, most) = (i64::MIN, i64::MAX);
        for (start, limit, delta, wanted) in [
            (most - 2, most, 1, vec![most - 2, most - 1]),
            ((1 << 53) + 1, (1 << 53) + 3, 1, vec![(1 << 53) + 1, (1 << 53) + 2]),
            (least, least + 5, 2, vec![least, least + 2, least + 4]),
            (least + 2, least, -1, vec![least + 2, least + 1]),
            (least, most, most, vec![least, -1, most - 1]),
            (most, least, least, vec![most, -1]),
            (0, most, most, vec![0]),
            (5, most, -1, vec![]),
            (7, 7, least, vec![]),
        ] {
            let [a, b, d] = [start, limit, delta].map(|value| Tensor::i64([], [value]).unwrap());
            let found = Case::new("Range", 11).known(a).known(b).known(d).evaluate();
            assert_eq!(found, Ok(Tensor::i64s(wanted)), "{start} to {limit} by {delta}");
        }
        let narrow = |values: [i32; 3]| {
            let scalar = |value: i32| Tensor::new(Shape::default(), Data::I32([value].into())).unwrap();
            values.into_iter().fold(Case::new("Range", 11), |case, value| case.known(scalar(value))).evaluate()
        };
        let of = |values: &[i32]| Tensor::new(Shape(vec![values.len()]), Data::I32(values.into()));
        assert_eq!(narrow([i32::MAX - 1, i32::MIN, i32::MIN]).ok(), of(&[i32::MAX - 1, -2]));
        assert_eq!(narrow([i32::MIN, i32::MAX, i32::MAX]).ok(), of(&[i32::MIN, -1, i32::MAX - 1]));
        // Of floats there are as many as the difference by the distance, and none the wrong way or to what is no number.
        let floats = |values: [f32; 3]| values.into_iter().fold(Case::new("Range", 11), |case, value| case.floats(&[], &[value]));
        assert_eq!(floats([2.0, -1.0, -1.5]).values(), [2.0, 0.5]);
        assert!(floats([0.0, 1.0, -1.0]).values().is_empty());
        for wrong in [[0.0, f32::INFINITY, 1.0], [f32::NAN, 1.0, 1.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1e-30]] {
            assert!(floats(wrong).refusal().contains("asks for"), "{wrong:?}");
        }
    }
}
