//! Kernels that move elements, over layouts of all kinds: every element of the output is the one of the input that it should be.

use peleec_runtime::{Destination, Operands, Place};

use super::super::*;
use crate::aligned::AlignedBytes;
use crate::tensor::DType;

/// A tensor whose axes lie in memory in this order, the last one innermost.
fn view(dims: &[usize], order: &[usize]) -> View {
    let (mut strides, mut step) = (vec![0; dims.len()], 1);
    for &axis in order.iter().rev() {
        strides[axis] = step;
        step *= dims[axis];
    }
    View { dtype: DType::I32, dims: dims.to_vec(), strides, ring: None }
}

/// The index at a row-major position.
fn index(dims: &[usize], mut position: usize) -> Vec<usize> {
    let mut index = vec![0; dims.len()];
    for (at, dim) in index.iter_mut().zip(dims).rev() {
        *at = position % dim;
        position /= dim;
    }
    index
}

fn place(view: &View, index: &[usize]) -> usize {
    view.strides.iter().zip(index).map(|(stride, at)| stride * at).sum()
}

/// Whether the kernel gives each element of the output the one of the input at the index that `from` says; an error where it cannot.
fn moves(
    kernel: &dyn Kernel,
    [input, output]: [&View; 2],
    relation: Option<&Relation>,
    from: impl Fn(&[usize]) -> Option<Vec<usize>>,
) -> Result<bool, OpError> {
    let inputs = std::slice::from_ref(input);
    let Work::Kernel(bound) = kernel.bind(&Views { inputs, output, relation, split: false, by_rows: false })? else { return Ok(false) };
    let [n_inputs, n_outputs] = [input, output].map(|view| view.dims.iter().product::<usize>());
    // Each is the number of its place, and the padding another.
    let mut x = AlignedBytes::default();
    x.push(&(0..n_inputs as i32).collect::<Vec<_>>(), 1);
    let mut y = AlignedBytes::filled(4 * n_outputs, 0x77);
    let operands = Operands { arena: &mut [], x: Place::Outside(&x), r: Place::Outside(&[]), w: &[], y: Destination::Outside(&mut y) };
    assert_eq!(bound.run(None, operands), Ok(()), "{kernel:?}");
    let found: &[i32] = bytemuck::cast_slice(&y);
    let is_right = |position: usize| {
        let at = index(&output.dims, position);
        let wanted = from(&at).map_or(-1, |from| place(input, &from) as i32);
        found[place(output, &at)] == wanted
    };
    Ok((0..n_outputs).all(is_right))
}

#[test]
fn relations_say_where_elements_go() {
    let channels_last = [0, 2, 3, 1];
    for (dims, order, to) in [
        (&[2, 3, 4][..], &[0, 1, 2][..], &[2, 0, 1][..]),
        (&[1, 3, 4, 5], &channels_last, &[0, 1, 2, 3]),
        (&[1, 3, 4, 5], &[3, 1, 0, 2], &channels_last),
    ] {
        let moved = moves(&Move, [&view(dims, order), &view(dims, to)], Some(&Relation::Same), |at| Some(at.to_vec()));
        assert!(moved.unwrap(), "{dims:?} {order:?} {to:?}");
    }
    for (dims, order, perm, to) in [
        (&[1, 4, 5, 3][..], &[0, 1, 2, 3][..], &[0, 3, 1, 2][..], &[0, 1, 2, 3][..]),
        (&[2, 3, 4], &[1, 2, 0], &[1, 2, 0], &[2, 0, 1]),
        (&[2, 3, 4, 5], &[0, 2, 3, 1], &[3, 0, 1, 2], &[3, 2, 1, 0]),
    ] {
        let permuted: Vec<usize> = perm.iter().map(|&axis| dims[axis]).collect();
        let from = |at: &[usize]| {
            let mut from = vec![0; at.len()];
            perm.iter().zip(at).for_each(|(&axis, &at)| from[axis] = at);
            Some(from)
        };
        let moved = moves(&Move, [&view(dims, order), &view(&permuted, to)], Some(&Relation::Permute(perm.to_vec())), from);
        assert!(moved.unwrap(), "{dims:?} {order:?} {perm:?} {to:?}");
    }
}

