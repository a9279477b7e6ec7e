//! Writes ONNX files from plain calls: the networks of `zoo`, and models for tests.

use prost::Message;

use super::tensor::{code, encode};
use super::wire::{
    AttributeProto, Dimension, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto, kind,
};
use crate::node::Attribute;
use crate::tensor::{DType, Tensor, TensorType};

/// The version of the file format that is written; it goes with operator sets up to 18.
const IR_VERSION: i64 = 8;

/// A model under construction. Nothing is checked: tests write broken files too.
#[derive(Clone, Debug)]
pub(crate) struct ModelWriter {
    pub(crate) opsets: Vec<OperatorSetIdProto>,
    pub(crate) graph: GraphProto,
}

impl ModelWriter {
    /// An empty graph that imports version `opset` of the default operator set.
    pub(crate) fn new(graph_name: &str, opset: i64) -> Self {
        let opsets = vec![OperatorSetIdProto { domain: Some(String::new()), version: Some(opset) }];
        ModelWriter { opsets, graph: GraphProto { name: Some(graph_name.to_owned()), ..GraphProto::default() } }
    }

    pub(crate) fn input(&mut self, name: &str, ty: &TensorType) -> &mut Self {
        self.graph.input.push(value_info(name, ty.dtype, fixed(ty)));
        self
    }

    /// An input with the given extents, named or unknown ones among them.
    #[cfg(test)]
    pub(crate) fn input_dims(&mut self, name: &str, dtype: DType, dims: &[Dimension]) -> &mut Self {
        self.graph.input.push(value_info(name, dtype, dims.to_vec()));
        self
    }

    pub(crate) fn output(&mut self, name: &str, ty: &TensorType) -> &mut Self {
        self.graph.output.push(value_info(name, ty.dtype, fixed(ty)));
        self
    }

    pub(crate) fn initializer(&mut self, name: &str, value: &Tensor) -> &mut Self {
        self.graph.initializer.push(encode(name, value));
        self
    }

    /// Adds a node; an empty input name is an optional input left out.
    pub(crate) fn node(
        &mut self,
        op_type: &str,
        name: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) -> &mut Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        self.graph.node.push(NodeProto {
            input: owned(inputs),
            output: owned(outputs),
            name: Some(name.to_owned()),
            op_type: Some(op_type.to_owned()),
            attribute: attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
            domain: None,
        });
        self
    }

    /// Says that the node added last is of another domain.
    #[cfg(test)]
    pub(crate) fn domain(&mut self, domain: &str) -> &mut Self {
        if let Some(node) = self.graph.node.last_mut() {
            node.domain = Some(domain.to_owned());
        }
        self.opsets.push(OperatorSetIdProto { domain: Some(domain.to_owned()), version: Some(1) });
        self
    }

    /// The bytes of the file.
    pub(crate) fn finish(&self) -> Vec<u8> {
        let model = ModelProto { ir_version: Some(IR_VERSION), graph: Some(self.graph.clone()), opset_import: self.opsets.clone() };
        model.encode_to_vec()
    }
}

fn fixed(ty: &TensorType) -> Vec<Dimension> {
    ty.shape.iter().map(|&dim| Dimension { dim_value: Some(dim as i64), dim_param: None }).collect()
}

fn value_info(name: &str, dtype: DType, dim: Vec<Dimension>) -> ValueInfoProto {
    let shape = TensorShapeProto { dim };
    let tensor_type = TensorTypeProto { elem_type: Some(code(dtype)), shape: Some(shape) };
    ValueInfoProto { name: Some(name.to_owned()), r#type: Some(TypeProto { tensor_type: Some(tensor_type) }) }
}

fn attribute(name: &str, value: &Attribute) -> AttributeProto {
    let mut proto = AttributeProto { name: Some(name.to_owned()), ..AttributeProto::default() };
    let kind = match value {
        Attribute::Int(value) => {
            proto.i = Some(*value);
            kind::INT
        }
        Attribute::Ints(values) => {
            proto.ints = values.clone();
            kind::INTS
        }
        Attribute::Float(value) => {
            proto.f = Some(*value);
            kind::FLOAT
        }
        Attribute::Floats(values) => {
            proto.floats = values.clone();
            kind::FLOATS
        }
        Attribute::String(value) => {
            proto.s = Some(value.clone().into());
            kind::STRING
        }
        Attribute::Tensor(value) => {
            proto.t = Some(Box::new(encode("", value)));
            kind::TENSOR
        }
        Attribute::Other(_) => kind::GRAPH,
    };
    AttributeProto { kind: Some(kind), ..proto }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::attributes;
    use crate::onnx::open::open;
    use crate::onnx::tensor::decode;
    use crate::onnx::wire::TensorProto;

    #[test]
    fn what_is_written_is_read() {
        let tensor = Tensor::f32([2, 0], []).unwrap();
        let written = [
            ("int", Attribute::Int(i64::MIN)),
            ("zero", Attribute::Int(0)),
            ("ints", Attribute::Ints(vec![-1, i64::MAX, 0])),
            ("none", Attribute::Ints(vec![])),
            ("float", Attribute::Float(-0.0)),
            ("floats", Attribute::Floats(vec![f32::MAX, 1e-45, f32::INFINITY])),
            ("string", Attribute::String("a\u{202e}\n".to_owned())),
            ("empty", Attribute::String(String::new())),
            ("tensor", Attribute::Tensor(tensor.clone())),
        ];
        let mut model = ModelWriter::new("図", 9);
        model.input("x", &TensorType::new(DType::Bool, [])).input_dims("d", DType::I8, &[Dimension::default()]);
        model.initializer("w", &tensor).node("Any", "n", &["x", "", "w"], &["", "y"], &written).domain("my.own");
        model.output("y", &TensorType::f32([1, 2]));
        let (read, _) = open(model.finish().into()).unwrap();
        let opsets: Vec<_> = read.opset_import.iter().map(|import| (import.domain.as_deref(), import.version)).collect();
        assert_eq!(opsets, [(Some(""), Some(9)), (Some("my.own"), Some(1))]);
        let graph = read.graph.unwrap();
        assert_eq!(graph, model.graph);
        assert_eq!(decode(&graph.initializer[0], None), Ok(tensor));
        let stored = |proto: &TensorProto| Ok(decode(proto, None).unwrap());
        let attributes = attributes::read(&graph.node[0], stored).unwrap();
        for (name, wanted) in written {
            assert_eq!(format!("{:?}", attributes[name]), format!("{wanted:?}"));
        }
    }
}
