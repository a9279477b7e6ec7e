//! Classifiers of inverted residuals: narrow maps between the blocks, wide ones inside, where a depthwise convolution looks around.
//!
//! Sandler, Howard, Zhu, Zhmoginov, Chen: "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018 (arXiv 1801.04381).

use super::Config;
use super::layers::{Map, Network, Window};
use crate::tensor::{Shape, Tensor};

/// The bounds of ReLU6, which all nodes of a network have in common.
const LIMITS: [(&str, f32); 2] = [("relu6.min", 0.0), ("relu6.max", 6.0)];

/// What one network of this kind is made of.
pub(super) struct Architecture {
    /// The graph's name.
    pub(super) name: &'static str,
    /// Channels of the strided convolution in front of the blocks.
    pub(super) stem: usize,
    /// One behind the other.
    pub(super) blocks: &'static [Block],
    /// Channels of a 1x1 convolution between blocks and classifier.
    pub(super) head: Option<usize>,
}

/// A block: a 1x1 convolution that widens, a depthwise one, and a 1x1 convolution that narrows.
pub(super) struct Block {
    /// How many times the input's channels the middle has. With one there is no convolution that widens.
    expansion: usize,
    /// Channels of the output.
    channels: usize,
    /// Height and width of the depthwise kernel.
    kernel: usize,
    /// Stride of the depthwise kernel. A block of stride 1 that keeps the channels adds its input to its output.
    stride: usize,
}

/// A line of a network's table.
pub(super) const fn block(expansion: usize, channels: usize, kernel: usize, stride: usize) -> Block {
    Block { expansion, channels, kernel, stride }
}

/// The classifier as an ONNX file.
pub(super) fn write(architecture: &Architecture, config: &Config) -> Vec<u8> {
    let (mut network, picture) = Network::new(architecture.name, config.size, config.seed);
    for (name, value) in LIMITS {
        network.writer.initializer(name, &Tensor::from_fn(&Shape(Vec::new()), |_| value));
    }
    let stem = network.conv_of_sum("/stem", &picture, config.channels(architecture.stem), Window::HALF_3X3, 1);
    let stem = relu6(&mut network, "/stem", stem);
    let (mut x, terms) = blocks(&mut network, stem, architecture, config);
    if let Some(head) = architecture.head {
        x = network.conv_of_sum("/head", &x, config.channels(head), Window::POINT, terms);
        x = relu6(&mut network, "/head", x);
    }
    network.classifier(&x, config.classes);
    network.writer.finish()
}

/// All blocks. Gives the last map, and of how many maps of variance 1 it is the sum.
fn blocks(network: &mut Network, stem: Map, architecture: &Architecture, config: &Config) -> (Map, usize) {
    let (mut x, mut terms, mut channels) = (stem, 1, architecture.stem);
    for (index, block) in architecture.blocks.iter().enumerate() {
        let path = format!("/blocks.{index}");
        let inner = branch(network, &path, &x, block, terms, config.channels(block.channels));
        // By the table's channels, as a width may make others alike.
        let is_residual = block.stride == 1 && block.channels == channels;
        (x, terms) = if is_residual { (network.add(&path, &x, &inner), terms + 1) } else { (inner, 1) };
        channels = block.channels;
    }
    (x, terms)
}

/// The layers of a block. Without expansion `x` comes from a ReLU, else it is the sum of `terms` maps.
fn branch(network: &mut Network, path: &str, x: &Map, block: &Block, terms: usize, channels: usize) -> Map {
    let mut wide = x.clone();
    if block.expansion > 1 {
        let expand = format!("{path}/expand");
        wide = network.conv_of_sum(&expand, x, x.channels * block.expansion, Window::POINT, terms);
        wide = relu6(network, &expand, wide);
    }
    let depthwise = format!("{path}/depthwise");
    let seen = network.depthwise(&depthwise, &wide, Window::same(block.kernel, block.stride));
    let seen = relu6(network, &depthwise, seen);
    network.conv(&format!("{path}/project"), &seen, channels, Window::POINT)
}

fn relu6(network: &mut Network, path: &str, x: Map) -> Map {
    let [(low, _), (high, _)] = LIMITS;
    Map { name: network.node("Clip", path, &[&x.name, low, high], &[]), ..x }
}
