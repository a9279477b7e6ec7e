//! Kernels that walk tensors of any layout, against their definitions: operands lie with their axes in any order and with room between
//! elements, which nothing writes.

mod functions;
mod groups;
mod maps;
mod windows;

use super::super::*;
use super::{AlignedBytes, DType, Destination, Operands, Place, Random, STRANGE, bound};
use crate::tensor::{Data, Shape, Tensor, TensorType};

/// Where a tensor lies that has its axes in any order in memory, some of them further apart than they must be.
fn laid(ty: &TensorType, random: &mut Random) -> View {
    let (mut strides, mut step) = (vec![0; ty.shape.rank()], 1 + random.index(2));
    for axis in random.shuffled(ty.shape.rank()) {
        strides[axis] = step;
        step = step * ty.shape[axis] + random.index(3);
    }
    View { dtype: ty.dtype, dims: ty.shape.0.clone(), strides, ring: None }
}

/// Where each element lies, in row-major order.
fn places(view: &View) -> Vec<usize> {
    let along = |places: Vec<usize>, (&dim, &stride): (&usize, &usize)| {
        places.into_iter().flat_map(|place| (0..dim).map(move |at| place + at * stride)).collect()
    };
    view.dims.iter().zip(&view.strides).fold(vec![0], along)
}

fn stored(tensor: &Tensor, view: &View) -> AlignedBytes {
    let (places, size) = (places(view), view.dtype.bytes());
    let mut bytes = AlignedBytes::filled((places.iter().max().unwrap() + 1) * size, STRANGE);
    for (&place, element) in places.iter().zip(tensor.as_bytes().chunks_exact(size)) {
        bytes[place * size..][..size].copy_from_slice(element);
    }
    bytes
}

/// What a kernel makes of one tensor or of two.
fn run(kernel: &dyn Kernel, inputs: &[&Tensor], output: &TensorType, random: &mut Random) -> Tensor {
    run_by(kernel, inputs, &[0_u32; 0], output, random)
}

/// As [`run`], with packed weights.
fn run_by<W: bytemuck::NoUninit>(
    kernel: &dyn Kernel,
    inputs: &[&Tensor],
    weights: &[W],
    output: &TensorType,
    random: &mut Random,
) -> Tensor {
    let views: Vec<View> = inputs.iter().map(|input| laid(&input.ty(), random)).collect();
    let (to, size) = (laid(output, random), output.dtype.bytes());
    let bound = bound(kernel, &Views { inputs: &views, output: &to, relation: None, split: false, by_rows: false });
    let operands: Vec<AlignedBytes> = inputs.iter().zip(&views).map(|(input, view)| stored(input, view)).collect();
    let (places, second) = (places(&to), operands.get(1).map_or(&[][..], |second| &second[..]));
    let mut y = AlignedBytes::filled((places.iter().max().unwrap() + 1) * size, STRANGE);
    let (mut packed, mut w) = (AlignedBytes::default(), AlignedBytes::default());
    packed.push(weights, 1);
    w.push(&bound.weights_here(&packed), 1);
    let (x, r) = (Place::Outside(&operands[0]), Place::Outside(second));
    let operands = Operands { arena: &mut [], x, r, w: &w, y: Destination::Outside(&mut y) };
    assert_eq!(bound.run(None, operands), Ok(()), "{kernel:?} from {views:?} to {to:?}");
    let found: Vec<u8> = places.iter().flat_map(|&place| y[place * size..][..size].to_vec()).collect();
    for (place, element) in y.chunks_exact(size).enumerate().filter(|(place, _)| !places.contains(place)) {
        assert!(element.iter().all(|&byte| byte == STRANGE), "{kernel:?} writes place {place} of {to:?}");
    }
    Tensor::from_le_bytes(output, &found).unwrap()
}

/// Integers as a tensor of any type, of which the low bits are left.
fn whole(dtype: DType, dims: &[usize], values: &[i128]) -> Tensor {
    let bytes = values.iter().flat_map(|&value| match dtype {
        DType::F32 => (value as f32).to_le_bytes().to_vec(),
        _ => value.to_le_bytes()[..dtype.bytes()].to_vec(),
    });
    Tensor::from_le_bytes(&TensorType::new(dtype, dims.to_vec()), &bytes.collect::<Vec<_>>()).unwrap()
}

/// The integers of a tensor of any type, which holds nothing else.
fn numbers(tensor: &Tensor) -> Vec<i128> {
    match tensor.data() {
        Data::F32(values) => values.iter().map(|&value| value as i128).collect(),
        Data::Bool(values) => values.iter().map(|&value| value.into()).collect(),
        _ => tensor.to_i64s().unwrap().into_iter().map(i128::from).collect(),
    }
}

fn real(dims: &[usize], values: &[f32]) -> Tensor {
    Tensor::f32(dims.to_vec(), values).unwrap()
}

/// Small integers, among which equal ones are frequent.
fn few(random: &mut Random, count: usize) -> Vec<i128> {
    (0..count).map(|_| i128::from(random.below(7)) - 3).collect()
}

/// Extents of a tensor of `least` to four axes.
fn extents(random: &mut Random, least: u32) -> Vec<usize> {
    let rank = least + random.below(5 - least);
    (0..rank).map(|_| 1 + random.below(4) as usize).collect()
}

/// The index of each element, in row-major order.
fn indices(dims: &[usize]) -> Vec<Vec<usize>> {
    let shape = Shape(dims.to_vec());
    (0..shape.elements()).map(|flat| crate::tensor::unravel(flat, dims)).collect()
}

/// The row-major place of an index; zero counts along axes of which there is one element.
fn flat(dims: &[usize], index: &[usize]) -> usize {
    dims.iter().zip(index).fold(0, |place, (&dim, &at)| place * dim + if dim == 1 { 0 } else { at })
}

/// The elements along an axis, of which one has this index.
fn along(dims: &[usize], index: &[usize], axis: usize) -> Vec<usize> {
    let place = |at: usize| {
        let mut index = index.to_vec();
        index[axis] = at;
        flat(dims, &index)
    };
    (0..dims[axis]).map(place).collect()
}

/// Whether a float is another, but for what rounding does; one that is not a number is any other.
fn is_near(found: f32, wanted: f64, tolerance: f64) -> bool {
    let difference = (f64::from(found) - wanted).abs();
    (found.is_nan() && wanted.is_nan()) || f64::from(found) == wanted || difference <= tolerance * wanted.abs().max(1.0)
}
