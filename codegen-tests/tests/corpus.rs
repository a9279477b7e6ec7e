//! The stored inputs of the fuzz targets, through the same code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use codegen_tests::fuzzing;
use peleec::{ModelFile, Options, import};

type Target = fn(&[u8]) -> Result<(), String>;

const TARGETS: [(&str, Target); 4] =
    [("bytes", fuzzing::bytes), ("emission", fuzzing::emission), ("graph", fuzzing::graph), ("plan", fuzzing::plan)];

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// What is in a folder, by name.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display())).expect("a folder of the project");
    let mut paths: Vec<PathBuf> = listed.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let read = |path: PathBuf| std::fs::read(&path).map(|bytes| (path, bytes)).expect("a seed is read");
    entries(&fuzz().join("corpus").join(target)).into_iter().map(read).collect()
}

/// All seeds of a target; what is wrong with which.
fn replay(name: &str) {
    let target = TARGETS.iter().find(|(target, _)| *target == name).expect("a target").1;
    let mut faults = Vec::new();
    for (path, bytes) in seeds(name) {
        match std::panic::catch_unwind(|| target(&bytes)) {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => faults.push(format!("{}: {fault}", path.display())),
            Err(_) => faults.push(format!("{}: it panics", path.display())),
        }
    }
    assert!(faults.is_empty(), "{} seeds fail:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn bytes() {
    replay("bytes");
}

#[test]
fn graph() {
    replay("graph");
}

#[test]
fn plan() {
    replay("plan");
}

#[test]
fn emission() {
    replay("emission");
}

#[test]
fn every_target_has_seeds_and_the_corpus_stays_small() {
    let stems = |folder: &str| -> Vec<String> {
        let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        entries(&fuzz().join(folder)).into_iter().filter_map(stem).collect()
    };
    let listed = |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.to_owned()).collect() };
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!((stems("fuzz_targets"), stems("corpus")), (listed(&names), listed(&names)));
    let lengths: BTreeMap<&str, Vec<usize>> =
        names.iter().map(|&name| (name, seeds(name).iter().map(|(_, seed)| seed.len()).collect())).collect();
    assert!(lengths.values().all(|lengths| lengths.len() >= 20), "{lengths:?}");
    let all: Vec<usize> = lengths.into_values().flatten().collect();
    assert!(all.len() <= 300 && all.iter().sum::<usize>() <= 400_000, "{} files of {} bytes", all.len(), all.iter().sum::<usize>());
}

/// Seeds that are all refused would prove nothing.
#[test]
fn the_seeds_reach_many_operators() {
    let imported = |model: Vec<u8>| import(&ModelFile::from_bytes("seed", model), &Options::default()).ok();
    let models = seeds("graph").into_iter().map(|(_, seed)| fuzzing::model(&seed).expect("a model is drawn"));
    let graphs: Vec<_> = models.chain(seeds("bytes").into_iter().map(|(_, seed)| seed)).filter_map(imported).collect();
    let reached: BTreeMap<String, usize> = graphs.iter().flat_map(|imported| imported.graph.operators()).collect();
    assert!(graphs.len() >= 40 && reached.len() >= 40, "{} graphs of {reached:?}", graphs.len());
}
