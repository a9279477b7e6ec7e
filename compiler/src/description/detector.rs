//! An SSD detector: its prior boxes, as those of Liu et al. 2016 are made, and which outputs it reads.

use std::borrow::Cow;

use peleec_runtime::{Arena, Detection, Detections, Detector, Grid, SigmoidOf, SoftmaxOf};
use serde::Deserialize;

use super::{Centres, Description, FrameSettings};
use crate::diagnostics::{Code, Diagnostic, Problems};
use crate::named::{self, Named};
use crate::ops::ByteScale;
use crate::tensor::{DType, Tensor, TensorType};

/// Most priors of a detector: ten times those of networks for pictures of a million pixels.
const MOST_PRIORS: usize = 1 << 20;

/// Most candidates of a class, and most detections.
const MOST_DETECTIONS: usize = 1 << 16;

/// How outputs become detections.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorSettings {
    /// The output of box offsets, `[1, priors, 4]`.
    pub loc: String,
    /// The output of class scores, `[1, priors, classes]`.
    pub scores: String,
    /// What makes scores of that output; by default it has them.
    #[serde(default, deserialize_with = "named::deserialize")]
    pub activation: ScoreActivation,
    /// The class that is none.
    pub background: Option<usize>,
    /// What the offsets of centre x and y, width and height are multiplied by.
    pub variances: [f32; 4],
    /// What a score must exceed.
    pub threshold: f32,
    /// The intersection over union above which one of two boxes is dropped.
    pub iou: f32,
    /// Most candidates of a class.
    pub candidates: usize,
    /// Most detections.
    pub detections: usize,
    /// The maps, in the order of the outputs.
    pub priors: Vec<Priors>,
    /// The maps as a graph holds their priors. Where there are any, these count in place of `priors`.
    #[serde(skip)]
    pub centres: Vec<Centres>,
}

/// What makes scores of an output that has them or logits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScoreActivation {
    /// Nothing.
    #[default]
    Identity,
    /// A softmax over the classes of a prior.
    Softmax,
    /// A sigmoid of each.
    Sigmoid,
}

impl Named for ScoreActivation {
    const NAMES: &'static [(&'static str, Self)] = &[("none", Self::Identity), ("softmax", Self::Softmax), ("sigmoid", Self::Sigmoid)];
}

/// The prior boxes of one map; sizes are in pixels of the input.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Priors {
    /// Rows and columns.
    pub map: [usize; 2],
    /// Side of the first prior of a cell.
    pub min_size: f64,
    /// The second prior's side is the square root of both sizes' product; without it there is none.
    pub max_size: Option<f64>,
    /// A further prior each: how many times as wide as high it is, with the area of the first.
    #[serde(default)]
    pub ratios: Vec<f64>,
    /// From one cell to the next; by default the input's size by the map's.
    pub step: Option<f64>,
    /// Where in its cell a prior's centre is; by default in the middle.
    pub offset: Option<f64>,
}

/// A detector whose outputs are known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attached {
    /// The outputs' places among the model's.
    pub(crate) loc: usize,
    pub(crate) scores: usize,
    /// What the bytes of both stand for, where they are bytes.
    pub(crate) scales: [Option<ByteScale>; 2],
    pub(crate) classes: usize,
    pub(crate) settings: DetectorSettings,
    pub(crate) labels: Vec<String>,
    /// Width and height of the frame.
    pub(crate) frame: [u32; 2],
    /// How the frame becomes the input.
    pub(crate) input: FrameSettings,
    pub(crate) grids: Vec<Centres>,
}

impl DetectorSettings {
    /// How many priors there are, or too many to count.
    fn count(&self) -> usize {
        let counts = self.priors.iter().map(Priors::count).filter(|_| self.centres.is_empty());
        counts.chain(self.centres.iter().map(Centres::count)).fold(0, usize::saturating_add)
    }

    /// The priors in shares of an input of this width and height.
    fn grids(&self, size: [u32; 2]) -> Vec<Centres> {
        if self.centres.is_empty() { self.priors.iter().map(|priors| priors.centres(size)).collect() } else { self.centres.clone() }
    }
}

