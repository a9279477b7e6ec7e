//! What values tensors take, as it is kept in a file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::rounded::{self, Rounded};
use super::terms::Terms;
use crate::diagnostics::clean::clean;
use crate::error::Error;
use crate::files;
use crate::model_file::hexadecimal;

/// Version of the file's form.
const SCHEMA: u32 = 1;

/// The largest file that is read, in MiB.
const MOST_MIB: u64 = 16;

/// The largest file with weights.
const MOST_MIB_OF_WEIGHTS: u64 = 64;

/// What was observed of a model's tensors on examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    schema: u32,
    /// Of the model that was observed, in hexadecimal.
    pub model_sha256: String,
    /// Of the files beside the model that hold its weights, in hexadecimal, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_sha256: Option<String>,
    /// How many examples there were.
    pub examples: usize,
    /// By the tensors' names, after batch normalisations went into convolutions.
    pub tensors: BTreeMap<String, Range>,
    /// Nodes that stay as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep_float: Vec<String>,
    /// Of the file with weights as bytes, which lies beside this one, in hexadecimal; without it each weight goes to the nearest byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_sha256: Option<String>,
    /// By the names of what they make.
    #[serde(skip)]
    weights: BTreeMap<String, Rounded>,
}

/// The least and the greatest value of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The least.
    pub min: f32,
    /// The greatest.
    pub max: f32,
}

impl Range {
    /// That of some values; none where one of them is no number.
    pub(crate) fn of(values: &[f32]) -> Option<Range> {
        let one = |&value: &f32| value.is_finite().then_some(Range { min: value, max: value });
        let (first, rest) = values.split_first()?;
        rest.iter().try_fold(one(first)?, |range, value| Some(range.and(one(value)?)))
    }

