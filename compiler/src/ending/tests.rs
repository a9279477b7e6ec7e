//! Detections of the detector that a graph ends in, against what the graph itself computes and selects.

use peleec_runtime::{ColourOrder, Fit, Resize};

use super::*;
use crate::description::{Description, FrameSettings};
use crate::node::Attribute;
use crate::onnx::write::ModelWriter;
use crate::onnx::{ImportOptions, import};
use crate::tensor::DType;
use crate::{ModelFile, Options, compile, own_detector};

/// The network's input.
const SIZE: [u32; 2] = [96, 64];
const CLASSES: usize = 3;
const THRESHOLD: f32 = 0.36;

/// How far a corner may be from the graph's, in pixels.
const CORNER: f32 = 0.01;

/// How an exporter writes the decoder.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// Halves by `Slice`, corners x first.
    Halves,
    /// Columns by `Split` of offsets that variances multiply, centre and size.
    Columns,
    /// Corners y first, in pixels of the input.
    Pixels,
    /// As `Halves`, with sizes held below a limit.
    Clipped,
    /// As `Halves`, with y before x in offsets and priors.
    Turned,
    /// As `Halves`, with priors that are an input.
    Computed,
    /// As `Halves`, with sizes that grow with the square of two.
    Squared,
}

fn priors() -> Vec<[f32; 4]> {
    let map = |rows: usize, columns: usize, sides: [[f32; 2]; 2]| {
        let centre = |cell: usize, cells: usize| (cell as f32 + 0.5) / cells as f32;
        let cells = (0..rows).flat_map(move |row| (0..columns).map(move |column| [centre(column, columns), centre(row, rows)]));
        cells.flat_map(move |[x, y]| sides.map(|[width, height]| [x, y, width, height]))
    };
    map(3, 4, [[0.3, 0.35], [0.45, 0.25]]).chain(map(1, 1, [[0.8, 0.7], [0.6, 0.9]])).collect()
}

/// Numbers from -1 to 1 without a pattern.
fn numbers(shape: [usize; 3], seed: u32) -> Tensor {
    Tensor::from_fn(&shape.into(), |index| drawn(seed, index) / 2.0)
}

/// Offsets of both maps, and logits.
fn inputs() -> [Tensor; 3] {
    let logits: Vec<f32> = numbers([1, 26, CLASSES], 8).as_f32().unwrap().iter().map(|number| number * 2.0).collect();
    [numbers([1, 24, 4], 5), numbers([1, 2, 4], 6), Tensor::f32([1, 26, CLASSES], logits).unwrap()]
}

struct Writer(ModelWriter);

impl Writer {
    fn op(&mut self, op_type: &str, inputs: &[&str], output: &str) {
        self.0.node(op_type, &format!("/{output}"), inputs, &[output], &[]);
    }

    fn along(&mut self, op_type: &str, axis: i64, inputs: &[&str], outputs: &[&str]) {
        self.0.node(op_type, &format!("/{}", outputs[0]), inputs, outputs, &[("axis", Attribute::Int(axis))]);
    }

    fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        self.0.initializer(name, &Tensor::f32(shape.to_vec(), values.to_vec()).unwrap());
    }

    fn column(&mut self, name: &str, of: &str, [from, to]: [i64; 2]) {
        let ends = [("from", from), ("to", to)].map(|(end, at)| {
            let constant = format!("{name}_{end}");
            self.0.initializer(&constant, &Tensor::i64s([at]));
            constant
        });
        self.op("Slice", &[of, &ends[0], &ends[1], "last"], name);
    }

    /// `boxes` of `loc`.
    fn decoder(&mut self, form: Form) {
        let priors = priors();
        let part = |at: [usize; 2], priors: &[[f32; 4]]| priors.iter().flat_map(|prior| at.map(|at| prior[at])).collect::<Vec<_>>();
        let turned = |at: [usize; 2]| if form == Form::Turned { [at[1], at[0]] } else { at };
        for (name, at) in [("centres", [0, 1]), ("sides", [2, 3])] {
            if form == Form::Computed {
                self.0.input(name, &TensorType::f32([1, 26, 2]));
            } else {
                self.floats(name, &[1, 26, 2], &part(turned(at), &priors));
            }
        }
        self.floats("half", &[], &[0.5]);
        if form == Form::Columns {
            self.floats("variances", &[4], &[0.1, 0.1, 0.2, 0.2]);
            self.op("Mul", &["variances", "loc"], "scaled");
            self.along("Split", -1, &["scaled"], &["dx", "dy", "dw", "dh"]);
            for (axis, [offset, size]) in [["dx", "dw"], ["dy", "dh"]].into_iter().enumerate() {
                let column = |at: usize| priors.iter().map(|prior| prior[at]).collect::<Vec<_>>();
                let names = ["centre", "side", "moved", "c", "grown", "s"].map(|name| format!("{name}{axis}"));
                let [centre, side, moved, c, grown, s] = names.each_ref().map(String::as_str);
                self.floats(centre, &[26, 1], &column(axis));
                self.floats(side, &[26, 1], &column(axis + 2));
                self.op("Mul", &[offset, side], moved);
                self.op("Add", &[moved, centre], c);
                self.op("Exp", &[size], grown);
                self.op("Mul", &[side, grown], s);
            }
            return self.along("Concat", 2, &["c0", "c1", "s0", "s1"], &["boxes"]);
        }
        self.column("xy", "loc", [0, 2]);
        self.column("wh", "loc", [2, 4]);
        for (name, value) in [("tenth", 0.1), ("fifth", 0.2)] {
            self.floats(name, &[1], &[value]);
        }
        self.op("Mul", &["xy", "tenth"], "near");
        self.op("Mul", &["near", "sides"], "moved");
        self.op("Add", &["centres", "moved"], "centre");
        self.op("Mul", &["wh", "fifth"], "wide");
        match form {
            Form::Clipped => {
                self.floats("limit", &[], &[4.0]);
                self.op("Clip", &["wide", "", "limit"], "held");
            }
            Form::Squared => self.op("Mul", &["wide", "wide"], "held"),
            _ => self.op("Identity", &["wide"], "held"),
        }
        self.op("Exp", &["held"], "grown");
        self.op("Mul", &["grown", "sides"], "size");
        self.op("Mul", &["size", "half"], "reach");
        self.op("Sub", &["centre", "reach"], "least");
        self.op("Add", &["centre", "reach"], "most");
        if form == Form::Pixels {
            self.along("Concat", -1, &["least", "most"], &["shares"]);
            self.0.initializer("order", &Tensor::i64s([1, 0, 3, 2]));
            self.along("Gather", 2, &["shares", "order"], &["yx"]);
            self.floats("pixels", &[4], &[64.0, 96.0, 64.0, 96.0]);
            self.op("Mul", &["yx", "pixels"], "boxes");
        } else {
            self.along("Concat", -1, &["least", "most"], &["boxes"]);
        }
    }
}

/// A graph whose outputs are the selected rows and boxes. Where `is_softmax_last`, the scores are turned before the softmax.
fn model(form: Form, is_softmax_last: bool) -> Writer {
    let mut writer = Writer(ModelWriter::new("detector", 17));
    writer.0.input("near_loc", &TensorType::f32([1, 24, 4])).input("far_loc", &TensorType::f32([1, 2, 4]));
    writer.0.input("logits", &TensorType::f32([1, 26, CLASSES]));
    writer.0.initializer("last", &Tensor::i64s([-1]));
    writer.along("Concat", 1, &["near_loc", "far_loc"], &["loc"]);
    writer.decoder(form);
    let turn = |writer: &mut Writer, of: &str, output: &str| {
        writer.0.node("Transpose", &format!("/{output}"), &[of], &[output], &[("perm", Attribute::Ints(vec![0, 2, 1]))]);
    };
    if is_softmax_last {
        turn(&mut writer, "logits", "turned");
        writer.along("Softmax", 1, &["turned"], &["scores"]);
    } else {
        writer.along("Softmax", -1, &["logits"], &["conf"]);
        turn(&mut writer, "conf", "scores");
    }
    writer.0.initializer("count", &Tensor::i64s([20]));
    writer.floats("iou", &[1], &[0.3]);
    writer.floats("above", &[1], &[THRESHOLD]);
    let centred = [("center_point_box", Attribute::Int(i64::from(form == Form::Columns)))];
    writer.0.node("NonMaxSuppression", "/select", &["boxes", "scores", "count", "iou", "above"], &["selected"], &centred);
    writer.column("index", "selected", [2, 3]);
    writer.op("Squeeze", &["index", "last"], "indices");
    writer.along("Gather", 1, &["boxes", "indices"], &["kept"]);
    writer.0.output("selected", &TensorType::new(DType::I64, [60, 3])).output("kept", &TensorType::f32([1, 60, 4]));
    writer
}

fn graph(writer: &Writer) -> Graph {
    import(writer.0.finish().into(), &ImportOptions::default(), None).unwrap_or_else(|refused| panic!("{}", refused.problems)).0
}

fn described(detector: DetectorSettings) -> Description {
    let (mean, scale) = ([0.0; 3], [1.0; 3]);
    let frame = FrameSettings { size: SIZE, order: ColourOrder::Rgb, mean, scale, fit: Fit::Warp, resize: Resize::Bilinear };
    Description { labels: Vec::new(), frame: Some(frame), detector: Some(detector) }
}

