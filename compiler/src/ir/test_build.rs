//! Builds small graphs in tests, every type of which is inferred, and draws numbers for them.

use super::{Graph, Source, Value};
use crate::ops::Op;
use crate::tensor::{DType, Shape, Tensor, TensorType};

/// A graph under construction.
pub(crate) struct Build {
    pub(crate) graph: Graph,
}

impl Build {
    pub(crate) fn new() -> Self {
        Build { graph: Graph::new("test", 13) }
    }

    pub(crate) fn input(&mut self, name: &str, shape: &[usize]) -> Source {
        self.graph.add_input(name, TensorType::f32(shape.to_vec()))
    }

    pub(crate) fn constant(&mut self, name: &str, shape: &[usize], values: &[f32]) -> Source {
        self.graph.add_constant(name, Tensor::f32(shape.to_vec(), values.to_vec()).expect("the values fill the shape"))
    }

    /// A constant of values between -1 and 1 that follow from its shape.
    pub(crate) fn seeded(&mut self, name: &str, shape: &[usize]) -> Source {
        self.graph.add_constant(name, seeded(&Shape(shape.to_vec()), shape.len() as u32))
    }

    pub(crate) fn op(&mut self, name: &str, op: Op, inputs: &[Source]) -> Source {
        let types: Vec<_> = inputs.iter().map(|&source| Some(self.graph.ty(source))).collect();
        let ty = op.infer(&types).expect("the operator takes these inputs").remove(0);
        let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
        self.graph.add_op(name, op, &inputs, vec![Value { name: name.to_owned(), ty }])
    }

    pub(crate) fn output(&mut self, source: Source) {
        let name = self.graph.value(source).name.clone();
        self.graph.add_output(&name, source);
    }
}

/// Values between -1 and 1 without a pattern.
pub(crate) fn seeded(shape: &Shape, seed: u32) -> Tensor {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    Tensor::from_fn(shape, |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 * 2.0 - 1.0
    })
}

/// Random numbers, the same in every run.
pub(crate) struct Random(pub(crate) u32);

impl Random {
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % n
    }

    /// One of so many places.
    pub(crate) fn index(&mut self, n: usize) -> usize {
        self.below(n as u32) as usize
    }

    /// Integers that are small enough for every sum of floats to be exact.
    pub(crate) fn integers(&mut self, count: usize) -> Vec<i32> {
        (0..count).map(|_| self.below(41).cast_signed() - 20).collect()
    }

    /// Bytes of a type, with extremes among them.
    pub(crate) fn bytes(&mut self, dtype: DType, shape: &[usize]) -> Tensor {
        let byte = |random: &mut Random| [0, 127, 128, 255, random.below(256), random.below(256)][random.index(6)] as u8;
        let ty = TensorType::new(dtype, shape.to_vec());
        let values: Vec<u8> = (0..ty.shape.elements()).map(|_| byte(self)).collect();
        Tensor::from_low_bytes(&ty, |index| values[index])
    }

    /// A type of bytes.
    pub(crate) fn byte_type(&mut self) -> DType {
        [DType::I8, DType::U8][self.index(2)]
    }

    /// The numbers below `count` in any order.
    pub(crate) fn shuffled(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        (1..count).rev().for_each(|at| order.swap(at, self.index(at + 1)));
        order
    }
}
