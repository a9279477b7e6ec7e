//! Quantised operators, also those of `com.microsoft`, as what they mean: inputs dequantised, the operator over floats, its result
//! quantised.
//!
//! So one set of rules serves both of onnxruntime's formats. There two operators are not quite what they mean: `QLinearSoftmax` multiplies by
//! the integer below one over its scale, which is seen in the last step; `QLinearAveragePool` with `ceil_mode` and `count_include_pad` divides
//! by the whole window where that reaches beyond the padding, which at a map's last row and column is many steps. Here both are as ONNX has
//! the operators over floats.

use std::collections::BTreeSet;

use super::wire::{AttributeProto, NodeProto, kind};
use crate::node::known::{self, KnownAttribute};

/// Where an operator's tensors are among its inputs; a tensor is followed by its scale and its zero point.
struct Form {
    domain: &'static str,
    op_type: &'static str,
    /// What it does over floats.
    meaning: &'static str,
    /// The first of the two inputs that are the result's scale and zero point.
    result: usize,
    /// The tensors.
    tensors: &'static [usize],
    /// A bias of 32 bits, where there may be one: its scale is the product of the tensors'.
    bias: Option<usize>,
}

const MICROSOFT: &str = "com.microsoft";

const FORMS: &[Form] = &[
    Form { domain: "", op_type: "QLinearConv", meaning: "Conv", result: 6, tensors: &[0, 3], bias: Some(8) },
    Form { domain: "", op_type: "QLinearMatMul", meaning: "MatMul", result: 6, tensors: &[0, 3], bias: None },
    Form { domain: MICROSOFT, op_type: "QGemm", meaning: "Gemm", result: 7, tensors: &[0, 3], bias: Some(6) },
    Form { domain: MICROSOFT, op_type: "QLinearAdd", meaning: "Add", result: 6, tensors: &[0, 3], bias: None },
    Form { domain: MICROSOFT, op_type: "QLinearMul", meaning: "Mul", result: 6, tensors: &[0, 3], bias: None },
    // Any number of tensors follow the result's scale and zero point.
    Form { domain: MICROSOFT, op_type: "QLinearConcat", meaning: "Concat", result: 0, tensors: &[], bias: None },
    Form { domain: MICROSOFT, op_type: "QLinearAveragePool", meaning: "AveragePool", result: 3, tensors: &[0], bias: None },
    Form { domain: MICROSOFT, op_type: "QLinearGlobalAveragePool", meaning: "GlobalAveragePool", result: 3, tensors: &[0], bias: None },
    Form { domain: MICROSOFT, op_type: "QLinearSoftmax", meaning: "Softmax", result: 3, tensors: &[0], bias: None },
    Form { domain: MICROSOFT, op_type: "QLinearLeakyRelu", meaning: "LeakyRelu", result: 3, tensors: &[0], bias: None },
    Form { domain: MICROSOFT, op_type: "QLinearSigmoid", meaning: "Sigmoid", result: 3, tensors: &[0], bias: None },
];

/// The operators that are imported as what they mean, with their domains.
pub(crate) fn quantized_operators() -> impl Iterator<Item = (&'static str, &'static str)> {
    FORMS.iter().map(|form| (if form.domain.is_empty() { "ai.onnx" } else { form.domain }, form.op_type))
}

/// What the quantised operators read otherwise than what they mean, as [`attributes`] does.
const OWN: [KnownAttribute; 3] = [
    known::flag("channels_last").only(&["0"]).of(&["QLinearAveragePool", "QLinearGlobalAveragePool"]),
    known::int("opset").only(&[]).of(&["QLinearSoftmax"]),
    known::float("alpha").only(&["1"]).of(&["QGemm"]),
];

/// The attributes of their meanings that quantised operators do not have.
const LACKING: [(&str, &[&str]); 4] = [
    ("QGemm", &["beta", "broadcast"]),
    ("QLinearAdd", &["axis", "broadcast"]),
    ("QLinearMul", &["axis", "broadcast"]),
    ("QLinearAveragePool", &["dilations"]),
];

fn lacking(op_type: &str) -> &'static [&'static str] {
    LACKING.iter().find(|(name, _)| *name == op_type).map_or(&[][..], |(_, lacking)| *lacking)
}

/// What a quantised operator means over floats, the attributes that it has beside those of its meaning, or in place of them, and those of
/// its meaning that it does not have.
pub(crate) fn quantized_form(op_type: &str) -> Option<(&'static str, Vec<KnownAttribute>, &'static [&'static str])> {
    let form = FORMS.iter().find(|form| form.op_type == op_type)?;
    Some((form.meaning, OWN.into_iter().filter(|own| own.is_of(op_type)).collect(), lacking(op_type)))
}

/// Names that nothing goes by.
pub(crate) struct FreshNames<'n> {
    taken: BTreeSet<&'n str>,
    count: usize,
}

impl<'n> FreshNames<'n> {
    /// Other names than these.
    pub(crate) fn beside(taken: impl Iterator<Item = &'n str>) -> Self {
        FreshNames { taken: taken.collect(), count: 0 }
    }

    fn next(&mut self, result: &str, op_type: &str) -> String {
        loop {
            self.count += 1;
            let name = format!("{}_{op_type}_{}", beginning(result), self.count);
            if !self.taken.contains(name.as_str()) {
                return name;
            }
        }
    }
}

/// As much of a name as tells people where another one comes from.
pub(super) fn beginning(name: &str) -> &str {
    const SHOWN: usize = 64;
    (0..=SHOWN).rev().find_map(|end| name.get(..end.min(name.len()))).unwrap_or_default()
}

