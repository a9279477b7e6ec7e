//! What `verify` found, as a table and as JSON.

use std::path::PathBuf;

use peleec::Shape;
use peleec::harness::Difference;
use serde_json::{Value, json};

use crate::numbers::dims;
use crate::output::Output;
use crate::table::Table;

/// One output of the model.
pub(super) struct OutputResult {
    pub(super) name: String,
    pub(super) shape: Shape,
    /// From what is expected; `None` where nothing is.
    pub(super) difference: Option<Difference>,
}

/// One data set.
pub(super) struct SetResult {
    /// Its folder; empty where there is none.
    pub(super) data: PathBuf,
    /// Whether the input was made up.
    pub(super) seeded: bool,
    /// Whether what is expected is the naive evaluation.
    pub(super) naive: bool,
    pub(super) outputs: Vec<OutputResult>,
    /// Over the outputs of the machine.
    pub(super) checksum: u32,
    /// Over the outputs of this process.
    pub(super) process_checksum: u32,
    /// Whether a built program computed the outputs.
    pub(super) built: bool,
    /// Output and element where machine and process differ.
    pub(super) first_difference: Option<(usize, usize)>,
}

impl SetResult {
    fn is_equal(&self) -> bool {
        self.first_difference.is_none() && self.checksum == self.process_checksum
    }

    /// Whether every output was compared with what is expected of it.
    pub(super) fn is_compared(&self) -> bool {
        !self.outputs.is_empty() && self.outputs.iter().all(|output| output.difference.is_some())
    }

    pub(super) fn passed(&self) -> bool {
        self.is_equal() && self.outputs.iter().all(|output| output.difference.is_none_or(|difference| difference.share <= 1.0))
    }

    pub(super) fn json(&self) -> Value {
        let output = |output: &OutputResult| {
            let difference = output.difference;
            json!({
                "name": output.name,
                "shape": output.shape.0,
                "max_error": difference.map(|difference| difference.max_error),
                "tolerance_share": difference.map(|difference| difference.share),
                "element": difference.map(|difference| difference.at),
            })
        };
        json!({
            "folder": self.data.display().to_string(),
            "seeded_input": self.seeded,
            "reference": if self.naive { "naive evaluation" } else { "data" },
            "passed": self.passed(),
            "compared": self.is_compared(),
            "checksum": format!("{:08x}", self.checksum),
            "process_checksum": format!("{:08x}", self.process_checksum),
            "equal_bits": self.is_equal(),
            "outputs": self.outputs.iter().map(output).collect::<Vec<_>>(),
        })
    }

    fn title(&self) -> String {
        let name = self.data.file_name().map(|name| name.to_string_lossy().into_owned());
        let (seeded, naive) = (self.seeded.then(|| "seeded input".to_owned()), self.naive.then(|| "naive evaluation".to_owned()));
        name.into_iter().chain(seeded).chain(naive).collect::<Vec<_>>().join(", ")
    }

    fn verdict(&self) -> String {
        let checksum = format!("checksum {:08x}", self.checksum);
        match self.first_difference {
            Some((output, at)) => {
                let name = self.outputs.get(output).map_or("?", |output| output.name.as_str());
                format!("{checksum}, not the {:08x} of this process: `{name}` differs from element {at} on", self.process_checksum)
            }
            None if self.built => format!("{checksum}, the same bits as in this process"),
            None => checksum,
        }
    }
}

/// One line an output, one a data set, and the verdict.
pub(super) fn show(results: &[SetResult], machine: &str, output: &Output) {
    let mut table = Table::new(&["data", "output", "shape", "max error", "of tolerance", ""], &[]);
    for result in results {
        for output in &result.outputs {
            let (error, share, word) = match output.difference {
                Some(Difference { max_error, share, at }) if share > 1.0 => {
                    (format!("{max_error:.2e}"), format!("{share:.3}"), format!("TOO FAR at element {at}"))
                }
                Some(Difference { max_error, share, .. }) => (format!("{max_error:.2e}"), format!("{share:.3}"), "ok".to_owned()),
                None => ("-".to_owned(), "-".to_owned(), "nothing to compare with".to_owned()),
            };
            table.row([result.title(), output.name.clone(), dims(&output.shape), error, share, word]);
        }
    }
    output.table(&table);
    let verdicts: Vec<_> = results.iter().map(SetResult::verdict).collect();
    output.say(format_args!("{} {machine}: {}", word(results), verdicts.join("; ")));
    if !results.iter().any(SetResult::is_compared) {
        output.say("nothing was compared with expected outputs: give a folder with output_0.pb or output_0.npy");
    }
}