impl Priors {
    /// The priors in shares of an input of this width and height: computed in double precision and rounded once.
    fn centres(&self, [width, height]: [u32; 2]) -> Centres {
        let centre = |cells: usize, side: u32| {
            let (side, offset) = (f64::from(side), self.offset.unwrap_or(0.5));
            let step = self.step.unwrap_or(side / cells as f64);
            (0..cells).map(move |cell| ((cell as f64 + offset) * step / side) as f32).collect()
        };
        let [rows, columns] = self.map;
        let squares = [Some(self.min_size), self.max_size.map(|most| (self.min_size * most).sqrt())];
        let squares = squares.into_iter().flatten().map(|side| [side, side]);
        let others = self.ratios.iter().map(|ratio| [self.min_size * ratio.sqrt(), self.min_size / ratio.sqrt()]);
        let share = |[w, h]: [f64; 2]| [(w / f64::from(width)) as f32, (h / f64::from(height)) as f32];
        Centres { rows: centre(rows, height), columns: centre(columns, width), shapes: squares.chain(others).map(share).collect() }
    }

    /// How many there are, or too many to count.
    fn count(&self) -> usize {
        let shapes = 1 + usize::from(self.max_size.is_some()) + self.ratios.len();
        self.map[0].saturating_mul(self.map[1]).saturating_mul(shapes)
    }

    /// What is wrong with the numbers.
    fn fault(&self) -> Option<String> {
        let is_length = |size: f64| size.is_finite() && size > 0.0;
        let sizes = [Some(self.min_size), self.max_size, self.step];
        match self {
            _ if self.map.contains(&0) => Some(format!("a map of {}x{} cells", self.map[0], self.map[1])),
            _ if !sizes.into_iter().flatten().all(is_length) => Some("a size or step that is not above zero".to_owned()),
            _ if !self.ratios.iter().all(|&ratio| is_length(ratio)) => Some("a ratio that is not above zero".to_owned()),
            _ if !self.offset.is_none_or(f64::is_finite) => Some("an offset that is no number".to_owned()),
            _ => None,
        }
    }
}

/// The detector that `description` has over a model's outputs, with boxes in pixels of a picture of this width and height, or of the input;
/// everything that does not go together is named.
pub(crate) fn attach_detector(
    description: &Description,
    outputs: &[(String, TensorType)],
    scales: &[Option<ByteScale>],
    picture: Option<[u32; 2]>,
) -> Result<Attached, Problems> {
    let mut problems = Vec::new();
    let missing = |what: &str| Diagnostic::invalid(Code::NOT_DESCRIBED, format!("the model's description has no [{what}]"));
    let (settings, frame) = (description.detector.as_ref(), description.frame.as_ref());
    problems.extend(settings.is_none().then(|| missing("detector").help("leave `--detect` out, or describe the detector")));
    problems.extend(frame.is_none().then(|| missing("frame").help("say which `size` the input has")));
    let (Some(settings), Some(frame)) = (settings, frame) else { return Err(Problems(problems)) };
    problems.extend(faults(settings));
    problems.extend(frame.faults(&[]));
    let count = settings.count();
    let names: Vec<_> = outputs.iter().map(|(name, ty)| format!("`{name}` {ty}")).collect();
    let mut find = |name: &str, role: &str| {
        let found = outputs.iter().position(|(output, _)| output == name);
        if found.is_none() {
            let title = format!("no output of the model is called `{name}`, which the description says gives the {role}");
            problems.push(Diagnostic::invalid(Code::NO_DESCRIBED_OUTPUT, title).found(names.join(", ")));
        }
        found
    };
    let (loc, scores) = (find(&settings.loc, "box offsets"), find(&settings.scores, "scores"));
    let scale_of = |index: usize| scales.get(index).copied().flatten();
    let last = |index: usize| outputs[index].1.shape.last().copied().unwrap_or(1);
    let mut of_priors = |index: usize, each: usize, what: &str| {
        let (name, ty) = &outputs[index];
        let is_known = ty.dtype == DType::F32 || matches!(ty.dtype, DType::I8 | DType::U8) && scale_of(index).is_some();
        if !is_known || Some(ty.shape.elements()) != count.checked_mul(each) {
            let title = format!("`{name}` does not go with the detector's {count} prior boxes");
            problems.push(Diagnostic::invalid(Code::PRIORS, title).found(ty.to_string()).supported(format!("f32[1,{count},{what}]")));
        }
    };
    let classes = scores.map_or(0, last);
    if let Some(loc) = loc {
        of_priors(loc, 4, "4");
    }
    if let Some(scores) = scores {
        of_priors(scores, classes, "classes");
    }
    problems.extend(scores.map(|_| class_faults(&description.labels, settings.background, classes)).unwrap_or_default());
    let grids = if problems.is_empty() { settings.grids(frame.size) } else { Vec::new() };
    let mut numbers = grids.iter().flat_map(|grid| grid.rows.iter().chain(&grid.columns).chain(grid.shapes.iter().flatten()));
    if !numbers.all(|number| number.is_finite()) {
        problems.push(
            Diagnostic::invalid(Code::IMPOSSIBLE, "the description's detector cannot be")
                .found("a prior box that is larger than any number"),
        );
    }
    match (loc, scores) {
        (Some(loc), Some(scores)) if problems.is_empty() => {
            let (settings, labels, input) = (settings.clone(), description.labels.clone(), frame.clone());
            let scales = [loc, scores].map(scale_of);
            Ok(Attached { loc, scores, scales, classes, settings, labels, frame: picture.unwrap_or(frame.size), input, grids })
        }
        _ => Err(Problems(problems)),
    }
}

