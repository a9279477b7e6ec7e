//! The graph's inputs: their types, with every symbolic extent pinned or reported.

use std::collections::BTreeSet;

use super::flags::typed;
use super::importer::{Definition, Entry, Importer, check_name};
use super::scope::name_of;
use super::tensor::{MAX_DIM, MAX_ELEMENTS, code};
use super::wire::{Dimension, GraphProto, TensorShapeProto, ValueInfoProto};
use crate::diagnostics::{Code, Diagnostic};
use crate::node::{self, Element, element};
use crate::tensor::{DType, Shape, TensorType};

const MAX_RANK: usize = 16;

impl<'a> Importer<'a> {
    /// Defines every graph input that is not an initializer (files of the oldest format list initializers as inputs too).
    pub(crate) fn inputs(&mut self, file: &'a GraphProto) {
        let constants: BTreeSet<&str> = self.definitions.keys().copied().collect();
        let mut asked = BTreeSet::new();
        for input in file.input.iter().filter(|input| !constants.contains(name_of(input))) {
            let name = name_of(input);
            if name.is_empty() || self.definitions.contains_key(name) {
                self.report(Diagnostic::invalid(Code::NAME_TAKEN, format!("graph input `{name}` is given twice, or has no name")));
                continue;
            }
            let definition = match check_name(name).and_then(|()| self.input_type(input, &mut asked)) {
                Ok(ty) => {
                    let source = self.graph.add_input(name, ty.clone());
                    Definition::Known(Entry { ty, value: None, source: Some(source), is_constant: false, first_nan: None })
                }
                Err(diagnostic) => {
                    self.report(diagnostic);
                    Definition::Failed
                }
            };
            self.definitions.insert(name, definition);
        }
        self.unused_dims(&asked);
        self.unused_shapes(file);
    }

    /// The type of an input; `asked` collects the names of its symbolic extents.
    fn input_type(&mut self, input: &'a ValueInfoProto, asked: &mut BTreeSet<String>) -> Result<TensorType, Diagnostic> {
        let name = name_of(input);
        let unsupported = |what: &str| Diagnostic::unsupported(Code::INPUT_TYPE, format!("graph input `{name}` {what}"));
        let declared = input.r#type.as_ref().and_then(|ty| ty.tensor_type.as_ref()).ok_or_else(|| unsupported("is not a tensor"))?;
        let element = element(declared.elem_type).map_err(|error| unsupported(&format!("cannot be taken: {error}")))?;
        let dtype = self.input_dtype(name, element)?;
        let options = self.options;
        let shape = match (options.input_shapes.get(name), &declared.shape) {
            (Some(given), shape) => given_shape(name, given, shape.as_ref(), asked)?,
            (None, Some(shape)) => self.input_shape(name, shape, asked)?,
            (None, None) => {
                let re_export = || "re-export with fixed input sizes, such as [1,3,304,304]".to_owned();
                return Err(unsupported("has no shape").help(typed("input-shape", name, "=1,3,304,304").unwrap_or_else(re_export)));
            }
        };
        match shape.checked_elements() {
            Some(count) if count <= MAX_ELEMENTS => Ok(TensorType { dtype, shape }),
            _ => Err(Diagnostic::unsupported(Code::SHAPE, format!("graph input `{name}` is too large: {shape}"))
                .supported(format!("{MAX_ELEMENTS} elements"))),
        }
    }

    fn input_dtype(&mut self, name: &str, element: Element) -> Result<DType, Diagnostic> {
        let exact = node::element(Some(code(element.dtype))) == Ok(element);
        if !exact && element.dtype != DType::F32 {
            let title = format!("graph input `{name}` has the element type {}", element.name);
            return Err(Diagnostic::unsupported(Code::INPUT_TYPE, title).supported("float, uint8, int8, int32, int64, bool"));
        }
        if !exact {
            let title = format!("input `{name}` is {} in the file and f32 in the compiled model", element.name);
            self.report(Diagnostic::warning(Code::WIDENED, title));
        }
        Ok(element.dtype)
    }

    /// Explicit extents as they are; named ones by `--input-dim`; a first one (the batch) is otherwise 1.
    fn input_shape(&mut self, name: &str, shape: &TensorShapeProto, asked: &mut BTreeSet<String>) -> Result<Shape, Diagnostic> {
        let (mut dims, mut missing) = (Vec::new(), Vec::new());
        check_rank(name, shape.dim.len())?;
        for (axis, dim) in shape.dim.iter().enumerate() {
            if let Some(extent) = fixed(dim) {
                dims.push(checked_extent(extent, name)?);
                continue;
            }
            let symbol = symbol(dim, name, axis);
            asked.insert(symbol.clone());
            match self.options.input_dims.get(&symbol) {
                Some(&extent) => dims.push(checked_extent(i64::try_from(extent).unwrap_or(i64::MAX), name)?),
                None if axis == 0 => {
                    dims.push(1);
                    let note = Diagnostic::note(Code::BATCH, format!("dimension `{symbol}` of input `{name}` is set to 1"));
                    let help = typed("input-dim", &symbol, "=N").map(|flag| format!("{flag} for another size"));
                    self.report(Diagnostic { help, ..note }.because(symbol, name));
                }
                None => missing.push(symbol),
            }
        }
        if missing.is_empty() { Ok(Shape(dims)) } else { Err(symbolic(name, &missing)) }
    }