/// What can be said of all: nothing is verified that was not compared with what is expected of it.
fn word(results: &[SetResult]) -> &'static str {
    match (results.iter().all(SetResult::passed), results.iter().all(SetResult::is_compared)) {
        (false, _) => "FAILED",
        (true, true) => "verified",
        (true, false) if results.iter().any(SetResult::is_compared) => "verified in part",
        (true, false) => "ran",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(name: &str, share: Option<f32>) -> OutputResult {
        let difference = share.map(|share| Difference { max_error: 0.5, share, at: 3 });
        OutputResult { name: name.to_owned(), shape: vec![1, 2].into(), difference }
    }

    /// A data set whose outputs differ by these shares of the tolerance.
    fn result(shares: &[Option<f32>]) -> SetResult {
        SetResult {
            data: PathBuf::from("data/test_data_set_0"),
            seeded: false,
            naive: false,
            outputs: shares.iter().map(|&share| output("y", share)).collect(),
            checksum: 0xab,
            process_checksum: 0xab,
            built: true,
            first_difference: None,
        }
    }

    #[test]
    fn nothing_is_verified_that_was_not_compared() {
        let (near, edge, far, none) = (Some(0.5), Some(1.0), Some(1.0001), None);
        for (sets, wanted) in [
            (vec![vec![near], vec![edge]], "verified"),
            (vec![vec![near, none]], "ran"),
            (vec![vec![near], vec![none]], "verified in part"),
            (vec![vec![none]], "ran"),
            (vec![vec![]], "ran"),
            (vec![vec![near, far]], "FAILED"),
            (vec![vec![far], vec![none]], "FAILED"),
            // What is no number is not near to any.
            (vec![vec![Some(f32::NAN)]], "FAILED"),
            (vec![vec![Some(f32::INFINITY)]], "FAILED"),
        ] {
            let results: Vec<_> = sets.iter().map(|shares| result(shares)).collect();
            assert_eq!(word(&results), wanted, "{sets:?}");
        }
    }

    #[test]
    fn a_machine_of_other_bits_has_failed() {
        let other = SetResult { checksum: 0xcd, ..result(&[Some(0.0)]) };
        assert!(!other.passed() && word(&[other]) == "FAILED");
        let differing = SetResult { first_difference: Some((0, 7)), ..result(&[Some(0.0)]) };
        assert!(!differing.passed());
        assert_eq!(differing.verdict(), "checksum 000000ab, not the 000000ab of this process: `y` differs from element 7 on");
        let beyond = SetResult { first_difference: Some((9, 7)), ..result(&[]) };
        assert!(beyond.verdict().contains("`?` differs"), "{}", beyond.verdict());
        assert_eq!(result(&[]).verdict(), "checksum 000000ab, the same bits as in this process");
        assert_eq!(SetResult { built: false, ..result(&[]) }.verdict(), "checksum 000000ab");
    }

    #[test]
    fn a_set_is_told_by_its_folder_and_what_was_made_up() {
        assert_eq!(result(&[]).title(), "test_data_set_0");
        assert_eq!(SetResult { data: PathBuf::new(), seeded: true, naive: true, ..result(&[]) }.title(), "seeded input, naive evaluation");
    }

    /// What is no number has none in JSON, and a folder whose name is no text has one that is near it.
    #[test]
    fn everything_can_be_json() {
        let json = result(&[Some(f32::NAN), None]).json();
        let first = &json["outputs"][0];
        assert!(first["tolerance_share"].is_null() && first["element"] == 3 && json["outputs"][1]["element"].is_null(), "{json}");
        assert_eq!((&json["checksum"], &json["passed"], &json["equal_bits"]), (&json!("000000ab"), &json!(false), &json!(true)));
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt;
            let data = PathBuf::from(std::ffi::OsStr::from_bytes(b"a\xffb"));
            assert_eq!(SetResult { data, ..result(&[]) }.json()["folder"], "a\u{fffd}b");
        }
    }
}
