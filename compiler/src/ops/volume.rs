//! Maps of three spatial axes as the kernels of two see them: as one map, whose channels are those of all depths, depth by depth.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use peleec_runtime::{Activation, BinaryKind};

use super::OpError;
use crate::plan::problem::{Access, CHANNELS, Relation, TensorId};
use crate::steps::kernels::{Binary, Map, Strided};
use crate::steps::{Lowering, Packed};
use crate::tensor::{Shape, Tensor};

/// The most depths of an output, as each is computed by code of its own.
const MOST_DEPTHS: usize = 64;

/// The most steps of an operator.
const MOST_STEPS: usize = 1 << 12;

/// The most taps on the input of all depths of an output.
const MOST_TAPS: usize = 1 << 20;

/// What an operator's weights may take, as each set of taps has a copy of its own: so often those of the file, and so many more.
const MOST_COPIES: usize = 4;
const MORE_WEIGHTS: usize = 1 << 20;

/// Fewer depths have fewer taps, and fewer sets of them.
const LESS_DEPTH: &str = "give the network an input of less depth: --input-shape NAME=N,C,D,H,W";

/// Taps of a window that see depths of the input that follow each other.
#[derive(Debug, PartialEq)]
pub(super) struct Run {
    /// The depth that the first tap sees.
    first: usize,
    taps: Vec<usize>,
}

impl Run {
    /// The depths of the input.
    pub(super) fn depths(&self) -> Range<usize> {
        self.first..self.first + self.taps.len()
    }
}

/// For each depth of the output the runs of its taps, of which `taps` gives each with the depth that it sees, in the order of these. Where
/// they do not `join`, each tap is a run of its own.
pub(super) fn runs(batch: usize, depths: usize, join: bool, taps: impl Fn(usize) -> Vec<(usize, usize)>) -> Result<Vec<Vec<Run>>, OpError> {
    let too_many = |count: usize, what: &str, most: usize| {
        let refused = OpError::unsupported(format!("computes {count} {what}, each by code of its own")).supported(format!("up to {most}"));
        Err(refused.help(LESS_DEPTH))
    };
    if depths > MOST_DEPTHS {
        return too_many(depths, "depths of its output", MOST_DEPTHS);
    }
    let (mut runs, mut n_taps) = (Vec::with_capacity(depths), 0);
    for taps in (0..depths).map(taps) {
        n_taps += taps.len();
        if n_taps > MOST_TAPS {
            let refused = OpError::unsupported(format!("has {n_taps} taps or more along the depth of its input"));
            return Err(refused.supported(format!("up to {MOST_TAPS} for all depths of the output")).help(LESS_DEPTH));
        }
        runs.push(cut(taps, join));
    }
    // A depth without taps is a step, too.
    let steps = runs.iter().map(|runs| runs.len().max(1)).sum::<usize>().saturating_mul(batch);
    if steps > MOST_STEPS {
        return too_many(steps, "parts of its output", MOST_STEPS);
    }
    Ok(runs)
}

fn cut(taps: Vec<(usize, usize)>, join: bool) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (tap, depth) in taps {
        match runs.last_mut() {
            Some(run) if join && depth == run.depths().end => run.taps.push(tap),
            _ => runs.push(Run { first: depth, taps: vec![tap] }),
        }
    }
    runs
}

/// What tells the weights of a run from those of others, and the kernel that reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part<'r> {
    pub(super) taps: &'r [usize],
    /// The first of a depth of the output has the bias.
    pub(super) is_first: bool,
    /// The last has the activation.
    pub(super) is_last: bool,
}

/// The runs of a depth of the output.
pub(super) fn parts(runs: &[Run]) -> impl Iterator<Item = (&Run, Part<'_>)> {
    let count = runs.len();
    runs.iter().enumerate().map(move |(index, run)| (run, Part { taps: &run.taps, is_first: index == 0, is_last: index + 1 == count }))
}

