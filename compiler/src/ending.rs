//! Graphs that end in the boxes of an SSD: a decoder of offsets from prior boxes, and one `NonMaxSuppression` over them.
//!
//! Exporters write the decoder in many ways: the order of its products, parts by `Slice`, `Split` or `Gather`, boxes by their corners or by
//! centre and size. What it computes tells them apart from other decoders, and not how. So the part of the graph between offsets and boxes
//! is asked: for offsets of zero it gives the prior boxes, for a few others the variances, and for many more it must give what the runtime's
//! detector would. As nothing stands there but arithmetic and `Exp`, functions that agree on those are the same. What stands behind the
//! suppression may pick rows, and no more.

use std::collections::BTreeSet;

use peleec_runtime::Activation;

use crate::description::{Centres, DetectorSettings, ScoreActivation};
use crate::diagnostics::{Code, Diagnostic, Problems};
use crate::ir::{Graph, NodeId, Source};
use crate::ops::{Gather, Op, Softmax, Transpose, Unary};
use crate::tensor::{Shape, Tensor, TensorType};

/// Candidates of a class and detections, where the graph has room for more: as many as SSDs are published with.
const CANDIDATES: usize = 400;
const DETECTIONS: usize = 200;

/// The detector that a graph ends in, whose input is a picture of this width and height; none where no boxes are suppressed. The graph then
/// ends in offsets and scores, beside those of its outputs that do not come of the suppression.
pub(crate) fn take_detector(graph: &mut Graph, size: [u32; 2]) -> Result<Option<DetectorSettings>, Problems> {
    let mut suppressions = graph.ids().into_iter().filter(|&id| matches!(graph.op(id), Some(Op::NonMaxSuppression(_))));
    let (id, second) = (suppressions.next(), suppressions.next());
    if let Some(second) = second {
        return Err(refusal(graph, second, "boxes are suppressed before"));
    }
    let Some((id, Op::NonMaxSuppression(op))) = id.and_then(|id| Some((id, graph.op(id)?.clone()))) else { return Ok(None) };
    let (Some(boxes), Some(all)) = (graph.input(id, 0), graph.input(id, 1)) else { return Ok(None) };
    let &[1, classes, count] = &graph.ty(all).shape[..] else {
        return Err(refusal(graph, id, "there are several images"));
    };
    let Some(threshold) = op.above else {
        return Err(refusal(graph, id, "`score_threshold` is left out, so that every box has a place in the list"));
    };
    let mut outputs = outputs_beside(graph, id)?;
    let (scores, activation) = scores(graph, all)?;
    let (offsets, variances, centres) = offsets(graph, id, boxes, op.centred, size)?;
    let [loc, scores] = [offsets, scores].map(|source| match outputs.iter().find(|(_, output)| *output == source) {
        Some((name, _)) => name.clone(),
        None => {
            let name = graph.value(source).name.clone();
            outputs.push((name.clone(), source));
            name
        }
    });
    graph.end_at(&outputs);
    // No more candidates than the graph selects: a list that leaves none out is then the graph's.
    let most = op.most.min(count);
    Ok(Some(DetectorSettings {
        loc,
        scores,
        activation,
        background: None,
        variances,
        threshold,
        iou: op.overlap,
        candidates: most.min(CANDIDATES),
        detections: most.saturating_mul(classes).min(DETECTIONS),
        priors: Vec::new(),
        centres,
    }))
}

/// What a node does that a detector does not.
fn refusal(graph: &Graph, id: NodeId, found: &str) -> Problems {
    let node = &graph.node(id).name;
    let found = match graph.op(id) {
        Some(op) => format!("node `{node}` ({}): {found}", op.name()),
        None => format!("`{node}`: {found}"),
    };
    let supported =
        "boxes of constant priors by centre-size offsets, transposed scores, one NonMaxSuppression, and rows picked by what it selects";
    Diagnostic::unsupported(Code::ENDING, "the graph's end does not become a detector")
        .found(found)
        .supported(supported)
        .help("leave `--detect` out, or end the graph at offsets and scores by `--output` and describe the [detector]")
        .into()
}

