//! Weights in the order in which the kernels read them.

/// Packs `[M, depth, kH, kW]` weights and a bias for `Conv2d`: by group and by blocks of `n` filters, each block its bias
/// and then `[kH][kW][depth][n]`; what a block has beyond the group's filters is zero.
pub(crate) fn conv2d(weights: &[f32], bias: Option<&[f32]>, [filters, depth, kh, kw]: [usize; 4], group: usize, n: usize) -> Vec<f32> {
    let per_group = filters / group;
    let taps = kh * kw;
    let mut packed = Vec::with_capacity(group * per_group.div_ceil(n) * n * (1 + taps * depth));
    for g in 0..group {
        for first in (0..per_group).step_by(n) {
            let filter = |lane: usize| (first + lane < per_group).then_some(g * per_group + first + lane);
            packed.extend((0..n).map(|lane| filter(lane).zip(bias).map_or(0.0, |(m, bias)| bias[m])));
            for tap in 0..taps {
                for ci in 0..depth {
                    packed.extend((0..n).map(|lane| filter(lane).map_or(0.0, |m| weights[(m * depth + ci) * taps + tap])));
                }
            }
        }
    }
    packed
}

/// Packs `[C, 1, kH, kW]` weights and a bias for `DepthwiseConv2d`: the bias, then `[kH][kW][C]`.
pub(crate) fn depthwise(weights: &[f32], bias: Option<&[f32]>, channels: usize, taps: usize) -> Vec<f32> {
    let mut packed: Vec<f32> = (0..channels).map(|c| bias.map_or(0.0, |bias| bias[c])).collect();
    for tap in 0..taps {
        packed.extend((0..channels).map(|c| weights[c * taps + tap]));
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_block_is_filled_with_zeros() {
        let weights: Vec<f32> = (1..=6).map(|i| i as f32).collect();
        let packed = conv2d(&weights, Some(&[10.0, 20.0, 30.0]), [3, 2, 1, 1], 1, 2);
        assert_eq!(packed, [10.0, 20.0, 1.0, 3.0, 2.0, 4.0, 30.0, 0.0, 5.0, 0.0, 6.0, 0.0]);
    }
}