/// An error where so many weights, of a kernel of so many taps along the depth, would be packed to too many.
pub(super) fn check_weights(runs: &[Vec<Run>], weights: usize, kernel: usize) -> Result<(), OpError> {
    let distinct: BTreeSet<Part<'_>> = runs.iter().flat_map(|runs| parts(runs)).map(|(_, part)| part).collect();
    let taps: usize = distinct.iter().map(|part| part.taps.len()).sum();
    let packed = (weights / kernel.max(1)).saturating_mul(taps);
    let most = weights.saturating_mul(MOST_COPIES).saturating_add(MORE_WEIGHTS);
    if packed > most {
        let found = format!("needs {packed} weights for the {weights} of `W`, as each set of taps that padding leaves has its own");
        let supported = format!("up to {MOST_COPIES} times as many and {MORE_WEIGHTS}, which is {most}");
        return Err(OpError::unsupported(found).supported(supported).help(LESS_DEPTH));
    }
    Ok(())
}

/// Writes a depth of the output that no tap of the input reaches: the bias and a residual, activated.
pub(super) fn write_bias(
    ctx: &mut Lowering<'_>,
    bias: Option<&[f32]>,
    residual: Option<Access>,
    activation: Activation,
    write: Access,
) -> Result<(), OpError> {
    let start = |channel: usize| bias.map_or(0.0, |bias| bias[channel]);
    let alone = residual.is_none();
    let shape = Shape(vec![1, write.dims[CHANNELS], 1, 1]);
    let known = ctx.known(Tensor::from_fn(&shape, |channel| if alone { activation.apply(start(channel)) } else { start(channel) }))?;
    let read = ctx.whole(known);
    let Some(residual) = residual else {
        ctx.push(Arc::new(Strided { steps: vec![1, 1, 0, 0] }), vec![read], write, &Packed::default(), 0);
        return Ok(());
    };
    let is_activated = activation != Activation::Identity;
    let sum = if is_activated { ctx.like(&write) } else { write.clone() };
    ctx.push(Arc::new(Binary { kind: BinaryKind::Add }), vec![read, residual], sum.clone(), &Packed::default(), 0);
    if is_activated {
        ctx.push(Arc::new(Map { activation }), vec![sum], write, &Packed::default(), 0);
    }
    Ok(())
}

/// The weights of some taps along the depth: of `[.., channels, taps, plane]` those of `[.., some taps, channels, plane]`.
pub(super) fn weights_of(weights: &[f32], [channels, kernel, plane]: [usize; 3], taps: &[usize]) -> Vec<f32> {
    let mut picked = Vec::with_capacity(weights.len() / kernel.max(1) * taps.len());
    for filter in weights.chunks_exact((channels * kernel * plane).max(1)) {
        for (tap, channel) in taps.iter().flat_map(|&tap| (0..channels).map(move |channel| (tap, channel))) {
            picked.extend_from_slice(&filter[(channel * kernel + tap) * plane..][..plane]);
        }
    }
    picked
}

/// `[N,C,D,H,W]` with the channels of all depths as those of one map: `[N,D*C,H,W]`.
fn joined_shape(shape: &Shape) -> Shape {
    Shape(vec![shape[0], shape[2] * shape[1], shape[3], shape[4]])
}

/// `tensor`, `[N,C,D,H,W]`, as `[N,D*C,H,W]`.
pub(super) fn joined(ctx: &mut Lowering<'_>, tensor: TensorId) -> TensorId {
    let shape = joined_shape(ctx.shape_of(tensor));
    let by_depth = ctx.permuted(tensor, vec![0, 2, 1, 3, 4]);
    ctx.viewed(by_depth, shape)
}

/// The operator's output `[N,C,D,H,W]` as `[N,D*C,H,W]`, to be written before [`finish`].
pub(super) fn output(ctx: &mut Lowering<'_>) -> TensorId {
    let shape = joined_shape(&ctx.shape());
    ctx.output_as(shape)
}

