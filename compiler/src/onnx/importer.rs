//! The state of an import: what every name stands for, what has been reported, and how much more may be computed and kept.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::constants::{self, External};
use super::scope::Scope;
use super::tensor::{MAX_DIM, MAX_ELEMENTS};
use super::wire::{NodeProto, TensorProto};
use crate::diagnostics::{Code, Diagnostic, NodeRef, OpError};
use crate::ir::{Graph, MAX_CONSTANT_BYTES, Source};
use crate::node::Operand;
use crate::tensor::{Shape, Tensor, TensorType};

/// Multiply-accumulates and elements that computing values may cost while importing: a second or two, naively.
const FOLD_BUDGET: u64 = 1 << 27;
/// Most bytes of a name by which something goes, and of one that is shown.
pub(crate) const NAME_BYTES: usize = 4096;

/// What the user decides about reading a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ImportOptions {
    /// Extents for symbolic dimensions, by name. A dimension without a name is called `INPUT.AXIS`.
    pub(crate) input_dims: BTreeMap<String, usize>,
    /// All extents of inputs, by name, in place of what the file says.
    pub(crate) input_shapes: BTreeMap<String, Vec<usize>>,
    /// The tensors at which the graph ends; none where it ends at the file's outputs. What they do not need is not looked at.
    pub(crate) output_names: Vec<String>,
    /// Whether the model may name files beside it that hold its weights.
    pub(crate) allow_external: bool,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(crate) enum Definition<'a> {
    /// A stored value that nothing has asked for yet.
    Stored(&'a TensorProto),
    /// A sparse value, which is an error once something asks for it.
    Sparse,
    Known(Entry),
    /// Its definition failed, which has been reported; what reads it is skipped in silence.
    Failed,
}

/// A defined name: its type, its value where that is known, its place in the graph once it has one.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) ty: TensorType,
    pub(crate) value: Option<Tensor>,
    pub(crate) source: Option<Source>,
    /// It depends on constants alone, known or yet to be folded.
    pub(crate) is_constant: bool,
    /// The first of its known elements that is NaN: it may be folded and given, and no operator that stays may read it.
    pub(crate) first_nan: Option<usize>,
}

/// Why a node is left out.
pub(crate) enum Refusal {
    /// Something that it reads is missing, which has been reported.
    Poisoned,
    Told(Box<Diagnostic>),
}

impl From<Diagnostic> for Refusal {
    fn from(diagnostic: Diagnostic) -> Self {
        Refusal::Told(Box::new(diagnostic))
    }
}

