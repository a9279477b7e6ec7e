//! The operators that a file may have, and what peleec reads of each.

use std::collections::BTreeMap;

use serde::Serialize;

use super::import::OPSETS;
use super::integers::{integer_form, integer_operators};
use super::quantized::{quantized_form, quantized_operators};
use super::support::first_read;
use crate::node::known::KnownAttribute;
use crate::ops::{OPERATORS, attributes_of};

/// A supported ONNX operator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Member {
    /// Its `op_type`.
    pub op_type: &'static str,
    /// `ai.onnx` for ONNX's own.
    pub domain: &'static str,
}

/// Operators of which one text tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Family {
    /// In alphabetical order.
    pub operators: Vec<Member>,
    /// The first sentence of the file that holds them.
    pub text: String,
}

/// All supported ONNX operators, each in one family; families in the order of their first operators.
pub fn families() -> Vec<Family> {
    let mut by_text: BTreeMap<String, Vec<Member>> = BTreeMap::new();
    for (file, member) in members() {
        by_text.entry(first_sentence(file)).or_default().push(member);
    }
    let mut families: Vec<_> = by_text.into_iter().map(|(text, operators)| Family { operators, text }).collect();
    families.iter_mut().for_each(|family| family.operators.sort());
    families.sort();
    families
}

/// The supported operators, each with the text of the file that holds it.
fn members() -> impl Iterator<Item = (&'static str, Member)> {
    let own = OPERATORS.iter().map(|&(op_type, _, file, _)| (file, Member { op_type, domain: "ai.onnx" }));
    let meanings = quantized_operators().filter(|(_, op_type)| OPERATORS.iter().all(|(other, ..)| op_type != other));
    let meanings = meanings.map(|(domain, op_type)| (include_str!("quantized.rs"), Member { op_type, domain }));
    own.chain(meanings).chain(integer_operators().map(|(domain, op_type)| (include_str!("integers.rs"), Member { op_type, domain })))
}

/// Every supported ONNX operator in alphabetical order, with the first sentence of the file that holds it.
pub fn operators() -> Vec<(&'static str, String)> {
    let of_family = |Family { operators, text }: Family| operators.into_iter().map(move |member| (member.op_type, text.clone()));
    let mut list: Vec<_> = families().into_iter().flat_map(of_family).collect();
    list.sort();
    list
}

fn first_sentence(file: &str) -> String {
    let lines: Vec<_> = file.lines().map_while(|line| line.strip_prefix("//! ")).collect();
    let text = lines.join(" ");
    text.split_inclusive(". ").next().unwrap_or_default().trim_end().to_owned()
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

fn of_operator(op_type: &str) -> impl Iterator<Item = &'static KnownAttribute> {
    attributes_of(op_type).iter().filter(move |known| known.is_of(op_type))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::known::AttributeKind;
    use crate::node::{Attribute, element};
    use crate::ops::test_case::{Case, floats};
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
        assert!(listed.iter().all(|(op_type, name)| attributes_of(op_type).iter().any(|known| known.name == *name)));
        let elsewhere = [("Conv", "ceil_mode"), ("Relu", "axis"), ("Unheard", "axis")];
        assert!(!elsewhere.iter().any(|(op_type, name)| attributes_of(op_type).iter().any(|known| known.name == *name)));
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

    #[test]
    fn every_operator_has_a_sentence() {
        let list = operators();
        assert!(list.iter().all(|(_, sentence)| sentence.len() > 20 && sentence.ends_with(['.', ':'])), "{list:?}");
        assert!(list.is_sorted());
        let families = families();
        assert!(families.is_sorted() && families.iter().all(|family| !family.operators.is_empty()));
        let members: Vec<&Member> = families.iter().flat_map(|family| &family.operators).collect();
        assert_eq!(members.len(), list.len());
        let domain = |op_type: &str| members.iter().find(|member| member.op_type == op_type).map(|member| member.domain);
        assert_eq!(
            (domain("Conv"), domain("QLinearMatMul"), domain("QLinearAdd")),
            (Some("ai.onnx"), Some("ai.onnx"), Some("com.microsoft"))
        );
    }
}
