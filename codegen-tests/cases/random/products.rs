//! Matrix products and means.

use super::{LARGE, Net, Value};
use crate::cases::onnx::Attr;

impl Net {
    /// `Gemm` or `MatMul` with constant weights on the right.
    pub(super) fn product_with_constant(&mut self, x: &Value) -> Option<Value> {
        let (depth, columns) = (*x.dims.last()?, self.pick(&[1, 3, 5, 8, 17]));
        let mut dims = x.dims.clone();
        *dims.last_mut()? = columns;
        if dims.iter().product::<usize>() > LARGE {
            return None;
        }
        let name = self.name.clone();
        let gemm = x.dims.len() == 2 && self.draw(2) == 0;
        let turned = gemm && self.draw(2) == 1;
        let weights = self.onnx.weights(&format!("{name}.weight"), &if turned { [columns, depth] } else { [depth, columns] });
        if !gemm {
            return Some(self.op("MatMul", &[&x.name, &weights], &[], dims));
        }
        let bias_dims = match self.draw(4) {
            0 => vec![columns],
            1 => vec![1, columns],
            2 => vec![dims[0], 1],
            _ => dims.clone(),
        };
        self.reorders |= bias_dims[0] > 1 && bias_dims.len() == 2;
        let bias = self.onnx.weights(&format!("{name}.bias"), &bias_dims);
        Some(self.op("Gemm", &[&x.name, &weights, &bias], &[("transB", Attr::Int(turned.into()))], dims))
    }

    /// `MatMul` of two values, whose batches broadcast.
    pub(super) fn product_of_values(&mut self, x: &Value) -> Option<Value> {
        let (rank, depth) = (x.dims.len(), *x.dims.last()?);
        let fits = |value: &Value| {
            let other = value.dims.len();
            let batches = value.dims.iter().rev().skip(2).zip(x.dims.iter().rev().skip(2));
            (2..=rank).contains(&other) && value.dims[other - 2] == depth && batches.clone().all(|(a, b)| a == b || *a == 1)
        };
        let right = self.value_like(1, fits).filter(|_| (2..=4).contains(&rank))?;
        let mut dims = x.dims.clone();
        *dims.last_mut()? = *right.dims.last()?;
        if dims.iter().product::<usize>() > LARGE {
            return None;
        }
        Some(self.op("MatMul", &[&x.name, &right.name], &[], dims))
    }

    /// `Einsum` of a value with constant weights or, where that rounds nothing twice, with itself; each axis is of the batch, of rows, or
    /// summed over.
    pub(super) fn einsum(&mut self, x: &Value) -> Option<Value> {
        if self.old {
            // Which has no such operator.
            return None;
        }
        let axes: Vec<(char, usize, usize)> = ('a'..).zip(&x.dims).map(|(letter, &extent)| (letter, extent, self.draw(3))).collect();
        let [batch, rows, summed] =
            [0, 1, 2].map(|role| axes.iter().filter(|axis| axis.2 == role).map(|axis| (axis.0, axis.1)).collect::<Vec<_>>());
        let with_itself = self.exact.contains(&x.name) && self.draw(2) == 0;
        // Its rows are the columns, too, under other letters.
        let columns: Vec<(char, usize)> = if with_itself {
            rows.iter().map(|&(letter, extent)| (letter.to_ascii_uppercase(), extent)).collect()
        } else {
            vec![('Z', self.pick(&[1, 3, 5]))]
        };
        let mut result = [&batch[..], &rows[..], &columns[..]].concat();
        let turn = self.draw(result.len());
        result.rotate_left(turn);
        let dims = |axes: &[(char, usize)]| axes.iter().map(|axis| axis.1).collect::<Vec<_>>();
        let spelled = |axes: &[(char, usize)]| axes.iter().map(|axis| axis.0).collect::<String>();
        if result.len() > 6 || dims(&result).iter().product::<usize>() > LARGE {
            return None;
        }
        // Such sums go in other blocks.
        self.reorders |= dims(&summed).iter().product::<usize>() > 1024;
        let left: String = axes.iter().map(|axis| axis.0).collect();
        let (right, other): (String, String) = if with_itself {
            let letters = axes.iter().map(|&(letter, _, role)| if role == 1 { letter.to_ascii_uppercase() } else { letter });
            (letters.collect(), x.name.clone())
        } else {
            let weights = [&batch[..], &columns[..], &summed[..]].concat();
            (spelled(&weights), self.onnx.weights(&format!("{}.weights", self.name), &dims(&weights)))
        };
        let equation = format!("{left},{right}->{}", spelled(&result));
        Some(self.op("Einsum", &[&x.name, &other], &[("equation", Attr::Text(&equation))], dims(&result)))
    }

    /// The mean over any axes.
    pub(super) fn reduce_mean(&mut self, x: &Value) -> Option<Value> {
        let rank = x.dims.len();
        let mask = self.pick(&[0b1100, 0b100, 0b10, 0b1010, 0b1]) & ((1 << rank) - 1);
        let axes: Vec<usize> = (0..rank).filter(|axis| mask >> axis & 1 == 1).collect();
        if axes.is_empty() {
            return None;
        }
        self.reorders = true;
        let keep = self.draw(2) as i64;
        let reduced = |axis: &usize| axes.contains(axis);
        let dims = (0..rank).filter(|axis| keep == 1 || !reduced(axis)).map(|axis| if reduced(&axis) { 1 } else { x.dims[axis] });
        let dims = dims.collect();
        let ints: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
        let keep = ("keepdims", Attr::Int(keep));
        if self.old {
            return Some(self.op("ReduceMean", &[&x.name], &[("axes", Attr::Ints(&ints)), keep], dims));
        }
        let axes = self.onnx.ints(&format!("{}.axes", self.name), &ints);
        Some(self.op("ReduceMean", &[&x.name, &axes], &[keep], dims))
    }
}
