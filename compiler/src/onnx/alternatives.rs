//! A way out for operators that peleec does not take: one concrete thing to do.

use super::flags::typed;

/// What stands around a node that is refused.
#[derive(Debug, Default)]
pub(crate) struct Surroundings<'a> {
    /// A tensor that the node reads, at which the graph could end instead: computed, and not an input.
    pub(crate) cut: Option<&'a str>,
    /// The node reads nothing but inputs of the graph and constants, and something in the graph reads it.
    pub(crate) is_first: bool,
    /// The model has functions, which nodes may call.
    pub(crate) has_functions: bool,
}

/// What to do about a node of `op_type` in `domain`.
pub(crate) fn way_out(op_type: &str, domain: &str, around: &Surroundings<'_>) -> String {
    match known(op_type, domain) {
        Some(way) => way.to_owned(),
        None if around.has_functions && !matches!(domain, "" | "ai.onnx") => {
            "if it is a function of the model: python -c \"import onnx, onnx.inliner as i; onnx.save(i.inline_local_functions(onnx.load('model.onnx')), 'flat.onnx')\"".to_owned()
        }
        None => end_before(around),
    }
}

fn known(op_type: &str, domain: &str) -> Option<&'static str> {
    Some(match (domain, op_type) {
        ("com.microsoft", op_type) if op_type.starts_with("QLinear") || op_type == "QGemm" => {
            "with channels_last 0, alpha 1 and a zero point for the result it would be supported; else quantise in QDQ format: quantize_static(..., quant_format=QuantFormat.QDQ)"
        }
        ("com.microsoft" | "com.microsoft.nchwc", _) => {
            "onnxruntime's optimiser wrote it: give the model as exported, or set graph_optimization_level = ORT_DISABLE_ALL"
        }
        (_, "Loop" | "Scan") => "export by tracing, which unrolls loops: give torch.onnx.export a plain nn.Module",
        (_, "ScatterND" | "GatherND" | "RoiAlign") => {
            "cut the graph before its post-processing: `--output NAME` for the box offsets, and again for the class scores"
        }
        (_, "RandomNormal" | "RandomUniform" | "RandomNormalLike" | "RandomUniformLike" | "Bernoulli" | "Multinomial") => {
            "call model.eval() before the export"
        }
        (_, "LSTM" | "GRU" | "RNN") => "recurrent layers do not belong to the Pelee family",
        _ => return None,
    })
}

/// The flag that ends the graph before the node, where that leaves a network.
fn end_before(around: &Surroundings<'_>) -> String {
    match around.cut {
        Some(cut) => match typed("output", cut, "") {
            Some(flag) => format!("cut the graph before it: {flag}"),
            None => format!("express it with operators that `peleec ops` lists, or end the graph at `{cut}`"),
        },
        None if around.is_first => "compute it before the network, and let its result be an input of the network".to_owned(),
        None => "express it with operators that `peleec ops` lists".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_comes_first_then_functions_then_where_the_graph_could_end() {
        let around = |cut, is_first, has_functions| Surroundings { cut, is_first, has_functions };
        for (op_type, domain, around, way) in [
            ("LSTM", "", around(Some("c"), true, true), "recurrent layers"),
            ("Loop", "ai.onnx", around(Some("c"), false, false), "export by tracing"),
            ("QLinearWhere", "com.microsoft", around(None, false, true), "QuantFormat.QDQ"),
            ("QGemm", "com.microsoft", around(None, false, true), "QuantFormat.QDQ"),
            ("FusedConv", "com.microsoft", around(Some("c"), false, true), "ORT_DISABLE_ALL"),
            ("Block", "my.own", around(Some("c"), false, true), "inline_local_functions"),
            ("Block", "my.own", around(Some("c"), false, false), "cut the graph before it: --output c"),
            // Only a function may be of another domain than ONNX's.
            ("Block", "", around(Some("/a b"), true, true), "cut the graph before it: --output='/a b'"),
            ("Block", "ai.onnx", around(Some("a\u{202e}"), true, true), "or end the graph at `a\u{202e}`"),
            ("Block", "", around(None, true, true), "let its result be an input"),
            ("Block", "", around(None, false, true), "operators that `peleec ops` lists"),
        ] {
            let said = way_out(op_type, domain, &around);
            assert!(said.contains(way), "{op_type} of {domain:?}, {around:?}: {said}");
        }
    }
}
