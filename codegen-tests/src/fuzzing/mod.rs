//! What the fuzz targets in `fuzz/` do with their bytes. `tests/corpus.rs` does the same with the stored ones.
//!
//! A fault comes back in words; a panic is one as well.

mod draw;
mod forms;
mod module;
mod operators;
mod shapes;
mod wild;

use peleec::{Compilation, Error, ModelFile, Options, Problems, RamBudget, TensorType, compile, import, outline};

use crate::compare::{Closeness, compare, inputs};
use draw::Draw;

/// Functions of the runtime are not std's, passes sum in another order, and several such nodes follow each other.
const NEAR: Closeness = Closeness::Scaled(1e-4);

/// Any bytes as a model file: they are compiled, or refused with a reason.
pub fn bytes(data: &[u8]) -> Result<(), String> {
    let file = ModelFile::from_bytes("bytes", data.to_vec());
    if let Err(problems) = outline(&file) {
        has_reasons(&problems)?;
    }
    if let Some(imported) = imported(&file)? {
        _ = imported.graph.to_string();
        compiled(&file, &Options::default())?;
    }
    Ok(())
}

/// A graph of any supported operators, some with attributes that do not serve: what is imported gives the same naively, after the passes and
/// through plan and kernels.
pub fn graph(data: &[u8]) -> Result<(), String> {
    let file = ModelFile::from_bytes("graph", model(data)?);
    let Some(imported) = imported(&file)? else { return Ok(()) };
    let Some(compilation) = compiled(&file, &Options::default())? else { return Ok(()) };
    let inputs = inputs(&compilation.inputs());
    let before = imported.graph.evaluate(&inputs).map_err(|error| format!("not evaluated: {error}"))?;
    let after = compilation.graph().evaluate(&inputs).map_err(|error| format!("not evaluated after the passes: {error}"))?;
    let executed = compilation.execute(&inputs).map_err(|error| error.to_string())?;
    let told = |fault| format!("{fault}\n{}\nto\n{}", imported.graph, compilation.graph());
    compare(&after, &before, NEAR).map_err(|fault| told(format!("passes: {fault}")))?;
    compare(&executed, &after, NEAR).map_err(|fault| told(format!("execute: {fault}")))
}

/// The model that [`graph`] makes of its bytes; what is wrong where a part of it is refused without a reason.
pub fn model(data: &[u8]) -> Result<Vec<u8>, String> {
    wild::model(&mut Draw::new(data))
}

/// A network under any options: its plan holds when it is replayed, and gives the bits of the one that runs layer by layer.
pub fn plan(data: &[u8]) -> Result<(), String> {
    let mut draw = Draw::new(data);
    let options = draw.options();
    let file = ModelFile::from_bytes("plan", draw.recipe().build().bytes);
    let by_layer =
        Options { target: options.target, numeric: options.numeric, ram_budget: RamBudget::Bytes(usize::MAX), ..Options::default() };
    let Some(whole) = compiled(&file, &by_layer)? else { return Ok(()) };
    let Some(planned) = compiled(&file, &options)? else { return Ok(()) };
    let run = |compilation: &Compilation| {
        compilation.replay().map_err(|error| error.to_string())?;
        compilation.execute(&inputs(&compilation.inputs())).map_err(|error| error.to_string())
    };
    compare(&run(&planned)?, &run(&whole)?, Closeness::Bits).map_err(|fault| format!("{options:?}: {fault}"))
}

/// The module of a network under any options: it parses, has nothing in it that may panic, and no two live buffers share memory.
pub fn emission(data: &[u8]) -> Result<(), String> {
    let mut draw = Draw::new(data);
    let options = draw.options();
    let model = if draw.seldom(2) { wild::model(&mut draw)? } else { draw.recipe().build().bytes };
    let file = ModelFile::from_bytes("emission", model);
    if imported(&file)?.is_none() {
        return Ok(());
    }
    match compiled(&file, &options)? {
        Some(compilation) => module::check(&compilation).map_err(|fault| format!("{options:?}: {fault}")),
        None => Ok(()),
    }
}

/// The model's graph, where it is taken; a refusal must have a reason.
fn imported(file: &ModelFile) -> Result<Option<peleec::Imported>, String> {
    match import(file, &Options::default()) {
        Ok(imported) => Ok(Some(imported)),
        Err(problems) => has_reasons(&problems).map(|()| None),
    }
}

/// The type of the model's first output, where the model is taken.
fn output_type(model: Vec<u8>) -> Result<Option<TensorType>, String> {
    let imported = imported(&ModelFile::from_bytes("part", model))?;
    Ok(imported.and_then(|imported| imported.graph.output_types().into_iter().next()).map(|(_, ty)| ty))
}

fn has_reasons(problems: &Problems) -> Result<(), String> {
    if problems.0.is_empty() || problems.to_string().is_empty() { Err("refused without a reason".to_owned()) } else { Ok(()) }
}

/// What is made of a model that is imported; none where an operator has no kernel, or no plan fits. The budget that is named then must do.
fn compiled(file: &ModelFile, options: &Options) -> Result<Option<Compilation>, String> {
    match compile(file, options) {
        Ok(compilation) => Ok(Some(compilation)),
        Err(Error::Model(problems)) if problems.0.iter().all(|problem| problem.code.starts_with("PL03")) => {
            has_reasons(&problems).map(|()| None)
        }
        Err(Error::Budget { least, .. }) => {
            let options = Options { ram_budget: RamBudget::Bytes(least), ..options.clone() };
            let retold = |error| format!("{least} bytes are said to do: {error}");
            compile(file, &options).map(Some).map_err(retold)
        }
        Err(error) => Err(format!("not compiled: {error}")),
    }
}
