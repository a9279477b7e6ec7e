//! Turns what exporters write as several nodes, a value times a gate that is made of it, into one function, which a convolution or a table
//! of bytes can take.
//!
//! - `x * Sigmoid(x)` and `x * Sigmoid(alpha * x)` become `Swish`. Bit-exact, but where the sigmoid makes zero of an infinity: then the
//!   result is zero instead of NaN.
//! - `x * HardSigmoid(x)` with `alpha` of 1/6 and `beta` of 1/2 becomes `HardSwish`. Bit-exact.
//! - `x * Clip(x + 3, 0, 6) / 6` becomes `HardSwish`, `x * (1 + Erf(x / sqrt(2))) / 2` becomes `Gelu`, divided at any place, and
//!   `x * Tanh(Softplus(x))` becomes `Mish`. These round at other places than the nodes: bits change, by a few of 2^-23 of the result or
//!   of one, and of minus infinity there may be a limit instead of NaN.

use std::f64::consts::FRAC_1_SQRT_2;

use peleec_runtime::{Activation, BinaryKind};

use crate::ir::{Content, Graph, NodeId, Source};
use crate::ops::function::Kind;
use crate::ops::{Binary, Function, Op, Unary};

pub(crate) fn fuse_function(graph: &mut Graph) -> usize {
    let mut fused = 0;
    for id in graph.ids() {
        let Some(Fusion { op, x, absorbed }) = fusion(graph, id) else { continue };
        let chain: Vec<_> = absorbed.iter().chain([&id]).flat_map(|&node| graph.labels(node)).collect();
        graph.read_only(id, &[x]);
        for node in absorbed {
            graph.remove(node);
        }
        let node = graph.node_mut(id);
        (node.content, node.chain) = (Content::Op(op), chain);
        fused += 1;
    }
    fused
}

/// What the last node of a function becomes.
struct Fusion {
    op: Op,
    x: Source,
    /// The nodes in front of it that only it needs, in order.
    absorbed: Vec<NodeId>,
}

fn fusion(graph: &Graph, last: NodeId) -> Option<Fusion> {
    let Product { factors: [a, b], divided } = product(graph, last)?;
    let (inner, scale) = divided.unzip();
    [(a, b), (b, a)].into_iter().find_map(|(x, gate)| {
        let gate = Gate { x, node: unshared(graph, gate)?, scale };
        let (op, nodes) = FORMS.iter().find_map(|form| form(graph, &gate))?;
        // A number of a higher rank would have made the result one.
        let same = graph.ty(x) == graph.ty(Source { node: last, slot: 0 });
        same.then(|| Fusion { op, x, absorbed: nodes.into_iter().chain(inner).collect() })
    })
}

/// Two values that are multiplied.
struct Product {
    factors: [Source; 2],
    /// The node that multiplies or divides beside the last one, and by which number one of both does.
    divided: Option<(NodeId, f64)>,
}

fn product(graph: &Graph, last: NodeId) -> Option<Product> {
    if let Some((product, scale)) = scaled(graph, last) {
        let inner = unshared(graph, product)?;
        return Some(Product { factors: factors(graph, inner)?, divided: Some((inner, scale)) });
    }
    let [a, b] = factors(graph, last)?;
    let divided = [(a, b), (b, a)].into_iter().find_map(|(factor, other)| {
        let inner = unshared(graph, factor)?;
        let (factor, scale) = scaled(graph, inner)?;
        Some(Product { factors: [factor, other], divided: Some((inner, scale)) })
    });
    divided.or(Some(Product { factors: [a, b], divided: None }))
}

fn factors(graph: &Graph, id: NodeId) -> Option<[Source; 2]> {
    match graph.op(id)? {
        Op::Binary(Binary { kind: BinaryKind::Mul }) => Some([graph.input(id, 0)?, graph.input(id, 1)?]),
        _ => None,
    }
}

/// The node of one output that computes a value which only one input slot reads, and which is no result.
fn unshared(graph: &Graph, value: Source) -> Option<NodeId> {
    match graph.op(value.node)? {
        Op::Binary(_) | Op::Function(_) | Op::Unary(_) => graph.sole_consumer(value.node).map(|_| value.node),
        _ => None,
    }
}