/// Moves `joined`, the output as `[N,D*C,H,W]`, to the operator's output.
pub(super) fn finish(ctx: &mut Lowering<'_>, joined: TensorId) {
    let shape = ctx.shape();
    let by_depth = ctx.viewed(joined, Shape(vec![shape[0], shape[2], shape[1], shape[3], shape[4]]));
    let output = ctx.output();
    let (read, write) = (ctx.whole(by_depth), ctx.whole(output));
    ctx.push_move(read, write, Relation::Permute(vec![0, 2, 1, 3, 4]));
}

/// Some depths, of so many channels each, of image `n` of a tensor `[N,D*C,H,W]`.
pub(super) fn depths(ctx: &Lowering<'_>, tensor: TensorId, n: usize, depths: Range<usize>, channels: usize) -> Access {
    let mut access = ctx.image(tensor, n);
    (access.start[CHANNELS], access.dims[CHANNELS]) = (depths.start * channels, depths.len() * channels);
    access
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::test_build::Build;
    use crate::lower::lower;
    use crate::node::Attribute;
    use crate::onnx::write::ModelWriter;
    use crate::ops::test_case::Case;
    use crate::tensor::window::Axis;
    use crate::{ModelFile, Options, compile};

    #[test]
    fn neighbours_are_one_run() {
        let run = |first, taps: &[usize]| Run { first, taps: taps.to_vec() };
        let taps = |_| vec![(1, 0), (2, 1), (0, 4)];
        assert_eq!(runs(1, 1, true, taps), Ok(vec![vec![run(0, &[1, 2]), run(4, &[0])]]));
        assert_eq!(runs(1, 1, false, taps), Ok(vec![vec![run(0, &[1]), run(1, &[2]), run(4, &[0])]]));
        assert_eq!(runs(1, 1, true, |_| Vec::new()), Ok(vec![vec![]]));
    }

    #[test]
    fn too_much_code_is_refused() {
        let refusal = |batch, depths| runs(batch, depths, false, |_| vec![(0, 0), (1, 1)]).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(refusal(32, 64), Ok(()));
        assert_eq!(refusal(1, 65), Err("computes 65 depths of its output, each by code of its own (supported: up to 64)".to_owned()));
        assert_eq!(refusal(33, 64), Err("computes 4224 parts of its output, each by code of its own (supported: up to 4096)".to_owned()));
    }

    /// How many steps have weights, and how many kernels these have, as one is made for each packing.
    fn packings(case: Case, x: &[usize], w: &[usize]) -> [usize; 2] {
        let op = case.input(x).input(w).parse().unwrap();
        let mut build = Build::new();
        let (x, w) = (build.input("x", x), build.seeded("w", w));
        let y = build.op("y", op, &[x, w]);
        build.output(y);
        let steps = lower(&build.graph, Options::default().profile().unwrap()).unwrap();
        let packed: Vec<_> = steps.steps.iter().filter(|step| !step.weights.is_empty()).collect();
        let kernels: BTreeSet<_> = packed.iter().map(|step| Arc::as_ptr(&step.kernel).cast::<()>()).collect();
        [packed.len(), kernels.len()]
    }

    #[test]
    fn weights_are_packed_once_for_each_set_of_taps() {
        let padded = |op_type| Case::new(op_type, 11).ints("pads", &[1, 0, 0, 1, 0, 0]);
        assert_eq!(packings(padded("Conv"), &[2, 2, 6, 2, 2], &[3, 2, 3, 1, 1]), [12, 3]);
        assert_eq!(packings(padded("Conv").int("group", 2), &[2, 2, 6, 2, 2], &[2, 1, 3, 1, 1]), [32, 5]);
        assert_eq!(packings(Case::new("ConvTranspose", 11), &[2, 2, 4, 2, 2], &[2, 3, 3, 1, 1]), [12, 5]);
        assert_eq!(packings(Case::new("Conv", 11), &[5, 2, 2, 2], &[3, 2, 1, 1]), [5, 1]);
        // A window in padding alone has no weights.
        assert_eq!(packings(Case::new("Conv", 11).ints("pads", &[2, 0, 0, 0, 0, 0]), &[1, 2, 3, 2, 2], &[3, 2, 2, 1, 1]), [3, 2]);
    }

    /// Of an activated convolution whose first depth lies in padding alone, with something added or not.
    #[test]
    fn padding_alone_is_the_bias() {
        let count: Vec<f32> = (1..=12u8).map(f32::from).collect();
        let mut residual = vec![-10.0; 16];
        residual[..3].copy_from_slice(&[1.0, -1.0, 0.25]);
        let [x, residual] =
            [(3, count), (4, residual)].map(|(depth, values): (usize, Vec<f32>)| Tensor::f32([1, 1, depth, 2, 2], values).unwrap());
        let values = |added: bool| {
            let mut model = ModelWriter::new("g", 17);
            model.input("x", &x.ty()).initializer("w", &Tensor::f32([1, 1, 2, 1, 1], [1.0, 2.0]).unwrap());
            model.initializer("b", &Tensor::f32([1], [0.5]).unwrap());
            model.node("Conv", "conv", &["x", "w", "b"], &["c"], &[("pads", Attribute::Ints(vec![2, 0, 0, 0, 0, 0]))]);
            if added {
                model.input("r", &residual.ty()).node("Add", "add", &["c", "r"], &["s"], &[]);
            }
            model.node("Relu", "relu", &[if added { "s" } else { "c" }], &["y"], &[]).output("y", &residual.ty());
            let compilation = compile(&ModelFile::from_bytes("beyond", model.finish()), &Options::default()).unwrap();
            let inputs = if added { vec![x.clone(), residual.clone()] } else { vec![x.clone()] };
            compilation.execute(&inputs).unwrap()[0].as_f32().unwrap().to_vec()
        };
        let alone = [0.5, 0.5, 0.5, 0.5, 2.5, 4.5, 6.5, 8.5, 11.5, 14.5, 17.5, 20.5, 23.5, 26.5, 29.5, 32.5];
        let both = [1.5, 0.0, 0.75, 0.0, 0.0, 0.0, 0.0, 0.0, 1.5, 4.5, 7.5, 10.5, 13.5, 16.5, 19.5, 22.5];
        assert_eq!((values(false), values(true)), (alone.to_vec(), both.to_vec()));
    }

    #[test]
    fn too_many_sets_of_taps_are_refused() {
        let refusal = |kernel: usize, weights: usize| {
            let along = Axis { kernel, pads: [kernel / 2; 2], ..Axis::POINT };
            let runs = runs(1, 64, true, |at| along.taps(at, 64).collect())?;
            check_weights(&runs, weights, kernel)
        };
        assert_eq!([refusal(3, 3 << 24), refusal(63, 63 << 8)], [Ok(()), Ok(())]);
        let wanted = "needs 3048448 weights for the 64512 of `W`, as each set of taps that padding leaves has its own \
                      (supported: up to 4 times as many and 1048576, which is 1306624)";
        assert_eq!(refusal(63, 63 << 10).map_err(|error| error.to_string()), Err(wanted.to_owned()));
        let long = runs(1, 64, true, |at| (0..1 << 15).map(|tap| (tap, at + tap)).collect());
        assert!(long.is_err_and(|error| error.to_string().starts_with("has 1081344 taps or more")));
    }

    #[test]
    fn weights_lie_tap_by_tap() {
        // Two filters of two channels, three taps and a plane of one.
        let weights: Vec<f32> = (0..12u8).map(f32::from).collect();
        assert_eq!(weights_of(&weights, [2, 3, 1], &[2, 0]), [2.0, 5.0, 0.0, 3.0, 8.0, 11.0, 6.0, 9.0]);
        assert_eq!(weights_of(&weights, [2, 1, 3], &[0]), weights);
    }
}
