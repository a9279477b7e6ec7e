//! A way out for operators that peleec does not take: one concrete thing to do.

/// Graph inputs that a suggested command names at most.
pub(crate) const MAX_CUT_INPUTS: usize = 4;

/// What to do about a node of `op_type` in `domain`; `cut` is a tensor at which the graph could end instead.
pub(crate) fn way_out(op_type: &str, domain: &str, inputs: &[&str], cut: Option<&str>) -> String {
    known(op_type, domain).map_or_else(|| cut_command(inputs, cut), str::to_owned)
}

fn known(op_type: &str, domain: &str) -> Option<&'static str> {
    Some(match (domain, op_type) {
        ("com.microsoft" | "com.microsoft.nchwc", _) => {
            "onnxruntime's optimiser wrote it: give the model as exported, or set graph_optimization_level = ORT_DISABLE_ALL"
        }
        (
            _,
            "QuantizeLinear"
            | "DequantizeLinear"
            | "DynamicQuantizeLinear"
            | "QLinearConv"
            | "QLinearMatMul"
            | "ConvInteger"
            | "MatMulInteger",
        ) => "int8 models come later; export the float model",
        (_, "If" | "Loop" | "Scan") => "control flow is not compiled: try python -m onnxsim model.onnx simple.onnx",
        (_, "NonMaxSuppression" | "TopK" | "NonZero" | "Where" | "ScatterND" | "GatherND" | "RoiAlign") => {
            "export the network without its post-processing: end it at the box offsets and the class scores"
        }
        (_, "RandomNormal" | "RandomUniform" | "RandomNormalLike" | "RandomUniformLike" | "Bernoulli" | "Multinomial") => {
            "call model.eval() before the export"
        }
        (_, "LSTM" | "GRU" | "RNN") => "recurrent layers do not belong to the Pelee family",
        (_, "Resize" | "Upsample") => "scale the picture before the network; within it, use strides and pools",
        _ => return None,
    })
}

/// A command that ends the graph before the node, where all names can stand in one as they are.
fn cut_command(inputs: &[&str], cut: Option<&str>) -> String {
    let plain =
        |name: &str| !name.is_empty() && name.len() <= 100 && name.chars().all(|c| c.is_ascii_alphanumeric() || "._/:-".contains(c));
    match cut {
        Some(cut) if plain(cut) && (1..=MAX_CUT_INPUTS).contains(&inputs.len()) && inputs.iter().all(|name| plain(name)) => {
            let inputs = inputs.join("', '");
            format!(
                "cut the graph before it: python -c \"import onnx.utils as u; u.extract_model('model.onnx', 'cut.onnx', ['{inputs}'], ['{cut}'])\""
            )
        }
        _ => "express it with operators that `peleec ops` lists, or cut the graph before it".to_owned(),
    }
}