#[test]
fn reshapes_keep_the_order_of_elements() {
    let reshape = |dims: &[usize], order: &[usize], to: &[usize], to_order: &[usize]| {
        let from = |at: &[usize]| {
            let position = at.iter().zip(to).fold(0, |position, (at, dim)| position * dim + at);
            Some(index(dims, position))
        };
        moves(&Move, [&view(dims, order), &view(to, to_order)], Some(&Relation::Reshape), from)
    };
    for (dims, order, to, to_order) in [
        (&[2, 3, 4][..], &[0, 1, 2][..], &[6, 4][..], &[0, 1][..]),
        (&[6, 4], &[1, 0], &[2, 3, 4], &[2, 0, 1]),
        (&[1, 3, 4, 5], &[0, 2, 3, 1], &[3, 20], &[0, 1]),
        (&[1, 3, 4, 5], &[0, 2, 3, 1], &[1, 3, 2, 2, 5], &[4, 3, 2, 1, 0]),
        // No common dimensions, but one side is row-major.
        (&[4, 3], &[0, 1], &[3, 4], &[1, 0]),
        (&[4, 3], &[1, 0], &[3, 4], &[0, 1]),
    ] {
        assert!(reshape(dims, order, to, to_order).unwrap(), "{dims:?} {order:?} {to:?} {to_order:?}");
    }
    let refusal = reshape(&[4, 3], &[1, 0], &[3, 4], &[1, 0]).unwrap_err();
    assert!(refusal.to_string().contains("share no dimensions"), "{refusal}");
}

/// Steps forward, backward and none, each along each axis.
#[test]
fn steps_pick_elements_from_the_first_on_or_from_the_last() {
    for steps in (0..64).map(|code| [code % 4, code / 4 % 4, code / 16].map(|step| [1_i64, 3, 0, -2][step])) {
        let counts = [2, 3, 4];
        // From the first to the last that is picked.
        let dims: Vec<usize> = steps.iter().zip(counts).map(|(step, count)| step.unsigned_abs() as usize * (count - 1) + 1).collect();
        let from = |at: &[usize]| {
            let along = |((&step, count), &at): ((&i64, usize), &usize)| {
                let at = if step < 0 { count - 1 - at } else { at };
                step.unsigned_abs() as usize * at
            };
            Some(steps.iter().zip(counts).zip(at).map(along).collect())
        };
        for (order, to) in [([0, 1, 2], [0, 1, 2]), ([1, 2, 0], [2, 1, 0])] {
            let moved = moves(&Strided { steps: steps.to_vec() }, [&view(&dims, &order), &view(&counts, &to)], None, from);
            assert!(moved.unwrap(), "{steps:?} {order:?} {to:?}");
        }
    }
}

#[test]
fn padding_stands_around_the_input() {
    for (dims, begins, ends) in [([2, 3, 4], [0, 0, 0], [0, 0, 0]), ([2, 3, 1], [1, 0, 2], [0, 2, 1]), ([1, 2, 2], [0, 3, 0], [1, 0, 0])] {
        let sizes: Vec<usize> = (0..3).map(|axis| begins[axis] + dims[axis] + ends[axis]).collect();
        let from = |at: &[usize]| {
            let along = |(axis, &at): (usize, &usize)| at.checked_sub(begins[axis]).filter(|&at| at < dims[axis]);
            at.iter().enumerate().map(along).collect()
        };
        for (order, to) in [([0, 1, 2], [0, 1, 2]), ([1, 2, 0], [2, 0, 1])] {
            let pad = Pad { begins: begins.to_vec(), value: PadValue::Integer(-1) };
            let moved = moves(&pad, [&view(&dims, &order), &view(&sizes, &to)], None, from);
            assert!(moved.unwrap(), "{dims:?} {begins:?} {ends:?}");
        }
    }
}
