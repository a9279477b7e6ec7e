//! Lets a product of matrices start from the constant that an `Add` adds to it. The order of the sum changes: the constant comes first.

use peleec_runtime::BinaryKind;

use crate::ir::{Content, Graph, NodeId, Source};
use crate::ops::{MatMul, Op};

pub(crate) fn fuse_matmul_bias(graph: &mut Graph) -> usize {
    let mut fused = 0;
    for id in graph.ids() {
        let Some((add, bias)) = addend(graph, id) else { continue };
        graph.absorb(id, add);
        graph.set_input(id, MatMul::ADDEND, Some(bias));
        if let Content::Op(Op::MatMul(matmul)) = &mut graph.node_mut(id).content {
            matmul.beta = 1.0;
        }
        fused += 1;
    }
    fused
}

/// The `Add` that follows the product `id`, and its constant, where the product can take it as `C`.
fn addend(graph: &Graph, id: NodeId) -> Option<(NodeId, Source)> {
    let Op::MatMul(matmul) = graph.op(id)? else { return None };
    if graph.input(id, MatMul::ADDEND).is_some() {
        return None;
    }
    let add = graph.sole_consumer(id)?;
    if !matches!(graph.op(add)?, Op::Binary(binary) if binary.kind == BinaryKind::Add) {
        return None;
    }
    let bias = [0, 1].into_iter().filter_map(|slot| graph.input(add, slot)).find(|source| source.node != id)?;
    graph.constant(bias)?;
    let (a, b) = (graph.input(id, 0)?, graph.input(id, 1)?);
    let takes = Op::MatMul(matmul.clone()).infer(&[Some(graph.ty(a)), Some(graph.ty(b)), Some(graph.ty(bias))]).ok()?;
    (takes == [graph.ty(Source { node: add, slot: 0 }).clone()]).then_some((add, bias))
}

#[cfg(test)]
mod tests {
    use peleec_runtime::BinaryKind;

    use super::fuse_matmul_bias;
    use crate::ir::test_build::Build;
    use crate::ops::{Binary, MatMul, Op};
    use crate::passes::equivalence::check;

    const PLAIN: MatMul = MatMul { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false };

    /// `Add(MatMul(a, b), bias)`; the product is a graph output too if asked.
    fn biased(a: &[usize], b: &[usize], bias: &[usize], product_is_output: bool) -> Build {
        let mut build = Build::new();
        let (x, w, c) = (build.input("x", a), build.seeded("w", b), build.seeded("c", bias));
        let y = build.op("product", Op::MatMul(PLAIN), &[x, w]);
        let z = build.op("sum", Op::Binary(Binary { kind: BinaryKind::Add }), &[c, y]);
        build.output(z);
        if product_is_output {
            build.output(y);
        }
        build
    }

    #[test]
    fn a_bias_vector_becomes_the_addend() {
        for bias in [&[4][..], &[1, 4], &[2, 1], &[], &[2, 4]] {
            let (fused, after, lines) = check(biased(&[2, 3], &[3, 4], bias, false), fuse_matmul_bias);
            assert_eq!((fused, lines), (1, vec!["%sum = MatMul(%x, %w, %c)".to_owned()]), "{bias:?}");
            assert_eq!(after.label(after.outputs()[0].source.node), "MatMul + Add");
        }
    }

    #[test]
    fn batches_vectors_and_growing_addends_stay() {
        assert_eq!(check(biased(&[5, 2, 3], &[3, 4], &[4], false), fuse_matmul_bias).0, 0);
        assert_eq!(check(biased(&[3], &[3, 4], &[4], false), fuse_matmul_bias).0, 0);
        assert_eq!(check(biased(&[1, 3], &[3, 4], &[2, 4], false), fuse_matmul_bias).0, 0);
    }

    #[test]
    fn a_product_that_is_an_output_stays() {
        assert_eq!(check(biased(&[2, 3], &[3, 4], &[4], true), fuse_matmul_bias).0, 0);
    }
}
