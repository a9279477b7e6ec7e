//! PeleeNet: a stem, four stages of two-way dense layers, and the classifier behind them.
//!
//! Wang, Li, Ling: "Pelee: A Real-Time Object Detection System on Mobile Devices", NeurIPS 2018 (arXiv 1804.06882).

use super::Config;
use super::layers::{Map, Network, Window};

/// Channels of the stem.
const STEM: usize = 32;

/// Channels that a dense layer adds, half of them a way.
const GROWTH: usize = 32;

/// Dense layers of each stage, and how many times a way's channels its bottleneck is wide.
const STAGES: [(usize, usize); 4] = [(3, 1), (4, 2), (8, 4), (6, 4)];

/// The classifier as an ONNX file.
pub(super) fn write(config: &Config) -> Vec<u8> {
    let (mut network, picture) = Network::new("peleenet", config.size, config.seed);
    let [_, map] = body(&mut network, &picture, config);
    network.classifier(&map, config.classes);
    network.writer.finish()
}

/// Stem and stages; gives the maps that a detector looks at: the third stage's before its pool, and the fourth's.
pub(super) fn body(network: &mut Network, picture: &Map, config: &Config) -> [Map; 2] {
    let mut x = stem(network, picture, config.channels(STEM));
    let mut before = x.clone();
    let growth = config.channels(GROWTH);
    for (index, (layers, width)) in STAGES.into_iter().enumerate() {
        if index > 0 {
            before = x;
            x = network.average_pool(&format!("/pool.{}", index - 1), &before);
        }
        for layer in 0..layers {
            x = dense_layer(network, &format!("/stages.{index}/{layer}"), &x, growth, width);
        }
        x = network.conv_relu(&format!("/stages.{index}/transition"), &x, x.channels, Window::POINT);
    }
    [before, x]
}

/// Quarters the picture: a strided convolution, then a pool and a strided convolution side by side.
fn stem(network: &mut Network, picture: &Map, channels: usize) -> Map {
    let first = network.conv_relu("/stem/first", picture, channels, Window::HALF_3X3);
    let pooled = network.max_pool("/stem/pool", &first);
    let narrow = network.conv_relu("/stem/narrow", &first, channels / 2, Window::POINT);
    let strided = network.conv_relu("/stem/stride", &narrow, channels, Window::HALF_3X3);
    let both = network.concat("/stem", &[&pooled, &strided]);
    network.conv_relu("/stem/join", &both, channels, Window::POINT)
}

/// The two-way dense layer: the input, a 3x3 view and a 5x5 view of it, side by side.
fn dense_layer(network: &mut Network, path: &str, x: &Map, growth: usize, width: usize) -> Map {
    let (way, middle) = (growth / 2, bottleneck(x.channels, growth, width));
    let near = network.conv_relu(&format!("{path}/near.0"), x, middle, Window::POINT);
    let near = network.conv_relu(&format!("{path}/near.1"), &near, way, Window::SAME_3X3);
    let far = network.conv_relu(&format!("{path}/far.0"), x, middle, Window::POINT);
    let far = network.conv_relu(&format!("{path}/far.1"), &far, way, Window::SAME_3X3);
    let far = network.conv_relu(&format!("{path}/far.2"), &far, way, Window::SAME_3X3);
    network.concat(path, &[x, &near, &far])
}

/// Channels between the 1x1 and the 3x3 of a way: about half of the input's at most, and never less than four.
fn bottleneck(channels: usize, growth: usize, width: usize) -> usize {
    let wanted = growth / 2 * width / 4 * 4;
    let middle = if 2 * wanted > channels { channels / 8 * 4 } else { wanted };
    middle.max(4)
}