/// The graph's outputs that do not come of the suppression: those that do are rows of boxes, scores and what was selected that it picks. What
/// is computed of these may only say which rows.
fn outputs_beside(graph: &Graph, suppression: NodeId) -> Result<Vec<(String, Source)>, Problems> {
    let (mut behind, mut computed) = (BTreeSet::from([suppression]), BTreeSet::new());
    let suppressed: BTreeSet<NodeId> =
        (0..2).filter_map(|slot| graph.input(suppression, slot)).flat_map(|input| moved(graph, input)).collect();
    for id in graph.ids() {
        let inputs: Vec<Source> = graph.node_inputs(id).into_iter().flatten().collect();
        if !inputs.iter().any(|source| behind.contains(&source.node)) {
            continue;
        }
        let is_computed = |source: &Source| computed.contains(&source.node);
        match graph.op(id) {
            Some(Op::Gather(Gather { is_known: false, .. })) => {
                let data = &inputs[0];
                if !behind.contains(&data.node) && moved(graph, *data).is_disjoint(&suppressed) {
                    return Err(refusal(graph, id, "it picks rows of neither boxes nor scores"));
                }
                if is_computed(data) {
                    computed.insert(id);
                }
            }
            Some(Op::Binary(_)) => _ = computed.insert(id),
            Some(op) if moves(op) || matches!(op, Op::Cast(_)) => {
                if inputs.iter().any(is_computed) {
                    computed.insert(id);
                }
            }
            _ => return Err(refusal(graph, id, "it changes what was selected")),
        }
        behind.insert(id);
    }
    if let Some(output) = graph.outputs().iter().find(|output| computed.contains(&output.source.node)) {
        return Err(refusal(graph, output.source.node, "it changes what was selected"));
    }
    let beside = graph.outputs().iter().filter(|output| !behind.contains(&output.source.node));
    Ok(beside.map(|output| (output.name.clone(), output.source)).collect())
}

/// The nodes that a value's elements come of unchanged.
fn moved(graph: &Graph, value: Source) -> BTreeSet<NodeId> {
    let (mut found, mut next) = (BTreeSet::new(), vec![value.node]);
    while let Some(id) = next.pop() {
        if found.insert(id) && graph.op(id).is_some_and(moves) {
            next.extend(graph.node_inputs(id).into_iter().flatten().map(|source| source.node));
        }
    }
    found
}

/// Whether an operator's results are elements of its inputs, and it is known which.
fn moves(op: &Op) -> bool {
    matches!(
        op,
        Op::Concat(_) | Op::Identity(_) | Op::Pick(_) | Op::Reshape(_) | Op::Transpose(_) | Op::Gather(Gather { is_known: true, .. })
    )
}

/// Scores `[1, priors, classes]`, and what makes those of them that the suppression reads, which are `[1, classes, priors]`.
fn scores(graph: &Graph, read: Source) -> Result<(Source, ScoreActivation), Problems> {
    let (source, mut activation) = without_activation(graph, read, 1);
    let (from, to) = (graph.input(source.node, 0), &graph.ty(source).shape[..]);
    let is_turned = |from: Source| match (graph.op(source.node), &graph.ty(from).shape[..]) {
        (Some(Op::Transpose(Transpose { perm })), _) => *perm == [0, 2, 1],
        // Of one class, or of one prior, the order is the same.
        (Some(Op::Reshape(_)), &[1, count, classes]) => to == [1, classes, count] && (classes == 1 || count == 1),
        _ => false,
    };
    let Some(mut scores) = from.filter(|&from| is_turned(from)) else {
        return Err(refusal(graph, source.node, "the scores that it gives are no `Transpose` of those a prior and class"));
    };
    if activation == ScoreActivation::Identity {
        (scores, activation) = without_activation(graph, scores, 2);
    }
    Ok((scores, activation))
}