/// What does not go with so many classes.
fn class_faults(labels: &[String], background: Option<usize>, classes: usize) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    if !labels.is_empty() && labels.len() != classes {
        let title = format!("there are {} labels for {classes} classes", labels.len());
        faults.push(Diagnostic::invalid(Code::CLASSES, title).supported("a label a class, the background among them, or none"));
    }
    if background.is_some_and(|background| background >= classes) {
        faults.push(Diagnostic::invalid(Code::CLASSES, format!("the background is not one of {classes} classes")));
    }
    faults
}

/// What is wrong with the settings by themselves.
fn faults(settings: &DetectorSettings) -> Vec<Diagnostic> {
    let wrong = |found: String| Diagnostic::invalid(Code::IMPOSSIBLE, "the description's detector cannot be").found(found);
    let count = settings.count();
    let limits = [("candidates", settings.candidates), ("detections", settings.detections)];
    let off_limits = limits.into_iter().filter(|(_, limit)| !(1..=MOST_DETECTIONS).contains(limit));
    let mut faults: Vec<_> = settings.priors.iter().filter_map(Priors::fault).map(wrong).collect();
    faults.extend(off_limits.map(|(name, limit)| wrong(format!("`{name}` is {limit}")).supported(format!("1 to {MOST_DETECTIONS}"))));
    faults.extend((!(1..=MOST_PRIORS).contains(&count)).then(|| wrong(format!("{count} priors")).supported(format!("1 to {MOST_PRIORS}"))));
    let numbers = settings.variances.iter().chain([&settings.threshold, &settings.iou]);
    faults.extend(
        numbers.clone().any(|number| !number.is_finite()).then(|| wrong("a variance, threshold or `iou` that is no number".to_owned())),
    );
    faults
}

