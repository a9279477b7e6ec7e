//! What is known of attributes: a list in each operator's file, through which `parse` is given them, and which `peleec ops` prints.
//!
//! What is not listed is not read: a value that an entry leaves out is refused, and an attribute that stands in no list changes nothing, as ONNX
//! adds them.

use serde::Serialize;

use super::{Member, OPERATORS, OpError, members};
use crate::onnx::node::NodeView;
use crate::onnx::{OPSETS, first_read, integer_form, quantized_form};

/// What becomes of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeState {
    /// It is read, with every value that it has in ONNX.
    Read,
    /// It is read, with some of the values that it has in ONNX; the others are refused.
    Limited,
    /// It changes no result, and may have any value.
    Ignored,
    /// ONNX has it, and a node that has it is refused.
    Refused,
}

/// What an attribute's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeKind {
    /// An integer.
    Int,
    /// An integer that is 0 or 1.
    Flag,
    /// A list of integers.
    Ints,
    /// A float.
    Float,
    /// A list of floats.
    Floats,
    /// A string.
    String,
    /// A tensor.
    Tensor,
    /// The number of an element type.
    DataType,
}

/// An attribute that ONNX has of an operator.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct KnownAttribute {
    /// Its name.
    pub name: &'static str,
    /// What becomes of it.
    pub state: AttributeState,
    /// What it is, where it is read.
    pub kind: Option<AttributeKind>,
    /// The values that are read, where these can be listed.
    pub values: &'static [&'static str],
    /// Which of the file's operators have it; none are all.
    #[serde(skip)]
    operators: &'static [&'static str],
    /// A way out where a value is refused.
    #[serde(skip)]
    help: Option<&'static str>,
}

/// What peleec reads of an operator.
#[derive(Clone, Debug, Serialize)]
pub struct OperatorDetails {
    /// Its `op_type`.
    pub op_type: &'static str,
    /// `ai.onnx` for ONNX's own.
    pub domain: &'static str,
    /// The first and the last operator set in whose form it is read.
    pub opsets: [i64; 2],
    /// The operator over floats that it is read as, between `DequantizeLinear` and `QuantizeLinear`.
    pub meaning: Option<&'static str>,
    /// Its attributes, but `consumed_inputs`, which many had in operator set 1 and which says nothing of a result.
    pub attributes: Vec<KnownAttribute>,
}

impl OperatorDetails {
    /// Of a supported operator, by its `op_type`.
    pub fn of(op_type: &str) -> Option<Self> {
        let (_, Member { op_type, domain }) = members().find(|(_, member)| member.op_type == op_type)?;
        let (meaning, own, lacking) =
            quantized_form(op_type).map_or((None, Vec::new(), &[][..]), |(meaning, own, lacking)| (Some(meaning), own, lacking));
        let shared = of_operator(meaning.or_else(|| integer_form(op_type)).unwrap_or(op_type))
            .filter(|known| !lacking.contains(&known.name) && own.iter().all(|other| other.name != known.name));
        let attributes = shared.copied().chain(own.iter().copied()).collect();
        Some(OperatorDetails { op_type, domain, opsets: [first_read(op_type), *OPSETS.end()], meaning, attributes })
    }
}

/// A hint of operator set 1 that memory may be shared.
static HINT: KnownAttribute = ignored("consumed_inputs");

/// The entry of an operator's attribute, if it has one.
pub(crate) fn known(op_type: &str, name: &str) -> Option<&'static KnownAttribute> {
    of_operator(op_type).chain([&HINT]).find(|known| known.name == name)
}

/// Whether the operator's file has the attribute, of this operator or of another: `parse` may ask for what only some of a file's have.
pub(crate) fn is_listed(op_type: &str, name: &str) -> bool {
    list_of(op_type).iter().any(|known| known.name == name)
}

/// Refuses a node with attributes that the operator's list has as refused.
pub(super) fn check(node: &NodeView<'_>) -> Result<(), OpError> {
    let is_refused = |known: &KnownAttribute| known.state == AttributeState::Refused;
    let Some(name) = node.attributes.keys().find(|name| known(node.op_type, name).is_some_and(is_refused)) else { return Ok(()) };
    let names: Vec<_> = of_operator(node.op_type).filter(|known| !is_refused(known)).map(|known| known.name).collect();
    let supported = if names.is_empty() { "no attributes".to_owned() } else { names.join(", ") };
    Err(OpError::unsupported(format!("attribute `{name}`")).supported(supported))
}

