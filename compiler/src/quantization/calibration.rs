//! What values tensors take, as it is kept in a file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::diagnostics::clean::clean;
use crate::error::Error;

/// Version of the file's form.
const SCHEMA: u32 = 1;

/// The largest file that is read.
const MAX_BYTES: u64 = 16 << 20;

/// What was observed of a model's tensors on examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    schema: u32,
    /// Of the model that was observed, in hexadecimal.
    pub model_sha256: String,
    /// How many examples there were.
    pub examples: usize,
    /// By the tensors' names, after batch normalisations went into convolutions.
    pub tensors: BTreeMap<String, Range>,
    /// Nodes that stay as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep_float: Vec<String>,
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
        Calibration { schema: SCHEMA, model_sha256: model_sha256.to_owned(), examples, tensors, keep_float: Vec::new() }
    }

    /// Reads a file; an error where it is not one of this form, or holds a range that is none.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let data = |why: String| Error::Data(format!("{}: {why}", path.display()));
        let mut bytes = Vec::new();
        let file = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
        file.map_err(|source| Error::io(path, source))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(data("larger than 16 MiB".to_owned()));
        }
        let calibration: Calibration = serde_json::from_slice(&bytes).map_err(|error| data(error.to_string()))?;
        if calibration.schema != SCHEMA {
            return Err(data(format!("of form {}, where this peleec reads {SCHEMA}", calibration.schema)));
        }
        let wrong =
            calibration.tensors.iter().find(|(_, range)| !(range.min <= range.max && range.min.is_finite() && range.max.is_finite()));
        match wrong {
            Some((name, Range { min, max })) => Err(data(format!("the values of `{}` go from {min} to {max}", clean(name)))),
            None => Ok(calibration),
        }
    }

    /// The file's text.
    pub fn text(&self) -> Result<String, Error> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(text + "\n")
    }

    /// An error where another model was observed.
    pub(crate) fn goes_with(&self, path: &Path, model_sha256: &str) -> Result<(), Error> {
        if self.model_sha256 == model_sha256 {
            return Ok(());
        }
        let found =
            format!("{} was made of the model with sha256 {}, and this one's is {model_sha256}", path.display(), clean(&self.model_sha256));
        Err(Error::Data(format!("{found}; run `peleec quantize` on this model")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(calibration.goes_with(Path::new("c.json"), "abc").is_ok());
        let refusal = calibration.goes_with(Path::new("c.json"), "abd").unwrap_err();
        assert!(refusal.to_string().contains("abd; run `peleec quantize`"), "{refusal}");
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
