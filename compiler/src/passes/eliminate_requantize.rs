//! Takes out what quantises bytes as they were. Bit-exact, as a byte's value over its scale is that byte.

use super::quantized::{bytes_of, quantizes};
use crate::ir::Graph;

pub(crate) fn eliminate_requantize(graph: &mut Graph) -> usize {
    let mut eliminated = 0;
    for id in graph.ids() {
        let Some((op, dtype)) = quantizes(graph, id) else { continue };
        let Some((bytes, before)) = graph.input(id, 0).and_then(|source| bytes_of(graph, source)) else { continue };
        if graph.ty(bytes).dtype == dtype && before.scale == op.scale && before.zero == op.zero {
            graph.bypass(id, bytes);
            eliminated += 1;
        }
    }
    eliminated
}

#[cfg(test)]
mod tests {
    use super::eliminate_requantize;
    use crate::ir::test_build::Build;
    use crate::ops::quantize::Direction;
    use crate::ops::{Op, Quantize};
    use crate::passes::equivalence::check;
    use crate::tensor::DType;

    #[test]
    fn only_what_changes_nothing() {
        let op = |direction, scale: f32, zero| {
            Op::Quantize(Quantize { direction, scale: [scale].into(), zero: vec![zero], axis: 1, block: None })
        };
        for (scale, zero, dtype, eliminated) in
            [(0.3, 5, DType::I8, 1), (0.2, 5, DType::I8, 0), (0.3, 6, DType::I8, 0), (0.3, 5, DType::U8, 0)]
        {
            let mut build = Build::new();
            let x = build.input("x", &[1, 2, 3, 3]);
            let bytes = build.op("bytes", op(Direction::Quantize(DType::I8), 0.3, 5), &[x]);
            let floats = build.op("floats", op(Direction::Dequantize, 0.3, 5), &[bytes]);
            let again = build.op("again", op(Direction::Quantize(dtype), scale, zero), &[floats]);
            build.output(again);
            assert_eq!(check(build, eliminate_requantize).0, eliminated, "{scale} {zero} {dtype}");
        }
    }
}
