//! Strided layouts: where the elements of a tensor lie inside the buffer of its root, and how a layout passes through a move.

use super::problem::{Access, Relation, TensorId};
use crate::tensor::Shape;

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
    use crate::ir::test_build::Random;
    use crate::tensor::{ravel, unravel};

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

    /// Extents whose product is this one.
    fn extents(random: &mut Random, mut product: usize) -> Vec<usize> {
        let mut dims = Vec::new();
        while product > 1 || random.below(3) == 0 {
            let divisors: Vec<usize> = (1..=product).filter(|divisor| product.is_multiple_of(*divisor)).collect();
            let dim = divisors[random.index(divisors.len())];
            dims.insert(random.index(dims.len() + 1), dim);
            product /= dim;
        }
        dims
    }

    /// Strides of a tensor whose axes lie in any order, some of them with room between.
    fn spread(random: &mut Random, dims: &[usize]) -> Vec<usize> {
        let (mut strides, mut step) = (vec![0; dims.len()], 1);
        for axis in random.shuffled(dims.len()) {
            strides[axis] = step;
            step = step * dims[axis] + if random.below(4) == 0 { random.index(3) } else { 0 };
        }
        strides
    }

    /// Where the elements lie, in row-major order.
    fn places(dims: &[usize], strides: &[usize]) -> Vec<usize> {
        let along = |places: Vec<usize>, (&dim, &stride): (&usize, &usize)| {
            places.into_iter().flat_map(|place| (0..dim).map(move |at| place + at * stride)).collect()
        };
        dims.iter().zip(strides).fold(vec![0], along)
    }

    /// The strides under which elements of `dims` lie at these places: each axis must step as its first element does.
    fn fitting(dims: &[usize], at: &[usize]) -> Option<Vec<usize>> {
        let row_major = Shape(dims.to_vec()).strides();
        let steps = dims.iter().zip(&row_major).map(|(&dim, &step)| if dim > 1 { at[step].checked_sub(at[0]) } else { Some(0) });
        let steps = steps.collect::<Option<Vec<_>>>()?;
        (places(dims, &steps) == at).then_some(steps)
    }

    /// A layout passes through a reshape exactly where some strides give each element its place.
    #[test]
    fn a_reshape_has_nothing_to_do_where_strides_give_every_element_its_place() {
        let (mut random, mut passes) = (Random(1), 0);
        for round in 0..4000 {
            let product = [1, 6, 8, 12, 16, 24, 36, 60][round % 8];
            let (dims, target) = (extents(&mut random, product), extents(&mut random, product));
            let strides = spread(&mut random, &dims);
            let at = places(&dims, &strides);
            let wanted = fitting(&target, &at);
            let found = forward(&Relation::Reshape, &dims, &target, &strides);
            assert_eq!(found.is_some(), wanted.is_some(), "{dims:?} {strides:?} to {target:?}");
            assert_eq!(backward(&Relation::Reshape, &target, &dims, &strides), found);
            if let Some(found) = found {
                assert_eq!(places(&target, &found), at, "{dims:?} {strides:?} to {target:?}");
                passes += 1;
            }
            if let Some(fine) = common_dims(&dims, &target) {
                let [one, other] = [&dims, &target].map(|dims| {
                    let strides = spread(&mut random, dims);
                    (places(dims, &strides), places(&fine, &refined(dims, &strides, &fine)))
                });
                assert_eq!((one.0, other.0), (one.1, other.1), "{dims:?} and {target:?} by {fine:?}");
            }
        }
        assert!((1000..3900).contains(&passes), "{passes}");
    }

    #[test]
    fn a_permutation_goes_there_and_back() {
        let mut random = Random(2);
        for _ in 0..200 {
            let read = extents(&mut random, 24);
            let perm = random.shuffled(read.len());
            let written: Vec<usize> = perm.iter().map(|&axis| read[axis]).collect();
            let strides = spread(&mut random, &read);
            let relation = Relation::Permute(perm.clone());
            let through = forward(&relation, &read, &written, &strides).unwrap();
            assert_eq!(backward(&relation, &read, &written, &through), Some(strides.clone()));
            // Each element of what is written is the one of what is read at the index that the permutation says.
            for (flat, place) in places(&written, &through).into_iter().enumerate() {
                let index = unravel(flat, &written);
                assert_eq!(place, index.iter().zip(&perm).map(|(at, &axis)| at * strides[axis]).sum::<usize>());
            }
        }
    }

    #[test]
    fn a_box_begins_and_ends_with_its_elements() {
        let mut random = Random(3);
        for _ in 0..200 {
            let shape = Shape(extents(&mut random, 36));
            let innermost = if shape.rank() > 0 && random.below(2) == 0 { Some(random.index(shape.rank())) } else { None };
            let layout = Layout { offset: random.index(9), ..Layout::dense(7, &shape, innermost) };
            assert!(innermost.is_none_or(|axis| layout.strides[axis] == 1));
            // All elements lie without room between them.
            let mut all = places(&shape, &layout.strides);
            all.sort_unstable();
            assert_eq!(all, (0..shape.elements()).collect::<Vec<_>>());
            let start: Vec<usize> = shape.iter().map(|&dim| random.index(dim)).collect();
            let dims: Vec<usize> = shape.iter().zip(&start).map(|(&dim, start)| 1 + random.index(dim - start)).collect();
            let access = Access { tensor: 7, start: start.clone(), dims: dims.clone(), channel: None };
            let first = layout.offset + ravel(&start, &layout.strides);
            let at = || places(&dims, &layout.strides).into_iter().map(|place| place + first);
            assert_eq!((layout.origin(&access), layout.span(&access)), (first, (at().min().unwrap(), at().max().unwrap() + 1)));
        }
    }
}
