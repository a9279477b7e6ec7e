//! The stored networks, quantised and large ones and those of other families among them, operator cases and typed models: name, path of the
//! model, and its data sets.
//!
//! The folders are listed afresh on each call, so a model that is added is tested without being named here.

use std::fs;
use std::path::{Path, PathBuf};

/// A stored model with the vectors that it must reproduce.
#[derive(Clone, Debug)]
pub struct StoredModel {
    /// Name of its folder.
    pub name: String,
    /// Its ONNX file.
    pub path: PathBuf,
    /// Inputs and expected outputs, one a data set.
    pub data_sets: Vec<DataSet>,
}

/// The tensor files of one run, in the order of the graph's inputs and outputs.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// `input_0.pb` and its like.
    pub inputs: Vec<PathBuf>,
    /// `output_0.pb` and its like.
    pub outputs: Vec<PathBuf>,
}

/// The networks of the Pelee family, by name.
pub fn networks() -> Vec<StoredModel> {
    stored(Path::new(env!("CARGO_MANIFEST_DIR")))
}

/// The small networks of other families, by name.
pub fn field_networks() -> Vec<StoredModel> {
    stored(&Path::new(env!("CARGO_MANIFEST_DIR")).join("field"))
}

/// The single-node cases of the ONNX backend tests, by name.
pub fn operator_cases() -> Vec<StoredModel> {
    stored(&Path::new(env!("CARGO_MANIFEST_DIR")).join("operators"))
}

/// The models whose inputs and outputs are bytes, integers or truth, by name.
pub fn typed() -> Vec<StoredModel> {
    stored(&Path::new(env!("CARGO_MANIFEST_DIR")).join("typed"))
}

/// The quantised networks, by name.
pub fn quantized() -> Vec<StoredModel> {
    stored(&Path::new(env!("CARGO_MANIFEST_DIR")).join("quantized"))
}

/// The networks of the Pelee family at the size that firmware has them at, by name.
pub fn large() -> Vec<StoredModel> {
    stored(&Path::new(env!("CARGO_MANIFEST_DIR")).join("large"))
}

/// The large networks of the ONNX backend tests, whose inputs are not stored, by name.
pub fn light() -> Vec<StoredModel> {
    stored(&Path::new(env!("CARGO_MANIFEST_DIR")).join("light"))
}

/// onnxruntime's outputs for a network that peleec writes itself, in the order of the graph's outputs.
pub fn zoo_outputs(name: &str) -> Vec<PathBuf> {
    numbered(&Path::new(env!("CARGO_MANIFEST_DIR")).join("zoo").join(name).join("test_data_set_0"), "output")
}

/// The models of the folders in `dir`.
fn stored(dir: &Path) -> Vec<StoredModel> {
    let models = entries(dir).into_iter().filter(|folder| folder.join("model.onnx").is_file());
    models.map(|folder| StoredModel { name: file_name(&folder), path: folder.join("model.onnx"), data_sets: data_sets(&folder) }).collect()
}

fn data_sets(folder: &Path) -> Vec<DataSet> {
    let sets = entries(folder).into_iter().filter(|path| file_name(path).starts_with("test_data_set_"));
    sets.map(|set| DataSet { inputs: numbered(&set, "input"), outputs: numbered(&set, "output") }).collect()
}

/// `PREFIX_0.pb`, `PREFIX_1.pb` and so on, as far as they go.
fn numbered(set: &Path, prefix: &str) -> Vec<PathBuf> {
    (0..).map(|index| set.join(format!("{prefix}_{index}.pb"))).take_while(|path| path.is_file()).collect()
}

/// What is in `dir`, sorted; nothing where it cannot be read.
fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_found() {
        let counts = (networks().len(), operator_cases().len(), typed().len(), quantized().len(), light().len(), field_networks().len());
        assert_eq!(counts, (16, 670, 4, 9, 9, 29));
        let of_others = quantized().into_iter().chain(light()).chain(field_networks());
        for model in networks().into_iter().chain(operator_cases()).chain(typed()).chain(of_others) {
            assert!(!model.data_sets.is_empty() && model.data_sets.iter().all(|set| !set.outputs.is_empty()), "{}", model.name);
        }
    }
}
