//! Writes ONNX models in code. The encoder is onnx-protobuf's, so that peleec does not read what it wrote itself.

use onnx_protobuf::attribute_proto::AttributeType;
use onnx_protobuf::{AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TypeProto, ValueInfoProto};
use onnx_protobuf::{TensorShapeProto, tensor_shape_proto::Dimension, type_proto};
use protobuf::{EnumOrUnknown, Message, MessageField};

const FLOAT: i32 = 1;
const UINT8: i32 = 2;
const INT8: i32 = 3;
const INT32: i32 = 6;
const INT64: i32 = 7;

/// A model under construction. Every value goes by its name.
#[derive(Clone, Debug, Default)]
pub struct Onnx {
    graph: GraphProto,
    opset: i64,
}

/// The value of an attribute.
#[derive(Clone, Copy, Debug)]
pub enum Attr<'a> {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f32),
    /// A list of integers.
    Ints(&'a [i64]),
    /// A string.
    Text(&'a str),
}

impl Onnx {
    /// An empty model that imports version `opset` of the default operator set.
    pub fn new(opset: i64) -> Self {
        Onnx { graph: GraphProto { name: "case".to_owned(), ..GraphProto::default() }, opset }
    }

    /// An `f32` input.
    pub fn input(&mut self, name: &str, dims: &[usize]) -> String {
        let dims = dims.iter().map(|&dim| {
            let mut dimension = Dimension::new();
            dimension.set_dim_value(dim as i64);
            dimension
        });
        let shape = TensorShapeProto { dim: dims.collect(), ..TensorShapeProto::default() };
        self.graph.input.push(value_info(name, Some(shape)));
        name.to_owned()
    }

    /// An input of bytes.
    pub fn bytes_input(&mut self, name: &str, dims: &[usize]) -> String {
        self.typed_input(name, UINT8, dims)
    }

    /// An input of any element type, by ONNX's number for it.
    pub fn typed_input(&mut self, name: &str, data_type: i32, dims: &[usize]) -> String {
        let name = self.input(name, dims);
        let ty = self.graph.input.last_mut().and_then(|input| input.type_.as_mut()).expect("it was added");
        ty.mut_tensor_type().elem_type = data_type;
        name
    }

    /// An `f32` input whose dimension `axis` goes by a name; `dims` are the others.
    pub fn symbolic_input(&mut self, name: &str, axis: usize, symbol: &str, dims: &[usize]) -> String {
        self.input(name, dims);
        let mut dimension = Dimension::new();
        dimension.set_dim_param(symbol.to_owned());
        let info = self.graph.input.last_mut().expect("it was just added");
        info.type_.mut_or_insert_default().mut_tensor_type().shape.mut_or_insert_default().dim.insert(axis, dimension);
        name.to_owned()
    }

    /// An initializer of values between -1 and 1 that follow from its name.
    pub fn weights(&mut self, name: &str, dims: &[usize]) -> String {
        self.scaled_weights(name, dims, 1.0)
    }

    /// An initializer of values between `-scale` and `scale` that follow from its name.
    pub fn scaled_weights(&mut self, name: &str, dims: &[usize], scale: f32) -> String {
        let mut state = name.bytes().fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state as f32 / u32::MAX as f32 * 2.0 - 1.0) * scale
        };
        let values: Vec<f32> = (0..dims.iter().product()).map(|_| next()).collect();
        self.floats(name, dims, &values)
    }

    /// An initializer of `f32`.
    pub fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name, dims, FLOAT, raw)
    }

    /// `x` as signed bytes of a scale around a zero point, and as the floats that these stand for.
    pub fn through_bytes(&mut self, name: &str, x: &str, scale: f32, zero: i8) -> String {
        let scale = self.floats(&format!("{name}.scale"), &[], &[scale]);
        let zero = self.initializer(&format!("{name}.zero"), &[], INT8, vec![zero.cast_unsigned()]);
        let bytes = self.op("QuantizeLinear", &format!("{name}.bytes"), &[x, &scale, &zero], &[]);
        self.op("DequantizeLinear", name, &[&bytes, &scale, &zero], &[])
    }

    /// A bias of odd steps that follow from their place, with a scale for each or for all.
    pub fn quantized_bias(&mut self, name: &str, len: usize, scales: &[f32]) -> String {
        let steps = (0..len as i32).flat_map(|at| (2 * (at * 37 % 201) - 199).to_le_bytes()).collect();
        let steps = self.initializer(&format!("{name}.steps"), &[len], INT32, steps);
        let scales = self.floats(&format!("{name}.scales"), &[scales.len()], scales);
        self.op("DequantizeLinear", name, &[&steps, &scales], &[("axis", Attr::Int(0))])
    }

    /// Weights of even signed bytes that follow from the name, with a scale for each filter or for all.
    pub fn quantized_weights(&mut self, name: &str, dims: &[usize], scales: &[f32]) -> String {
        let mut state = name.bytes().fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8 & !1
        };
        let bytes = (0..dims.iter().product()).map(|_| next()).collect();
        let bytes = self.initializer(&format!("{name}.bytes"), dims, INT8, bytes);
        let scales = self.floats(&format!("{name}.scales"), &[scales.len()], scales);
        self.op("DequantizeLinear", name, &[&bytes, &scales], &[("axis", Attr::Int(0))])
    }

    /// A one-dimensional initializer of `i64`.
    pub fn ints(&mut self, name: &str, values: &[i64]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name, &[values.len()], INT64, raw)
    }

    /// An initializer of any element type, from its bytes.
    pub fn initializer(&mut self, name: &str, dims: &[usize], data_type: i32, raw_data: Vec<u8>) -> String {
        let dims = dims.iter().map(|&dim| dim as i64).collect();
        self.graph.initializer.push(TensorProto { dims, data_type, name: name.to_owned(), raw_data, ..TensorProto::default() });
        name.to_owned()
    }

    /// A node with one output, which has the node's name; an empty input is one left out.
    pub fn op(&mut self, op_type: &str, name: &str, inputs: &[&str], attributes: &[(&str, Attr<'_>)]) -> String {
        self.graph.node.push(NodeProto {
            op_type: op_type.to_owned(),
            name: name.to_owned(),
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.to_owned()],
            attribute: attributes.iter().map(|&(name, value)| attribute(name, value)).collect(),
            ..NodeProto::default()
        });
        name.to_owned()
    }

    /// A `Split` of `x` along `axis` into parts of the given lengths.
    pub fn split<const N: usize>(&mut self, name: &str, x: &str, axis: i64, lengths: [i64; N]) -> [String; N] {
        let split = self.ints(&format!("{name}.lengths"), &lengths);
        self.op("Split", name, &[x, &split], &[("axis", Attr::Int(axis))]);
        let parts = std::array::from_fn(|part| format!("{name}.{part}"));
        let node = self.graph.node.last_mut().expect("it was just added");
        node.output = parts.to_vec();
        parts
    }

    /// A convolution with seeded weights `[filters, depth, kernel..]` and bias, whose results are about as large as its input.
    pub fn conv(&mut self, name: &str, x: &str, weights: &[usize], attributes: &[(&str, Attr<'_>)]) -> String {
        let fan_in: usize = weights[1..].iter().product();
        let w = self.scaled_weights(&format!("{name}.weight"), weights, (3.0 / fan_in as f32).sqrt());
        let b = self.weights(&format!("{name}.bias"), &weights[..1]);
        self.op("Conv", name, &[x, &w, &b], attributes)
    }

    /// Makes a value a result of the model.
    pub fn output(&mut self, name: &str) {
        self.graph.output.push(value_info(name, None));
    }

    /// Makes a value of any element type a result of the model.
    pub fn typed_output(&mut self, name: &str, data_type: i32) {
        self.output(name);
        let ty = self.graph.output.last_mut().and_then(|output| output.type_.as_mut()).expect("it was added");
        ty.mut_tensor_type().elem_type = data_type;
    }

    /// The node added last, to be changed into what the other methods do not write.
    pub fn last_node(&mut self) -> &mut NodeProto {
        self.graph.node.last_mut().expect("a node was added")
    }

    /// The file's bytes.
    pub fn bytes(self) -> Vec<u8> {
        let opset = OperatorSetIdProto { version: self.opset, ..OperatorSetIdProto::default() };
        let model = ModelProto { ir_version: 8, opset_import: vec![opset], graph: MessageField::some(self.graph), ..ModelProto::default() };
        model.write_to_bytes().expect("a model of this size encodes")
    }
}

fn value_info(name: &str, shape: Option<TensorShapeProto>) -> ValueInfoProto {
    let mut ty = TypeProto::new();
    ty.set_tensor_type(type_proto::Tensor { elem_type: FLOAT, shape: shape.into(), ..type_proto::Tensor::default() });
    ValueInfoProto { name: name.to_owned(), type_: MessageField::some(ty), ..ValueInfoProto::default() }
}

fn attribute(name: &str, value: Attr<'_>) -> AttributeProto {
    let mut attribute = AttributeProto { name: name.to_owned(), ..AttributeProto::default() };
    let kind = match value {
        Attr::Int(value) => {
            attribute.i = value;
            AttributeType::INT
        }
        Attr::Float(value) => {
            attribute.f = value;
            AttributeType::FLOAT
        }
        Attr::Ints(values) => {
            attribute.ints = values.to_vec();
            AttributeType::INTS
        }
        Attr::Text(text) => {
            attribute.s = text.as_bytes().to_vec();
            AttributeType::STRING
        }
    };
    attribute.type_ = EnumOrUnknown::new(kind);
    attribute
}