/// Class, prior, and corners in pixels, by the whole graph.
fn selected(writer: &Writer, form: Form) -> Vec<(u32, u32, [f32; 4])> {
    let results = graph(writer).evaluate(&inputs()).unwrap();
    let rows = results[0].to_i64s().unwrap();
    let rows = rows.as_chunks::<3>().0.iter().zip(results[1].as_f32().unwrap().as_chunks::<4>().0);
    let rows = rows.take_while(|([image, ..], _)| *image == 0).map(|(&[_, class, prior], &[a, b, c, d])| {
        let corners = match form {
            Form::Columns => [a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0],
            Form::Pixels => [b / 96.0, a / 64.0, d / 96.0, c / 64.0],
            _ => [a, b, c, d],
        };
        let pixels = [0, 1, 2, 3].map(|at| (corners[at] * SIZE[at % 2] as f32).clamp(0.0, SIZE[at % 2] as f32));
        (class as u32, prior as u32, pixels)
    });
    rows.collect()
}

#[test]
fn detections_are_what_the_graph_selects() {
    let forms = [(Form::Halves, false), (Form::Columns, true), (Form::Pixels, false)];
    for (form, is_softmax_last) in forms {
        let writer = model(form, is_softmax_last);
        let mut graph = graph(&writer);
        let settings = take_detector(&mut graph, SIZE).unwrap_or_else(|problems| panic!("{form:?}: {problems}")).expect("a detector");
        assert_eq!(graph.verify(), Vec::<String>::new());
        assert_eq!((settings.loc.as_str(), settings.scores.as_str(), settings.activation), ("loc", "logits", ScoreActivation::Softmax));
        assert_eq!((settings.variances, settings.threshold, settings.iou), ([0.1, 0.1, 0.2, 0.2], THRESHOLD, 0.3));
        assert_eq!((settings.candidates, settings.detections, settings.background), (20, 60, None));
        let maps = settings.centres.iter().map(|map| [map.rows.len(), map.columns.len(), map.shapes.len()]);
        assert_eq!(maps.collect::<Vec<_>>(), [[3, 4, 2], [1, 1, 2]], "{form:?}");
        let names = graph.output_types().into_iter().map(|(name, _)| name);
        let outputs: Vec<_> = names.zip(graph.evaluate(&inputs()).unwrap()).collect();
        let seen = described(settings).detect(&outputs, SIZE).unwrap();
        let (mut found, mut expected) = (seen.detections, selected(&writer, form));
        assert!(!seen.truncated && expected.len() > 6, "{form:?}: {}", expected.len());
        assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        found.sort_by_key(|seen| (seen.class, seen.prior));
        expected.sort_by_key(|&(class, prior, _)| (class, prior));
        assert_eq!(found.len(), expected.len(), "{form:?}");
        for (found, (class, prior, corners)) in found.iter().zip(&expected) {
            assert_eq!((found.class, found.prior), (*class, *prior), "{form:?}");
            assert!(found.corners.iter().zip(corners).all(|(a, b)| (a - b).abs() < CORNER), "{form:?}: {found:?} {corners:?}");
        }
    }
}

/// Else the test above would say nothing of the suppression.
#[test]
fn something_is_suppressed() {
    let (rows, mut all) = (selected(&model(Form::Halves, false), Form::Halves), model(Form::Halves, false));
    all.0.graph.initializer.retain(|tensor| tensor.name.as_deref() != Some("iou"));
    all.floats("iou", &[1], &[1.0]);
    assert!(rows.len() < selected(&all, Form::Halves).len());
}

#[test]
fn outputs_that_are_not_of_the_suppression_stay() {
    let mut writer = model(Form::Halves, false);
    writer.0.output("conf", &TensorType::f32([1, 26, CLASSES])).output("loc", &TensorType::f32([1, 26, 4]));
    let mut graph = graph(&writer);
    let settings = take_detector(&mut graph, SIZE).unwrap().unwrap();
    let names: Vec<_> = graph.output_types().into_iter().map(|(name, _)| name).collect();
    assert_eq!((names, settings.loc), (["conf", "loc", "logits"].map(str::to_owned).to_vec(), "loc".to_owned()));
}

#[test]
fn a_graph_without_a_suppression_stays_as_it_is() {
    let mut writer = Writer(ModelWriter::new("net", 17));
    writer.0.input("x", &TensorType::f32([1, 26, 4]));
    writer.op("Neg", &["x"], "y");
    writer.0.output("y", &TensorType::f32([1, 26, 4]));
    assert_eq!(take_detector(&mut graph(&writer), SIZE).unwrap(), None);
}

fn refused(writer: &Writer) -> String {
    let problems = take_detector(&mut graph(writer), SIZE).unwrap_err();
    let [problem] = problems.0.as_slice() else { panic!("one problem") };
    assert!(problem.code == "PL0410" && problem.help.as_deref().is_some_and(|help| help.contains("--output")));
    problem.found.clone().unwrap()
}