impl Attached {
    /// The runtime's detector over grids that were made of these.
    pub(crate) fn detector<'p>(&self, grids: &'p [Grid<'p>]) -> Detector<'p> {
        let DetectorSettings { background, variances, threshold, iou, .. } = self.settings;
        let (frame, scale, shift) = ([0.0; 2], [0.0; 2], [0.0; 2]);
        let detector = Detector { grids, classes: self.classes, background, variances, threshold, iou, frame, scale, shift };
        detector.in_picture(self.frame.map(|side| side as usize), &self.input.preparation())
    }

    /// What the outputs say, and whether a limit cut any off.
    pub(crate) fn detect(&self, outputs: &[Tensor]) -> Option<(Vec<Detection>, bool)> {
        let grids: Vec<Grid<'_>> = self.grids.iter().map(Centres::grid).collect();
        let detector = self.detector(&grids);
        // Bytes as the floats that a module's detector makes of them.
        let floats = |index: usize, scale: Option<ByteScale>| {
            let tensor = outputs.get(index)?;
            scale.map_or_else(|| Some(tensor.as_f32()?.into()), |scale| scale.floats(tensor).map(Cow::Owned))
        };
        let [loc, scores]: [Cow<'_, [f32]>; 2] = [floats(self.loc, self.scales[0])?, floats(self.scores, self.scales[1])?];
        let mut candidates = vec![Detection::NONE; self.settings.candidates];
        let mut detections = vec![Detection::NONE; self.settings.detections];
        let (loc, scores) = (&*loc, &*scores);
        let (found, truncated) = match self.settings.activation {
            ScoreActivation::Identity => detector.detect_in(&loc, &scores, &mut candidates, &mut detections),
            ScoreActivation::Softmax => detector.detect_in(&loc, &SoftmaxOf(scores), &mut candidates, &mut detections),
            ScoreActivation::Sigmoid => detector.detect_in(&loc, &SigmoidOf(scores), &mut candidates, &mut detections),
        };
        detections.truncate(found);
        Some((detections, truncated))
    }

    /// Bytes that the detections and the candidates take in a model, which are whole lines of its memory.
    pub(crate) fn bytes(&self) -> usize {
        let list = |capacity: usize| capacity * size_of::<Detection>() + size_of::<Detections<0>>();
        (list(self.settings.candidates) + list(self.settings.detections)).next_multiple_of(align_of::<Arena<0>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        labels = ["none", "cat", "dog"]
        [frame]
        size = [64, 32]
        order = "rgb"
        mean = [0, 0, 0]
        scale = [1, 1, 1]
        fit = "warp"
        resize = "bilinear"
        [detector]
        loc = "loc"
        scores = "conf"
        background = 0
        variances = [0.1, 0.1, 0.2, 0.2]
        threshold = 0.5
        iou = 0.45
        candidates = 9
        detections = 3
        [[detector.priors]]
        map = [1, 2]
        min_size = 8
        max_size = 32
        ratios = [4]
        [[detector.priors]]
        map = [1, 1]
        min_size = 16
        step = 20
        offset = 0.25
    "#;

    fn outputs(loc: [usize; 3], conf: [usize; 3]) -> Vec<(String, TensorType)> {
        vec![("conf".to_owned(), TensorType::f32(conf)), ("loc".to_owned(), TensorType::f32(loc))]
    }

    fn attached(text: &str, outputs: &[(String, TensorType)]) -> Result<Attached, Vec<String>> {
        let told = |problems: Problems| problems.0.into_iter().map(|problem| format!("{} {}", problem.code, problem.title)).collect();
        attach_detector(&Description::parse(text).unwrap(), outputs, &[], None).map_err(told)
    }

    #[test]
    fn priors_are_made_cell_by_cell() {
        let attached = attached(TEXT, &outputs([1, 7, 4], [1, 7, 3])).unwrap();
        assert_eq!((attached.loc, attached.scores, attached.classes), (1, 0, 3));
        let [first, second] = attached.grids.as_slice() else { panic!("two maps") };
        assert_eq!((first.rows.as_slice(), first.columns.as_slice()), (&[0.5][..], &[0.25, 0.75][..]));
        // Squares of 8 and of 16, and a box of 16 by 4, in shares of 64 and 32.
        assert_eq!(first.shapes, [[0.125, 0.25], [0.25, 0.5], [0.25, 0.125]]);
        // A quarter of a step of 20.
        assert_eq!((second.rows.as_slice(), second.columns.as_slice()), (&[5.0 / 32.0][..], &[5.0 / 64.0][..]));
        assert_eq!(second.shapes, [[0.25, 0.5]]);
        // Seven words a detection, and two for each list; as a multiple of 64.
        assert_eq!(attached.bytes(), (28 * 12 + 2 * 8usize).next_multiple_of(64));
    }

    #[test]
    fn everything_that_does_not_go_together_is_named_at_once() {
        let refused = |text: &str, loc, conf| attached(text, &outputs(loc, conf)).unwrap_err();
        let both = refused(&TEXT.replace("\"cat\", ", ""), [1, 8, 4], [1, 7, 3]);
        assert_eq!(both, ["PL0404 `loc` does not go with the detector's 7 prior boxes", "PL0405 there are 2 labels for 3 classes"]);
        let names = refused(&TEXT.replace("\"loc\"", "\"boxes\""), [1, 7, 4], [1, 7, 3]);
        assert_eq!(names, ["PL0403 no output of the model is called `boxes`, which the description says gives the box offsets"]);
        let background = refused(&TEXT.replace("background = 0", "background = 3"), [1, 7, 4], [1, 7, 3]);
        assert_eq!(background, ["PL0405 the background is not one of 3 classes"]);
        let nothing = attached("labels = []", &outputs([1, 7, 4], [1, 7, 3])).unwrap_err();
        assert_eq!(nothing, ["PL0402 the model's description has no [detector]", "PL0402 the model's description has no [frame]"]);
    }

    /// Of three classes of one prior, the first of which is none.
    #[test]
    fn logits_become_scores() {
        let outputs = |scores: &[f32]| {
            let scores = [scores, &[-9.0; 18][..]].concat();
            [Tensor::f32([1, 7, 3], scores), Tensor::f32([1, 7, 4], vec![0.0; 28])].map(Option::unwrap)
        };
        let seen = |activation: &str, scores: &[f32]| {
            let text = TEXT.replace("background = 0", &format!("background = 0\nactivation = \"{activation}\""));
            let types = [("conf", [1, 7, 3]), ("loc", [1, 7, 4])].map(|(name, shape)| (name.to_owned(), TensorType::f32(shape)));
            let (found, _) = attached(&text, &types).unwrap().detect(&outputs(scores)).unwrap();
            found.into_iter().filter(|seen| seen.prior == 0).map(|seen| (seen.class, seen.score)).collect::<Vec<_>>()
        };
        let ln_4 = 4.0f32.ln();
        // Shares of 1/6, 1/6 and 4/6; sigmoids of 1/2, 1/2 and 4/5.
        let [(2, softmax)] = seen("softmax", &[0.0, 0.0, ln_4])[..] else { panic!("one class") };
        let [(2, sigmoid)] = seen("sigmoid", &[0.0, 0.0, ln_4])[..] else { panic!("one class") };
        assert!((softmax - 2.0 / 3.0).abs() < 1e-6 && (sigmoid - 0.8).abs() < 1e-6, "{softmax} {sigmoid}");
        assert_eq!(seen("none", &[0.0, 0.25, 0.75]), [(2, 0.75)]);
        let unknown = Description::parse(&TEXT.replace("background = 0", "activation = \"relu\"")).unwrap_err();
        assert!(unknown.contains("unknown name `relu`: there are none, softmax, sigmoid"), "{unknown}");
    }

    #[test]
    fn numbers_that_cannot_be_are_refused() {
        let wrong = [
            ("min_size = 8", "min_size = 0"),
            ("min_size = 8", "min_size = nan"),
            ("min_size = 8", "min_size = 1e300"),
            ("ratios = [4]", "ratios = [-4]"),
            ("map = [1, 2]", "map = [0, 2]"),
            ("map = [1, 2]", "map = [9000000000000000000, 9000000000000000000]"),
            ("step = 20", "step = -1"),
            ("offset = 0.25", "offset = inf"),
            ("threshold = 0.5", "threshold = nan"),
            ("candidates = 9", "candidates = 0"),
            ("detections = 3", "detections = 1000000000000"),
            ("size = [64, 32]", "size = [0, 32]"),
            ("mean = [0, 0, 0]", "mean = [0, nan, 0]"),
            ("scale = [1, 1, 1]", "scale = [1, 1, 1e39]"),
        ];
        for (right, wrong) in wrong {
            let refused = attached(&TEXT.replace(right, wrong), &outputs([1, 7, 4], [1, 7, 3])).unwrap_err();
            assert!(refused.iter().any(|problem| problem.starts_with("PL0406") || problem.starts_with("PL0409")), "{wrong}: {refused:?}");
        }
    }
}
