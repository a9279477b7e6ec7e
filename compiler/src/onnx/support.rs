//! What is said of a node that cannot be compiled, and of what stands around it.

use super::alternatives::{Surroundings, way_out};
use super::import::OPSETS;
use super::importer::{Definition, Entry, Importer, check_name};
use super::integers::is_of_integers;
use super::scope::{inputs, is_if};
use super::wire::NodeProto;
use crate::diagnostics::{Code, Diagnostic, InputRef};
use crate::node::Operand;
use crate::ops::{OPERATORS, Op};
use crate::tensor::{DType, Tensor, TensorType, elements};

/// Operators of which the forms before an operator set are not read. All others mean before set 6 what they mean in it, as far as is not read
/// with the operator itself; `consumed_inputs`, a hint that memory may be shared, says nothing of the result.
const FIRST_READ: [(&str, i64); 7] = [
    // `to` is text.
    ("Cast", 6),
    // Attributes that say which moments are taken.
    ("MeanVarianceNormalization", 9),
    // `paddings` in place of `pads`.
    ("Pad", 2),
    // Other defaults of both attributes.
    ("Selu", 6),
    // The lengths may be an input as well as an attribute, and the axis has no default.
    ("Split", 2),
    // A number of repeats and an axis.
    ("Tile", 6),
    // `height_scale` and `width_scale`.
    ("Upsample", 7),
];

/// The first operator set in whose form an operator is read.
pub(crate) fn first_read(op_type: &str) -> i64 {
    FIRST_READ.iter().find(|(name, _)| *name == op_type).map_or(*OPSETS.start(), |&(_, first)| first)
}

impl Importer<'_> {
    /// Refuses other domains, unknown operators and forms that are not read, before anything of the node is read.
    pub(crate) fn check_supported(&self, node: &NodeProto) -> Result<(), Diagnostic> {
        let op_type = node.op_type.as_deref().unwrap_or_default();
        let domain = node.domain.as_deref().unwrap_or_default();
        check_name(op_type).and_then(|()| check_name(domain))?;
        let is_default = matches!(domain, "" | "ai.onnx");
        if is_if(node) || is_of_integers(node) || (is_default && OPERATORS.iter().any(|(name, ..)| *name == op_type)) {
            return self.check_form(op_type);
        }
        let help = way_out(op_type, domain, &self.surroundings(node));
        let supported = "the operators that `peleec ops` lists";
        Err(if is_default {
            let diagnostic = Diagnostic::unsupported(Code::OPERATOR, format!("operator `{op_type}` is not supported"));
            diagnostic.supported(supported).help(help)
        } else {
            let title = format!("operator `{op_type}` of the domain `{domain}` is not supported");
            Diagnostic::unsupported(Code::DOMAIN, title).supported(format!("{supported}, of the domain `ai.onnx`")).help(help)
        })
    }

    /// Refuses the form that a supported operator has in the model's operator set, where that is not read.
    fn check_form(&self, op_type: &str) -> Result<(), Diagnostic> {
        let first = first_read(op_type);
        if self.opset >= first {
            return Ok(());
        }
        let title = format!("operator `{op_type}` is not supported as operator set {} has it", self.opset);
        let diagnostic = Diagnostic::unsupported(Code::OPSET, title).found(format!("opset {}", self.opset));
        Err(diagnostic.supported(format!("{first} to {}", OPSETS.end())).help("re-export with opset_version=17"))
    }

    /// A node whose operator is computed when compiling, and which reads what is computed at run time.
    pub(crate) fn only_computed(&self, node: &NodeProto, op: &Op) -> Diagnostic {
        let op_type = node.op_type.as_deref().unwrap_or_default();
        let is_computed = |name: &&str| self.entry(name).is_some_and(|entry| !entry.is_constant);
        let computed = inputs(node).find(is_computed).unwrap_or_default();
        // What has to be of floats: truth alone where that serves.
        let unlike = [DType::Bool, DType::F32].into_iter().find_map(|kept| {
            let stays = |dtype: DType| dtype == DType::F32 || dtype == kept;
            let of_floats = |ty: &TensorType| if stays(ty.dtype) { ty.clone() } else { TensorType { dtype: DType::F32, ..ty.clone() } };
            let types: Vec<_> = inputs(node).map(|name| self.operand(name).map(|operand| of_floats(operand.ty))).collect();
            let is_unlike = |name: &&str| is_computed(name) && self.operand(name).is_some_and(|operand| !stays(operand.ty.dtype));
            let name = inputs(node).find(is_unlike).filter(|_| op.runs(&types.iter().map(Option::as_ref).collect::<Vec<_>>()))?;
            Some((name, self.operand(name)?.ty))
        });
        let (found, supported) = match unlike {
            Some((name, ty)) => (format!("input `{name}` is {ty} at run time"), format!("`{op_type}` of f32 at run time")),
            None => {
                let supported = format!("`{op_type}` of constants and of what follows from shapes");
                (format!("input `{computed}` is computed at run time"), supported)
            }
        };
        Diagnostic::unsupported(Code::USE, format!("this use of operator `{op_type}` is not supported"))
            .found(found)
            .supported(supported)
            .help(way_out(op_type, "", &self.surroundings(node)))
    }

    /// Where the graph could end or begin instead.
    fn surroundings(&self, node: &NodeProto) -> Surroundings<'_> {
        let is_of_graph = |entry: &Entry| entry.source.is_some_and(|source| self.graph.op(source.node).is_some());
        let mut at_run_time = Vec::new();
        for (name, definition) in inputs(node).filter_map(|name| self.definitions.get_key_value(name)) {
            match definition {
                Definition::Known(entry) if !entry.is_constant => at_run_time.push((*name, entry)),
                _ => {}
            }
        }
        let is_end = |name: &str, entry: &Entry| is_of_graph(entry) && entry.ty.dtype == DType::F32 && self.outer.contains(name);
        let cut = at_run_time.iter().find(|(name, entry)| is_end(name, entry));
        let is_result = node.output.iter().any(|name| self.results.contains(name.as_str()));
        let knows_all = inputs(node).all(|name| self.entry(name).is_some());
        Surroundings {
            cut: cut.map(|&(name, _)| name),
            is_first: knows_all && !is_result && !at_run_time.iter().any(|(_, entry)| is_of_graph(entry)),
            has_functions: self.has_functions,
        }
    }

    pub(crate) fn describe_inputs(&self, node: &NodeProto) -> Vec<InputRef> {
        let describe = |name: &str| InputRef {
            name: name.to_owned(),
            description: self.operand(name).map_or_else(|| "(unknown)".to_owned(), describe_operand),
        };
        inputs(node).map(describe).collect()
    }
}

/// The type, and the value where it is known and short.
fn describe_operand(operand: Operand<'_>) -> String {
    const SHOWN: usize = 8;
    match operand.value.filter(|value| value.shape().elements() <= SHOWN).map(Tensor::data) {
        Some(data) => {
            let values: Vec<_> = elements!(data, values => values.iter().map(ToString::to_string).collect());
            format!("{} = [{}]", operand.ty, values.join(","))
        }
        None => operand.ty.to_string(),
    }
}
