//! Operators that work on one element at a time, and softmax.

use super::{LARGE, Net, Value};
use crate::cases::onnx::Attr;

impl Net {
    pub(super) fn activation(&mut self, x: &Value) -> Option<Value> {
        Some(match self.draw(5) {
            0 | 1 => self.same("Relu", x),
            2 => self.op("LeakyRelu", &[&x.name], &[("alpha", Attr::Float(0.25))], x.dims.clone()),
            3 => {
                let [low, high] = [("low", -0.5), ("high", 0.75)].map(|(bound, value)| {
                    let name = format!("{}.{bound}", self.name);
                    self.onnx.floats(&name, &[], &[value])
                });
                self.op("Clip", &[&x.name, &low, &high], &[], x.dims.clone())
            }
            _ => {
                self.uses_exp = true;
                self.same("Sigmoid", x)
            }
        })
    }

    pub(super) fn softmax(&mut self, x: &Value) -> Option<Value> {
        if x.dims.is_empty() {
            return None;
        }
        self.uses_exp = true;
        let axis = self.draw(x.dims.len());
        Some(self.op("Softmax", &[&x.name], &[("axis", Attr::Int(axis as i64))], x.dims.clone()))
    }

    pub(super) fn identity(&mut self, x: &Value) -> Option<Value> {
        let op_type = self.pick(&["Identity", "Dropout"]);
        Some(self.same(op_type, x))
    }

    pub(super) fn batch_normalization(&mut self, x: &Value) -> Option<Value> {
        let channels = *x.dims.get(1)?;
        let mut inputs = vec![x.name.clone()];
        for part in ["scale", "shift", "mean"] {
            inputs.push(self.onnx.weights(&format!("{}.{part}", self.name), &[channels]));
        }
        let variance: Vec<f32> = (0..channels).map(|c| 0.5 + 0.25 * (c % 5) as f32).collect();
        inputs.push(self.onnx.floats(&format!("{}.variance", self.name), &[channels], &variance));
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        Some(self.op("BatchNormalization", &inputs, &[], x.dims.clone()))
    }

    /// Two values of which one may be broadcast to the other's shape.
    pub(super) fn binary_of_values(&mut self, x: &Value) -> Option<Value> {
        let other = self.value_like(1, |value| broadcast(&value.dims, &x.dims).is_some())?;
        let op_type = self.pick(&["Add", "Mul", "Sub"]);
        let dims = broadcast(&other.dims, &x.dims).filter(|dims| dims.iter().product::<usize>() <= LARGE)?;
        let (a, b) = if self.draw(2) == 0 { (x, &other) } else { (&other, x) };
        Some(self.op(op_type, &[&a.name, &b.name], &[], dims))
    }

    /// A value and a constant that is repeated along any of its axes.
    pub(super) fn binary_with_constant(&mut self, x: &Value) -> Option<Value> {
        let op_type = self.pick(&["Add", "Mul", "Sub", "Div"]);
        let kept = self.pick(&[0b10, 0b1111, 0, 0b1000, 0b1100, 0b1]);
        let (short, swapped) = (self.draw(3) == 1, self.draw(3) == 2 && op_type != "Div");
        let axes = x.dims.iter().enumerate();
        let mut dims: Vec<usize> = axes.map(|(axis, &dim)| if kept >> axis & 1 == 1 { dim } else { 1 }).collect();
        if short {
            dims.drain(..dims.iter().position(|&dim| dim > 1).unwrap_or(dims.len()));
        }
        let name = format!("{}.constant", self.name);
        let values: Vec<f32> = (0..dims.iter().product()).map(|i: usize| 0.75 + 0.125 * (i % 7) as f32).collect();
        let constant = self.onnx.floats(&name, &dims, &values);
        let inputs: [&str; 2] = if swapped { [&constant, &x.name] } else { [&x.name, &constant] };
        Some(self.op(op_type, &inputs, &[], x.dims.clone()))
    }

    pub(super) fn pad(&mut self, x: &Value) -> Option<Value> {
        let rank = x.dims.len();
        let first = self.pick(&[2, 0, 1]);
        let pads: Vec<usize> = (0..2 * rank).map(|i| if i % rank.max(1) < first { 0 } else { self.draw(3) }).collect();
        let dims: Vec<usize> = (0..rank).map(|axis| x.dims[axis] + pads[axis] + pads[rank + axis]).collect();
        if rank == 0 || dims.iter().product::<usize>() > LARGE {
            return None;
        }
        let ints: Vec<i64> = pads.iter().map(|&pad| pad as i64).collect();
        let name = self.name.clone();
        let value = self.pick(&[0.0, 0.0, -1.5]);
        // The last is not in the older operator set.
        let mode = self.pick(&["constant", "constant", "reflect", "edge", if self.old { "edge" } else { "wrap" }]);
        let pads = self.onnx.ints(&format!("{name}.pads"), &ints);
        if mode != "constant" {
            return Some(self.op("Pad", &[&x.name, &pads], &[("mode", Attr::Text(mode))], dims));
        }
        let value = self.onnx.floats(&format!("{name}.value"), &[], &[value]);
        Some(self.op("Pad", &[&x.name, &pads, &value], &[], dims))
    }
}

/// NumPy's broadcasting, where the shapes allow it.
fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let extent = |dims: &[usize], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |axis| dims[axis]);
    let dims = (0..rank).map(|axis| match (extent(a, axis), extent(b, axis)) {
        (x, y) if x == y || y == 1 => Some(x),
        (1, y) => Some(y),
        _ => None,
    });
    dims.collect()
}
