//! Pelee: the SSD detector on PeleeNet's maps and a few smaller ones behind them.

use super::Config;
use super::layers::{Map, Network, Window};
use super::peleenet::body;
use crate::ir::Tensor;
use crate::onnx::node::Attribute;

/// Prior boxes of each cell of a map.
const PRIORS: usize = 6;

/// The detector as an ONNX file.
pub(super) fn write(config: &Config) -> Vec<u8> {
    let (mut network, picture) = Network::new("pelee", config.size, config.seed);
    let mut maps = body(&mut network, &picture, config).to_vec();
    extra_maps(&mut network, &mut maps, config.head);
    let mut seen = Vec::new();
    for (index, map) in maps.iter().enumerate() {
        seen.push(prediction_block(&mut network, &format!("/residuals.{index}"), map, config.head));
    }
    // The largest map has two heads of each kind.
    seen.extend(seen.first().cloned());
    seen.rotate_right(1);
    let priors = seen.iter().map(|map| map.size * map.size * PRIORS).sum();
    let loc = heads(&mut network, "/loc", &seen, 4);
    let conf = heads(&mut network, "/conf", &seen, config.classes);
    rows(&mut network, "/loc", &loc, 4);
    network.output("loc", &[1, priors, 4]);
    let scores = rows(&mut network, "/conf", &conf, config.classes);
    network.node("Softmax", "/conf", &[&scores], &[("axis", Attribute::Int(-1))]);
    network.output("conf", &[1, priors, config.classes]);
    network.writer.finish()
}

/// Appends up to three smaller maps; ends before one would be empty.
fn extra_maps(network: &mut Network, maps: &mut Vec<Map>, head: usize) {
    let blocks = [(head, Window::HALF_3X3), (head / 2, Window::VALID_3X3), (head / 2, Window::VALID_3X3)];
    for (index, (middle, window)) in blocks.into_iter().enumerate() {
        let Some(last) = maps.last().filter(|map| window.output(map.size).is_some()).cloned() else { return };
        let narrow = network.conv_relu(&format!("/extras.{index}/0"), &last, middle, Window::POINT);
        maps.push(network.conv_relu(&format!("/extras.{index}/1"), &narrow, head, window));
    }
}

/// The residual block in front of a map's heads.
fn prediction_block(network: &mut Network, path: &str, x: &Map, head: usize) -> Map {
    let skip = network.conv(&format!("{path}/skip"), x, head, Window::POINT);
    let branch = network.conv_relu(&format!("{path}/branch.0"), x, head / 2, Window::POINT);
    let branch = network.conv_relu(&format!("{path}/branch.1"), &branch, head / 2, Window::SAME_3X3);
    let branch = network.conv(&format!("{path}/branch.2"), &branch, head, Window::POINT);
    let sum = network.add(path, &skip, &branch);
    network.relu(path, sum)
}

/// One 1x1 convolution a map, each result flattened pixel by pixel, all behind one another; gives the name of [1, n].
fn heads(network: &mut Network, path: &str, maps: &[Map], columns: usize) -> String {
    let mut flat = Vec::new();
    for (index, map) in maps.iter().enumerate() {
        let path = format!("{path}.{index}");
        let head = network.conv(&path, map, PRIORS * columns, Window::POINT);
        let pixels = network.node("Transpose", &path, &[&head.name], &[("perm", Attribute::Ints(vec![0, 2, 3, 1]))]);
        flat.push(network.node("Flatten", &path, &[&pixels], &[("axis", Attribute::Int(1))]));
    }
    let flat: Vec<_> = flat.iter().map(String::as_str).collect();
    network.node("Concat", path, &flat, &[("axis", Attribute::Int(1))])
}

/// Gives [1, n] one row a prior box.
fn rows(network: &mut Network, path: &str, flat: &str, columns: usize) -> String {
    let shape = network.node("Constant", path, &[], &[("value", Attribute::Tensor(Tensor::i64s(vec![1, -1, columns as i64])))]);
    network.node("Reshape", path, &[flat, &shape], &[("allowzero", Attribute::Int(0))])
}