/// The value that a node multiplies by a number or divides by one, and the number by which it multiplies.
fn scaled(graph: &Graph, id: NodeId) -> Option<(Source, f64)> {
    if let Some((value, factor)) = beside_number(graph, id, BinaryKind::Mul) {
        return Some((value, factor.into()));
    }
    let (value, divisor) = beside_number(graph, id, BinaryKind::Div)?;
    Some((value, 1.0 / f64::from(divisor)))
}

/// The value that a node of a kind takes beside a known number, and the number, which is no dividend.
fn beside_number(graph: &Graph, id: NodeId, kind: BinaryKind) -> Option<(Source, f32)> {
    if !matches!(graph.op(id)?, Op::Binary(binary) if binary.kind == kind) {
        return None;
    }
    let number = |slot| if let Some(&[number]) = graph.constant_input(id, slot)?.as_f32() { Some(number) } else { None };
    let slots: &[usize] = if kind == BinaryKind::Div { &[1] } else { &[1, 0] };
    slots.iter().find_map(|&slot| Some((graph.input(id, 1 - slot)?, number(slot)?)))
}

fn near(found: f64, wanted: f64) -> bool {
    (found / wanted - 1.0).abs() < 1e-6
}

/// What `x` is multiplied by.
struct Gate {
    x: Source,
    /// The last node that computes it.
    node: NodeId,
    /// The number that the product is multiplied by.
    scale: Option<f64>,
}

/// What `x` times the gate is, and the nodes that compute the gate, in order; none where it is of another form.
type Form = fn(&Graph, &Gate) -> Option<(Op, Vec<NodeId>)>;

const FORMS: [Form; 5] = [swish, hard_swish, hard_swish_by_clip, mish, gelu];

fn swish(graph: &Graph, gate: &Gate) -> Option<(Op, Vec<NodeId>)> {
    if gate.scale.is_some() || !matches!(graph.op(gate.node)?, Op::Unary(Unary { activation: Activation::Sigmoid })) {
        return None;
    }
    let swish = |alpha| Op::Unary(Unary { activation: Activation::Swish(alpha) });
    let of = graph.input(gate.node, 0)?;
    if of == gate.x {
        return Some((swish(1.0), vec![gate.node]));
    }
    let steeper = unshared(graph, of)?;
    let (value, alpha) = beside_number(graph, steeper, BinaryKind::Mul)?;
    (value == gate.x && alpha.is_finite()).then(|| (swish(alpha), vec![steeper, gate.node]))
}

const HARD_SWISH: Op = Op::Unary(Unary { activation: Activation::HardSwish });

fn hard_swish(graph: &Graph, gate: &Gate) -> Option<(Op, Vec<NodeId>)> {
    let Op::Function(Function { kind: Kind::HardSigmoid { alpha, beta } }) = graph.op(gate.node)? else { return None };
    let fits = gate.scale.is_none() && [*alpha, *beta] == [1.0 / 6.0, 0.5] && graph.input(gate.node, 0)? == gate.x;
    fits.then(|| (HARD_SWISH, vec![gate.node]))
}

fn hard_swish_by_clip(graph: &Graph, gate: &Gate) -> Option<(Op, Vec<NodeId>)> {
    if !matches!(graph.op(gate.node)?, Op::Unary(Unary { activation: Activation::Clip(0.0, 6.0) })) {
        return None;
    }
    let sum = unshared(graph, graph.input(gate.node, 0)?)?;
    let fits = near(gate.scale?, 1.0 / 6.0) && beside_number(graph, sum, BinaryKind::Add)? == (gate.x, 3.0);
    fits.then(|| (HARD_SWISH, vec![sum, gate.node]))
}

fn mish(graph: &Graph, gate: &Gate) -> Option<(Op, Vec<NodeId>)> {
    if gate.scale.is_some() || !is(graph, gate.node, Kind::Tanh {}) {
        return None;
    }
    let softplus = unshared(graph, graph.input(gate.node, 0)?)?;
    let fits = is(graph, softplus, Kind::Softplus {}) && graph.input(softplus, 0)? == gate.x;
    fits.then(|| (Op::Function(Function { kind: Kind::Mish {} }), vec![softplus, gate.node]))
}

