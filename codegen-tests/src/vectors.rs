//! The stored inputs and outputs of a model.

use std::path::PathBuf;

use models::DataSet;
use peleec::{Shape, Tensor, read_tensor};

/// The inputs and expected outputs of a data set, in the graph's order.
pub fn read(set: &DataSet) -> (Vec<Tensor>, Vec<Tensor>) {
    (tensors(&set.inputs), tensors(&set.outputs))
}

/// The input of the large networks of the ONNX backend tests, which is not stored: `i / n` for element `i` of `n`.
pub fn ramp(shape: &Shape) -> Tensor {
    let count = shape.elements();
    let values: Vec<f32> = (0..count).map(|index| (index as f64 / count as f64) as f32).collect();
    Tensor::f32(shape.clone(), values).expect("as many values as elements")
}

fn tensors(paths: &[PathBuf]) -> Vec<Tensor> {
    let tensor = |path: &PathBuf| {
        let bytes = std::fs::read(path).expect("a listed file is there");
        read_tensor(bytes).map(|(_, tensor)| tensor).map_err(|error| format!("{}: {error}", path.display())).expect("a stored tensor")
    };
    paths.iter().map(tensor).collect()
}
