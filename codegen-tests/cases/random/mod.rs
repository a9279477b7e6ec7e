//! Random networks: a recipe is a list of choices, and every recipe is a valid network.
//!
//! A choice that the values at hand do not allow becomes a `Relu`, so that a smaller recipe, as a property test shrinks it, is
//! a network as well.

mod elementwise;
mod layout;
mod products;
mod window;

use std::collections::BTreeSet;

use super::onnx::{Attr, Onnx};

/// One node, or the few nodes of a block.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Which row of the list of operators, modulo its length.
    pub operator: usize,
    /// Which of the values that fit are its inputs, counted from the newest.
    pub inputs: [usize; 3],
    /// Everything else: each parameter takes the next, modulo its range.
    pub numbers: [usize; 14],
}

/// A network.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Whether it imports operator set 11 instead of 19.
    pub old: bool,
    /// Shape of the input: batch, channels, height, width.
    pub shape: [usize; 4],
    /// The nodes.
    pub choices: Vec<Choice>,
    /// Whether value `i` is an output is bit `i`; the newest always is one.
    pub outputs: u32,
}

/// A recipe's model.
pub struct Network {
    /// The ONNX file.
    pub bytes: Vec<u8>,
    /// Whether exp is part of it, so that bits depend on whose exp it is.
    pub uses_exp: bool,
    /// Whether its kernels add in another order than naive evaluation: a mean over axes, a window over three axes, a `Gemm` whose
    /// addend is no bias.
    pub reorders: bool,
}

impl Recipe {
    /// Writes the network.
    pub fn build(&self) -> Network {
        let onnx = Onnx::new(if self.old { 11 } else { 19 });
        let choice = Choice { operator: 0, inputs: [0; 3], numbers: [0; 14] };
        let (values, name) = (Vec::new(), String::new());
        let mut net =
            Net { onnx, old: self.old, values, uses_exp: false, reorders: false, exact: BTreeSet::new(), choice, name, next: 0, made: 0 };
        let name = net.onnx.input("x", &self.shape);
        net.exact.insert(name.clone());
        net.push(name, self.shape.to_vec());
        for (index, choice) in self.choices.iter().enumerate() {
            net.add(format!("n{index}"), choice.clone());
        }
        let last = net.values.len() - 1;
        for (index, value) in net.values.iter().enumerate() {
            if index == last || self.outputs >> (index % 32) & 1 == 1 {
                net.onnx.output(&value.name);
            }
        }
        Network { bytes: net.onnx.bytes(), uses_exp: net.uses_exp, reorders: net.reorders }
    }
}

/// Operators that give elements of their inputs, or limits of them.
const GIVES_WHAT_IT_READS: [&str; 7] = ["MaxPool", "Concat", "Transpose", "Reshape", "Flatten", "Relu", "Identity"];

/// Values with more elements are made no larger.
const LARGE: usize = 6000;

#[derive(Clone, Debug, PartialEq)]
struct Value {
    name: String,
    dims: Vec<usize>,
}

impl Value {
    fn elements(&self) -> usize {
        self.dims.iter().product()
    }

    /// The spatial extents of a map, which are one to three, and then few depths.
    fn spatial(&self) -> Option<Vec<usize>> {
        match self.dims.get(2..)? {
            spatial @ ([_] | [_, _]) => Some(spatial.to_vec()),
            spatial @ [depth, _, _] if *depth <= 9 => Some(spatial.to_vec()),
            _ => None,
        }
    }
}

/// A network under construction, and the choice that is being turned into nodes.
struct Net {
    onnx: Onnx,
    old: bool,
    values: Vec<Value>,
    uses_exp: bool,
    reorders: bool,
    /// The names of values that no pass rounds otherwise, so that they may become bytes.
    exact: BTreeSet<String>,
    choice: Choice,
    /// Name of the choice's first node.
    name: String,
    /// How many of its numbers are used.
    next: usize,
    /// How many nodes it has.
    made: usize,
}

type Operator = fn(&mut Net, &Value) -> Option<Value>;

/// The sorts of nodes; what networks have most is listed most.
const OPERATORS: &[Operator] = &[
    Net::convolution,
    Net::convolution,
    Net::depthwise,
    Net::pool,
    Net::concat,
    Net::concat,
    Net::binary_of_values,
    Net::binary_with_constant,
    Net::activation,
    Net::batch_normalization,
    Net::pad,
    Net::global_pool,
    Net::volume,
    Net::transpose,
    Net::reshape,
    Net::flatten,
    Net::softmax,
    Net::product_with_constant,
    Net::product_of_values,
    Net::einsum,
    Net::reduce_mean,
    Net::dense_layer,
    Net::residual,
    Net::head,
    Net::identity,
    Net::unit_axis,
    Net::top_k,
    Net::through_bytes,
    Net::quantized_convolution,
    Net::quantized_convolution,
];

impl Net {
    fn add(&mut self, name: String, choice: Choice) {
        (self.name, self.choice, self.next, self.made) = (name, choice, 0, 0);
        let Some(x) = self.value_like(0, |_| true) else { return };
        let operator = OPERATORS[self.choice.operator % OPERATORS.len()];
        if operator(self, &x).is_none() {
            self.same("Relu", &x);
        }
    }

    /// The next number, below `range`.
    fn draw(&mut self, range: usize) -> usize {
        let number = self.choice.numbers[self.next % self.choice.numbers.len()];
        self.next += 1;
        number % range.max(1)
    }

    /// One of `list`.
    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.draw(list.len())]
    }

    /// Of the values that fit, the one that input `slot` of the choice says, counted from the newest.
    fn value_like(&self, slot: usize, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        let fitting: Vec<_> = self.values.iter().rev().filter(|value| fits(value)).collect();
        fitting.get(self.choice.inputs[slot] % fitting.len().max(1)).map(|&value| value.clone())
    }

    /// A name for the next node of the choice.
    fn fresh(&mut self) -> String {
        self.made += 1;
        if self.made == 1 { self.name.clone() } else { format!("{}_{}", self.name, self.made) }
    }

    fn op(&mut self, op_type: &str, inputs: &[&str], attributes: &[(&str, Attr<'_>)], dims: Vec<usize>) -> Value {
        let name = self.fresh();
        let name = self.onnx.op(op_type, &name, inputs, attributes);
        let is_rounded = |input: &&str| self.values.iter().any(|value| value.name == **input) && !self.exact.contains(*input);
        if GIVES_WHAT_IT_READS.contains(&op_type) && !inputs.iter().any(is_rounded) {
            self.exact.insert(name.clone());
        }
        self.push(name, dims)
    }

    /// An operator that keeps the shape.
    fn same(&mut self, op_type: &str, x: &Value) -> Value {
        self.op(op_type, &[&x.name], &[], x.dims.clone())
    }

    fn push(&mut self, name: String, dims: Vec<usize>) -> Value {
        let value = Value { name, dims };
        self.values.push(value.clone());
        value
    }
}
