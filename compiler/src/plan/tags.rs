//! The element of a tensor that each place in memory holds, as a number: what [`super::replay`] compares.

use super::layout::Layout;
use super::problem::{Access, Problem, Relation, TensorId};

/// A number for every element that is given or computed; moved elements keep theirs.
pub(super) struct Tags {
    /// The number of each tensor's first element, were it computed; the end of all.
    first: Vec<u32>,
    /// For every tensor the distance of elements along each axis, in the order in which its layout has them: what is adjacent in memory has
    /// numbers that follow each other.
    strides: Vec<Vec<usize>>,
    /// The numbers of tensors that moves make, in that order.
    moved: Vec<Option<Vec<u32>>>,
}

impl Tags {
    pub(super) fn new(problem: &Problem, layouts: &[Layout]) -> Self {
        let mut first = vec![0u32];
        for tensor in &problem.tensors {
            first.push(first[first.len() - 1].saturating_add(tensor.shape.elements() as u32));
        }
        let strides = problem.tensors.iter().zip(layouts).map(|(tensor, layout)| dense(&tensor.shape, &layout.strides));
        let mut tags = Tags { first, strides: strides.collect(), moved: vec![None; problem.tensors.len()] };
        for step in &problem.steps {
            if let Some(relation) = &step.relation {
                tags.carry(&step.reads[0], &step.write, relation);
            }
        }
        tags
    }

    /// Gives the elements of `write` the numbers of those of `read`.
    fn carry(&mut self, read: &Access, write: &Access, relation: &Relation) {
        let mut from = self.strides[read.tensor].clone();
        let mut dims = &read.dims;
        if let Relation::Permute(perm) = relation {
            (from, dims) = (perm.iter().map(|&axis| from[axis]).collect(), &write.dims);
        }
        let to = &self.strides[write.tensor];
        // Elements that follow each other in both go together, where both boxes have the same axes.
        let adjacent = |&axis: &usize| *dims == write.dims && from[axis] == 1 && to[axis] == 1;
        let along = (0..dims.len()).filter(adjacent).max_by_key(|&axis| dims[axis]);
        let length = along.map_or(1, |axis| dims[axis]);
        let outer =
            |dims: &[usize]| dims.iter().enumerate().map(|(axis, &dim)| if along == Some(axis) { 1 } else { dim }).collect::<Vec<_>>();
        let places = walk(&outer(dims), &from, self.origin(read)).zip(walk(&outer(&write.dims), to, self.origin(write)));
        let (start, end) = (self.first[write.tensor], self.first[write.tensor + 1]);
        let mut tags = self.moved[write.tensor].take().unwrap_or_else(|| (start..end).collect());
        for (from, to) in places {
            let tags = &mut tags[to..to + length];
            match self.run(read.tensor, from) {
                (_, Some(moved)) => tags.copy_from_slice(&moved[..length]),
                (first, None) => tags.iter_mut().zip(first..).for_each(|(tag, number)| *tag = number),
            }
        }
        self.moved[write.tensor] = Some(tags);
    }

    /// The distances of the elements along each axis of a tensor.
    pub(super) fn strides(&self, tensor: TensorId) -> &[usize] {
        &self.strides[tensor]
    }

    /// The place of a box's first element in its tensor.
    pub(super) fn origin(&self, access: &Access) -> usize {
        access.start.iter().zip(&self.strides[access.tensor]).map(|(start, stride)| start * stride).sum()
    }

    /// The number of the element at place `at` of a tensor, and those from there on, where they do not just follow it.
    pub(super) fn run(&self, tensor: TensorId, at: usize) -> (u32, Option<&[u32]>) {
        match &self.moved[tensor] {
            Some(tags) => (tags[at], Some(&tags[at..])),
            None => (self.first[tensor] + at as u32, None),
        }
    }

