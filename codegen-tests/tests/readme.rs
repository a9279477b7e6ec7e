//! What the README shows is what the code says: the operators, the picture. `PELEEC_UPDATE=1 cargo test` rewrites both.

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