    /// Warns of extents that were given and that no input asks for: probably a misspelt name.
    fn unused_dims(&mut self, asked: &BTreeSet<String>) {
        let options = self.options;
        for name in options.input_dims.keys().filter(|name| !asked.contains(*name)) {
            let names: Vec<_> = asked.iter().map(|name| format!("`{name}`")).collect();
            let found = if names.is_empty() { "no symbolic dimension at all".to_owned() } else { names.join(", ") };
            self.report(Diagnostic::warning(Code::IDLE_PIN, format!("no input has a symbolic dimension `{name}`")).found(found));
        }
    }

    /// Warns of shapes that were given for inputs that the outputs that were asked for do not need.
    fn unused_shapes(&mut self, file: &GraphProto) {
        let options = self.options;
        let names: BTreeSet<&str> = file.input.iter().map(name_of).collect();
        for name in options.input_shapes.keys().filter(|name| !names.contains(name.as_str())) {
            self.report(Diagnostic::warning(Code::IDLE_PIN, format!("no output needs the input `{name}`, whose shape was given")));
        }
    }
}

/// The extents that were given for all dimensions of an input; they count more than what the file and `--input-dim` say.
fn given_shape(
    name: &str,
    given: &[usize],
    declared: Option<&TensorShapeProto>,
    asked: &mut BTreeSet<String>,
) -> Result<Shape, Diagnostic> {
    check_rank(name, given.len())?;
    if let Some(shape) = declared {
        if shape.dim.len() != given.len() {
            let title = format!("the shape that was given for input `{name}` has {} dimensions", given.len());
            let wanted = format!("{}, as many as {} has", shape.dim.len(), declared_shape(name, shape));
            return Err(Diagnostic::usage(Code::NO_SUCH_INPUT, title).supported(wanted));
        }
        asked.extend(shape.dim.iter().enumerate().filter(|(_, dim)| fixed(dim).is_none()).map(|(axis, dim)| symbol(dim, name, axis)));
    }
    let extents = given.iter().map(|&extent| checked_extent(i64::try_from(extent).unwrap_or(i64::MAX), name));
    Ok(Shape(extents.collect::<Result<_, _>>()?))
}

fn check_rank(name: &str, rank: usize) -> Result<(), Diagnostic> {
    if rank <= MAX_RANK {
        return Ok(());
    }
    let title = format!("graph input `{name}` has {rank} dimensions");
    Err(Diagnostic::unsupported(Code::INPUT_TYPE, title).supported(format!("up to {MAX_RANK}")))
}

/// The shape as the file has it, of which the beginning is shown.
fn declared_shape(name: &str, shape: &TensorShapeProto) -> String {
    let dim = |(axis, dim): (usize, &Dimension)| fixed(dim).map_or_else(|| symbol(dim, name, axis), |extent| extent.to_string());
    let dims: Vec<_> = shape.dim.iter().enumerate().take(MAX_RANK).map(dim).collect();
    format!("`{name}` [{}{}]", dims.join(","), if shape.dim.len() > MAX_RANK { ",..." } else { "" })
}

/// The extent that the file says, where it says one.
fn fixed(dim: &Dimension) -> Option<i64> {
    dim.dim_value.filter(|&extent| extent > 0)
}

/// What people call the extent: its name in the file, or the input's name and the axis.
fn symbol(dim: &Dimension, input: &str, axis: usize) -> String {
    match dim.dim_param.as_deref() {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => format!("{input}.{axis}"),
    }
}

fn checked_extent(extent: i64, input: &str) -> Result<usize, Diagnostic> {
    usize::try_from(extent).ok().filter(|_| (1..=MAX_DIM).contains(&extent)).ok_or_else(|| {
        let title = format!("graph input `{input}` has an extent of {extent}");
        Diagnostic::unsupported(Code::EXTENT, title).supported(format!("1 to {MAX_DIM}"))
    })
}

fn symbolic(input: &str, missing: &[String]) -> Diagnostic {
    let names: Vec<_> = missing.iter().map(|name| format!("`{name}`")).collect();
    let flags: Option<BTreeSet<_>> = missing.iter().map(|name| typed("input-dim", name, "=N")).collect();
    let fixed = || "export the model with fixed input sizes, such as [1,3,304,304]".to_owned();
    let help = flags.map_or_else(fixed, |flags| flags.into_iter().collect::<Vec<_>>().join(" "));
    let dimensions = if missing.len() == 1 { "a symbolic dimension" } else { "symbolic dimensions" };
    let title = format!("input `{input}` has {dimensions} {}", names.join(", "));
    Diagnostic::unsupported(Code::EXTENT, title).help(help).because(names.join(", "), input)
}