    /// The tensor that has the element of this number, and the element's row-major position.
    pub(super) fn owner(&self, problem: &Problem, tag: u32) -> (TensorId, usize) {
        let owner = self.first.partition_point(|&first| first <= tag) - 1;
        (owner, self.position(problem, owner, (tag - self.first[owner]) as usize))
    }

    /// The row-major position of the element at place `at` of a tensor.
    pub(super) fn position(&self, problem: &Problem, tensor: TensorId, at: usize) -> usize {
        let shape = &problem.tensors[tensor].shape;
        let axes = shape.iter().zip(shape.strides()).zip(&self.strides[tensor]);
        axes.map(|((dim, row_major), stride)| at / stride % dim * row_major).sum()
    }
}

/// The strides of a tensor by itself whose axes are nested as `strides` says.
fn dense(shape: &[usize], strides: &[usize]) -> Vec<usize> {
    let mut axes: Vec<usize> = (0..shape.len()).rev().collect();
    axes.sort_by_key(|&axis| if shape[axis] == 1 { 0 } else { strides[axis] });
    let mut result = vec![1; shape.len()];
    let mut step = 1;
    for axis in axes {
        result[axis] = step;
        step *= shape[axis];
    }
    result
}

/// The positions of a view's elements, the last axis fastest.
pub(super) fn walk(dims: &[usize], strides: &[usize], origin: usize) -> impl Iterator<Item = usize> + use<> {
    let axes: Vec<(usize, usize)> = dims.iter().copied().zip(strides.iter().copied()).collect();
    let mut index = vec![0; axes.len()];
    let mut next = if dims.contains(&0) { None } else { Some(origin) };
    std::iter::from_fn(move || {
        let current = next?;
        let mut at = current;
        next = axes.iter().enumerate().rev().find_map(|(axis, &(dim, stride))| {
            index[axis] += 1;
            at += stride;
            if index[axis] < dim {
                return Some(at);
            }
            at -= stride * dim;
            index[axis] = 0;
            None
        });
        Some(current)
    })
}

#[cfg(test)]
mod tests {
    use super::super::host::host;
    use super::super::text::problem;
    use super::*;

    #[test]
    fn what_is_adjacent_in_memory_has_numbers_that_follow_each_other() {
        assert_eq!(dense(&[1, 3, 4, 5], &[60, 1, 15, 3]), [1, 1, 15, 3]);
        assert_eq!(dense(&[2, 3], &[3, 1]), [3, 1]);
        assert_eq!(dense(&[], &[]), [0; 0]);
    }

    #[test]
    fn moved_elements_keep_their_numbers() {
        let problem = problem(
            "x: f32[2,3] input 0
             t: f32[3,2]
             y: f32[2] output 0
             t <= x; permute 1 0
             y <= t[1:2,:]; reshape",
        );
        let tags = Tags::new(&problem, &host(&problem).layouts);
        let numbers = |tensor, places: &[usize]| places.iter().map(|&at| tags.run(tensor, at).0).collect::<Vec<_>>();
        assert_eq!(numbers(2, &[0, 1]), [1, 4]);
        assert_eq!((tags.owner(&problem, 4), tags.position(&problem, 2, 1)), ((0, 4), 1));
    }

    #[test]
    fn elements_side_by_side_are_moved_together() {
        let problem = problem(
            "x: f32[2,2] input 0
             a: f32[2,2]
             y: f32[2,4] output 0
             z: f32[2,3] output 1
             a <= x
             y[:,0:2] <= a
             y[:,2:4] <= x
             z <= y[:,1:4]",
        );
        let tags = Tags::new(&problem, &host(&problem).layouts);
        let numbers = |tensor, count| (0..count).map(|at| tags.run(tensor, at).0).collect::<Vec<_>>();
        assert_eq!(numbers(2, 8), [0, 1, 0, 1, 2, 3, 2, 3]);
        assert_eq!(numbers(3, 6), [1, 0, 1, 3, 2, 3]);
    }
}
