//! Test data of a model: folders of `input_J` and `output_J`, as `.pb` of the ONNX backend tests or as `.npy`.

use std::path::{Path, PathBuf};

use super::error::HarnessError;
use super::npy;
use crate::{Tensor, TensorType, read_tensor};

/// The largest file of test data that is read.
const MAX_BYTES: u64 = 1 << 30;

/// Inputs of one run, with the outputs that are expected of it.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// Where they were read.
    pub folder: PathBuf,
    /// One tensor an input of the model; `None` where the folder holds no input at all.
    pub inputs: Option<Vec<Tensor>>,
    /// One tensor an output of the model; `None` where the folder holds no output at all.
    pub outputs: Option<Vec<Tensor>>,
}

/// The folders `test_data_set_*` inside `folder` in order, or `folder` itself where it holds test data.
pub fn data_sets(folder: &Path) -> Result<Vec<PathBuf>, HarnessError> {
    let io = |error| HarnessError::io(folder, error);
    let mut sets = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let number = entry.file_name().to_str().and_then(|name| name.strip_prefix("test_data_set_")?.parse::<u32>().ok());
        sets.extend(number.filter(|_| entry.path().is_dir()).map(|number| (number, entry.path())));
    }
    sets.sort();
    let is_set = ["input_0", "output_0"].iter().any(|stem| file(folder, stem).is_some());
    Ok(if is_set { vec![folder.to_owned()] } else { sets.into_iter().map(|(_, path)| path).collect() })
}

impl DataSet {
    /// Reads a folder and checks names, types and shapes against the model's.
    pub fn read(folder: &Path, inputs: &[(String, TensorType)], outputs: &[(String, TensorType)]) -> Result<Self, HarnessError> {
        Ok(DataSet { folder: folder.to_owned(), inputs: read_all(folder, "input", inputs)?, outputs: read_all(folder, "output", outputs)? })
    }
}

fn read_all(folder: &Path, kind: &str, wanted: &[(String, TensorType)]) -> Result<Option<Vec<Tensor>>, HarnessError> {
    let files: Vec<_> = (0..wanted.len()).filter_map(|index| file(folder, &format!("{kind}_{index}"))).collect();
    if files.is_empty() && !wanted.is_empty() {
        return Ok(None);
    }
    if files.len() < wanted.len() {
        let found = format!("{} holds {} of {} {kind}s", folder.display(), files.len(), wanted.len());
        return Err(HarnessError::Data(format!("{found}: {kind}_J.pb or {kind}_J.npy for J from 0")));
    }
    files.iter().zip(wanted).map(|(path, (name, ty))| read_one(path, name, ty)).collect::<Result<_, _>>().map(Some)
}

fn file(folder: &Path, stem: &str) -> Option<PathBuf> {
    ["pb", "npy"].iter().map(|ending| folder.join(format!("{stem}.{ending}"))).find(|path| path.is_file())
}

fn read_one(path: &Path, name: &str, ty: &TensorType) -> Result<Tensor, HarnessError> {
    let io = |error| HarnessError::io(path, error);
    let wrong = |why: String| HarnessError::Data(format!("{}: {why}", path.display()));
    if std::fs::metadata(path).map_err(io)?.len() > MAX_BYTES {
        return Err(wrong("the file is larger than 1 GiB".to_owned()));
    }
    let bytes = std::fs::read(path).map_err(io)?;
    let (stated, tensor) = match path.extension() {
        Some(ending) if ending == "npy" => (String::new(), npy::read(&bytes).map_err(|error| wrong(error.to_string()))?),
        _ => read_tensor(bytes).map_err(|error| wrong(error.to_string()))?,
    };
    if !stated.is_empty() && stated != name {
        return Err(wrong(format!("the tensor is named `{stated}`, and the model has `{name}` in this place")));
    }
    if tensor.ty() != *ty {
        return Err(wrong(format!("the tensor is {}, and `{name}` of the model is {ty}", tensor.ty())));
    }
    Ok(tensor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write_tensor;

    fn matrix() -> Vec<(String, TensorType)> {
        vec![("x".to_owned(), TensorType::f32([2, 3]))]
    }

    fn read(folder: &Path) -> Result<DataSet, HarnessError> {
        DataSet::read(folder, &matrix(), &matrix())
    }

    #[test]
    fn numpy_arrays_serve_as_test_data() {
        let folder = tempfile::tempdir().unwrap();
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
        let values = [0.0f32, 1.0, 2.0, 3.0, 4.0, 5.0];
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        for name in ["input_0.npy", "output_0.npy"] {
            std::fs::write(folder.path().join(name), npy::file(1, header, &bytes)).unwrap();
        }
        let set = read(folder.path()).unwrap();
        let expected = Tensor::f32(vec![2, 3], values);
        assert_eq!((set.inputs.unwrap().pop(), set.outputs.unwrap().pop()), (expected.clone(), expected));
        std::fs::write(folder.path().join("input_0.npy"), "no array").unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().ends_with("input_0.npy: it is no .npy file; save it with numpy.save"));
    }

    #[test]
    fn a_tensor_of_another_name_or_shape_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, shape: Vec<usize>| {
            let tensor = Tensor::f32(shape.clone(), vec![0.0; shape.iter().product()]).unwrap();
            std::fs::write(folder.path().join("input_0.pb"), write_tensor(name, &tensor)).unwrap();
            read(folder.path()).map(|set| set.inputs.is_some()).map_err(|error| error.to_string().split_once(": ").unwrap().1.to_owned())
        };
        assert_eq!(put("x", vec![2, 3]), Ok(true));
        assert_eq!(put("", vec![2, 3]), Ok(true));
        assert_eq!(put("y", vec![2, 3]), Err("the tensor is named `y`, and the model has `x` in this place".to_owned()));
        assert_eq!(put("x", vec![3, 2]), Err("the tensor is f32[3,2], and `x` of the model is f32[2,3]".to_owned()));
    }

    #[test]
    fn sets_are_found_in_the_order_of_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["test_data_set_10", "test_data_set_2", "test_data_set_x", "other"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let names = |sets: Vec<PathBuf>| sets.iter().map(|path| path.file_name().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(data_sets(folder.path()).unwrap()), ["test_data_set_2", "test_data_set_10"]);
        let set = folder.path().join("other");
        std::fs::write(set.join("output_0.pb"), "").unwrap();
        assert_eq!(data_sets(&set).unwrap(), [set]);
    }
}
