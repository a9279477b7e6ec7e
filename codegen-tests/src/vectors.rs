//! The stored inputs and outputs of a model.

use std::path::PathBuf;

use models::DataSet;
use peleec::{Tensor, read_tensor};

/// The inputs and expected outputs of a data set, in the graph's order.
pub fn read(set: &DataSet) -> (Vec<Tensor>, Vec<Tensor>) {
    (tensors(&set.inputs), tensors(&set.outputs))
}

fn tensors(paths: &[PathBuf]) -> Vec<Tensor> {
    let tensor = |path: &PathBuf| {
        let bytes = std::fs::read(path).expect("a listed file is there");
        read_tensor(bytes).map(|(_, tensor)| tensor).map_err(|error| format!("{}: {error}", path.display())).expect("a stored tensor")
    };
    paths.iter().map(tensor).collect()
}
