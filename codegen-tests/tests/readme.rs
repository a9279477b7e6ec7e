//! What README and docs show is what the code says: the operators, the picture, the networks. `PELEEC_UPDATE=1 cargo test` rewrites all.

use codegen_tests::documents::{check_section, document, updating};
use peleec::zoo::ZooOptions;
use peleec::{ModelFile, Options, memory_map};

#[test]
fn the_operators_are_those_of_the_list() {
    let mut table = String::new();
    for (_, text) in peleec::operators() {
        let row = format!("- {text}\n");
        if !table.contains(&row) {
            table += &row;
        }
    }
    check_section("README.md", "operators", &table);
}

#[test]
fn the_picture_is_the_plan_of_pelee_304() {
    let model = ModelFile::zoo("pelee-304", &ZooOptions::default()).unwrap();
    let compilation = peleec::compile(&model, &Options::default()).unwrap();
    let picture = memory_map(&compilation.report());
    let path = document("docs/pelee-304-memory.svg");
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
    for model in models::field_networks() {
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
    check_section("docs/networks.md", "networks", &table);
}
