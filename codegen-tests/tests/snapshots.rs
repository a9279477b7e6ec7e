//! What is emitted, and what is said: small snapshots, one behaviour each. `INSTA_UPDATE=always cargo test` rewrites them; read the
//! difference before you commit it.

use std::fmt::Write;

use codegen_tests::cases::{Case, blocks, errors, operators};
use peleec::zoo::ZooOptions;
use peleec::{Compilation, InputForm, ModelFile, Options, RamBudget, Report, compile};

fn settings(folder: &str) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../snapshots/{folder}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

fn compiled(case: &Case) -> Compilation {
    compiled_with(case, &Options::default())
}

fn compiled_with(case: &Case, options: &Options) -> Compilation {
    let file = ModelFile::from_bytes(case.name, (case.build)());
    compile(&file, options).map_err(|error| format!("{}: {error}", case.name)).expect("a case compiles")
}

fn module(compilation: &Compilation) -> String {
    let files = compilation.files().expect("the module is emitted");
    String::from_utf8(files[0].bytes.clone()).expect("the module is text")
}

/// The methods of the layers.
fn layers(module: &str) -> &str {
    let start = module.find("    /// `").expect("a layer");
    let end = module.find("\n}\n#[rustfmt::skip]\nimpl Default").map(|end| end + 1).expect("the end of the model's methods");
    &module[start..end]
}

/// The methods of the layers; of several what each is, and its type and call, which many do without.
fn shown(compilation: &Compilation) -> String {
    let module = module(compilation);
    let text = layers(&module);
    let told: &[&str] = match compilation.report().layers.len() {
        1 => return text.to_owned(),
        2..=7 => &["/// `", "type Kernel", "type This", "LAYER."],
        _ => &["/// `", "type Kernel"],
    };
    let tells = |line: &&str| told.iter().any(|begin| line.trim_start().starts_with(begin));
    let (mut shown, mut is_open) = (String::new(), false);
    for line in text.lines().filter(|line| !line.is_empty()) {
        // A type may take several lines.
        let goes_on = is_open;
        if goes_on || tells(&line) {
            is_open = (goes_on || line.trim_start().starts_with("type Kernel")) && !line.ends_with(';');
            shown.push_str(if goes_on { line.trim_start() } else { line });
            shown.push_str(if is_open { "" } else { "\n" });
        }
    }
    shown
}

/// The layers in the order in which they run, and the buffers of the arena.
fn schedule(report: &Report) -> String {
    let mut text = format!("arena {} bytes, weights {} bytes, {} MACs\n\n", report.arena_bytes, report.weight_bytes, report.macs);
    for (index, layer) in report.layers.iter().enumerate() {
        let range = |memory: &str, offset: usize, bytes: usize| format!("{memory} {offset}..{}", offset + bytes);
        let reads: Vec<_> = layer.reads.iter().map(|read| range(&read.memory, read.offset, read.bytes)).collect();
        let writes = range(&layer.writes.memory, layer.writes.offset, layer.writes.bytes);
        _ = writeln!(text, "{index:>3} {} | {} | {} | {} -> {writes}", layer.name, layer.op, layer.kernel, reads.join(", "));
    }
    text.push('\n');
    for buffer in &report.buffers {
        let end = buffer.offset + buffer.bytes;
        _ = writeln!(text, "{:>8}..{end:<8} layers {:>3} to {:>3}  {}", buffer.offset, buffer.first_layer, buffer.last_layer, buffer.name);
    }
    text
}

#[test]
fn every_operator_is_emitted_as_it_was() {
    settings("operators").bind(|| {
        for case in operators::CASES {
            insta::assert_snapshot!(case.name, shown(&compiled(case)));
        }
    });
}

#[test]
fn every_block_is_fused_and_scheduled_as_it_was() {
    settings("blocks").bind(|| {
        for case in blocks::CASES {
            insta::assert_snapshot!(case.name, schedule(&compiled(case).report()));
        }
    });
}

#[test]
fn the_networks_are_scheduled_as_they_were() {
    settings("networks").bind(|| {
        for name in ["pelee-304", "peleenet-224"] {
            let file = ModelFile::zoo(name, &ZooOptions::default()).expect("the zoo has it");
            let report = compile(&file, &Options::default()).expect("it compiles").report();
            insta::assert_snapshot!(name, schedule(&report));
        }
    });
}

#[test]
fn a_user_snapshots_their_own_module() {
    settings("modules").bind(|| {
        let case = blocks::MINI;
        let text = module(&compiled(&case));
        assert!(!text.contains("unsafe"), "generated code is safe");
        insta::assert_snapshot!(case.name, text);
    });
}

#[test]
fn a_model_may_ask_for_rows_and_copy_weights_to_ram() {
    settings("modules").bind(|| {
        let options = Options { input: InputForm::Rows, ram_budget: RamBudget::Least, pin_weights: 1024, ..Options::default() };
        let text = module(&compiled_with(&blocks::CASES[0], &options));
        for (name, begin, end) in [
            ("rows_are_an_argument", "    /// Runs once", "\n}\n#[allow("),
            ("rows_and_copies_in_a_group", "    /// Runs 6 layers", "    /// `image`"),
            ("a_row_is_asked_for", "    /// `image`", "    /// `first/conv`"),
        ] {
            let (_, rest) = text.split_once(begin).expect("the part is there");
            let (part, _) = rest.split_once(end).expect("something follows");
            insta::assert_snapshot!(name, format!("{begin}{part}"));
        }
    });
}

#[test]
fn an_input_without_rows_is_refused_by_name() {
    settings("errors").bind(|| {
        let case =
            operators::CASES.iter().find(|case| case.name == "transpose_copies_where_nothing_can_absorb_it").expect("the case is there");
        let file = ModelFile::from_bytes(case.name, (case.build)());
        let options = Options { input: InputForm::Rows, ..Options::default() };
        let error = compile(&file, &options).err().expect("a matrix has no rows of pixels");
        assert_eq!(error.exit_code(), 4);
        insta::assert_snapshot!("an_input_without_rows", error.to_string());
    });
}

#[test]
fn every_refusal_reads_as_it_did_and_has_its_exit_code() {
    settings("errors").bind(|| {
        for (case, code) in errors::CASES {
            let file = ModelFile::from_bytes(case.name, (case.build)());
            let error = compile(&file, &Options::default()).err().expect("the model is refused");
            assert_eq!(error.exit_code(), *code, "{}: {error}", case.name);
            insta::assert_snapshot!(case.name, error.to_string());
        }
    });
}