/// What makes scores of logits, with classes along `axis`, and the logits; or the scores as they are.
fn without_activation(graph: &Graph, scores: Source, axis: usize) -> (Source, ScoreActivation) {
    let activation = match graph.op(scores.node) {
        Some(Op::Softmax(softmax)) if *softmax == (Softmax { axis, flatten: false }) => ScoreActivation::Softmax,
        Some(Op::Unary(Unary { activation: Activation::Sigmoid })) => ScoreActivation::Sigmoid,
        _ => ScoreActivation::Identity,
    };
    let logits = graph.input(scores.node, 0).filter(|_| activation != ScoreActivation::Identity);
    (logits.unwrap_or(scores), activation)
}

/// The offsets of which the boxes are made, the variances, and the prior boxes.
fn offsets(
    graph: &Graph,
    suppression: NodeId,
    boxes: Source,
    centred: bool,
    size: [u32; 2],
) -> Result<(Source, [f32; 4], Vec<Centres>), Problems> {
    let ty = graph.ty(boxes);
    let mut refused: Option<Problems> = None;
    let tensors = made_of(graph, boxes).into_iter().filter(|&source| source != boxes && graph.ty(source) == ty);
    for offsets in tensors.take(TRIED) {
        let why = match Decoder::between(graph, offsets, boxes, centred) {
            None => continue,
            Some(Err(id)) => refusal(graph, id, "it stands between offsets and boxes, where only arithmetic and `Exp` are read"),
            Some(Ok(decoder)) => match decoder.fit(size) {
                Ok((variances, centres)) => return Ok((offsets, variances, centres)),
                Err(why) => refusal(graph, offsets.node, &format!("of `{}` boxes are made, {why}", graph.value(offsets).name)),
            },
        };
        refused.get_or_insert(why);
    }
    Err(refused.unwrap_or_else(|| {
        let ends = made_of(graph, boxes).into_iter().filter(|source| !is_arithmetic(graph, source.node));
        let ends: Vec<_> = ends.map(|source| format!("`{}`", graph.value(source).name)).take(SHOWN).collect();
        refusal(graph, suppression, &format!("no one tensor {ty} has the offsets of its boxes: they are made of {}", ends.join(", ")))
    }))
}

/// Most tensors that are looked at as offsets.
const TRIED: usize = 32;

/// So many of the tensors that boxes are made of are told.
const SHOWN: usize = 5;

/// Everything computed that a value is made of by arithmetic, and what that begins with, in the order of the graph.
fn made_of(graph: &Graph, value: Source) -> Vec<Source> {
    let computed = computed(graph);
    let (mut seen, mut open) = (BTreeSet::new(), vec![value]);
    while let Some(source) = open.pop() {
        if computed.contains(&source.node) && seen.insert(source) && is_arithmetic(graph, source.node) {
            open.extend(graph.node_inputs(source.node).into_iter().flatten());
        }
    }
    let of_node = |id: NodeId| (0..graph.node(id).outputs.len()).map(move |slot| Source { node: id, slot });
    graph.ids().into_iter().flat_map(of_node).filter(|source| seen.contains(source)).collect()
}

/// The nodes whose results depend on an input of the graph.
fn computed(graph: &Graph) -> BTreeSet<NodeId> {
    let mut computed: BTreeSet<NodeId> = graph.inputs().iter().copied().collect();
    for id in graph.ids() {
        if graph.node_inputs(id).into_iter().flatten().any(|source| computed.contains(&source.node)) {
            computed.insert(id);
        }
    }
    computed
}

/// Whether a node is one of those of which decoders are made: all without a bend, so that they are known by their values at a few places.
fn is_arithmetic(graph: &Graph, id: NodeId) -> bool {
    graph.op(id).is_some_and(|op| moves(op) || matches!(op, Op::Binary(_)) || matches!(op.name(), "Exp" | "Neg"))
}