    /// That of both.
    pub(crate) fn and(self, other: Range) -> Range {
        Range { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

impl Calibration {
    /// Of a model that was observed.
    pub(crate) fn new(model_sha256: &str, examples: usize, tensors: BTreeMap<String, Range>) -> Self {
        Calibration {
            schema: SCHEMA,
            model_sha256: model_sha256.to_owned(),
            data_sha256: None,
            examples,
            tensors,
            keep_float: Vec::new(),
            weights_sha256: None,
            weights: BTreeMap::new(),
        }
    }

    /// Reads a file, and the one with weights where it has one; an error where it is not of this form, or holds a range that is none.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let data = |why: String| Error::Data(format!("{}: {why}", path.display()));
        let bytes = contents(path, MOST_MIB)?;
        let mut calibration: Calibration = serde_json::from_slice(&bytes).map_err(|error| data(error.to_string()))?;
        if calibration.schema != SCHEMA {
            return Err(data(format!("of form {}, where this peleec reads {SCHEMA}", calibration.schema)));
        }
        let wrong =
            calibration.tensors.iter().find(|(_, range)| !(range.min <= range.max && range.min.is_finite() && range.max.is_finite()));
        if let Some((name, Range { min, max })) = wrong {
            return Err(data(format!("the values of `{}` go from {min} to {max}", clean(name))));
        }
        if let Some(sha256) = &calibration.weights_sha256 {
            calibration.weights = read_weights(path, sha256)?;
        }
        Ok(calibration)
    }

    /// Takes weights as bytes, which are right for the ranges and for what is kept in floats as they are now.
    pub fn take_weights(&mut self, weights: BTreeMap<String, Rounded>) -> Result<(), Error> {
        let file = rounded::written(&weights).filter(|file| file.len() as u64 <= MOST_MIB_OF_WEIGHTS << 20).ok_or_else(too_many_weights)?;
        self.weights_sha256 = Some(hexadecimal(&Sha256::digest(&file)));
        self.weights = weights;
        Ok(())
    }

    /// The weights of a product as bytes; an error where those that are stored go with other steps.
    pub(crate) fn bytes(&self, terms: &Terms) -> Result<Vec<i8>, Error> {
        if self.weights_sha256.is_none() {
            return Ok(terms.nearest());
        }
        let stored = self.weights.get(&terms.output).filter(|stored| stored.fits(terms));
        stored.map(|stored| stored.bytes.clone()).ok_or_else(|| {
            let output = clean(&terms.output);
            Error::Data(format!("the weights that make `{output}` were rounded for other ranges, or not at all; run `peleec quantize`"))
        })
    }

    /// The files that it is kept in, for the folder of `path`.
    pub fn files(&self, path: &Path) -> Result<Vec<files::File>, Error> {
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut files = vec![files::File { name: name(path), bytes: self.text()?.into_bytes() }];
        if let Some(beside) = self.weights_path(path) {
            let bytes = rounded::written(&self.weights).ok_or_else(|| Error::Internal("weights are too many to be written".to_owned()))?;
            files.push(files::File { name: name(&beside), bytes });
        }
        Ok(files)
    }

    /// The file with weights that lies beside that of `path`, where there is one.
    pub fn weights_path(&self, path: &Path) -> Option<PathBuf> {
        self.weights_sha256.as_ref().map(|_| beside(path))
    }

    /// The file's text.
    pub fn text(&self) -> Result<String, Error> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(text + "\n")
    }

    /// An error where another model was observed, or one with other weights in the files beside it.
    pub(crate) fn goes_with(&self, path: &Path, model_sha256: &str, data_sha256: Option<&str>) -> Result<(), Error> {
        let path = path.display();
        let found = if self.model_sha256 != model_sha256 {
            format!("{path} was made of the model with sha256 {}, and this one's is {model_sha256}", clean(&self.model_sha256))
        } else {
            match (self.data_sha256.as_deref(), data_sha256) {
                (own, data) if own == data => return Ok(()),
                (Some(own), Some(data)) => {
                    format!("{path} was made of weights beside the model with sha256 {}, and those beside this one have {data}", clean(own))
                }
                (Some(_), None) => format!("{path} was made of weights beside the model, and this one has none there"),
                (None, _) => format!("{path} does not say of which weights beside the model it was made"),
            }
        };
        Err(Error::Data(format!("{found}; run `peleec quantize` on this model")))
    }
}

/// An error where the weights of these products as bytes will be more than a file may have.
pub(crate) fn check_weights(products: &[Terms]) -> Result<(), Error> {
    let bytes = products.iter().map(rounded::length).fold(0, u64::saturating_add);
    if bytes <= MOST_MIB_OF_WEIGHTS << 20 { Ok(()) } else { Err(too_many_weights()) }
}

fn too_many_weights() -> Error {
    Error::Data(format!("the weights are of more than {MOST_MIB_OF_WEIGHTS} MiB: leave --gptq out"))
}

/// What a file has, where that is not too much.
fn contents(path: &Path, most_mib: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let file = File::open(path).and_then(|file| file.take((most_mib << 20) + 1).read_to_end(&mut bytes));
    file.map_err(|source| Error::io(path, source))?;
    match bytes.len() as u64 > most_mib << 20 {
        true => Err(Error::Data(format!("{}: larger than {most_mib} MiB", path.display()))),
        false => Ok(bytes),
    }
}

/// The path of the file with weights that goes with one of ranges.
fn beside(path: &Path) -> PathBuf {
    path.with_extension("bin")
}

/// The weights that a file of ranges says are beside it.
fn read_weights(path: &Path, sha256: &str) -> Result<BTreeMap<String, Rounded>, Error> {
    let beside = beside(path);
    let data = |why: String| Error::Data(format!("{why}; run `peleec quantize`"));
    let bytes =
        contents(&beside, MOST_MIB_OF_WEIGHTS).map_err(|error| data(format!("{error}, and {} is to be read with it", path.display())))?;
    if hexadecimal(&Sha256::digest(&bytes)) != sha256 {
        return Err(data(format!("{} is not the file that was written with {}", beside.display(), path.display())));
    }
    rounded::read(&bytes).ok_or_else(|| data(format!("{} is no file of weights", beside.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::window::Window;

    fn read(name: &str, text: &str) -> Result<Calibration, Error> {
        let path = std::env::temp_dir().join(format!("peleec-{}-{name}.json", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let read = Calibration::read(&path);
        std::fs::remove_file(&path).unwrap();
        read
    }

    #[test]
    fn a_file_reads_back() {
        let tensors = BTreeMap::from([("x".to_owned(), Range { min: -1.5, max: 0.1 })]);
        let calibration = Calibration { keep_float: vec!["stem".to_owned()], ..Calibration::new("abc", 7, tensors) };
        assert_eq!(read("whole", &calibration.text().unwrap()).unwrap(), calibration);
        assert!(calibration.goes_with(Path::new("c.json"), "abc", None).is_ok());
        let refusal = calibration.goes_with(Path::new("c.json"), "abd", None).unwrap_err();
        assert!(refusal.to_string().contains("abd; run `peleec quantize`"), "{refusal}");
    }

    #[test]
    fn weights_beside_the_model_are_a_part_of_it() {
        let without = Calibration::new("abc", 7, BTreeMap::new());
        assert!(!without.text().unwrap().contains("data_sha256"));
        let with = Calibration { data_sha256: Some("cde".to_owned()), ..without.clone() };
        assert_eq!(read("data", &with.text().unwrap()).unwrap(), with);
        let goes_with = |calibration: &Calibration, data| calibration.goes_with(Path::new("c.json"), "abc", data);
        assert!(goes_with(&with, Some("cde")).is_ok());
        for (calibration, data, said) in [
            (&with, Some("cdf"), "with sha256 cde, and those beside this one have cdf; run `peleec quantize`"),
            (&with, None, "this one has none there"),
            (&without, Some("cde"), "does not say of which weights"),
        ] {
            let refusal = goes_with(calibration, data).unwrap_err();
            assert!(refusal.to_string().contains(said) && refusal.exit_code() == 3, "{refusal}");
        }
    }

    /// Names count as weights do, and are sooner made.
    #[test]
    fn weights_are_too_many_before_they_are_rounded() {
        let terms = Terms {
            output: "n".repeat(1 << 20),
            input: "x".to_owned(),
            scale: vec![1.0],
            zero: 0,
            window: Window::pointwise(),
            group: 1,
            values: Vec::new(),
            steps: Vec::new(),
        };
        assert!(check_weights(&vec![terms.clone(); 63]).is_ok());
        let refusal = check_weights(&vec![terms; 64]).unwrap_err();
        assert!(refusal.to_string().contains("more than 64 MiB: leave --gptq out") && refusal.exit_code() == 3, "{refusal}");
    }

    #[test]
    fn weights_are_read_from_the_file_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.json");
        let mut calibration = Calibration::new("abc", 7, BTreeMap::new());
        assert_eq!(calibration.weights_path(&path), None);
        let weights = BTreeMap::from([("y".to_owned(), Rounded { steps: vec![0.1], bytes: vec![3, -4] })]);
        calibration.take_weights(weights).unwrap();
        files::write(folder.path(), &calibration.files(&path).unwrap()).unwrap();
        assert_eq!(Calibration::read(&path).unwrap(), calibration);
        let terms = Terms {
            output: "y".to_owned(),
            input: "x".to_owned(),
            scale: vec![1.0],
            zero: 0,
            window: Window::pointwise(),
            group: 1,
            values: vec![0.26, -0.42],
            steps: vec![0.1],
        };
        assert_eq!(calibration.bytes(&terms).unwrap(), [3, -4]);
        assert_eq!(Calibration::new("abc", 7, BTreeMap::new()).bytes(&terms).unwrap(), [3, -4]);
        for other in [Terms { steps: vec![0.2], ..terms.clone() }, Terms { output: "z".to_owned(), ..terms }] {
            let refusal = calibration.bytes(&other).unwrap_err();
            assert!(refusal.to_string().contains("rounded for other ranges") && refusal.exit_code() == 3, "{refusal}");
        }
        let file = folder.path().join("c.bin");
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&file, &whole[1..]).unwrap();
        let refusal = Calibration::read(&path).unwrap_err();
        assert!(refusal.to_string().contains("c.bin is not the file") && refusal.exit_code() == 3, "{refusal}");
        let hash = hexadecimal(&Sha256::digest(&whole[1..]));
        std::fs::write(&path, calibration.text().unwrap().replace(calibration.weights_sha256.as_deref().unwrap(), &hash)).unwrap();
        assert!(Calibration::read(&path).unwrap_err().to_string().contains("is no file of weights"));
        std::fs::remove_file(&file).unwrap();
        let refusal = Calibration::read(&path).unwrap_err();
        assert!(refusal.to_string().contains("run `peleec quantize`") && refusal.exit_code() == 3, "{refusal}");
    }

    #[test]
    fn what_is_no_range_is_refused() {
        let file = |schema: &str, range: &str| {
            format!(r#"{{"schema": {schema}, "model_sha256": "", "examples": 1, "tensors": {{"x": {range}}}}}"#)
        };
        for (name, text, said) in [
            ("order", file("1", r#"{"min": 2, "max": 1}"#), "the values of `x` go from 2 to 1"),
            ("huge", file("1", r#"{"min": 0, "max": 1e999}"#), "number out of range"),
            ("form", file("2", r#"{"min": 0, "max": 1}"#), "of form 2"),
            ("field", file("1", r#"{"min": 0, "max": 1, "mean": 3}"#), "unknown field"),
            ("text", "calibration".to_owned(), "expected value"),
        ] {
            let refusal = read(name, &text).unwrap_err();
            assert!(refusal.to_string().contains(said) && refusal.exit_code() == 3, "{refusal}");
        }
    }

    #[test]
    fn values_that_are_no_numbers_have_no_range() {
        let range = Range::of(&[1.0, -2.0]).unwrap();
        assert_eq!(range.and(Range { min: -1.0, max: 5.0 }), Range { min: -2.0, max: 5.0 });
        for values in [&[][..], &[f32::NAN], &[1.0, f32::INFINITY]] {
            assert_eq!(Range::of(values), None);
        }
    }
}
