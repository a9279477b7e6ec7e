//! Operators that only move elements, and the blocks in which networks have them.

use super::{LARGE, Net, Value};
use crate::cases::onnx::Attr;

impl Net {
    /// Two or three values along one axis, mostly that of the channels; perhaps the same value twice.
    pub(super) fn concat(&mut self, x: &Value) -> Option<Value> {
        let axis = self.pick(&[1usize, 1, 1, 0, 2, 3]).checked_rem(x.dims.len())?;
        let fits = |value: &Value| value.dims.len() == x.dims.len() && (0..x.dims.len()).all(|i| i == axis || value.dims[i] == x.dims[i]);
        let mut parts = vec![x.clone()];
        for slot in 1..2 + self.draw(2) {
            parts.push(self.value_like(slot, fits)?);
        }
        if self.draw(2) == 1 {
            parts.reverse();
        }
        self.joined(&parts, axis)
    }

    fn joined(&mut self, parts: &[Value], axis: usize) -> Option<Value> {
        let mut dims = parts[0].dims.clone();
        *dims.get_mut(axis)? = parts.iter().map(|part| part.dims[axis]).sum();
        if dims.iter().product::<usize>() > LARGE {
            return None;
        }
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        Some(self.op("Concat", &names, &[("axis", Attr::Int(axis as i64))], dims))
    }

    pub(super) fn transpose(&mut self, x: &Value) -> Option<Value> {
        let rank = x.dims.len();
        let mut perm: Vec<usize> = (0..rank).collect();
        match self.draw(3) {
            0 if rank == 4 => perm = vec![0, 2, 3, 1],
            _ => (1..rank).for_each(|axis| perm.swap(axis, self.draw(axis + 1))),
        }
        let ints: Vec<i64> = perm.iter().map(|&axis| axis as i64).collect();
        let dims = perm.iter().map(|&axis| x.dims[axis]).collect();
        Some(self.op("Transpose", &[&x.name], &[("perm", Attr::Ints(&ints))], dims))
    }

    /// Splits one axis, joins two, or takes the elements as any other shape.
    pub(super) fn reshape(&mut self, x: &Value) -> Option<Value> {
        let mut dims = x.dims.clone();
        let axis = self.draw(dims.len());
        match self.draw(4) {
            0 if axis + 1 < dims.len() => {
                let next = dims.remove(axis + 1);
                dims[axis] *= next;
            }
            1 => {
                let dim = *dims.get(axis)?;
                let factors: Vec<usize> = (1..=dim).filter(|&factor| dim.is_multiple_of(factor)).collect();
                let factor = self.pick(&factors);
                dims[axis] = dim / factor;
                dims.insert(axis, factor);
            }
            2 => dims = vec![*x.dims.first()?, x.elements() / x.dims[0]],
            _ => {
                let mut left = x.elements();
                dims.clear();
                for _ in 0..self.draw(3) {
                    let factors: Vec<usize> = (1..=left).filter(|&factor| left.is_multiple_of(factor)).collect();
                    dims.push(self.pick(&factors));
                    left /= dims[dims.len() - 1];
                }
                dims.push(left);
            }
        }
        if dims.len() > 6 {
            return None;
        }
        let ints: Vec<i64> = dims.iter().map(|&dim| dim as i64).collect();
        let shape = self.onnx.ints(&format!("{}.shape", self.name), &ints);
        Some(self.op("Reshape", &[&x.name, &shape], &[], dims))
    }

    pub(super) fn flatten(&mut self, x: &Value) -> Option<Value> {
        let axis = self.draw(x.dims.len() + 1);
        let dims = vec![x.dims[..axis].iter().product(), x.dims[axis..].iter().product()];
        Some(self.op("Flatten", &[&x.name], &[("axis", Attr::Int(axis as i64))], dims))
    }