/// The part of a graph that makes boxes of offsets.
struct Decoder {
    graph: Graph,
    shape: Shape,
    /// Boxes are centre and size, and no corners.
    centred: bool,
}

/// Where x, y and what belongs to them stand in a box: x first, or as ONNX has it.
const ORDERS: [[usize; 4]; 2] = [[0, 1, 2, 3], [1, 0, 3, 2]];

/// The offsets of centres, and those of sizes, by which variances are measured.
const MOVED: f32 = 4.0;
const GROWN: f32 = 2.0;

/// How far beside the input, in shares of it, the centre of a prior box may be.
const BESIDE: f64 = 0.5;

/// What the two decoders may differ by, in shares of the input or of a larger box: rounding, and less than a hundredth of a pixel.
const CLOSE: f64 = 1e-5;

/// Most elements that a decoder may compute: sixteen for each of four million boxes.
const MOST_ELEMENTS: usize = 1 << 26;

/// How often they are compared, over all boxes.
const COMPARISONS: u32 = 4;

/// Why offsets do not fit.
const OTHER_FORM: &str = "and not as centre-size offsets from constant prior boxes say";

impl Decoder {
    /// That from `offsets` to `boxes`, or a node there that is not arithmetic; none where boxes depend on more than the offsets, or by more
    /// than can be evaluated.
    fn between(graph: &Graph, offsets: Source, boxes: Source, centred: bool) -> Option<Result<Self, NodeId>> {
        let ty: TensorType = graph.ty(offsets).clone();
        let (mut graph, shape) = (graph.clone(), ty.shape.clone());
        graph.end_at(&[("boxes".to_owned(), boxes)]);
        let input = graph.add_input("offsets", ty);
        graph.replace_uses(offsets, input);
        graph.keep_needed();
        let computed = computed(&graph);
        let elements = computed.iter().flat_map(|&id| &graph.node(id).outputs).map(|value| value.ty.shape.elements());
        if graph.inputs() != [input.node] || elements.fold(0, usize::saturating_add) > MOST_ELEMENTS {
            return None;
        }
        let other = computed.into_iter().find(|&id| id != input.node && !is_arithmetic(&graph, id));
        Some(other.map_or(Ok(Decoder { graph, shape, centred }), Err))
    }

    /// Centre x and y, width and height of each box, of offsets by their indices.
    fn boxes(&self, order: [usize; 4], offset: impl Fn(usize) -> f32) -> Option<Vec<[f64; 4]>> {
        let boxes = self.graph.evaluate(&[Tensor::from_fn(&self.shape, offset)]).ok()?.pop()?;
        let centre_size = |numbers: &[f32; 4]| {
            let [a, b, c, d] = order.map(|at| f64::from(numbers[at]));
            if self.centred { [a, b, c, d] } else { [(a + c) / 2.0, (b + d) / 2.0, c - a, d - b] }
        };
        Some(boxes.as_f32()?.as_chunks().0.iter().map(centre_size).collect())
    }

