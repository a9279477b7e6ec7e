//! One operator a case: the smallest model that shows how it is emitted.

use super::Case;
use super::onnx::{Attr, Onnx};

/// A case: the shape of the input, and what is built on it, which is the output.
macro_rules! cases {
    ($($name:ident $dims:expr, |$onnx:ident, $x:ident| $body:expr;)+) => {
        /// Every operator family.
        pub const CASES: &[Case] = &[$(Case {
            name: stringify!($name),
            build: || {
                let mut $onnx = Onnx::new(17);
                let $x = $onnx.input("x", &$dims);
                let y: String = $body;
                $onnx.output(&y);
                $onnx.bytes()
            },
        },)+];
    };
}

cases! {
    conv_of_a_planar_input_with_stride_2 [1, 3, 8, 8], |onnx, x| {
        onnx.conv("conv", &x, &[8, 3, 3, 3], &[("pads", Attr::Ints(&[1, 1, 1, 1])), ("strides", Attr::Ints(&[2, 2]))])
    };
    conv_of_a_picture_with_channels_last_copies_nothing [1, 6, 6, 3], |onnx, x| {
        let planar = onnx.op("Transpose", "turn", &[&x], &[("perm", Attr::Ints(&[0, 3, 1, 2]))]);
        onnx.conv("conv", &planar, &[4, 3, 3, 3], &[])
    };
    conv_with_groups_and_dilation [1, 4, 6, 6], |onnx, x| {
        onnx.conv("conv", &x, &[6, 2, 3, 3], &[("group", Attr::Int(2)), ("dilations", Attr::Ints(&[2, 2]))])
    };
    depthwise_conv [1, 6, 5, 5], |onnx, x| {
        onnx.conv("conv", &x, &[6, 1, 3, 3], &[("group", Attr::Int(6)), ("auto_pad", Attr::Text("SAME_UPPER"))])
    };
    conv_of_two_images_takes_two_steps [2, 2, 4, 4], |onnx, x| onnx.conv("conv", &x, &[3, 2, 1, 1], &[]);
    conv_between_bytes_is_one_of_bytes [1, 3, 6, 6], |onnx, x| {
        let x = onnx.through_bytes("x.q", &x, 0.0078125, -5);
        let weights = onnx.quantized_weights("w", &[4, 3, 3, 3], &[0.01, 0.02, 0.005, 0.01]);
        let y = onnx.op("Conv", "conv", &[&x, &weights], &[("pads", Attr::Ints(&[1, 1, 1, 1]))]);
        let y = onnx.op("Relu", "relu", &[&y], &[]);
        onnx.through_bytes("y.q", &y, 0.03, -128)
    };
    depthwise_conv_between_bytes [1, 21, 6, 6], |onnx, x| {
        let x = onnx.through_bytes("x.q", &x, 0.0078125, -5);
        let scales: Vec<f32> = (0..21).map(|channel| [0.01, 0.02, 0.005][channel % 3]).collect();
        let weights = onnx.quantized_weights("w", &[21, 1, 3, 3], &scales);
        let attributes = [("group", Attr::Int(21)), ("strides", Attr::Ints(&[2, 2])), ("pads", Attr::Ints(&[1, 1, 1, 1]))];
        let y = onnx.op("Conv", "conv", &[&x, &weights], &attributes);
        onnx.through_bytes("y.q", &y, 0.01, 3)
    };
    batch_normalization_alone_is_a_depthwise_conv [1, 3, 4, 4], |onnx, x| {
        let scale = onnx.weights("scale", &[3]);
        let bias = onnx.weights("bias", &[3]);
        let mean = onnx.weights("mean", &[3]);
        let variance = onnx.floats("variance", &[3], &[0.5, 1.0, 2.0]);
        onnx.op("BatchNormalization", "norm", &[&x, &scale, &bias, &mean, &variance], &[])
    };
    batch_normalization_of_vectors_is_a_product_and_a_sum [2, 3], |onnx, x| {
        let parameters = ["scale", "bias", "mean"].map(|name| onnx.weights(name, &[3]));
        let variance = onnx.floats("variance", &[3], &[0.5, 1.0, 2.0]);
        onnx.op("BatchNormalization", "norm", &[&x, &parameters[0], &parameters[1], &parameters[2], &variance], &[])
    };
    relu_alone [1, 2, 3, 3], |onnx, x| onnx.op("Relu", "relu", &[&x], &[]);
    leaky_relu_in_the_epilogue [1, 2, 3, 3], |onnx, x| {
        let conv = onnx.conv("conv", &x, &[4, 2, 1, 1], &[]);
        onnx.op("LeakyRelu", "leaky", &[&conv], &[("alpha", Attr::Float(0.1))])
    };
    clip_in_the_epilogue [1, 2, 3, 3], |onnx, x| {
        let conv = onnx.conv("conv", &x, &[4, 2, 1, 1], &[]);
        let low = onnx.floats("low", &[], &[0.0]);
        let high = onnx.floats("high", &[], &[6.0]);
        onnx.op("Clip", "clip", &[&conv, &low, &high], &[])
    };
    max_pool_rounding_up [1, 2, 5, 5], |onnx, x| {
        onnx.op("MaxPool", "pool", &[&x], &[("kernel_shape", Attr::Ints(&[2, 2])), ("strides", Attr::Ints(&[2, 2])), ("ceil_mode", Attr::Int(1))])
    };
    average_pool_counting_its_padding [1, 2, 4, 4], |onnx, x| {
        let window = [("kernel_shape", Attr::Ints(&[3, 3])), ("pads", Attr::Ints(&[1, 1, 1, 1])), ("count_include_pad", Attr::Int(1))];
        onnx.op("AveragePool", "pool", &[&x], &window)
    };
    average_pool_rounding_up_in_the_epilogue [1, 2, 5, 5], |onnx, x| {
        let conv = onnx.conv("conv", &x, &[4, 2, 1, 1], &[]);
        let relu = onnx.op("Relu", "relu", &[&conv], &[]);
        let window = [("kernel_shape", Attr::Ints(&[2, 2])), ("strides", Attr::Ints(&[2, 2])), ("ceil_mode", Attr::Int(1))];
        onnx.op("AveragePool", "pool", &[&relu], &window)
    };
    global_average_pool [1, 5, 3, 3], |onnx, x| onnx.op("GlobalAveragePool", "pool", &[&x], &[]);
    mean_over_the_last_axis [2, 3, 4], |onnx, x| onnx.op("ReduceMean", "mean", &[&x], &[("axes", Attr::Ints(&[-1]))]);
    sum_over_the_channels [1, 4, 3, 3], |onnx, x| {
        let axes = onnx.ints("axes", &[1]);
        onnx.op("ReduceSum", "sum", &[&x, &axes], &[])
    };
    norm_over_a_map [1, 4, 3, 3], |onnx, x| {
        onnx.op("ReduceL2", "norm", &[&x], &[("axes", Attr::Ints(&[2, 3])), ("keepdims", Attr::Int(0))])
    };
    log_sum_exp_over_rows [2, 5], |onnx, x| onnx.op("ReduceLogSumExp", "sum", &[&x], &[("axes", Attr::Ints(&[-1]))]);
    arg_max_over_the_channels_as_floats [1, 4, 2, 2], |onnx, x| {
        let index = onnx.op("ArgMax", "arg", &[&x], &[("axis", Attr::Int(1)), ("keepdims", Attr::Int(0))]);
        onnx.op("Cast", "floats", &[&index], &[("to", Attr::Int(1))])
    };
    top_k_of_each_row [2, 6], |onnx, x| {
        let k = onnx.ints("k", &[3]);
        let values = onnx.op("TopK", "values", &[&x, &k], &[]);
        onnx.last_node().output.push("indices".to_owned());
        let indices = onnx.op("Cast", "floats", &["indices"], &[("to", Attr::Int(1))]);
        onnx.op("Concat", "joined", &[&values, &indices], &[("axis", Attr::Int(0))])
    };
    non_max_suppression_of_two_classes [1, 6, 6], |onnx, x| {
        let [boxes, scores] = onnx.split("split", &x, -1, [4, 2]);
        let scores = onnx.op("Transpose", "by_class", &[&scores], &[("perm", Attr::Ints(&[0, 2, 1]))]);
        let most = onnx.ints("most", &[3]);
        let [iou, above] = [("iou", 0.125), ("above", -0.5)].map(|(name, value)| onnx.floats(name, &[1], &[value]));
        let rows = onnx.op("NonMaxSuppression", "selected", &[&boxes, &scores, &most, &iou, &above], &[]);
        onnx.op("Cast", "floats", &[&rows], &[("to", Attr::Int(1))])
    };
    log_softmax_over_classes [1, 6], |onnx, x| onnx.op("LogSoftmax", "scores", &[&x], &[]);
    hardmax_over_classes [1, 6], |onnx, x| onnx.op("Hardmax", "scores", &[&x], &[]);
    prelu_with_a_slope_a_channel [1, 3, 4, 4], |onnx, x| {
        let slope = onnx.weights("slope", &[3, 1, 1]);
        onnx.op("PRelu", "prelu", &[&x, &slope], &[])
    };
    prelu_with_a_slope_a_column [1, 3, 2, 4], |onnx, x| {
        let slope = onnx.weights("slope", &[4]);
        onnx.op("PRelu", "prelu", &[&x, &slope], &[])
    };
    lrn_across_channels [1, 6, 3, 3], |onnx, x| onnx.op("LRN", "norm", &[&x], &[("size", Attr::Int(5))]);
    instance_normalization [1, 3, 4, 4], |onnx, x| {
        let [scale, bias] = ["scale", "bias"].map(|name| onnx.weights(name, &[3]));
        onnx.op("InstanceNormalization", "norm", &[&x, &scale, &bias], &[])
    };
    group_normalization_behind_a_conv [1, 2, 3, 3], |onnx, x| {
        let conv = onnx.conv("conv", &x, &[4, 2, 1, 1], &[]);
        let [scale, bias] = ["scale", "bias"].map(|name| onnx.weights(name, &[2]));
        onnx.op("GroupNormalization", "norm", &[&conv, &scale, &bias], &[("num_groups", Attr::Int(2))])
    };
    layer_normalization [2, 3, 8], |onnx, x| {
        let [scale, bias] = ["scale", "bias"].map(|name| onnx.weights(name, &[8]));
        onnx.op("LayerNormalization", "norm", &[&x, &scale, &bias], &[])
    };
    rows_of_length_one [3, 4], |onnx, x| onnx.op("LpNormalization", "norm", &[&x], &[]);
    add_broadcasts_a_constant [1, 3, 2, 2], |onnx, x| {
        let row = onnx.weights("row", &[2]);
        onnx.op("Add", "add", &[&x, &row], &[])
    };
    sum_of_three_is_two_adds [1, 3, 2, 2], |onnx, x| {
        let row = onnx.weights("row", &[2]);
        let channels = onnx.weights("channels", &[3, 1, 1]);
        onnx.op("Sum", "sum", &[&x, &row, &channels], &[])
    };
    cast_between_input_and_output_is_a_copy [1, 4], |onnx, x| onnx.op("Cast", "cast", &[&x], &[("to", Attr::Int(1))]);
    gemm_is_a_1x1_conv [2, 6], |onnx, x| {
        let b = onnx.weights("b", &[5, 6]);
        let c = onnx.weights("c", &[5]);
        onnx.op("Gemm", "gemm", &[&x, &b, &c], &[("transB", Attr::Int(1))])
    };
    gemm_with_a_long_sum_takes_three_steps [1, 4100], |onnx, x| {
        let b = onnx.weights("b", &[4100, 2]);
        onnx.op("Gemm", "gemm", &[&x, &b], &[])
    };
    matmul_of_two_tensors [1, 2, 3, 3], |onnx, x| onnx.op("MatMul", "product", &[&x, &x], &[]);
    einsum_of_queries_and_keys [1, 3, 2, 4], |onnx, x| {
        onnx.op("Einsum", "scores", &[&x, &x], &[("equation", Attr::Text("bihd,bjhd->bhij"))])
    };
    einsum_by_weights_is_a_1x1_conv [1, 3, 4], |onnx, x| {
        let weights = onnx.weights("weights", &[4, 2, 3]);
        onnx.op("Einsum", "heads", &[&x, &weights], &[("equation", Attr::Text("bij,jhd->bhid"))])
    };
    a_concat_with_its_own_conv_shares_one_host [1, 4, 4, 4], |onnx, x| {
        let a = onnx.conv("a", &x, &[4, 4, 1, 1], &[]);
        let b = onnx.conv("b", &a, &[4, 4, 3, 3], &[("pads", Attr::Ints(&[1, 1, 1, 1]))]);
        let joined = onnx.op("Concat", "concat", &[&a, &b], &[("axis", Attr::Int(1))]);
        onnx.conv("c", &joined, &[2, 8, 1, 1], &[])
    };
    a_concat_drops_an_operand_without_channels [1, 3, 2, 2], |onnx, x| {
        let empty = onnx.floats("empty", &[1, 0, 2, 2], &[]);
        let row = onnx.weights("row", &[1, 1, 2, 2]);
        onnx.op("Concat", "joined", &[&empty, &x, &row], &[("axis", Attr::Int(1))])
    };
    reshape_behind_a_transpose_of_the_input_is_a_copy [3, 4], |onnx, x| {
        let turned = onnx.op("Transpose", "turn", &[&x], &[("perm", Attr::Ints(&[1, 0]))]);
        let shape = onnx.ints("shape", &[6, 2]);
        let flat = onnx.op("Reshape", "flat", &[&turned, &shape], &[]);
        let beside = onnx.weights("beside", &[6, 2]);
        onnx.op("Concat", "joined", &[&beside, &flat], &[("axis", Attr::Int(1))])
    };
    transpose_copies_where_nothing_can_absorb_it [2, 3], |onnx, x| onnx.op("Transpose", "turn", &[&x], &[("perm", Attr::Ints(&[1, 0]))]);
    flatten_of_a_map_lets_the_conv_write_planar [1, 2, 3, 3], |onnx, x| {
        let conv = onnx.conv("conv", &x, &[4, 2, 1, 1], &[]);
        onnx.op("Flatten", "flat", &[&conv], &[])
    };
    pad_alone [1, 1, 2, 2], |onnx, x| {
        let pads = onnx.ints("pads", &[0, 0, 1, 1, 0, 0, 0, 1]);
        onnx.op("Pad", "pad", &[&x, &pads], &[])
    };
    a_reflecting_pad_between_convs [1, 2, 4, 4], |onnx, x| {
        let conv = onnx.conv("conv", &x, &[3, 2, 1, 1], &[]);
        let pads = onnx.ints("pads", &[0, 0, 1, 2, 0, 0, 0, 1]);
        let padded = onnx.op("Pad", "pad", &[&conv, &pads], &[("mode", Attr::Text("reflect"))]);
        onnx.conv("last", &padded, &[2, 3, 3, 3], &[])
    };
    a_pad_repeats_the_edge [2, 3], |onnx, x| {
        let pads = onnx.ints("pads", &[0, 2, 0, 2]);
        onnx.op("Pad", "pad", &[&x, &pads], &[("mode", Attr::Text("edge"))])
    };
    pad_before_a_conv_is_its_padding [1, 2, 4, 4], |onnx, x| {
        let pads = onnx.ints("pads", &[0, 0, 1, 1, 0, 0, 1, 1]);
        let padded = onnx.op("Pad", "pad", &[&x, &pads], &[]);
        onnx.conv("conv", &padded, &[2, 2, 3, 3], &[])
    };
    split_channels_are_views [1, 8, 3, 3], |onnx, x| {
        let conv = onnx.conv("conv", &x, &[8, 8, 1, 1], &[]);
        let [left, right] = onnx.split("split", &conv, 1, [3, 5]);
        let deep = onnx.conv("deep", &right, &[3, 5, 3, 3], &[("pads", Attr::Ints(&[1, 1, 1, 1]))]);
        onnx.op("Concat", "joined", &[&deep, &left], &[("axis", Attr::Int(1))])
    };
    a_slice_of_a_map_is_a_view [1, 4, 6, 5], |onnx, x| {
        let conv = onnx.conv("conv", &x, &[4, 4, 1, 1], &[]);
        let [starts, ends, axes] = [("starts", [1, 2]), ("ends", [5, 5]), ("axes", [2, 3])].map(|(name, values)| onnx.ints(name, &values));
        let cut = onnx.op("Slice", "cut", &[&conv, &starts, &ends, &axes], &[]);
        onnx.op("MaxPool", "pool", &[&cut], &[("kernel_shape", Attr::Ints(&[2, 2]))])
    };
    leaky_relu_between_bytes_is_a_table [1, 3, 4, 4], |onnx, x| {
        let x = onnx.through_bytes("x.q", &x, 0.0078125, -5);
        let y = onnx.op("LeakyRelu", "leaky", &[&x], &[]);
        onnx.through_bytes("y.q", &y, 0.01, -100)
    };
    an_average_between_bytes_is_one_of_bytes [1, 3, 4, 4], |onnx, x| {
        let x = onnx.through_bytes("x.q", &x, 0.0078125, -5);
        let y = onnx.op("AveragePool", "average", &[&x], &[("kernel_shape", Attr::Ints(&[2, 2])), ("strides", Attr::Ints(&[2, 2]))]);
        onnx.through_bytes("y.q", &y, 0.007, -8)
    };
    a_sum_between_bytes_is_one_of_bytes [1, 3, 4, 4], |onnx, x| {
        let x = onnx.through_bytes("x.q", &x, 0.0078125, -5);
        let other = onnx.through_bytes("other.q", &x, 0.02, 7);
        let y = onnx.op("Add", "sum", &[&x, &other], &[]);
        let y = onnx.op("Relu", "limited", &[&y], &[]);
        onnx.through_bytes("y.q", &y, 0.015, -128)
    };
    bytes_with_channels_last_become_a_map_beside_floats [1, 3, 2, 2], |onnx, x| {
        let bytes = onnx.bytes_input("bytes", &[1, 2, 2, 3]);
        let wide = onnx.op("Cast", "wide", &[&bytes], &[("to", Attr::Int(1))]);
        let planar = onnx.op("Transpose", "planar", &[&wide], &[("perm", Attr::Ints(&[0, 3, 1, 2]))]);
        onnx.op("Concat", "joined", &[&planar, &x], &[("axis", Attr::Int(1))])
    };
    softmax_over_channels [1, 4, 2, 2], |onnx, x| onnx.op("Softmax", "softmax", &[&x], &[("axis", Attr::Int(1))]);
    hard_swish_in_the_epilogue [1, 2, 3, 3], |onnx, x| {
        let conv = onnx.conv("conv", &x, &[4, 2, 1, 1], &[]);
        onnx.op("HardSwish", "swish", &[&conv], &[])
    };
    a_product_with_a_sigmoid_in_the_epilogue [1, 2, 3, 3], |onnx, x| {
        let conv = onnx.conv("conv", &x, &[4, 2, 1, 1], &[]);
        let gate = onnx.op("Sigmoid", "gate", &[&conv], &[]);
        onnx.op("Mul", "swish", &[&conv, &gate], &[])
    };
    softmax_behind_a_mask_of_minus_infinity [2, 4], |onnx, x| {
        let mask = onnx.floats("mask", &[4], &[0.0, f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY]);
        let masked = onnx.op("Add", "masked", &[&x, &mask], &[]);
        onnx.op("Softmax", "softmax", &[&masked], &[])
    };
    sigmoid_alone [1, 4], |onnx, x| onnx.op("Sigmoid", "sigmoid", &[&x], &[]);
    minimum_and_mean_of_three_are_chains [1, 3, 2, 2], |onnx, x| {
        let row = onnx.weights("row", &[2]);
        let channels = onnx.weights("channels", &[3, 1, 1]);
        let least = onnx.op("Min", "least", &[&x, &row, &channels], &[]);
        let most = onnx.op("Max", "most", &[&x, &row], &[]);
        onnx.op("Mean", "mean", &[&least, &most, &x], &[])
    };
    powers_of_small_whole_numbers_are_products [2, 3], |onnx, x| {
        let two = onnx.floats("two", &[], &[2.0]);
        let exponents = onnx.floats("exponents", &[3], &[0.5, -1.5, 2.2]);
        let square = onnx.op("Pow", "square", &[&x, &two], &[]);
        onnx.op("Pow", "power", &[&square, &exponents], &[])
    };
    remainder_of_floats [2, 3], |onnx, x| {
        let divisor = onnx.floats("divisor", &[], &[0.3]);
        onnx.op("Mod", "rest", &[&x, &divisor], &[("fmod", Attr::Int(1))])
    };
    choice_behind_comparisons_and_logic [2, 3], |onnx, x| {
        let row = onnx.weights("row", &[3]);
        let less = onnx.op("Less", "less", &[&x, &row], &[]);
        let nan = onnx.op("IsNaN", "nan", &[&x], &[]);
        let infinite = onnx.op("IsInf", "infinite", &[&x], &[]);
        let either = onnx.op("Or", "either", &[&nan, &infinite], &[]);
        let neither = onnx.op("Not", "neither", &[&either], &[]);
        let choice = onnx.op("And", "both", &[&less, &neither], &[]);
        onnx.op("Where", "choice", &[&choice, &x, &row], &[])
    };
    slices_in_steps_and_from_the_end [1, 2, 5, 6], |onnx, x| {
        let [starts, ends, axes, steps] = [("starts", [0, -1]), ("ends", [5, -7]), ("axes", [2, 3]), ("steps", [2, -1])]
            .map(|(name, values)| onnx.ints(name, &values));
        onnx.op("Slice", "cut", &[&x, &starts, &ends, &axes, &steps], &[])
    };
    repetitions_are_copies_with_distances_of_zero [2, 3], |onnx, x| {
        let (repeats, shape) = (onnx.ints("repeats", &[2, 2]), onnx.ints("shape", &[3, 1, 1]));
        let tiled = onnx.op("Tile", "tiled", &[&x, &repeats], &[]);
        onnx.op("Expand", "expanded", &[&tiled, &shape], &[])
    };
    gather_by_known_indices [1, 4, 2, 2], |onnx, x| {
        let indices = onnx.ints("indices", &[2, 1, 0, 3, 3]);
        onnx.op("Gather", "picked", &[&x, &indices], &[("axis", Attr::Int(1))])
    };
    cumulative_sum_from_the_end [2, 3], |onnx, x| {
        let axis = onnx.ints("axis", &[1]);
        onnx.op("CumSum", "sums", &[&x, &axis], &[("reverse", Attr::Int(1)), ("exclusive", Attr::Int(1))])
    };
    integers_wrap_and_nothing_is_divided_by_zero [2, 3], |onnx, x| {
        let (large, row) = (onnx.floats("large", &[], &[100.0]), onnx.ints("row", &[3, -5, 0]));
        let large = onnx.op("Mul", "scaled", &[&x, &large], &[]);
        let whole = onnx.op("Cast", "whole", &[&large], &[("to", Attr::Int(7))]);
        let product = onnx.op("Mul", "product", &[&whole, &whole], &[]);
        let quotient = onnx.op("Div", "quotient", &[&product, &row], &[]);
        let rest = onnx.op("Mod", "rest", &[&quotient, &row], &[]);
        onnx.op("Cast", "floats", &[&rest], &[("to", Attr::Int(1))])
    };
    integers_that_are_limited_and_chosen [2, 3], |onnx, x| {
        let large = onnx.floats("large", &[], &[100.0]);
        let large = onnx.op("Mul", "scaled", &[&x, &large], &[]);
        let whole = onnx.op("Cast", "whole", &[&large], &[("to", Attr::Int(7))]);
        let high = onnx.ints("high", &[50]);
        let positive = onnx.op("Relu", "positive", &[&whole], &[]);
        let clipped = onnx.op("Clip", "clipped", &[&positive, "", &high], &[]);
        let is_there = onnx.op("Cast", "is_there", &[&x], &[("to", Attr::Int(9))]);
        let choice = onnx.op("Where", "choice", &[&is_there, &clipped, &whole], &[]);
        onnx.op("Cast", "floats", &[&choice], &[("to", Attr::Int(1))])
    };
    an_embedding_by_computed_indices [1, 4], |onnx, x| {
        let (six, table) = (onnx.floats("six", &[], &[6.0]), onnx.weights("table", &[6, 3]));
        let large = onnx.op("Mul", "scaled", &[&x, &six], &[]);
        let indices = onnx.op("Cast", "indices", &[&large], &[("to", Attr::Int(7))]);
        onnx.op("Gather", "embedding", &[&table, &indices], &[])
    };
    tanh_alone [1, 3, 2, 2], |onnx, x| onnx.op("Tanh", "tanh", &[&x], &[]);
    functions_of_a_map [1, 2, 4, 3], |onnx, x| {
        let conv = onnx.conv("conv", &x, &[4, 2, 3, 3], &[("pads", Attr::Ints(&[1, 1, 1, 1]))]);
        let elu = onnx.op("Elu", "elu", &[&conv], &[("alpha", Attr::Float(0.5))]);
        let selu = onnx.op("Selu", "selu", &[&elu], &[]);
        onnx.conv("end", &selu, &[2, 4, 1, 1], &[])
    };
    functions_of_functions [2, 6], |onnx, x| {
        let root = onnx.op("Abs", "size", &[&x], &[]);
        let root = onnx.op("Sqrt", "root", &[&root], &[]);
        let error = onnx.op("Erf", "error", &[&root], &[]);
        onnx.op("Softplus", "soft", &[&error], &[])
    };
    sums_of_bytes_that_are_broadcast [2, 3, 4, 4], |onnx, x| {
        let x = onnx.through_bytes("x.q", &x, 0.0078125, -5);
        let mean = onnx.op("GlobalAveragePool", "mean", &[&x], &[]);
        let mean = onnx.through_bytes("mean.q", &mean, 0.00390625, 3);
        let sum = onnx.op("Add", "sum", &[&x, &mean], &[]);
        let sum = onnx.through_bytes("sum.q", &sum, 0.015625, 0);
        let row = onnx.weights("row", &[4]);
        let row = onnx.through_bytes("row.q", &row, 0.0078125, 1);
        let y = onnx.op("Mul", "product", &[&sum, &row], &[]);
        onnx.through_bytes("y.q", &y, 0.015625, 0)
    };
    a_difference_of_bytes_in_integers_alone [1, 3, 4, 4], |onnx, x| {
        let x = onnx.through_bytes("x.q", &x, 0.0071, -5);
        let mean = onnx.op("GlobalAveragePool", "mean", &[&x], &[]);
        let mean = onnx.through_bytes("mean.q", &mean, 0.0039, 3);
        let y = onnx.op("Sub", "difference", &[&x, &mean], &[]);
        onnx.through_bytes("y.q", &y, 0.0157, 0)
    };
    tanh_between_bytes_is_a_table [1, 3, 4, 4], |onnx, x| {
        let x = onnx.through_bytes("x.q", &x, 0.0078125, -5);
        let y = onnx.op("Tanh", "tanh", &[&x], &[]);
        onnx.through_bytes("y.q", &y, 0.0078125, 0)
    };
    depth_to_space_behind_a_conv [1, 4, 3, 3], |onnx, x| {
        let conv = onnx.conv("conv", &x, &[8, 4, 1, 1], &[]);
        let wide = onnx.op("DepthToSpace", "wide", &[&conv], &[("blocksize", Attr::Int(2)), ("mode", Attr::Text("CRD"))]);
        onnx.conv("last", &wide, &[2, 2, 3, 3], &[])
    };
    space_to_depth_before_a_conv [1, 3, 4, 4], |onnx, x| {
        let deep = onnx.op("SpaceToDepth", "deep", &[&x], &[("blocksize", Attr::Int(2))]);
        onnx.conv("conv", &deep, &[4, 12, 1, 1], &[])
    };
    a_nearest_resize_between_convs [1, 3, 4, 4], |onnx, x| {
        let conv = onnx.conv("conv", &x, &[4, 3, 1, 1], &[]);
        let scales = onnx.floats("scales", &[4], &[1.0, 1.0, 2.0, 2.0]);
        let wide = onnx.op("Resize", "wide", &[&conv, "", &scales], &[("mode", Attr::Text("nearest"))]);
        onnx.conv("last", &wide, &[2, 4, 3, 3], &[("pads", Attr::Ints(&[1, 1, 1, 1]))])
    };
    a_resize_of_columns_alone [1, 2, 8, 8], |onnx, x| {
        let scales = onnx.floats("scales", &[4], &[1.0, 1.0, 1.0, 0.5]);
        let x = onnx.op("Exp", "power", &[&x], &[]);
        let narrow = onnx.op("Resize", "narrow", &[&x, "", &scales], &[("mode", Attr::Text("nearest"))]);
        onnx.op("Exp", "end", &[&narrow], &[])
    };
    a_linear_resize_to_a_size [1, 2, 3, 5], |onnx, x| {
        let sizes = onnx.ints("sizes", &[1, 2, 6, 4]);
        onnx.op("Resize", "resize", &[&x, "", "", &sizes], &[("mode", Attr::Text("linear"))])
    };
    a_cubic_resize_of_a_region [1, 2, 4, 4], |onnx, x| {
        let roi = onnx.floats("roi", &[8], &[0.0, 0.0, 0.25, 0.0, 1.0, 1.0, 1.25, 1.0]);
        let sizes = onnx.ints("sizes", &[1, 2, 5, 3]);
        let how = [("mode", Attr::Text("cubic")), ("coordinate_transformation_mode", Attr::Text("tf_crop_and_resize"))];
        onnx.op("Resize", "resize", &[&x, &roi, "", &sizes], &how)
    };
    conv_transpose_between_convs [1, 3, 4, 4], |onnx, x| {
        let conv = onnx.conv("conv", &x, &[4, 3, 1, 1], &[]);
        let weights = onnx.weights("wide.w", &[4, 5, 3, 3]);
        let bias = onnx.weights("wide.b", &[5]);
        let window = [("strides", Attr::Ints(&[2, 2])), ("pads", Attr::Ints(&[1, 1, 1, 1])), ("output_padding", Attr::Ints(&[1, 1]))];
        let wide = onnx.op("ConvTranspose", "wide", &[&conv, &weights, &bias], &window);
        onnx.conv("last", &wide, &[2, 5, 1, 1], &[])
    };
    conv_transpose_of_lines_in_groups [2, 4, 5], |onnx, x| {
        let weights = onnx.weights("wide.w", &[4, 3, 2]);
        onnx.op("ConvTranspose", "wide", &[&x, &weights], &[("strides", Attr::Ints(&[2])), ("group", Attr::Int(2))])
    };
    conv_and_max_pool_over_three_axes [1, 2, 2, 4, 4], |onnx, x| {
        let conv = onnx.conv("conv", &x, &[4, 2, 3, 3, 3], &[("pads", Attr::Ints(&[1; 6]))]);
        let relu = onnx.op("Relu", "relu", &[&conv], &[]);
        onnx.op("MaxPool", "pool", &[&relu], &[("kernel_shape", Attr::Ints(&[2; 3])), ("strides", Attr::Ints(&[2; 3]))])
    };
    conv_transpose_over_three_axes_leaves_a_depth_out [1, 2, 2, 2, 2], |onnx, x| {
        let weights = onnx.weights("wide.w", &[2, 3, 1, 2, 2]);
        let bias = onnx.weights("wide.b", &[3]);
        onnx.op("ConvTranspose", "wide", &[&x, &weights, &bias], &[("strides", Attr::Ints(&[2; 3]))])
    };
    conv_transpose_over_three_axes_in_groups [1, 4, 2, 2, 2], |onnx, x| {
        let weights = onnx.weights("wide.w", &[4, 1, 2, 2, 2]);
        onnx.op("ConvTranspose", "wide", &[&x, &weights], &[("group", Attr::Int(2))])
    };
}
