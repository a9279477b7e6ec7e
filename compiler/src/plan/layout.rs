//! Strided layouts: where the elements of a tensor lie inside the buffer of its root, and how a layout passes through a move.

use super::problem::{Access, Relation, TensorId};
use crate::ir::Shape;

/// Where a tensor lies: element `index` is at `offset + sum(index * strides)` of `root`'s buffer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) root: TensorId,
    pub(crate) offset: usize,
    pub(crate) strides: Vec<usize>,
}

impl Layout {
    /// `root` by itself, the axis `innermost` adjacent and the others row-major.
    pub(crate) fn dense(root: TensorId, shape: &Shape, innermost: Option<usize>) -> Self {
        let mut strides = vec![0; shape.rank()];
        let mut step = 1;
        let order = innermost.into_iter().chain((0..shape.rank()).rev().filter(|&axis| Some(axis) != innermost));
        for axis in order {
            strides[axis] = step;
            step *= shape[axis];
        }
        Layout { root, offset: 0, strides }
    }

    /// First element of `access`.
    pub(crate) fn origin(&self, access: &Access) -> usize {
        self.offset + access.start.iter().zip(&self.strides).map(|(start, stride)| start * stride).sum::<usize>()
    }

    /// First and one past the last element of `access`.
    pub(crate) fn span(&self, access: &Access) -> (usize, usize) {
        let origin = self.origin(access);
        let reach: usize = access.dims.iter().zip(&self.strides).map(|(dim, stride)| (dim - 1) * stride).sum();
        (origin, origin + reach + 1)
    }
}

/// The strides of what is read, such that a move to `written` (of strides `strides`) has nothing to do.
pub(crate) fn backward(relation: &Relation, read: &[usize], written: &[usize], strides: &[usize]) -> Option<Vec<usize>> {
    match relation {
        Relation::Same => Some(strides.to_vec()),
        Relation::Permute(perm) => {
            let mut result = vec![0; read.len()];
            for (axis, &from) in perm.iter().enumerate() {
                result[from] = strides[axis];
            }
            Some(result)
        }
        Relation::Reshape => reshaped(written, strides, read),
    }
}

/// The strides of what is written, such that a move from `read` (of strides `strides`) has nothing to do.
pub(crate) fn forward(relation: &Relation, read: &[usize], written: &[usize], strides: &[usize]) -> Option<Vec<usize>> {
    match relation {
        Relation::Same => Some(strides.to_vec()),
        Relation::Permute(perm) => Some(perm.iter().map(|&from| strides[from]).collect()),
        Relation::Reshape => reshaped(read, strides, written),
    }
}

/// The strides under which a view of `dims` and `strides` has the shape `target` in the same row-major order, if there are any.
fn reshaped(dims: &[usize], strides: &[usize], target: &[usize]) -> Option<Vec<usize>> {
    let runs = merged(dims, strides);
    let mut result = vec![0; target.len()];
    let mut axis = target.len();
    for (mut left, mut stride) in runs.into_iter().rev() {
        while left > 1 {
            axis = axis.checked_sub(1)?;
            if left % target[axis] != 0 {
                return None;
            }
            result[axis] = stride;
            stride *= target[axis];
            left /= target[axis];
        }
    }
    Some(result)
}

/// Adjacent dimensions that step as one, joined; dimensions of one element left out.
fn merged(dims: &[usize], strides: &[usize]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (&dim, &stride) in dims.iter().zip(strides) {
        match runs.last_mut() {
            _ if dim == 1 => {}
            Some(run) if run.1 == dim * stride => *run = (run.0 * dim, stride),
            _ => runs.push((dim, stride)),
        }
    }
    runs
}

/// Two shapes of the same elements in row-major order, cut into the finest common dimensions; none where they do not nest.
pub(crate) fn common_dims(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let (a, b) = (suffix_products(a), suffix_products(b));
    let mut cuts: Vec<usize> = a.into_iter().chain(b).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let mut dims = Vec::new();
    for pair in cuts.windows(2) {
        if pair[1] % pair[0] != 0 {
            return None;
        }
        dims.insert(0, pair[1] / pair[0]);
    }
    Some(dims)
}

fn suffix_products(dims: &[usize]) -> Vec<usize> {
    let mut products = vec![1];
    for dim in dims.iter().rev() {
        products.push(products[products.len() - 1] * dim);
    }
    products
}

/// The strides of a view of `dims` and `strides` cut finer into `fine`, whose products nest in `dims`.
pub(crate) fn refined(dims: &[usize], strides: &[usize], fine: &[usize]) -> Vec<usize> {
    let mut result = vec![0; fine.len()];
    let mut axis = fine.len();
    for (&dim, &stride) in dims.iter().zip(strides).rev() {
        let mut done = 1;
        while done < dim {
            axis -= 1;
            result[axis] = stride * done;
            done *= fine[axis];
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channels_last_map_transposes_and_flattens_without_a_copy() {
        let nhwc = Layout::dense(0, &Shape(vec![1, 24, 5, 5]), Some(1));
        let transposed = forward(&Relation::Permute(vec![0, 2, 3, 1]), &[1, 24, 5, 5], &[1, 5, 5, 24], &nhwc.strides).unwrap();
        assert_eq!(transposed, [600, 120, 24, 1]);
        assert_eq!(forward(&Relation::Reshape, &[1, 5, 5, 24], &[1, 600], &transposed).unwrap()[1], 1);
        assert_eq!(forward(&Relation::Reshape, &[1, 24, 5, 5], &[1, 600], &nhwc.strides), None);
    }

    #[test]
    fn a_flat_slice_gives_its_producer_channels_last_strides() {
        let strides = backward(&Relation::Reshape, &[1, 5, 5, 24], &[1, 600], &[9000, 1]).unwrap();
        assert_eq!(strides[1..], [120, 24, 1]);
    }

    #[test]
    fn shapes_that_do_not_nest_have_no_common_dimensions() {
        assert_eq!(common_dims(&[6, 4], &[3, 8]), Some(vec![3, 2, 4]));
        assert_eq!(common_dims(&[6, 4], &[4, 6]), None);
        assert_eq!(refined(&[6, 4], &[4, 1], &[3, 2, 4]), [8, 4, 1]);
    }
}
