//! Operators that only move elements, as nodes with mostly sane attributes.

use super::wild::{Value, Wild};
use crate::cases::onnx::Attr;

fn extents(x: &Value) -> Vec<i64> {
    x.dims().iter().map(|&dim| dim as i64).collect()
}

impl Wild<'_, '_> {
    /// A list that is an input in newer operator sets and an attribute before.
    pub(super) fn listed(&mut self, op_type: &str, x: &Value, since: i64, name: &str, list: &[i64], more: &[(&str, Attr<'_>)]) {
        if self.opset < since {
            self.emit(op_type, &[&x.name], &[&[(name, Attr::Ints(list))], more].concat());
        } else {
            let ints = self.ints(list);
            self.emit(op_type, &[&x.name, &ints], more);
        }
    }
}

pub(super) fn transpose(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let mut left: Vec<i64> = (0..x.rank() as i64).collect();
    let mut perm = Vec::new();
    while !left.is_empty() {
        let axis = left.remove(wild.draw.below(left.len()));
        perm.push(wild.odd(axis));
    }
    wild.emit(op_type, &[&x.name], &[("perm", Attr::Ints(&perm))]);
}

pub(super) fn reshape(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let mut shape = match wild.draw.below(5) {
        0 => vec![0, -1],
        1 => vec![-1],
        2 => extents(x).into_iter().rev().collect(),
        3 => vec![1, -1, 1, x.dims().last().map_or(1, |&dim| dim as i64)],
        _ => vec![x.dims().first().map_or(1, |&dim| dim as i64), -1, 2],
    };
    let at = wild.draw.below(shape.len());
    if let Some(dim) = shape.get_mut(at) {
        *dim = wild.odd(*dim);
    }
    let shape = wild.ints(&shape);
    let zero = wild.flag();
    wild.emit(op_type, &[&x.name, &shape], &[("allowzero", Attr::Int(zero))]);
}

pub(super) fn flatten(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let axis = wild.axis(x);
    wild.emit(op_type, &[&x.name], &[("axis", Attr::Int(axis))]);
}

pub(super) fn squeeze(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let ones: Vec<i64> = (0..x.rank()).filter(|&axis| x.dims()[axis] == 1).map(|axis| axis as i64).collect();
    let axes = if ones.is_empty() { vec![wild.axis(x)] } else { vec![wild.draw.pick(&ones)] };
    wild.listed(op_type, x, 13, "axes", &axes, &[]);
}

pub(super) fn unsqueeze(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let axis = wild.draw.below(x.rank() + 1) as i64;
    let axis = wild.odd(axis);
    wild.listed(op_type, x, 13, "axes", &[axis], &[]);
}

pub(super) fn concat(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let axis = wild.draw.below(x.rank());
    let mut names = vec![x.name.clone()];
    for _ in 0..=wild.draw.below(3) {
        let other = if wild.draw.seldom(3) {
            let mut dims = x.dims().to_vec();
            if let Some(dim) = dims.get_mut(axis) {
                *dim = 1 + wild.draw.below(4);
            }
            wild.positive(&dims)
        } else {
            wild.value().map_or_else(|| x.name.clone(), |value| value.name)
        };
        names.push(other);
    }
    if wild.flag() == 1 {
        names.reverse();
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let axis = wild.odd(axis as i64);
    wild.emit(op_type, &names, &[("axis", Attr::Int(axis))]);
}

pub(super) fn split(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let axis = wild.draw.below(x.rank());
    let extent = x.dims().get(axis).copied().unwrap_or(1);
    let first = 1 + wild.draw.below(extent.saturating_sub(1));
    let lengths = [wild.odd(first as i64), extent as i64 - first as i64];
    wild.listed(op_type, x, 13, "split", &lengths, &[("axis", Attr::Int(axis as i64))]);
    let mut outputs = vec![wild.node_name().to_owned(), format!("{}.rest", wild.node_name())];
    if wild.flag() == 1 {
        outputs.reverse();
    }
    wild.onnx.last_node().output = outputs;
}

pub(super) fn slice(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let axis = wild.draw.below(x.rank());
    let extent = x.dims().get(axis).copied().unwrap_or(1) as i64;
    let start = wild.draw.below(extent as usize) as i64;
    let end = start + 1 + wild.draw.below(extent as usize) as i64;
    let (start, end, step) = match wild.draw.below(4) {
        0 => (end, start - 1, -1),
        1 => (start, end, 2),
        2 => (start - extent, extent, 1),
        _ => (start, end, 1),
    };
    let (start, end, step) = (wild.odd(start), wild.odd(end), wild.odd(step));
    if wild.opset < 10 {
        let bounds = [("starts", [start]), ("ends", [end]), ("axes", [axis as i64])];
        return wild.emit(op_type, &[&x.name], &bounds.each_ref().map(|(name, list)| (*name, Attr::Ints(list))));
    }
    let [starts, ends, axes, steps] = [start, end, axis as i64, step].map(|number| wild.ints(&[number]));
    wild.emit(op_type, &[&x.name, &starts, &ends, &axes, &steps], &[]);
}

pub(super) fn expand(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let mut shape: Vec<i64> = extents(x).into_iter().map(|dim| if dim == 1 { 1 + wild.draw.below(4) as i64 } else { dim }).collect();
    if wild.draw.seldom(4) {
        shape.insert(0, 2);
    }
    let at = wild.draw.below(shape.len());
    if let Some(dim) = shape.get_mut(at) {
        *dim = wild.odd(*dim);
    }
    let shape = wild.ints(&shape);
    wild.emit(op_type, &[&x.name, &shape], &[]);
}

pub(super) fn tile(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let repeats: Vec<i64> = x.dims().iter().map(|_| 1 + wild.draw.pick(&[0, 0, 1, 2])).collect();
    let repeats: Vec<i64> = repeats.into_iter().map(|repeat| wild.odd(repeat)).collect();
    let repeats = wild.ints(&repeats);
    wild.emit(op_type, &[&x.name, &repeats], &[]);
}

pub(super) fn gather(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let axis = wild.draw.below(x.rank());
    let extent = x.dims().get(axis).copied().unwrap_or(1);
    let indices: Vec<i64> = (0..=wild.draw.below(4)).map(|_| wild.draw.below(extent) as i64).collect();
    let indices: Vec<i64> = indices.into_iter().map(|index| wild.odd(index)).collect();
    let indices = wild.ints(&indices);
    wild.emit(op_type, &[&x.name, &indices], &[("axis", Attr::Int(axis as i64))]);
}

pub(super) fn pad(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let pads: Vec<i64> = (0..2 * x.rank()).map(|_| wild.draw.pick(&[0, 0, 1, 2])).collect();
    let pads: Vec<i64> = pads.into_iter().map(|pad| wild.odd(pad)).collect();
    let value = wild.draw.pick(&[0.0, -1.5]);
    if wild.opset < 11 {
        return wild.emit(op_type, &[&x.name], &[("pads", Attr::Ints(&pads)), ("value", Attr::Float(value))]);
    }
    let pads = wild.ints(&pads);
    let name = wild.fresh();
    let value = wild.onnx.floats(&name, &[], &[value]);
    let mode = if wild.draw.seldom(16) { wild.draw.pick(&["edge", "reflect", "wrap", ""]) } else { "constant" };
    wild.emit(op_type, &[&x.name, &pads, &value], &[("mode", Attr::Text(mode))]);
}

pub(super) fn depth(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let size = wild.draw.pick(&[2, 2, 1, 3]);
    let size = wild.odd(size);
    let mode = wild.draw.pick(&["DCR", "CRD"]);
    wild.emit(op_type, &[&x.name], &[("blocksize", Attr::Int(size)), ("mode", Attr::Text(mode))]);
}

pub(super) fn cast(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let to = wild.draw.pick(&[1, 9, 7, 6, 2, 3]);
    let to = wild.odd(to);
    wild.emit(op_type, &[&x.name], &[("to", Attr::Int(to))]);
}

pub(super) fn constant_of_shape(wild: &mut Wild<'_, '_>, op_type: &str, x: &Value) {
    let mut shape = extents(x);
    let at = wild.draw.below(shape.len());
    if let Some(dim) = shape.get_mut(at) {
        *dim = wild.odd(*dim);
    }
    let shape = wild.ints(&shape);
    wild.emit(op_type, &[&shape], &[]);
}