fn of_operator(op_type: &str) -> impl Iterator<Item = &'static KnownAttribute> {
    list_of(op_type).iter().filter(move |known| known.is_of(op_type))
}

/// The list of the operator's file.
fn list_of(op_type: &str) -> &'static [KnownAttribute] {
    OPERATORS.iter().find(|(name, ..)| *name == op_type).map(|&(.., list)| list).unwrap_or_default()
}

impl KnownAttribute {
    const fn read(name: &'static str, kind: AttributeKind) -> Self {
        KnownAttribute { name, state: AttributeState::Read, kind: Some(kind), values: &[], operators: &[], help: None }
    }

    /// Of some of the file's operators alone.
    pub(crate) const fn of(self, operators: &'static [&'static str]) -> Self {
        KnownAttribute { operators, ..self }
    }

    /// With all values that ONNX has.
    pub(crate) const fn one_of(self, values: &'static [&'static str]) -> Self {
        KnownAttribute { values, ..self }
    }

    /// With fewer values than ONNX has, or with those that `parse` can read, where none are given.
    pub(crate) const fn only(self, values: &'static [&'static str]) -> Self {
        KnownAttribute { values, state: AttributeState::Limited, ..self }
    }

    pub(crate) const fn help(self, help: &'static str) -> Self {
        KnownAttribute { help: Some(help), ..self }
    }

    pub(crate) fn is_of(&self, op_type: &str) -> bool {
        self.operators.is_empty() || self.operators.contains(&op_type)
    }

    /// Whether the value is among those that are listed, in letters of any case where they name an element type.
    pub(crate) fn takes(&self, value: &str) -> bool {
        let is_it = |listed: &&str| match self.kind {
            Some(AttributeKind::DataType) => listed.eq_ignore_ascii_case(value),
            _ => *listed == value,
        };
        self.values.is_empty() || self.values.iter().any(is_it)
    }

    /// The refusal of a value, as it is shown.
    pub(crate) fn refused(&self, found: &str) -> OpError {
        let found = format!("attribute `{}` is {found}", self.name);
        let is_limited = self.state == AttributeState::Limited;
        let error = if is_limited { OpError::unsupported(found) } else { OpError::new(found) };
        let error = error.supported(self.values.join(", "));
        match self.help {
            Some(help) => error.help(help),
            None => error,
        }
    }
}

pub(crate) const fn int(name: &'static str) -> KnownAttribute {
    KnownAttribute::read(name, AttributeKind::Int)
}

pub(crate) const fn flag(name: &'static str) -> KnownAttribute {
    KnownAttribute::read(name, AttributeKind::Flag)
}

pub(super) const fn ints(name: &'static str) -> KnownAttribute {
    KnownAttribute::read(name, AttributeKind::Ints)
}

pub(crate) const fn float(name: &'static str) -> KnownAttribute {
    KnownAttribute::read(name, AttributeKind::Float)
}

pub(super) const fn floats(name: &'static str) -> KnownAttribute {
    KnownAttribute::read(name, AttributeKind::Floats)
}

pub(super) const fn string(name: &'static str) -> KnownAttribute {
    KnownAttribute::read(name, AttributeKind::String)
}

pub(super) const fn tensor(name: &'static str) -> KnownAttribute {
    KnownAttribute::read(name, AttributeKind::Tensor)
}

pub(super) const fn data_type(name: &'static str) -> KnownAttribute {
    KnownAttribute::read(name, AttributeKind::DataType)
}

pub(super) const fn ignored(name: &'static str) -> KnownAttribute {
    KnownAttribute { state: AttributeState::Ignored, kind: None, ..int(name) }
}