    /// Takes out or puts in an axis of one.
    pub(super) fn unit_axis(&mut self, x: &Value) -> Option<Value> {
        let mut dims = x.dims.clone();
        let out = dims.iter().position(|&dim| dim == 1).filter(|_| self.draw(2) == 0);
        let (op_type, axis) = match out {
            Some(axis) => ("Squeeze", axis),
            None => ("Unsqueeze", self.draw(dims.len() + 1)),
        };
        match out {
            Some(axis) => _ = dims.remove(axis),
            None if dims.len() < 5 => dims.insert(axis, 1),
            None => return None,
        }
        let axes = [axis as i64];
        if self.old {
            return Some(self.op(op_type, &[&x.name], &[("axes", Attr::Ints(&axes))], dims));
        }
        let axes = self.onnx.ints(&format!("{}.axes", self.name), &axes);
        Some(self.op(op_type, &[&x.name, &axes], &[], dims))
    }

    /// Some of the greatest or the least elements along an axis.
    pub(super) fn top_k(&mut self, x: &Value) -> Option<Value> {
        let axis = self.draw(x.dims.len());
        let count = 1 + self.draw(*x.dims.get(axis)?);
        let largest = self.draw(2) as i64;
        let mut dims = x.dims.clone();
        dims[axis] = count;
        let k = self.onnx.ints(&format!("{}.k", self.name), &[count as i64]);
        let how = [("axis", Attr::Int(axis as i64)), ("largest", Attr::Int(largest))];
        Some(self.op("TopK", &[&x.name, &k], &how, dims))
    }

    /// `concat(x, conv(x))`: the step reads and writes one host.
    pub(super) fn dense_layer(&mut self, x: &Value) -> Option<Value> {
        let filters = self.pick(&[1, 2, 4, 8]);
        let y = if self.draw(2) == 0 { x.clone() } else { self.same_conv(x, 4)? };
        let y = match self.draw(4) {
            0 => self.same_depthwise(&y)?,
            1 => self.same_pool(&y)?,
            _ => self.same_conv(&y, filters)?,
        };
        let y = if self.draw(2) == 0 { self.same("Relu", &y) } else { y };
        let parts = if self.draw(2) == 0 { [x.clone(), y] } else { [y, x.clone()] };
        self.joined(&parts, 1)
    }

    /// `relu(conv(x) + r)`, perhaps joined with `x` or `r`.
    pub(super) fn residual(&mut self, x: &Value) -> Option<Value> {
        let same_map = |value: &Value| value.dims.len() == x.dims.len() && value.dims[0] == x.dims[0] && value.dims[2..] == x.dims[2..];
        x.spatial()?;
        let residual = self.value_like(1, |value| value.spatial().is_some() && same_map(value))?;
        let y = self.same_conv(x, residual.dims[1])?;
        let y = self.op("Add", &[&y.name, &residual.name], &[], residual.dims.clone());
        let y = if self.draw(2) == 0 { self.same("Relu", &y) } else { y };
        match self.draw(3) {
            0 => Some(y),
            1 => self.joined(&[x.clone(), y], 1),
            _ => self.joined(&[y, residual], 1),
        }
    }

    /// The end of a detector: maps to rows of `n` values, joined over the maps.
    pub(super) fn head(&mut self, x: &Value) -> Option<Value> {
        let second = self.value_like(1, |value| value.dims.len() == 4 && value.dims.first() == x.dims.first())?;
        let (batch, n) = (x.dims[0], self.pick(&[4, 2, 3]));
        let mut rows = Vec::new();
        for map in [x, &second].into_iter().filter(|map| map.dims.len() == 4) {
            let y = self.same_conv(map, 2 * n)?;
            let dims = vec![batch, y.dims[2], y.dims[3], y.dims[1]];
            let y = self.op("Transpose", &[&y.name], &[("perm", Attr::Ints(&[0, 2, 3, 1]))], dims);
            let len = y.elements() / batch;
            rows.push(self.op("Flatten", &[&y.name], &[], vec![batch, len]));
        }
        let all = if rows.is_empty() { return None } else { self.joined(&rows, 1)? };
        let dims = vec![batch, all.dims[1] / n, n];
        let shape = self.onnx.ints(&format!("{}.rows", self.name), &[batch as i64, -1, n as i64]);
        Some(self.op("Reshape", &[&all.name, &shape], &[], dims))
    }
}