/// The nodes that mean what a quantised node does, in order; none where it is not one, or has attributes that no other operator has.
pub(crate) fn meaning(node: &NodeProto, opset: i64, names: &mut FreshNames<'_>) -> Option<Vec<NodeProto>> {
    let (domain, op_type) = (node.domain.as_deref().unwrap_or_default(), node.op_type.as_deref()?);
    if domain == MICROSOFT && matches!(op_type, "QuantizeLinear" | "DequantizeLinear") {
        return Some(vec![NodeProto { domain: None, ..node.clone() }]);
    }
    let domain = if domain == "ai.onnx" { "" } else { domain };
    let form = FORMS.iter().find(|form| form.domain == domain && form.op_type == op_type)?;
    let is_given = |slot: usize| node.input.get(slot).is_some_and(|name| !name.is_empty());
    if is_given(form.result) && !is_given(form.result + 1) {
        // The result has the type of the input, which no node here is told.
        return None;
    }
    let attributes = attributes(node, lacking(op_type), opset)?;
    let mut parts = Parts { node, names, made: Vec::new() };
    let mut inputs = Vec::new();
    let tensors: Vec<usize> = match form.tensors {
        [] => (2..node.input.len()).step_by(3).collect(),
        slots => slots.to_vec(),
    };
    for &slot in &tensors {
        let axis = parts.axis(form.meaning, slot);
        inputs.push(parts.dequantized([slot, slot + 1, slot + 2].map(|slot| parts.input(slot)), axis));
    }
    if let (Some(slot), [a, b]) = (form.bias, tensors.as_slice()) {
        let bias = parts.input(slot);
        if !bias.is_empty() {
            let scale = parts.made("Mul", vec![parts.input(a + 1), parts.input(b + 1)], Vec::new());
            // An addend of a product may be a matrix, too.
            let axis = if form.meaning == "Conv" { 0 } else { -1 };
            inputs.push(parts.dequantized([bias, scale, String::new()], Some(axis)));
        }
    }
    let name = node.name.clone();
    let [scale, zero] = [form.result, form.result + 1].map(|slot| parts.input(slot));
    let result = node.output.first()?.clone();
    let floats = if scale.is_empty() { result.clone() } else { parts.fresh(form.meaning) };
    let part = |op_type: &str, input, output: String, attribute| NodeProto {
        input,
        output: vec![output],
        name: name.clone(),
        op_type: Some(op_type.to_owned()),
        attribute,
        domain: None,
    };
    parts.made.push(part(form.meaning, inputs, floats.clone(), attributes));
    if !scale.is_empty() {
        let mut quantize = part("QuantizeLinear", vec![floats, scale, zero], result.clone(), Vec::new());
        quantize.name = Some(format!("{}_quantize", name.filter(|name| !name.is_empty()).unwrap_or(result)));
        parts.made.push(quantize);
    }
    Some(parts.made)
}

/// The attributes that the operator over floats has, too, but for those that the quantised one is `lacking`; none where another one says
/// something.
fn attributes(node: &NodeProto, lacking: &[&str], opset: i64) -> Option<Vec<AttributeProto>> {
    let mut kept = Vec::new();
    for attribute in &node.attribute {
        match (attribute.name.as_deref().unwrap_or_default(), attribute.i) {
            (name, _) if lacking.contains(&name) => {}
            ("channels_last", None | Some(0)) => {}
            ("channels_last", _) => return None,
            // Of Softmax, which changed with operator set 13.
            ("opset", said) if said.is_none_or(|said| (said < 13) == (opset < 13)) => {}
            ("opset", _) => return None,
            // Of Gemm, where it scales the bias as well.
            ("alpha", _) if node.op_type.as_deref() == Some("QGemm") && attribute.f.is_some_and(|alpha| alpha != 1.0) => return None,
            _ => kept.push(attribute.clone()),
        }
    }
    Some(kept)
}

/// The nodes of one node's meaning.
struct Parts<'p, 'n> {
    node: &'p NodeProto,
    names: &'p mut FreshNames<'n>,
    made: Vec<NodeProto>,
}

impl Parts<'_, '_> {
    fn input(&self, slot: usize) -> String {
        self.node.input.get(slot).cloned().unwrap_or_default()
    }

    /// The axis of the channels that the tensor at `slot` may have scales for.
    fn axis(&self, meaning: &str, slot: usize) -> Option<i64> {
        let is_transposed =
            self.node.attribute.iter().any(|attribute| attribute.name.as_deref() == Some("transB") && attribute.i == Some(1));
        match (meaning, slot) {
            ("Conv", 3) => Some(0),
            ("Gemm", 3) => Some(if is_transposed { 0 } else { 1 }),
            ("MatMul", 0) => Some(-2),
            ("MatMul", _) => Some(-1),
            _ => None,
        }
    }

    fn dequantized(&mut self, inputs: [String; 3], axis: Option<i64>) -> String {
        let axis = axis.map(|axis| AttributeProto {
            name: Some("axis".to_owned()),
            i: Some(axis),
            kind: Some(kind::INT),
            ..AttributeProto::default()
        });
        self.made("DequantizeLinear", inputs.to_vec(), axis.into_iter().collect())
    }

    /// Adds a node; the name of its result.
    fn made(&mut self, op_type: &str, input: Vec<String>, attribute: Vec<AttributeProto>) -> String {
        let output = self.fresh(op_type);
        let (name, op_type) = (Some(output.clone()), Some(op_type.to_owned()));
        self.made.push(NodeProto { input, output: vec![output.clone()], name, op_type, attribute, domain: None });
        output
    }

    fn fresh(&mut self, op_type: &str) -> String {
        self.names.next(self.node.output.first().map(String::as_str).unwrap_or_default(), op_type)
    }
}
