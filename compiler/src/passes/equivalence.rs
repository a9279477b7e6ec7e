//! What the passes' tests share: a graph means the same before and after, and its outline is as expected.

use peleec_runtime::Activation;

use super::Pass;
use crate::ir::test_build::{Build, seeded};
use crate::ir::{Graph, Source};
use crate::ops::{Conv, Op};
use crate::tensor::window::Window;
use crate::tensor::{DType, Tensor, TensorType};

/// Runs `pass` twice: the first run keeps the meaning, the second finds nothing. Gives its rewrites, the graph and the outline.
pub(crate) fn check(build: Build, pass: Pass) -> (usize, Graph, Vec<String>) {
    let before = build.graph;
    let mut after = before.clone();
    let rewrites = pass(&mut after);
    assert_same_meaning(&before, &after);
    let lines = outline(&after);
    assert_eq!(pass(&mut after), 0, "a second run finds more:\n{after}");
    (rewrites, after, lines)
}

pub(crate) fn assert_same_meaning(before: &Graph, after: &Graph) {
    assert_eq!((before.verify(), after.verify()), (vec![], vec![]));
    let input = |(ty, seed): (&TensorType, u32)| match ty.dtype {
        DType::F32 => seeded(&ty.shape, seed),
        _ => Tensor::from_low_bytes(ty, |i| (i as u32 * 37 + seed) as u8 & 1),
    };
    let inputs: Vec<_> = before.inputs().iter().map(|&id| &before.node(id).outputs[0].ty).zip(1..).map(input).collect();
    let (expected, found) = (before.evaluate(&inputs).unwrap(), after.evaluate(&inputs).unwrap());
    for ((expected, found), output) in expected.iter().zip(&found).zip(before.outputs()) {
        assert_eq!(expected.ty(), found.ty(), "{}", output.name);
        let (Some(expected), Some(found)) = (expected.as_f32(), found.as_f32()) else {
            assert_eq!(expected, found, "{}", output.name);
            continue;
        };
        for (e, f) in expected.iter().zip(found) {
            assert!((e - f).abs() <= 1e-5 * e.abs().max(1.0), "{}: {e} became {f}\n{after}", output.name);
        }
    }
}

/// The graph's text, of which only operators stay, without types and attributes: `%y = Conv(%x, %w)`.
pub(crate) fn outline(graph: &Graph) -> Vec<String> {
    let text = graph.to_string();
    let lines = text.lines().filter(|line| line.contains(" = ") && !line.contains("= Input") && !line.contains("= Constant"));
    lines.map(without_attributes).collect()
}

fn without_attributes(line: &str) -> String {
    let (mut depth, mut kept) = (0, String::new());
    for c in line.trim().chars() {
        depth += usize::from(c == '{');
        if depth == 0 {
            kept.push(c);
        }
        depth -= usize::from(c == '}');
    }
    let (value, operation) = kept.split_once(" = ").unwrap();
    format!("{} = {}", value.split(':').next().unwrap(), operation.replace(" (", "("))
}

/// A convolution to `m` channels with a square kernel of `k`, stride 1, no pads, seeded weights and bias.
pub(crate) fn conv(build: &mut Build, name: &str, x: Source, m: usize, k: usize) -> Source {
    let channels = build.graph.ty(x).shape[1];
    let w = build.seeded(&format!("{name}.w"), &[m, channels, k, k]);
    let b = build.seeded(&format!("{name}.b"), &[m]);
    build.op(name, Op::Conv(conv_op(k)), &[x, w, b])
}

pub(crate) fn conv_op(k: usize) -> Conv {
    Conv { window: square(k), group: 1, activation: Activation::Identity, pool: None }
}

pub(crate) fn square(k: usize) -> Window {
    Window { kernel: [k, k], ..Window::pointwise() }
}
