//! The layers that the networks of the zoo are made of, written as ONNX nodes named for their place in the network.

use super::weights::{he, seeded};
use crate::ir::{Shape, TensorType};
use crate::onnx::node::Attribute;
use crate::onnx::write::ModelWriter;

/// A square feature map: its tensor's name and its extents.
#[derive(Clone, Debug)]
pub(super) struct Map {
    pub(super) name: String,
    pub(super) channels: usize,
    pub(super) size: usize,
}

/// Kernel size, stride and padding, the same both ways.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    kernel: usize,
    stride: usize,
    pad: usize,
}

impl Window {
    pub(super) const POINT: Window = Window { kernel: 1, stride: 1, pad: 0 };
    pub(super) const SAME_3X3: Window = Window { kernel: 3, stride: 1, pad: 1 };
    pub(super) const HALF_3X3: Window = Window { kernel: 3, stride: 2, pad: 1 };
    pub(super) const VALID_3X3: Window = Window { kernel: 3, stride: 1, pad: 0 };

    /// The size of the output, or `None` where the kernel does not fit.
    pub(super) fn output(self, size: usize) -> Option<usize> {
        (size + 2 * self.pad).checked_sub(self.kernel).map(|room| room / self.stride + 1)
    }

    fn attributes(self) -> Vec<(&'static str, Attribute)> {
        vec![
            ("dilations", ints([1, 1])),
            ("group", Attribute::Int(1)),
            ("kernel_shape", ints([self.kernel; 2])),
            ("pads", ints([self.pad; 4])),
            ("strides", ints([self.stride; 2])),
        ]
    }
}

fn ints<const N: usize>(values: [usize; N]) -> Attribute {
    Attribute::Ints(values.map(|value| value as i64).to_vec())
}

/// A network being written. A `path` such as `/stem/first` names the layer's nodes and, with dots, its weights.
pub(super) struct Network {
    pub(super) writer: ModelWriter,
    seed: u64,
}

impl Network {
    /// An empty network with one picture as its input.
    pub(super) fn new(name: &str, size: usize, seed: u64) -> (Self, Map) {
        let mut writer = ModelWriter::new(name, 17);
        writer.input("input", &TensorType::f32([1, 3, size, size]));
        (Network { writer, seed }, Map { name: "input".to_owned(), channels: 3, size })
    }

    /// Adds a node named `PATH/OP_TYPE` with one output and gives the output's name.
    pub(super) fn node(&mut self, op_type: &str, path: &str, inputs: &[&str], attributes: &[(&str, Attribute)]) -> String {
        let name = format!("{path}/{op_type}");
        let output = format!("{name}_output_0");
        self.writer.node(op_type, &name, inputs, &[&output], attributes);
        output
    }

    /// Adds weights for `path`, and small biases; gives their names.
    pub(super) fn parameters(&mut self, path: &str, shape: &[usize]) -> [String; 2] {
        let stem = path.trim_start_matches('/').replace('/', ".");
        let (weight, bias) = (format!("{stem}.weight"), format!("{stem}.bias"));
        let outputs = shape.first().copied().unwrap_or(1);
        let fan_in = shape.iter().skip(1).product();
        self.writer.initializer(&weight, &he(&Shape(shape.to_vec()), self.seed, &weight, fan_in));
        self.writer.initializer(&bias, &seeded(&Shape(vec![outputs]), self.seed, &bias, 0.05));
        [weight, bias]
    }

    /// A convolution with bias. The window fits: callers ask [`Window::output`] where it might not.
    pub(super) fn conv(&mut self, path: &str, x: &Map, channels: usize, window: Window) -> Map {
        let [weight, bias] = self.parameters(path, &[channels, x.channels, window.kernel, window.kernel]);
        let name = self.node("Conv", path, &[&x.name, &weight, &bias], &window.attributes());
        Map { name, channels, size: window.output(x.size).unwrap_or(0) }
    }

    pub(super) fn relu(&mut self, path: &str, x: Map) -> Map {
        Map { name: self.node("Relu", path, &[&x.name], &[]), ..x }
    }

    pub(super) fn conv_relu(&mut self, path: &str, x: &Map, channels: usize, window: Window) -> Map {
        let x = self.conv(path, x, channels, window);
        self.relu(path, x)
    }

    /// Maximum over 2x2; halves the size.
    pub(super) fn max_pool(&mut self, path: &str, x: &Map) -> Map {
        let attributes =
            [("ceil_mode", Attribute::Int(0)), ("kernel_shape", ints([2, 2])), ("pads", ints([0; 4])), ("strides", ints([2, 2]))];
        Map { name: self.node("MaxPool", path, &[&x.name], &attributes), channels: x.channels, size: x.size / 2 }
    }

    /// Average over 2x2; halves the size, rounding up.
    pub(super) fn average_pool(&mut self, path: &str, x: &Map) -> Map {
        let attributes = [
            ("ceil_mode", Attribute::Int(1)),
            ("count_include_pad", Attribute::Int(1)),
            ("kernel_shape", ints([2, 2])),
            ("pads", ints([0; 4])),
            ("strides", ints([2, 2])),
        ];
        Map { name: self.node("AveragePool", path, &[&x.name], &attributes), channels: x.channels, size: x.size.div_ceil(2) }
    }

    /// Maps of one size, one channel block behind the other.
    pub(super) fn concat(&mut self, path: &str, maps: &[&Map]) -> Map {
        let inputs: Vec<_> = maps.iter().map(|map| map.name.as_str()).collect();
        let name = self.node("Concat", path, &inputs, &[("axis", Attribute::Int(1))]);
        Map { name, channels: maps.iter().map(|map| map.channels).sum(), size: maps.first().map_or(0, |map| map.size) }
    }

    pub(super) fn add(&mut self, path: &str, a: &Map, b: &Map) -> Map {
        Map { name: self.node("Add", path, &[&a.name, &b.name], &[]), channels: a.channels, size: a.size }
    }

    /// Lets the last node's output be the graph output `name`.
    pub(super) fn output(&mut self, name: &str, shape: &[usize]) {
        if let Some(output) = self.writer.graph.node.last_mut().and_then(|node| node.output.first_mut()) {
            *output = name.to_owned();
        }
        self.writer.output(name, &TensorType::f32(shape.to_vec()));
    }
}
