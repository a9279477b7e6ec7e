//! NumPy's broadcasting: shapes are aligned at their last axis, and an extent of one is repeated.

use super::OpError;
use crate::node::NodeView;
use crate::tensor::Shape;

/// An error where the second input is not aligned as NumPy would: before opset 7 it was at `axis`.
pub(crate) fn aligned_at_the_end(node: &NodeView<'_>) -> Result<(), OpError> {
    if node.opset >= 7 {
        return Ok(());
    }
    let (a, b) = (node.input_type(0)?, node.input_type(1)?);
    let Some(axis) = node.int("axis")?.filter(|_| b.shape.elements() != 1) else { return Ok(()) };
    let end = a.shape.rank() as i64 - b.shape.rank() as i64;
    if axis == end || axis.checked_add(a.shape.rank() as i64) == Some(end) {
        return Ok(());
    }
    let found = format!("attribute `axis` is {axis}, where the inputs are {a} and {b}");
    Err(OpError::unsupported(found).supported(format!("{end}")).help("re-export with opset_version=17"))
}

/// The shape of an element-wise operation on `a` and `b`.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Result<Shape, OpError> {
    let rank = a.len().max(b.len());
    let extent = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |own| shape[own]);
    let dims = (0..rank).map(|axis| match (extent(a, axis), extent(b, axis)) {
        (x, y) if x == y || y == 1 => Ok(x),
        (1, y) => Ok(y),
        (x, y) => Err(OpError::new(format!("shapes {a:?} and {b:?} do not broadcast: {x} against {y}"))),
    });
    dims.collect::<Result<Vec<_>, _>>().map(Shape)
}

/// Which element of a tensor of shape `input` stands at element `flat` of its broadcast to `output`.
pub(crate) fn source_index(mut flat: usize, output: &[usize], input: &[usize]) -> usize {
    let (mut index, mut stride) = (0, 1);
    for (&dim, &extent) in output.iter().rev().zip(input.iter().rev()) {
        if extent != 1 {
            index += flat % dim * stride;
        }
        flat /= dim;
        stride *= extent;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let cases: [(&[usize], &[usize], &[usize]); 5] = [
            (&[2, 3], &[3], &[2, 3]),
            (&[4, 1], &[1, 5], &[4, 5]),
            (&[], &[2, 2], &[2, 2]),
            (&[1, 3, 2, 2], &[3, 1, 1], &[1, 3, 2, 2]),
            (&[0], &[1], &[0]),
        ];
        for (a, b, output) in cases {
            assert_eq!(broadcast(a, b).unwrap()[..], *output, "{a:?} {b:?}");
            assert_eq!(broadcast(b, a).unwrap()[..], *output, "{b:?} {a:?}");
        }
        assert!(broadcast(&[2], &[3]).is_err());
    }

    #[test]
    fn elements() {
        let along_rows: Vec<_> = (0..6).map(|i| source_index(i, &[2, 3], &[3])).collect();
        assert_eq!(along_rows, [0, 1, 2, 0, 1, 2]);
        let down_columns: Vec<_> = (0..6).map(|i| source_index(i, &[2, 3], &[2, 1])).collect();
        assert_eq!(down_columns, [0, 0, 0, 1, 1, 1]);
        assert_eq!(source_index(5, &[2, 3], &[]), 0);
    }
}