/// The state of an import.
pub(crate) struct Importer<'a> {
    pub(crate) opset: i64,
    pub(crate) options: &'a ImportOptions,
    pub(crate) external: External<'a>,
    pub(crate) has_functions: bool,
    pub(crate) graph: Graph,
    pub(crate) definitions: BTreeMap<&'a str, Definition<'a>>,
    /// Names that a node that is needed reads, and those of results.
    pub(crate) read: BTreeSet<&'a str>,
    /// The names of the graph's outputs.
    pub(crate) results: BTreeSet<&'a str>,
    /// The names that the file's own graph defines, without its branches: there it could end.
    pub(crate) outer: BTreeSet<&'a str>,
    /// Work that computing values while importing may still cost.
    pub(crate) fold_budget: Cell<u64>,
    constant_bytes: usize,
    /// Bytes of the values that the file itself holds.
    pub(crate) stored_bytes: Cell<usize>,
    pub(crate) is_over_limit: bool,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl<'a> Importer<'a> {
    pub(crate) fn new(name: &str, opset: i64, options: &'a ImportOptions, folder: Option<&'a Path>) -> Self {
        Importer {
            opset,
            options,
            external: External { folder, allowed: options.allow_external },
            has_functions: false,
            graph: Graph::new(shown(name), opset),
            definitions: BTreeMap::new(),
            read: BTreeSet::new(),
            results: BTreeSet::new(),
            outer: BTreeSet::new(),
            fold_budget: Cell::new(FOLD_BUDGET),
            constant_bytes: 0,
            stored_bytes: Cell::new(0),
            is_over_limit: false,
            diagnostics: Vec::new(),
        }
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic.shortened());
    }

    /// Reads the stored value of `name`, if that has not been done.
    pub(crate) fn demand(&mut self, name: &str) {
        let definition = match self.definitions.get(name) {
            Some(&Definition::Stored(proto)) => self.stored(proto, name),
            Some(Definition::Sparse) => {
                let title = format!("initializer `{name}` is sparse");
                Err(Diagnostic::unsupported(Code::SPARSE, title).help("export the model with plain dense tensors only").into())
            }
            _ => return,
        };
        let definition = self.or_failed(definition);
        if let Some(known) = self.definitions.get_mut(name) {
            *known = definition;
        }
    }

    fn stored(&mut self, proto: &TensorProto, name: &str) -> Result<Definition<'a>, Refusal> {
        let what = format!("initializer `{name}`");
        check_name(name)?;
        self.check_room(&[constants::ty(proto, &what)?])?;
        let value = constants::read(proto, &what, self.external)?;
        self.count_stored(&value.ty());
        Ok(self.known(value))
    }

    /// Counts a value that the file holds.
    pub(crate) fn count_stored(&self, ty: &TensorType) {
        self.stored_bytes.set(self.stored_bytes.get().saturating_add(ty.bytes()));
    }

    /// Gives `name` a known value, or poisons it where that is too much together with the others.
    pub(crate) fn define_value(&mut self, name: &'a str, value: Tensor) {
        let definition = self.check_room(&[value.ty()]).map(|()| self.known(value));
        let definition = self.or_failed(definition);
        self.definitions.insert(name, definition);
    }

    fn or_failed(&mut self, definition: Result<Definition<'a>, Refusal>) -> Definition<'a> {
        definition.unwrap_or_else(|refusal| {
            if let Refusal::Told(diagnostic) = refusal {
                self.report(*diagnostic);
            }
            Definition::Failed
        })
    }

    fn known(&mut self, value: Tensor) -> Definition<'a> {
        let ty = value.ty();
        self.constant_bytes += ty.bytes();
        let first_nan = constants::first_nan(&value);
        Definition::Known(Entry { ty, value: Some(value), source: None, is_constant: true, first_nan })
    }

    /// Counts values of these types that an operator without inputs makes later as if they were known.
    pub(crate) fn reserve(&mut self, types: &[TensorType]) {
        self.constant_bytes = types.iter().map(TensorType::bytes).fold(self.constant_bytes, usize::saturating_add);
    }

    /// Refuses known values of these types where all together would be too large, which is reported once.
    pub(crate) fn check_room(&mut self, types: &[TensorType]) -> Result<(), Refusal> {
        if self.has_room_for(types) {
            return Ok(());
        }
        if std::mem::replace(&mut self.is_over_limit, true) {
            return Err(Refusal::Poisoned);
        }
        let supported = format!("{} MiB", MAX_CONSTANT_BYTES >> 20);
        Err(Diagnostic::unsupported(Code::TOO_LARGE, "the model's constants are too large together").supported(supported).into())
    }

    /// Whether known values of these types still fit.
    pub(crate) fn has_room_for(&self, types: &[TensorType]) -> bool {
        let bytes = types.iter().map(TensorType::bytes).fold(self.constant_bytes, usize::saturating_add);
        bytes <= MAX_CONSTANT_BYTES
    }

    /// The node at `index` of `scope` for a diagnostic.
    pub(crate) fn node_ref(&self, scope: &Scope, index: usize) -> NodeRef {
        let total = scope.graph.node.len();
        let Some(node) = scope.graph.node.get(index) else {
            return NodeRef { name: String::new(), index, total, op_type: String::new(), domain: String::new(), opset: self.opset };
        };
        let domain = node.domain.as_deref().filter(|domain| !domain.is_empty()).unwrap_or("ai.onnx");
        NodeRef {
            name: display_name(node).to_owned(),
            index: index + 1,
            total,
            op_type: shown(node.op_type.as_deref().unwrap_or_default()).to_owned(),
            domain: shown(domain).to_owned(),
            opset: self.opset,
        }
    }

    /// What is known of `name`, as an operator sees it.
    pub(crate) fn operand(&self, name: &str) -> Option<Operand<'_>> {
        self.entry(name).map(|entry| Operand { ty: &entry.ty, value: entry.value.as_ref() })
    }

    /// What `name` stands for, where it could be defined and has been asked for.
    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        match self.definitions.get(name)? {
            Definition::Known(entry) => Some(entry),
            _ => None,
        }
    }

    /// The place of `name` in the graph; a constant gets its node on first use.
    pub(crate) fn source_of(&mut self, name: &str) -> Option<Source> {
        let Some(Definition::Known(entry)) = self.definitions.get_mut(name) else { return None };
        match (entry.source, &entry.value) {
            (Some(source), _) => Some(source),
            (None, Some(value)) => {
                let source = self.graph.add_constant(name, value.clone());
                entry.source = Some(source);
                Some(source)
            }
            (None, None) => None,
        }
    }
}

/// Refuses a name that is too long to go by.
pub(crate) fn check_name(name: &str) -> Result<(), Diagnostic> {
    if name.len() <= NAME_BYTES {
        return Ok(());
    }
    let title = format!("a name has {} bytes: `{}`", name.len(), shown(name));
    Err(Diagnostic::unsupported(Code::TOO_LARGE, title).supported(format!("names of up to {NAME_BYTES} bytes")))
}

