//! Maps of three spatial axes as the kernels of two see them: as one map, whose channels are those of all depths, depth by depth.

use std::ops::Range;

use super::OpError;
use crate::ir::Shape;
use crate::lower::Lowering;
use crate::plan::problem::{Access, CHANNELS, Relation, TensorId};

/// The most depths of an output, as each is computed by code of its own.
const MOST_DEPTHS: usize = 64;

/// The most steps of an operator.
const MOST_STEPS: usize = 1 << 12;

/// Taps of a window that see depths of the input that follow each other.
#[derive(Debug, PartialEq)]
pub(super) struct Run {
    /// The depth that the first tap sees.
    first: usize,
    pub(super) taps: Vec<usize>,
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
        Err(refused.help("give the network an input of less depth: --input-shape NAME=N,C,D,H,W"))
    };
    if depths > MOST_DEPTHS {
        return too_many(depths, "depths of its output", MOST_DEPTHS);
    }
    let runs: Vec<Vec<Run>> = (0..depths).map(|at| cut(taps(at), join)).collect();
    let steps = runs.iter().map(Vec::len).sum::<usize>().saturating_mul(batch);
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

    #[test]
    fn weights_lie_tap_by_tap() {
        // Two filters of two channels, three taps and a plane of one.
        let weights: Vec<f32> = (0..12u8).map(f32::from).collect();
        assert_eq!(weights_of(&weights, [2, 3, 1], &[2, 0]), [2.0, 5.0, 0.0, 3.0, 8.0, 11.0, 6.0, 9.0]);
        assert_eq!(weights_of(&weights, [2, 1, 3], &[0]), weights);
    }
}
