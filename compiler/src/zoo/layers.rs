//! The layers that the networks of the zoo are made of, written as ONNX nodes named for their place in the network.

use super::weights::{fitted, seeded};
use crate::node::Attribute;
use crate::onnx::write::ModelWriter;
use crate::tensor::{Shape, TensorType};

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

    /// An odd kernel under which stride 1 keeps the size.
    pub(super) const fn same(kernel: usize, stride: usize) -> Window {
        Window { kernel, stride, pad: kernel / 2 }
    }

    /// The size of the output, or `None` where the kernel does not fit.
    pub(super) fn output(self, size: usize) -> Option<usize> {
        (size + 2 * self.pad).checked_sub(self.kernel).map(|room| room / self.stride + 1)
    }

    /// Which part of the taps of all pixels reads a map of this size, and not its padding.
    fn share_inside(self, size: usize) -> f32 {
        let pixels = self.output(size).unwrap_or(0).max(1);
        let inside = |place: usize| (self.pad..self.pad + size).contains(&place);
        let taps = (0..pixels).flat_map(|pixel| (0..self.kernel).map(move |tap| pixel * self.stride + tap));
        let share = taps.filter(|&place| inside(place)).count() as f32 / (pixels * self.kernel) as f32;
        share * share
    }

    fn attributes(self, group: usize) -> Vec<(&'static str, Attribute)> {
        vec![
            ("dilations", ints([1, 1])),
            ("group", Attribute::Int(group as i64)),
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

    /// Adds weights for `path`, fit for what comes from a ReLU, and small biases; gives their names.
    pub(super) fn parameters(&mut self, path: &str, shape: &[usize]) -> [String; 2] {
        self.parameters_for(path, shape, 0.5)
    }

    /// As [`Network::parameters`], fit for inputs of mean square `square`.
    fn parameters_for(&mut self, path: &str, shape: &[usize], square: f32) -> [String; 2] {
        let stem = path.trim_start_matches('/').replace('/', ".");
        let (weight, bias) = (format!("{stem}.weight"), format!("{stem}.bias"));
        let outputs = shape.first().copied().unwrap_or(1);
        let fan_in = shape.iter().skip(1).product();
        self.writer.initializer(&weight, &fitted(&Shape(shape.to_vec()), self.seed, &weight, fan_in, square));
        self.writer.initializer(&bias, &seeded(&Shape(vec![outputs]), self.seed, &bias, 0.05));
        [weight, bias]
    }

    /// A convolution with bias. The window fits: callers ask [`Window::output`] where it might not.
    pub(super) fn conv(&mut self, path: &str, x: &Map, channels: usize, window: Window) -> Map {
        let filters = self.parameters(path, &[channels, x.channels, window.kernel, window.kernel]);
        self.convolved(path, x, channels, window, 1, filters)
    }

    /// A convolution of what no ReLU stands behind: the sum of `terms` maps of variance 1.
    pub(super) fn conv_of_sum(&mut self, path: &str, x: &Map, channels: usize, window: Window, terms: usize) -> Map {
        let filters = self.parameters_for(path, &[channels, x.channels, window.kernel, window.kernel], terms as f32);
        self.convolved(path, x, channels, window, 1, filters)
    }

    /// A convolution of one filter a channel, fit for what comes from a ReLU. On a small map most of a large window is padding.
    pub(super) fn depthwise(&mut self, path: &str, x: &Map, window: Window) -> Map {
        let square = 0.5 * window.share_inside(x.size);
        let filters = self.parameters_for(path, &[x.channels, 1, window.kernel, window.kernel], square);
        self.convolved(path, x, x.channels, window, x.channels, filters)
    }

    fn convolved(&mut self, path: &str, x: &Map, channels: usize, window: Window, group: usize, filters: [String; 2]) -> Map {
        let [weight, bias] = filters;
        let name = self.node("Conv", path, &[&x.name, &weight, &bias], &window.attributes(group));
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

    /// The mean of each channel, and of these a score a class: the graph output `logits`.
    pub(super) fn classifier(&mut self, x: &Map, classes: usize) {
        let pooled = self.node("GlobalAveragePool", "/pool", &[&x.name], &[]);
        let flat = self.node("Flatten", "/flatten", &[&pooled], &[("axis", Attribute::Int(1))]);
        let [weight, bias] = self.parameters("/fc", &[classes, x.channels]);
        let attributes = [("alpha", Attribute::Float(1.0)), ("beta", Attribute::Float(1.0)), ("transB", Attribute::Int(1))];
        self.node("Gemm", "/fc", &[&flat, &weight, &bias], &attributes);
        self.output("logits", &[1, classes]);
    }

    /// Lets the last node's output be the graph output `name`.
    pub(super) fn output(&mut self, name: &str, shape: &[usize]) {
        if let Some(output) = self.writer.graph.node.last_mut().and_then(|node| node.output.first_mut()) {
            *output = name.to_owned();
        }
        self.writer.output(name, &TensorType::f32(shape.to_vec()));
    }
}
