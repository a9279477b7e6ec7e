//! What README and docs show is what the code says: the operators, the picture, the networks. `PELEEC_UPDATE=1 cargo test` rewrites all.

use std::path::PathBuf;

use codegen_tests::field;
use peleec::zoo::ZooOptions;
use peleec::{ModelFile, Options, memory_map};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn updating() -> bool {
    std::env::var_os("PELEEC_UPDATE").is_some()
}

/// The lines of a document between `<!-- name -->` and `<!-- /name -->`, and the text around them.
fn section<'a>(readme: &'a str, name: &str) -> [&'a str; 3] {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = readme.split_once(&open).expect("the section opens");
    let (inside, after) = rest.split_once(&close).expect("the section closes");
    [&readme[..before.len() + open.len()], inside, &readme[readme.len() - after.len() - close.len()..]]
}

#[test]
fn the_operators_are_those_of_the_list() {
    let mut table = String::new();
    for (_, text) in peleec::operators() {
        let row = format!("- {text}\n");
        if !table.contains(&row) {
            table += &row;
        }
    }
    let path = root().join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let [before, inside, after] = section(&readme, "operators");
    if updating() {
        std::fs::write(&path, format!("{before}{table}{after}")).unwrap();
    } else {
        assert_eq!(inside, table, "the README's operators are not those of the list: PELEEC_UPDATE=1 cargo test rewrites them");
    }
}

#[test]
fn the_picture_is_the_plan_of_pelee_304() {
    let model = ModelFile::zoo("pelee-304", &ZooOptions::default()).unwrap();
    let compilation = peleec::compile(&model, &Options::default()).unwrap();
    let picture = memory_map(&compilation.report());
    let path = root().join("docs/pelee-304-memory.svg");
    if updating() {
        std::fs::write(&path, picture).unwrap();
    } else {
        assert!(
            std::fs::read_to_string(&path).unwrap() == picture,
            "the picture is not the plan's: PELEEC_UPDATE=1 cargo test rewrites it"
        );
    }
}

#[test]
fn the_networks_are_those_that_are_stored() {
    let mut table = "| network | input | parameters | MAC | layers | RAM, KiB | least RAM, KiB | weights, bytes |\n".to_owned();
    table += "|---|---|--:|--:|--:|--:|--:|--:|\n";
    let kib = |bytes: usize| bytes as f64 / 1024.0;
    for model in field::imported() {
        let file = ModelFile::read(&model.path).unwrap();
        let compiled = peleec::compile(&file, &Options::default()).map_err(|error| format!("{}: {error}", model.name));
        let report = compiled.expect("a network of the field compiles").report();
        let extents: Vec<String> = report.inputs[0].shape.iter().map(usize::to_string).collect();
        table += &format!(
            "| `{}` | {} | {} | {} | {} | {:.1} | {:.1} | {} |\n",
            model.name,
            extents.join("x"),
            report.parameters,
            report.macs,
            report.layers.len(),
            kib(report.arena_bytes),
            kib(report.least.arena_bytes),
            report.weight_bytes
        );
    }
    let path = root().join("docs/networks.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let [before, inside, after] = section(&document, "networks");
    if updating() {
        std::fs::write(&path, format!("{before}{table}{after}")).unwrap();
    } else {
        assert_eq!(inside, table, "the networks' figures are not those of their plans: PELEEC_UPDATE=1 cargo test rewrites them");
    }
}