pub(super) const fn refused(name: &'static str) -> KnownAttribute {
    KnownAttribute { state: AttributeState::Refused, kind: None, ..int(name) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::node::Attribute;
    use crate::onnx::quantized_operators;
    use crate::onnx::tensor::element;
    use crate::ops::case::{Case, floats};
    use crate::tensor::{DType, TensorType};

    /// Inputs, by which one or another operator comes to read its attributes.
    const INPUTS: [fn(Case) -> Case; 12] = [
        |node| node,
        |node| node.input(&[1, 4, 4, 4]),
        |node| node.input(&[1, 4, 4]),
        |node| node.input(&[1, 4, 4, 4]).input(&[1, 4, 4, 4]),
        |node| node.input(&[1, 4, 4]).input(&[1, 4, 4]),
        |node| node.input(&[1, 4, 4]).input(&[1, 4, 4]).i64s(&[1]),
        |node| node.input(&[4, 4]).input(&[4, 4]),
        |node| node.input(&[1, 4, 4, 4]).i64s(&[1]),
        |node| node.i64s(&[1]),
        |node| node.input(&[4]).floats(&[], &[1.0]),
        |node| node.typed(TensorType::new(DType::I8, [4])).floats(&[], &[1.0]),
        |node| node.input(&[1, 4, 4, 4]).none().none().i64s(&[1, 4, 4, 4]),
    ];

    /// Attributes that are given beside the one that is looked at.
    type Beside = Vec<(&'static str, Attribute)>;

    /// A node but for the attribute that is looked at, with its operator set.
    type Node = (i64, fn(Case) -> Case, Beside);

    /// What `parse` says of an attribute that holds `value`, if it is refused.
    fn refusal(op_type: &'static str, (opset, inputs, beside): &Node, name: &str, value: Attribute) -> Option<String> {
        let node = inputs(Case::new(op_type, *opset));
        let node = beside.iter().fold(node, |node, (name, value)| node.with(name, value.clone()));
        node.with(name, value).parse().err().map(|refusal| refusal.to_string())
    }

    /// Values that are to be read: of each list, one.
    fn examples(known: &KnownAttribute) -> Vec<Vec<Attribute>> {
        let each = |values: Vec<Attribute>| -> Vec<Vec<Attribute>> { values.into_iter().map(|value| vec![value]).collect() };
        let listed = |otherwise: &[i64]| -> Vec<Attribute> {
            let values: Vec<i64> = known.values.iter().map(|value| value.parse().expect("an integer")).collect();
            let values = if values.is_empty() { otherwise } else { &values };
            values.iter().map(|&value| Attribute::Int(value)).collect()
        };
        let Some(kind) = known.kind else { return Vec::new() };
        match kind {
            AttributeKind::Int => each(listed(&[1])),
            AttributeKind::Flag => each(listed(&[0, 1])),
            AttributeKind::Ints => vec![[&[1][..], &[1, 1], &[0, 1, 2, 3]].map(|ints| Attribute::Ints(ints.to_vec())).to_vec()],
            AttributeKind::Float => each(vec![Attribute::Float(1.0)]),
            AttributeKind::Floats => vec![vec![Attribute::Floats(vec![1.0]), Attribute::Floats(vec![1.0; 4])]],
            AttributeKind::String if known.values.is_empty() => each(vec![Attribute::String("ij,jk->ik".to_owned())]),
            AttributeKind::String => each(known.values.iter().map(|value| Attribute::String((*value).to_owned())).collect()),
            AttributeKind::Tensor => each(vec![Attribute::Tensor(floats(&[1], &[1.0]))]),
            AttributeKind::DataType => {
                let is_listed = |code: &i32| element(Some(*code)).is_ok_and(|element| known.takes(element.name));
                let codes: Vec<i32> = (1..32).filter(is_listed).collect();
                assert_eq!(codes.len(), known.values.len(), "{known:?}");
                each(codes.into_iter().map(|code| Attribute::Int(code.into())).collect())
            }
        }
    }

    /// How [`NodeView`] calls what it was to find.
    fn wanted(kind: AttributeKind) -> &'static str {
        match kind {
            AttributeKind::Int | AttributeKind::Flag | AttributeKind::DataType => "an integer",
            AttributeKind::Ints => "a list of integers",
            AttributeKind::Float => "a float",
            AttributeKind::Floats => "a list of floats",
            AttributeKind::String => "a string",
            AttributeKind::Tensor => "a tensor",
        }
    }

    /// Every operator set that changed what is read, with all inputs, and no attribute beside, one, or all.
    fn surroundings(op_type: &str) -> Vec<Node> {
        let given = |known: &KnownAttribute| examples(known).into_iter().flatten().map(|value| (known.name, value)).collect::<Vec<_>>();
        let mut beside: Vec<Beside> = vec![Vec::new(), of_operator(op_type).filter_map(|known| given(known).into_iter().next()).collect()];
        beside.extend(of_operator(op_type).flat_map(given).map(|one| vec![one]));
        let sets = [1, 10, 13, 24].into_iter().flat_map(|opset| INPUTS.map(|inputs| (opset, inputs)));
        sets.flat_map(|(opset, inputs)| beside.iter().map(move |beside| (opset, inputs, beside.clone()))).collect()
    }

    /// By what `parse` says where an attribute is of no kind that there is: it says so of what it reads, and of nothing else.
    #[test]
    fn what_is_listed_is_what_is_read() {
        let is_quantized = |op_type: &str| quantized_operators().any(|(_, quantized)| quantized == op_type);
        for &(op_type, ..) in OPERATORS.iter().filter(|entry| !is_quantized(entry.0)) {
            let surroundings = surroundings(op_type);
            for known in of_operator(op_type) {
                let kind = known.kind.map_or("nothing", wanted);
                let strange = format!("attribute `{}` is a graph", known.name);
                let of_strange = surroundings.iter().map(|node| (node, refusal(op_type, node, known.name, Attribute::Other("a graph"))));
                let (nodes, said): (Vec<_>, Vec<_>) =
                    of_strange.filter_map(|(node, said)| Some((node, said?))).filter(|(_, said)| said.starts_with(&strange)).unzip();
                assert_eq!(nodes.is_empty(), known.kind.is_none(), "{op_type}: {known:?}");
                assert!(said.iter().all(|said| *said == format!("{strange} (supported: {kind})")), "{op_type}: {known:?}");
                let complaint = format!("attribute `{}`", known.name);
                for values in examples(known) {
                    let takes = |value: &Attribute| {
                        let mut said = nodes.iter().map(|node| refusal(op_type, node, known.name, value.clone()));
                        said.any(|said| said.is_none_or(|said| !said.contains(&complaint)))
                    };
                    assert!(values.iter().any(takes), "{op_type}: {known:?}: {values:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_listed_changes_nothing_and_what_is_refused_is_said() {
        let relu = |name: &str| Case::new("Relu", 13).int(name, 1).input(&[1]);
        assert!(["alpha", "consumed_inputs", "__of_a_tool"].map(|name| relu(name).infer().is_ok()).into_iter().all(|taken| taken));
        let pad = Case::new("Pad", 13).ints("paddings", &[1]).input(&[1]);
        assert_eq!(pad.refusal(), "attribute `paddings` (supported: mode, pads, value)");
        let layout = Case::new("MaxPool", 13).ints("kernel_shape", &[1]).int("storage_order", 1).input(&[1, 1, 4]);
        assert_eq!(layout.refusal(), "attribute `storage_order` is 1 (supported: 0)");
    }

    /// A `parse` that asks for what its file does not list ends a debug build.
    #[test]
    fn a_file_lists_what_its_operators_ask_for() {
        let listed = [("MaxPool", "ceil_mode"), ("GlobalMaxPool", "ceil_mode"), ("QLinearConv", "group"), ("ReduceL1", "keepdims")];
        assert!(listed.iter().all(|(op_type, name)| is_listed(op_type, name)));
        let elsewhere = [("Conv", "ceil_mode"), ("Relu", "axis"), ("Unheard", "axis")];
        assert!(!elsewhere.iter().any(|(op_type, name)| is_listed(op_type, name)));
    }

    #[test]
    fn details_of_an_operator() {
        let names = |op_type: &str| -> Vec<&str> {
            let details = OperatorDetails::of(op_type).expect("it is supported");
            details.attributes.iter().map(|known| known.name).collect()
        };
        assert_eq!(names("Elu"), ["alpha"]);
        assert_eq!(names("QGemm"), ["transA", "transB", "alpha"]);
        assert!(names("QLinearAdd").is_empty() && names("QLinearMul").is_empty());
        let pool = ["kernel_shape", "strides", "pads", "auto_pad", "ceil_mode", "count_include_pad", "channels_last"];
        assert_eq!(names("QLinearAveragePool"), pool);
        let gemm = OperatorDetails::of("QGemm").expect("it is supported");
        assert_eq!((gemm.domain, gemm.meaning), ("com.microsoft", Some("Gemm")));
        assert_eq!(OperatorDetails::of("Pad").map(|pad| pad.opsets), Some([2, 28]));
        assert!(OperatorDetails::of("pad").is_none());
    }
}