    /// The variances and the prior boxes with which the runtime's detector makes the same boxes, or why there are none.
    fn fit(&self, size: [u32; 2]) -> Result<([f32; 4], Vec<Centres>), &'static str> {
        let [first, second] = ORDERS;
        self.fit_in(first, size).or_else(|why| self.fit_in(second, size).map_err(|_| why))
    }

    fn fit_in(&self, order: [usize; 4], size: [u32; 2]) -> Result<([f32; 4], Vec<Centres>), &'static str> {
        let is_of_centre = |index: usize| index % 4 < 2;
        let still = self.boxes(order, |_| 0.0).ok_or(OTHER_FORM)?;
        let moved = self.boxes(order, |index| if is_of_centre(index) { MOVED } else { 0.0 }).ok_or(OTHER_FORM)?;
        let grown = self.boxes(order, |index| if is_of_centre(index) { 0.0 } else { GROWN }).ok_or(OTHER_FORM)?;
        if !still.iter().all(|prior| prior.iter().all(|&number| (number as f32).is_finite()) && prior[2] > 0.0 && prior[3] > 0.0) {
            return Err(OTHER_FORM);
        }
        let sum = |boxes: &[[f64; 4]], at: usize| boxes.iter().map(|numbers| numbers[at]).sum::<f64>();
        let logarithm = |at: usize| grown.iter().zip(&still).map(|(grown, still)| (grown[at] / still[at]).ln()).sum::<f64>();
        let variances = [0, 1, 2, 3].map(|at| match at {
            0 | 1 => short((sum(&moved, at) - sum(&still, at)) / (f64::from(MOVED) * sum(&still, at + 2))),
            _ => short(logarithm(at) / (f64::from(GROWN) * still.len() as f64)),
        });
        let lies_in = |sides: [f64; 2]| {
            let is_inside = |prior: &[f64; 4]| [0, 1].iter().all(|&at| (-BESIDE..=1.0 + BESIDE).contains(&(prior[at] / sides[at])));
            still.iter().all(is_inside)
        };
        // Boxes are in shares of the input, or in its pixels.
        let sides = [[1.0; 2], size.map(f64::from)].into_iter().find(|&sides| lies_in(sides));
        let [width, height] = sides.ok_or("and some prior boxes lie beside the input")?;
        let shares = |&[x, y, w, h]: &[f64; 4]| [x / width, y / height, w / width, h / height];
        let priors: Vec<[f32; 4]> = still.iter().map(|prior| shares(prior).map(|number| number as f32)).collect();
        let centres = Centres::of_priors(&priors);
        for seed in 0..COMPARISONS {
            let given = self.boxes(order, |index| drawn(seed, index)).ok_or(OTHER_FORM)?;
            let own = centres.iter().flat_map(Centres::priors).enumerate();
            let own = own.map(|(index, prior)| decoded(prior, variances, |at| drawn(seed, 4 * index + at)));
            let is_close = |(given, own): (&[f64; 4], [f64; 4])| {
                let scale = own[2].max(own[3]).max(1.0);
                shares(given).into_iter().zip(own).all(|(given, own)| (given - own).abs() <= CLOSE * scale)
            };
            if !given.iter().zip(own).all(is_close) {
                return Err(OTHER_FORM);
            }
        }
        if !Centres::is_by_rows(&priors) {
            return Err("and the prior boxes follow each other along columns, as where y stands before x");
        }
        Ok((variances, centres))
    }
}

/// Centre and size of a box as the runtime's detector decodes it.
fn decoded(prior: [f32; 4], variances: [f32; 4], offset: impl Fn(usize) -> f32) -> [f64; 4] {
    let [x, y, width, height] = prior.map(f64::from);
    let [dx, dy, dw, dh] = [0, 1, 2, 3].map(|at| f64::from(offset(at)) * f64::from(variances[at]));
    [x + dx * width, y + dy * height, width * dw.exp(), height * dh.exp()]
}

/// A variance without what rounding added, where it has a few digits, as most have.
fn short(number: f64) -> f32 {
    let short = format!("{number:.4e}").parse().unwrap_or(f64::NAN);
    (if (short - number).abs() <= 1e-6 * number.abs() { short } else { number }) as f32
}

/// An offset from -2 up to 2 without a pattern.
fn drawn(seed: u32, index: usize) -> f32 {
    let mut state = (index as u32).wrapping_mul(4).wrapping_add(seed).wrapping_mul(0x9e37_79b9);
    state ^= state >> 16;
    state = state.wrapping_mul(0x85eb_ca6b);
    state ^= state >> 13;
    f32::from(state as u16) / 16384.0 - 2.0
}

#[cfg(test)]
mod tests;
