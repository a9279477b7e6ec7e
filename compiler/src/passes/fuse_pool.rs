//! Lets a pointwise convolution pool its result by 2x2 windows before it stores. Bit-exact.

use crate::ir::{Content, Graph};
use crate::ops::pool::PoolKind;
use crate::ops::{Conv, Op, Pool};

pub(crate) fn fuse_pool(graph: &mut Graph) -> usize {
    let mut fused = 0;
    for id in graph.ids() {
        if !matches!(graph.op(id), Some(Op::Conv(conv)) if can_pool(conv)) || graph.input(id, Conv::RESIDUAL).is_some() {
            continue;
        }
        let Some(consumer) = graph.sole_consumer(id) else { continue };
        let Some(Op::Pool(pool)) = graph.op(consumer) else { continue };
        if !is_halving(pool) {
            continue;
        }
        let pool = pool.clone();
        graph.absorb(id, consumer);
        if let Content::Op(Op::Conv(conv)) = &mut graph.node_mut(id).content {
            conv.pool = Some(pool);
        }
        fused += 1;
    }
    fused
}

fn can_pool(conv: &Conv) -> bool {
    conv.window.is_pointwise() && conv.window.depth.is_none() && conv.group == 1 && conv.pool.is_none()
}

/// Whether each window has the four pixels of its own, or what is on the map of a last one that is cut off.
pub(crate) fn is_halving(Pool { kind, window }: &Pool) -> bool {
    let [top, left, bottom, right] = window.pads;
    let counts = *kind == PoolKind::Average { count_include_pad: true };
    let unpadded = [top, left] == [0, 0] && (!counts || [bottom, right] == [0, 0]);
    window.kernel == [2, 2] && window.strides == [2, 2] && window.dilations == [1, 1] && unpadded
}

#[cfg(test)]
mod tests {
    use peleec_runtime::Activation;

    use super::fuse_pool;
    use crate::ir::Source;
    use crate::ir::test_build::Build;
    use crate::ops::pool::PoolKind;
    use crate::ops::{Op, Pool, Unary};
    use crate::passes::equivalence::{check, conv, square};
    use crate::passes::fuse_activation::fuse_activation;
    use crate::tensor::window::Window;

    const KINDS: [PoolKind; 3] =
        [PoolKind::Max, PoolKind::Average { count_include_pad: false }, PoolKind::Average { count_include_pad: true }];

    fn halving() -> Window {
        Window { strides: [2, 2], ..square(2) }
    }

    fn pool(build: &mut Build, name: &str, kind: PoolKind, window: Window, x: Source) -> Source {
        build.op(name, Op::Pool(Pool { kind, window }), &[x])
    }

    #[test]
    fn each_kind_after_an_activation_rounding_down_and_up() {
        for (kind, ceil_mode) in KINDS.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
            let mut build = Build::new();
            let x = build.input("x", &[1, 2, 5, 4]);
            let y = conv(&mut build, "conv", x, 3, 1);
            let y = build.op("relu", Op::Unary(Unary { activation: Activation::Relu }), &[y]);
            let y = pool(&mut build, "y", kind, Window { ceil_mode, ..halving() }, y);
            build.output(y);
            assert_eq!(fuse_activation(&mut build.graph), 1);
            let (fused, mut after, lines) = check(build, fuse_pool);
            assert_eq!((fused, lines), (1, vec!["%y = Conv(%x, %conv.w, %conv.b)".to_owned()]));
            let output = after.outputs()[0].source;
            assert_eq!(after.ty(output).shape[2], if ceil_mode { 3 } else { 2 });
            assert!(after.label(output.node).starts_with("Conv + Relu + ") && after.to_string().contains("pool: Some(Pool"));
            assert_eq!(fuse_activation(&mut after), 0);
        }
    }

    #[test]
    fn padding_at_the_end_only_where_it_does_not_count() {
        for (kind, fused) in KINDS.into_iter().zip([1, 1, 0]) {
            let mut build = Build::new();
            let x = build.input("x", &[1, 2, 5, 5]);
            let y = conv(&mut build, "conv", x, 3, 1);
            let y = pool(&mut build, "y", kind, Window { pads: [0, 0, 1, 1], ..halving() }, y);
            build.output(y);
            assert_eq!(check(build, fuse_pool).0, fused);
        }
    }

    #[test]
    fn nothing_may_follow_a_pool() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 8, 8]);
        let y = conv(&mut build, "conv", x, 3, 1);
        let y = pool(&mut build, "first", KINDS[1], halving(), y);
        let y = pool(&mut build, "second", KINDS[1], halving(), y);
        let y = build.op("relu", Op::Unary(Unary { activation: Activation::Relu }), &[y]);
        build.output(y);
        let (fused, mut after, lines) = check(build, fuse_pool);
        assert_eq!((fused, &*lines[1]), (1, "%second = Pool(%first)"));
        assert_eq!(fuse_activation(&mut after), 0);
    }

    #[test]
    fn not_after_a_wide_kernel_nor_by_another_window() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 6, 6]);
        let wide = conv(&mut build, "wide", x, 2, 3);
        let wide = pool(&mut build, "wide.pool", PoolKind::Max, halving(), wide);
        build.output(wide);
        let others = [
            square(2),
            Window { strides: [2, 2], ..square(3) },
            Window { strides: [2, 1], ..square(2) },
            Window { dilations: [2, 2], ..halving() },
            Window { pads: [1, 0, 0, 0], ..halving() },
        ];
        for (i, window) in others.into_iter().enumerate() {
            let y = conv(&mut build, &format!("conv{i}"), x, 2, 1);
            let y = pool(&mut build, &format!("pool{i}"), PoolKind::Max, window, y);
            build.output(y);
        }
        assert_eq!(check(build, fuse_pool).0, 0);
    }

    #[test]
    fn a_convolution_that_is_an_output_or_read_twice_stays() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 4, 4]);
        let output = conv(&mut build, "output", x, 2, 1);
        let y = pool(&mut build, "y", PoolKind::Max, halving(), output);
        let twice = conv(&mut build, "twice", x, 2, 1);
        let (z, other) = (pool(&mut build, "z", PoolKind::Max, halving(), twice), pool(&mut build, "other", KINDS[1], halving(), twice));
        [output, y, z, other].into_iter().for_each(|source| build.output(source));
        assert_eq!(check(build, fuse_pool).0, 0);
    }
}