fn gelu(graph: &Graph, gate: &Gate) -> Option<(Op, Vec<NodeId>)> {
    let (error, one) = beside_number(graph, gate.node, BinaryKind::Add)?;
    let error = unshared(graph, error)?;
    if gate.scale != Some(0.5) || one != 1.0 || !is(graph, error, Kind::Erf {}) {
        return None;
    }
    let smaller = unshared(graph, graph.input(error, 0)?)?;
    let (value, scale) = scaled(graph, smaller)?;
    let fits = value == gate.x && near(scale, FRAC_1_SQRT_2);
    fits.then(|| (Op::Function(Function { kind: Kind::Gelu {} }), vec![smaller, error, gate.node]))
}

fn is(graph: &Graph, id: NodeId, kind: Kind) -> bool {
    matches!(graph.op(id), Some(Op::Function(function)) if function.kind == kind)
}

#[cfg(test)]
mod tests {
    use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

    use peleec_runtime::{Activation, BinaryKind};

    use super::fuse_function;
    use crate::ir::Source;
    use crate::ir::test_build::Build;
    use crate::ops::function::Kind;
    use crate::ops::{Binary, Function, Op, Unary};
    use crate::passes::equivalence::{check, conv};
    use crate::passes::fuse_activation::fuse_activation;
    use crate::tensor::Tensor;

    const SHAPE: [usize; 4] = [1, 2, 3, 3];

    const SIXTH: f32 = 1.0 / 6.0;

    const MUL: BinaryKind = BinaryKind::Mul;
    const DIV: BinaryKind = BinaryKind::Div;

    fn unary(build: &mut Build, name: &str, activation: Activation, x: Source) -> Source {
        build.op(name, Op::Unary(Unary { activation }), &[x])
    }

    fn function(build: &mut Build, name: &str, kind: Kind, x: Source) -> Source {
        build.op(name, Op::Function(Function { kind }), &[x])
    }

    fn binary(build: &mut Build, name: &str, kind: BinaryKind, operands: [Source; 2]) -> Source {
        build.op(name, Op::Binary(Binary { kind }), &operands)
    }

    fn number(build: &mut Build, value: f32) -> Source {
        build.constant(&format!("number{value}"), &[], &[value])
    }

    /// `Clip(x + 3, 0, 6)`.
    fn clipped(build: &mut Build, x: Source) -> Source {
        let three = number(build, 3.0);
        let sum = binary(build, "sum", BinaryKind::Add, [x, three]);
        unary(build, "clipped", Activation::Clip(0.0, 6.0), sum)
    }

    /// `1 + Erf(x / sqrt(2))`, or with a product instead of the quotient.
    fn twice_the_chance(build: &mut Build, kind: BinaryKind, x: Source) -> Source {
        let scale = number(build, if kind == DIV { SQRT_2 } else { FRAC_1_SQRT_2 });
        let one = number(build, 1.0);
        let scaled = binary(build, "scaled", kind, [x, scale]);
        let error = function(build, "error", Kind::Erf {}, scaled);
        binary(build, "chance", BinaryKind::Add, [error, one])
    }

    /// A graph of an input `x` and of what `of` makes of it.
    fn graph(of: impl Fn(&mut Build, Source) -> Source) -> Build {
        let mut build = Build::new();
        let x = build.input("x", &SHAPE);
        let y = of(&mut build, x);
        build.output(y);
        build
    }

    /// What the one node is that is left, and what it stands for.
    fn fused(of: impl Fn(&mut Build, Source) -> Source) -> (Op, String) {
        let (fused, after, lines) = check(graph(of), fuse_function);
        assert_eq!((fused, lines.len()), (1, 1), "{lines:?}");
        let last = after.outputs()[0].source.node;
        (after.op(last).unwrap().clone(), after.label(last))
    }

    fn stays(of: impl Fn(&mut Build, Source) -> Source) {
        let (fused, _, lines) = check(graph(of), fuse_function);
        assert_eq!(fused, 0, "{lines:?}");
    }

    fn activation(activation: Activation) -> Op {
        Op::Unary(Unary { activation })
    }

