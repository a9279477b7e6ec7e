//! Test data of a model: folders of `input_J` and `output_J`, as `.pb` of the ONNX backend tests or as `.npy`.

use std::fs::File;
use std::path::{Path, PathBuf};

use ndarray_npy::{ReadNpyError, ReadNpyExt};

use super::HarnessError;
use crate::{Shape, Tensor, read_tensor};

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
    pub fn read(folder: &Path, inputs: &[(String, Shape)], outputs: &[(String, Shape)]) -> Result<Self, HarnessError> {
        Ok(DataSet { folder: folder.to_owned(), inputs: read_all(folder, "input", inputs)?, outputs: read_all(folder, "output", outputs)? })
    }
}

fn read_all(folder: &Path, kind: &str, wanted: &[(String, Shape)]) -> Result<Option<Vec<Tensor>>, HarnessError> {
    let files: Vec<_> = (0..wanted.len()).filter_map(|index| file(folder, &format!("{kind}_{index}"))).collect();
    if files.is_empty() && !wanted.is_empty() {
        return Ok(None);
    }
    if files.len() < wanted.len() {
        let found = format!("{} holds {} of {} {kind}s", folder.display(), files.len(), wanted.len());
        return Err(HarnessError::Data(format!("{found}: {kind}_J.pb or {kind}_J.npy for J from 0")));
    }
    files.iter().zip(wanted).map(|(path, (name, shape))| read_one(path, name, shape)).collect::<Result<_, _>>().map(Some)
}

fn file(folder: &Path, stem: &str) -> Option<PathBuf> {
    ["pb", "npy"].iter().map(|ending| folder.join(format!("{stem}.{ending}"))).find(|path| path.is_file())
}

fn read_one(path: &Path, name: &str, shape: &Shape) -> Result<Tensor, HarnessError> {
    let io = |error| HarnessError::io(path, error);
    let wrong = |why: String| HarnessError::Data(format!("{}: {why}", path.display()));
    if std::fs::metadata(path).map_err(io)?.len() > MAX_BYTES {
        return Err(wrong("the file is larger than 1 GiB".to_owned()));
    }
    let (stated, tensor) = match path.extension() {
        Some(ending) if ending == "npy" => (String::new(), read_npy(path)?),
        _ => read_tensor(std::fs::read(path).map_err(io)?).map_err(|error| wrong(error.to_string()))?,
    };
    if !stated.is_empty() && stated != name {
        return Err(wrong(format!("the tensor is named `{stated}`, and the model has `{name}` in this place")));
    }
    if tensor.shape() != shape || tensor.as_f32().is_none() {
        return Err(wrong(format!("the tensor is {}, and `{name}` of the model is f32{shape}", tensor.ty())));
    }
    Ok(tensor)
}

fn read_npy(path: &Path) -> Result<Tensor, HarnessError> {
    type Array<T> = ndarray::ArrayD<T>;
    let open = || File::open(path).map_err(|error| HarnessError::io(path, error));
    let array = match Array::<f32>::read_npy(open()?) {
        Err(ReadNpyError::WrongDescriptor(_)) => Array::<f64>::read_npy(open()?).map(|array| array.mapv(|value| value as f32)),
        other => other,
    };
    let array = array.map_err(|error| HarnessError::Data(format!("{}: {error}", path.display())))?;
    let values: Vec<f32> = array.iter().copied().collect();
    let wrong = || HarnessError::Data(format!("{}: the array contradicts itself", path.display()));
    Tensor::f32(array.shape().to_vec(), values).ok_or_else(wrong)
}