/// The beginning of a name that is too long to be shown.
pub(crate) fn shown(name: &str) -> &str {
    const SHOWN: usize = 200;
    if name.len() <= NAME_BYTES { name } else { (0..SHOWN).rev().find_map(|end| name.get(..end)).unwrap_or_default() }
}

/// The node's name, or its first output's where it has none.
pub(crate) fn display_name(node: &NodeProto) -> &str {
    let first_output = || node.output.iter().map(String::as_str).find(|name| !name.is_empty());
    shown(node.name.as_deref().filter(|name| !name.is_empty()).or_else(first_output).unwrap_or("(without a name)"))
}

const MAX_RANK: usize = 16;

/// Bounds the types of outputs.
pub(super) fn check_extents(types: &[TensorType]) -> Result<(), Diagnostic> {
    for ty in types {
        let count = ty.shape.checked_elements().filter(|&count| count <= MAX_ELEMENTS);
        let large_dim = ty.shape.iter().any(|&dim| dim > MAX_DIM as usize);
        if count.is_none() || large_dim || ty.shape.rank() > MAX_RANK {
            let found = format!("rank {}, extents {}", ty.shape.rank(), short(&ty.shape));
            let supported = format!("rank {MAX_RANK}, {MAX_ELEMENTS} elements");
            return Err(Diagnostic::unsupported(Code::SHAPE, "an output of the node is too large").found(found).supported(supported));
        }
    }
    Ok(())
}

/// What a user is told of a node whose operator refuses it.
pub(super) fn op_refused(op_type: &str, error: OpError) -> Refusal {
    let diagnostic = if error.invalid {
        Diagnostic::invalid(Code::NOT_VALID, format!("operator `{op_type}` is not valid here"))
    } else {
        Diagnostic::unsupported(Code::USE, format!("this use of operator `{op_type}` is not supported"))
    };
    Diagnostic { found: Some(error.found), supported: error.supported, help: error.help, ..diagnostic }.into()
}

/// A shape cut off after a few dimensions.
fn short(shape: &Shape) -> String {
    const SHOWN: usize = 8;
    let dims: Vec<_> = shape.iter().take(SHOWN).map(usize::to_string).collect();
    format!("[{}{}]", dims.join(","), if shape.rank() > SHOWN { ",..." } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_whole_or_by_its_beginning() {
        for letter in ["n", "ä", "図", "🦀"] {
            let most = letter.repeat(NAME_BYTES / letter.len());
            assert!(check_name(&most).is_ok() && shown(&most) == most, "{letter}");
            let long = letter.repeat(NAME_BYTES / letter.len() + 1);
            let told = shown(&long);
            assert!(long.starts_with(told) && (190..200).contains(&told.len()), "{letter}: {} bytes", told.len());
            let refusal = check_name(&long).unwrap_err();
            assert!(refusal.title.len() < 300 && refusal.title.contains(&format!("{} bytes", long.len())), "{}", refusal.title);
        }
        assert_eq!((shown(""), check_name("").is_ok()), ("", true));
    }

    #[test]
    fn a_node_goes_by_its_name_or_by_what_it_computes() {
        let called = |name: Option<&str>, outputs: &[&str]| {
            let output = outputs.iter().map(|&name| name.to_owned()).collect();
            display_name(&NodeProto { name: name.map(str::to_owned), output, ..NodeProto::default() }).to_owned()
        };
        assert_eq!(called(Some("n"), &["y"]), "n");
        assert_eq!([called(Some(""), &["", "y", "z"]), called(None, &["y"])], ["y", "y"]);
        assert_eq!([called(None, &[]), called(Some(""), &["", ""])], ["(without a name)"; 2]);
        assert!(called(Some(&"n".repeat(NAME_BYTES + 1)), &[]).len() < 200);
    }

    /// Sums of sizes that no memory has saturate.
    #[test]
    fn there_is_room_for_as_much_as_constants_may_take() {
        let options = ImportOptions::default();
        let mut importer = Importer::new("g", 17, &options, None);
        let [all, one] = [MAX_CONSTANT_BYTES / 4, 1].map(|elements| TensorType::f32([elements]));
        let huge = TensorType::f32([usize::MAX, 2]);
        assert!(importer.has_room_for(std::slice::from_ref(&all)) && !importer.has_room_for(&[all.clone(), one.clone()]));
        assert!(!importer.has_room_for(&[huge.clone(), huge.clone()]));
        importer.reserve(&[all]);
        assert!(importer.has_room_for(&[]) && !importer.has_room_for(std::slice::from_ref(&one)));
        // It is told once.
        assert!(matches!(importer.check_room(std::slice::from_ref(&one)), Err(Refusal::Told(_))));
        assert!(matches!(importer.check_room(std::slice::from_ref(&one)), Err(Refusal::Poisoned)));
        importer.reserve(&[huge.clone(), huge]);
        assert!(!importer.has_room_for(&[]));
    }
}