    #[test]
    fn a_product_with_a_sigmoid_in_both_orders() {
        for turned in [false, true] {
            let product = |build: &mut Build, x: Source, gate: Source| binary(build, "y", MUL, if turned { [gate, x] } else { [x, gate] });
            let (op, label) = fused(|build, x| {
                let gate = unary(build, "gate", Activation::Sigmoid, x);
                product(build, x, gate)
            });
            assert_eq!((op, &*label), (activation(Activation::Swish(1.0)), "Sigmoid + Mul"));
            let (op, label) = fused(|build, x| {
                let slope = number(build, 1.702);
                let steeper = binary(build, "steeper", MUL, if turned { [slope, x] } else { [x, slope] });
                let gate = unary(build, "gate", Activation::Sigmoid, steeper);
                product(build, x, gate)
            });
            assert_eq!((op, &*label), (activation(Activation::Swish(1.702)), "Mul + Sigmoid + Mul"));
            let (op, label) = fused(|build, x| {
                let gate = function(build, "gate", Kind::HardSigmoid { alpha: SIXTH, beta: 0.5 }, x);
                product(build, x, gate)
            });
            assert_eq!((op, &*label), (activation(Activation::HardSwish), "HardSigmoid + Mul"));
        }
    }

    /// By evaluation before and after, and by what firmware computes.
    #[test]
    fn what_is_said_to_be_exact_is() {
        let kind = Kind::HardSigmoid { alpha: SIXTH, beta: 0.5 };
        let swish = graph(|build, x| {
            let gate = unary(build, "gate", Activation::Sigmoid, x);
            binary(build, "y", MUL, [x, gate])
        });
        let hard_swish = graph(|build, x| {
            let gate = function(build, "gate", kind, x);
            binary(build, "y", MUL, [x, gate])
        });
        let values: Vec<f32> = (-9..9).map(|i| i as f32 * 0.77).collect();
        for build in [swish, hard_swish] {
            let (before, mut after) = (build.graph.clone(), build.graph);
            assert_eq!(fuse_function(&mut after), 1);
            let x = [Tensor::f32(SHAPE.to_vec(), values.clone()).unwrap()];
            assert_eq!(before.evaluate(&x), after.evaluate(&x));
        }
        for x in (-2000..2000).map(|i| i as f32 * 0.057) {
            for alpha in [1.0, 1.702, -0.5] {
                let product = x * Activation::Sigmoid.apply(alpha * x);
                assert_eq!(Activation::Swish(alpha).apply(x).to_bits(), product.to_bits(), "{alpha}, {x}");
            }
            assert_eq!(Activation::HardSwish.apply(x).to_bits(), (x * kind.apply(x)).to_bits(), "{x}");
        }
    }

    #[test]
    fn a_clip_that_is_divided_anywhere() {
        let of_clip: [fn(&mut Build, Source) -> Source; 5] = [
            |build, x| {
                let (clipped, six) = (clipped(build, x), number(build, 6.0));
                let gate = binary(build, "gate", DIV, [clipped, six]);
                binary(build, "y", MUL, [x, gate])
            },
            |build, x| {
                let (clipped, six) = (clipped(build, x), number(build, 6.0));
                let product = binary(build, "product", MUL, [clipped, x]);
                binary(build, "y", DIV, [product, six])
            },
            |build, x| {
                let (clipped, sixth) = (clipped(build, x), number(build, SIXTH));
                let gate = binary(build, "gate", MUL, [sixth, clipped]);
                binary(build, "y", MUL, [gate, x])
            },
            |build, x| {
                let (clipped, sixth) = (clipped(build, x), number(build, 0.166_666_7));
                let product = binary(build, "product", MUL, [x, clipped]);
                binary(build, "y", MUL, [product, sixth])
            },
            |build, x| {
                let (clipped, sixth) = (clipped(build, x), number(build, SIXTH));
                let smaller = binary(build, "smaller", MUL, [x, sixth]);
                binary(build, "y", MUL, [smaller, clipped])
            },
        ];
        for of in of_clip {
            let (op, label) = fused(of);
            assert_eq!(op, activation(Activation::HardSwish));
            assert!(label.starts_with("Add + Clip + "), "{label}");
        }
    }

