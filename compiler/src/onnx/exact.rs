//! Weights of sums of bytes as floats, where these hold every such sum exactly.

use crate::diagnostics::OpError;
use crate::ops::broadcast::{broadcast, source_index};
use crate::tensor::{DType, Shape, Tensor};

/// The greatest magnitude up to which a float holds every integer.
const MOST: u64 = 1 << 24;

/// Which weights belong to one sum.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sums {
    /// All behind the first axis, as a convolution has them.
    Filters,
    /// Those along the last axis but one, as a product of matrices has them; of a vector all.
    Columns,
}

impl Sums {
    /// How many sums weights of `shape` have.
    fn count(self, shape: &Shape) -> usize {
        match (self, &shape[..]) {
            (Sums::Filters, [filters, ..]) => *filters,
            (Sums::Columns, [.., rows, _]) => shape.elements() / (*rows).max(1),
            _ => 1,
        }
    }

    /// To which of them the weight at `index` belongs.
    fn place(self, index: usize, shape: &Shape) -> usize {
        match (self, &shape[..]) {
            (Sums::Filters, [_, filter @ ..]) => index / filter.iter().product::<usize>(),
            (Sums::Columns, [.., rows, columns]) => index / (rows * columns) * columns + index % columns,
            _ => 0,
        }
    }

    /// The shape under which a zero point broadcasts to weights of so many axes.
    fn of_zero(self, zero: &Tensor, rank: usize) -> Shape {
        match (self, &zero.shape()[..]) {
            _ if zero.shape().elements() == 1 => Shape::default(),
            (Sums::Filters, [_]) => Shape([zero.shape().0.clone(), vec![1; rank.saturating_sub(1)]].concat()),
            _ => zero.shape().clone(),
        }
    }
}

/// The most that bytes can be away from their zero points; of such that are not known, from any.
pub(super) fn farthest(bytes: DType, zeros: Option<&[i64]>) -> u64 {
    let [low, high] = if bytes == DType::I8 { [-128, 127] } else { [0, 255] };
    let of_zero = |&zero: &i64| (zero - low).max(high - zero).unsigned_abs();
    zeros.map_or(255, |zeros| zeros.iter().map(of_zero).max().unwrap_or_default())
}

/// Weights less their zero point as floats, to be multiplied with what is no more than `farthest`.
pub(super) fn exact_weights(weights: &Tensor, zero: Option<&Tensor>, sums: Sums, farthest: u64) -> Result<Tensor, OpError> {
    let shape = weights.shape();
    let values = weights.to_i64s().ok_or_else(|| OpError::new(format!("the weights are {}", weights.ty())).supported("i8, u8"))?;
    let of_zero = zero.map_or_else(Shape::default, |zero| sums.of_zero(zero, shape.rank()));
    let zeros = zero.map_or(Some(vec![0]), |zero| zero.to_i64s().filter(|_| zero.dtype() == weights.dtype()));
    let fits = |zeros: &Vec<i64>| zeros.len() == of_zero.elements() && broadcast(shape, &of_zero).is_ok_and(|both| both == *shape);
    let Some(zeros) = zeros.filter(fits) else {
        let found = format!(
            "the weights are {}, and their zero point is {}",
            weights.ty(),
            zero.map_or_else(String::new, |zero| zero.ty().to_string())
        );
        return Err(OpError::new(found).supported("one zero point of the weights' type, or one for each filter or column"));
    };
    let around: Vec<i64> = values.iter().enumerate().map(|(index, value)| value - zeros[source_index(index, shape, &of_zero)]).collect();
    let mut magnitudes = vec![0u64; sums.count(shape)];
    for (index, weight) in around.iter().enumerate() {
        magnitudes[sums.place(index, shape)] += weight.unsigned_abs();
    }
    let most = magnitudes.into_iter().max().unwrap_or_default().saturating_mul(farthest);
    if most > MOST {
        return Err(OpError::unsupported(format!("a sum of products can be {most}"))
            .supported(format!("sums up to {MOST}, which floats hold exactly"))
            .help("quantise with known ranges, by onnxruntime's quantize_static over a few hundred inputs, or give the float model"));
    }
    let floats: Vec<f32> = around.into_iter().map(|weight| weight as f32).collect();
    Tensor::f32(shape.clone(), floats).ok_or_else(|| OpError::new("a weight is a float"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Data;

    fn bytes(shape: &[usize], values: &[u8]) -> Tensor {
        Tensor::new(Shape(shape.to_vec()), Data::U8(values.into())).unwrap()
    }

    fn values(weights: &Tensor, zero: Option<&Tensor>, sums: Sums) -> Vec<f32> {
        exact_weights(weights, zero, sums, 1).unwrap().as_f32().unwrap().to_vec()
    }

    #[test]
    fn zero_points_of_filters_and_columns() {
        let weights = bytes(&[2, 1, 2], &[1, 2, 3, 4]);
        assert_eq!(values(&weights, None, Sums::Filters), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(values(&weights, Some(&bytes(&[2], &[1, 4])), Sums::Filters), [0.0, 1.0, -1.0, 0.0]);
        assert_eq!(values(&weights, Some(&bytes(&[1], &[4])), Sums::Columns), [-3.0, -2.0, -1.0, 0.0]);
        assert_eq!(values(&weights, Some(&bytes(&[2], &[1, 4])), Sums::Columns), [0.0, -2.0, 2.0, 0.0]);
        let each = bytes(&[2, 1, 2], &[1, 1, 2, 2]);
        assert_eq!(values(&weights, Some(&each), Sums::Columns), [0.0, 1.0, 1.0, 2.0]);
    }

    /// The magnitudes of filters are 256 and 5, those of columns 3 and 258, and those of all 261.
    #[test]
    fn the_greatest_sum_counts() {
        let weights = bytes(&[2, 2], &[1, 255, 2, 3]);
        let zero = bytes(&[], &[0]);
        let most = |sums, farthest| exact_weights(&weights, Some(&zero), sums, farthest).is_ok();
        assert!(most(Sums::Filters, MOST / 256) && !most(Sums::Filters, MOST / 256 + 1));
        assert!(most(Sums::Columns, MOST / 258) && !most(Sums::Columns, MOST / 258 + 1));
        let vector = weights.reshaped(Shape(vec![4])).unwrap();
        let most = |farthest| exact_weights(&vector, None, Sums::Columns, farthest).is_ok();
        assert!(most(MOST / 261) && !most(MOST / 261 + 1));
    }

    #[test]
    fn how_far_bytes_can_be_from_their_zero_point() {
        assert_eq!([None, Some(&[128][..]), Some(&[0, 7][..])].map(|zeros| farthest(DType::U8, zeros)), [255, 128, 255]);
        assert_eq!([None, Some(&[0][..]), Some(&[-128][..])].map(|zeros| farthest(DType::I8, zeros)), [255, 128, 255]);
    }

    #[test]
    fn refusals() {
        let refusal = |zero: &Tensor, farthest| {
            let weights = bytes(&[3, 2], &[255; 6]);
            exact_weights(&weights, Some(zero), Sums::Filters, farthest).unwrap_err().to_string()
        };
        assert!(refusal(&bytes(&[2], &[0; 2]), 1).contains("u8[3,2], and their zero point is u8[2]"));
        assert!(refusal(&Tensor::i64s([0]), 1).contains("one zero point of the weights' type"));
        let large = refusal(&bytes(&[], &[0]), 1 << 20);
        assert!(large.starts_with("a sum of products can be 534773760 (supported: sums up to 16777216"), "{large}");
    }
}