#[test]
fn other_decoders_are_refused_by_the_node_that_is_otherwise() {
    for (form, told) in [
        (Form::Clipped, "node `/held` (Clip): it stands between"),
        (Form::Turned, "node `/loc` (Concat): of `loc` boxes are made, and the prior boxes follow each other along columns"),
        (Form::Squared, "node `/loc` (Concat): of `loc` boxes are made, and not as centre-size offsets"),
        (Form::Computed, "made of `near_loc`, `far_loc`, `centres`, `sides`"),
    ] {
        let found = refused(&model(form, false));
        assert!(found.contains(told), "{form:?}: {found}");
    }
}

#[test]
fn other_ends_are_refused_by_the_node_that_is_otherwise() {
    let mut changed = model(Form::Halves, false);
    changed.op("Sigmoid", &["kept"], "changed");
    changed.0.output("changed", &TensorType::f32([1, 60, 4]));
    assert_eq!(refused(&changed), "node `/changed` (Sigmoid): it changes what was selected");
    let replaced = |from: &str, to: &str, slot: usize| {
        let mut writer = model(Form::Halves, false);
        let node = writer.0.graph.node.iter_mut().find(|node| node.name.as_deref() == Some(from)).unwrap();
        node.input[slot] = to.to_owned();
        writer
    };
    assert!(refused(&replaced("/select", "", 4)).contains("`score_threshold` is left out"));
    let mut direct = replaced("/select", "raw", 1);
    direct.0.input("raw", &TensorType::f32([1, CLASSES, 26]));
    assert!(refused(&direct).starts_with("`raw`: the scores that it gives are no `Transpose`"));
    let mut twice = model(Form::Halves, false);
    twice.0.node("NonMaxSuppression", "/again", &["boxes", "scores", "count", "iou", "above"], &["more"], &[]);
    twice.0.output("more", &TensorType::new(DType::I64, [60, 3]));
    assert_eq!(refused(&twice), "node `/again` (NonMaxSuppression): boxes are suppressed before");
}

/// What describes the model has labels and a frame; `described` is what it has beside these.
fn options(folder: &std::path::Path, described: &str) -> Options {
    let text = format!(
        "labels = [\"none\", \"cat\", \"dog\"]\n[frame]\nsize = [96, 64]\norder = \"rgb\"\nmean = [0, 0, 0]\nscale = [1, 1, 1]\n\
         fit = \"warp\"\nresize = \"bilinear\"\n{described}"
    );
    std::fs::write(folder.join("net.toml"), text).unwrap();
    Options { detect: Some(folder.join("net.toml")), ..Options::default() }
}

#[test]
fn a_module_of_the_whole_graph_has_the_detector() {
    let (folder, writer) = (tempfile::tempdir().unwrap(), model(Form::Halves, false));
    let file = ModelFile::from_bytes("net", writer.0.finish());
    let options = options(folder.path(), "");
    let compilation = compile(&file, &options).unwrap();
    let results = compilation.output_types();
    assert_eq!(results, [("loc", [1, 26, 4]), ("logits", [1, 26, 3])].map(|(name, shape)| (name.to_owned(), TensorType::f32(shape))));
    let module = String::from_utf8(compilation.files().unwrap().remove(0).bytes).unwrap();
    for line in ["pub const DETECTOR: ", "pub const CANDIDATES: usize = 20;", "peleec_runtime::SoftmaxOf("] {
        assert!(module.contains(line) && !module.contains("NonMaxSuppression"), "{line}");
    }
    assert_eq!(own_detector(&file, &options).unwrap(), take_detector(&mut graph(&writer), SIZE).unwrap());
    let without = Options::default();
    assert_eq!(own_detector(&file, &without).unwrap(), None);
    assert_eq!(compile(&file, &without).unwrap().output_types().len(), 2);
}

/// A description counts as it stands.
#[test]
fn a_detector_that_is_described_is_not_looked_for() {
    let (folder, file) = (tempfile::tempdir().unwrap(), ModelFile::from_bytes("net", model(Form::Halves, false).0.finish()));
    let detector = "[detector]\nloc = \"loc\"\nscores = \"conf\"\nvariances = [0.1, 0.1, 0.2, 0.2]\nthreshold = 0.5\niou = 0.5\n\
        candidates = 9\ndetections = 9\n[[detector.priors]]\nmap = [13, 2]\nmin_size = 8\n";
    let options = options(folder.path(), detector);
    assert_eq!(own_detector(&file, &options).unwrap(), None);
    let refused = compile(&file, &options).err().expect("`loc` is no output").to_string();
    assert!(refused.contains("PL0403"), "{refused}");
    let asked = Options { output_names: ["loc", "conf"].map(str::to_owned).to_vec(), ..options };
    assert!(compile(&file, &asked).unwrap().files().is_ok());
}