    #[test]
    fn a_tangent_of_softplus() {
        let (op, label) = fused(|build, x| {
            let softplus = function(build, "softplus", Kind::Softplus {}, x);
            let gate = function(build, "gate", Kind::Tanh {}, softplus);
            binary(build, "y", MUL, [x, gate])
        });
        assert_eq!((op, &*label), (Op::Function(Function { kind: Kind::Mish {} }), "Softplus + Tanh + Mul"));
    }

    #[test]
    fn an_error_function_that_is_halved_anywhere() {
        for kind in [DIV, MUL] {
            type Halved<'a> = &'a dyn Fn(&mut Build, Source) -> Source;
            let halved: [Halved<'_>; 3] = [
                &|build, x| {
                    let (chance, half) = (twice_the_chance(build, kind, x), number(build, 0.5));
                    let product = binary(build, "product", MUL, [x, chance]);
                    binary(build, "y", MUL, [product, half])
                },
                &|build, x| {
                    let (chance, half) = (twice_the_chance(build, kind, x), number(build, 0.5));
                    let smaller = binary(build, "smaller", MUL, [half, x]);
                    binary(build, "y", MUL, [smaller, chance])
                },
                &|build, x| {
                    let (chance, half) = (twice_the_chance(build, kind, x), number(build, 0.5));
                    let gate = binary(build, "gate", MUL, [half, chance]);
                    binary(build, "y", MUL, [x, gate])
                },
            ];
            for of in halved {
                let (op, label) = fused(of);
                assert_eq!(op, Op::Function(Function { kind: Kind::Gelu {} }));
                assert!(label.contains(" + Erf + Add + Mul"), "{label}");
            }
        }
    }

    #[test]
    fn other_numbers_other_values_and_other_shapes_stay() {
        stays(|build, x| {
            let gate = function(build, "gate", Kind::HardSigmoid { alpha: 0.2, beta: 0.5 }, x);
            binary(build, "y", MUL, [x, gate])
        });
        stays(|build, x| {
            let (clipped, five) = (clipped(build, x), number(build, 5.0));
            let product = binary(build, "product", MUL, [x, clipped]);
            binary(build, "y", DIV, [product, five])
        });
        stays(|build, x| {
            let (chance, half) = (twice_the_chance(build, DIV, x), number(build, 0.25));
            let product = binary(build, "product", MUL, [x, chance]);
            binary(build, "y", MUL, [product, half])
        });
        stays(|build, x| {
            let other = unary(build, "other", Activation::Relu, x);
            let gate = unary(build, "gate", Activation::Sigmoid, other);
            binary(build, "y", MUL, [x, gate])
        });
        stays(|build, x| {
            let gate = unary(build, "gate", Activation::Sigmoid, x);
            binary(build, "y", DIV, [x, gate])
        });
        stays(|build, x| {
            let slope = build.constant("slope", &[1, 1, 1, 1, 1], &[2.0]);
            let steeper = binary(build, "steeper", MUL, [x, slope]);
            let gate = unary(build, "gate", Activation::Sigmoid, steeper);
            binary(build, "y", MUL, [x, gate])
        });
    }

    #[test]
    fn a_gate_that_is_an_output_or_read_twice_stays() {
        for is_output in [false, true] {
            let mut build = Build::new();
            let x = build.input("x", &SHAPE);
            let gate = unary(&mut build, "gate", Activation::Sigmoid, x);
            let y = binary(&mut build, "y", MUL, [x, gate]);
            let other = if is_output { gate } else { unary(&mut build, "other", Activation::Relu, gate) };
            build.output(y);
            build.output(other);
            assert_eq!(check(build, fuse_function).0, 0);
        }
    }

    #[test]
    fn a_convolution_takes_it() {
        let build = graph(|build, x| {
            let y = conv(build, "conv", x, 2, 1);
            let gate = unary(build, "gate", Activation::Sigmoid, y);
            binary(build, "y", MUL, [y, gate])
        });
        let (fused, mut after, _) = check(build, fuse_function);
        assert_eq!((fused, fuse_activation(&mut after)), (1, 1));
        assert_eq!(after.label(after.outputs()[0].source.node), "Conv + Sigmoid + Mul");
    }
}
