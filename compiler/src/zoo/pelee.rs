//! Pelee: the SSD detector on PeleeNet's maps and a few smaller ones behind them.

use super::Config;
use super::layers::{Map, Network, Window};
use super::peleenet::body;
use peleec_runtime::{ColourOrder, Fit, Resize};

use crate::description::{Description, DetectorSettings, FrameSettings, Priors, ScoreActivation};
use crate::node::Attribute;
use crate::tensor::Tensor;

/// Prior boxes of each cell of a map.
const PRIORS: usize = 6;

/// Channels of the extra maps and of the prediction blocks.
const HEAD: usize = 256;

/// Names of the classes that the published weights know (Everingham et al., the PASCAL VOC challenge).
const LABELS: [&str; 21] = [
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
];

/// Sizes of the prior boxes by the input's, from one map to the next: each has a least one, and a largest that is the next map's least.
const SIZES: [f64; 7] = [0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05];

/// The detector as an ONNX file, and what its outputs mean.
pub(super) fn write(config: &Config) -> (Vec<u8>, Description) {
    let (mut network, picture) = Network::new("pelee", config.size, config.seed);
    let mut maps = body(&mut network, &picture, config).to_vec();
    let head = config.channels(HEAD);
    extra_maps(&mut network, &mut maps, head);
    let mut seen = Vec::new();
    for (index, map) in maps.iter().enumerate() {
        seen.push(prediction_block(&mut network, &format!("/residuals.{index}"), map, head));
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
    let maps: Vec<usize> = seen.iter().map(|map| map.size).collect();
    (network.writer.finish(), description(config, &maps))
}

/// The published detector's settings, of which sizes in pixels follow the input's.
fn description(config: &Config, maps: &[usize]) -> Description {
    let size = config.size as f64;
    let priors = maps.iter().zip(SIZES.windows(2)).map(|(&cells, sizes)| Priors {
        map: [cells, cells],
        min_size: size * sizes[0],
        max_size: Some(size * sizes[1]),
        ratios: vec![2.0, 1.0 / 2.0, 3.0, 1.0 / 3.0],
        step: None,
        offset: None,
    });
    let detector = DetectorSettings {
        loc: "loc".to_owned(),
        scores: "conf".to_owned(),
        activation: ScoreActivation::Identity,
        background: Some(0),
        variances: [0.1, 0.1, 0.2, 0.2],
        threshold: 0.01,
        iou: 0.45,
        candidates: 400,
        detections: 200,
        priors: priors.collect(),
        centres: Vec::new(),
    };
    let frame = FrameSettings {
        size: [config.size as u32; 2],
        order: ColourOrder::Bgr,
        mean: [103.94, 116.78, 123.68],
        scale: [0.017; 3],
        fit: Fit::Warp,
        resize: Resize::Bilinear,
    };
    let labels = if config.classes == LABELS.len() { LABELS.map(str::to_owned).to_vec() } else { Vec::new() };
    Description { labels, frame: Some(frame), detector: Some(detector) }
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
