//! Every code that a diagnostic can have, with what `peleec explain` says of it: this is the one table.
//!
//! A [`Code`] has no other values than the table's, so that nothing is said under a code without a text.

use serde::Serialize;

/// What a code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Such as `PL0301`.
    pub code: &'static str,
    /// One line.
    pub title: &'static str,
    /// A message that has it: the line behind the word `error`, `warning` or `note`.
    pub example: &'static str,
    /// What is at fault, and why.
    pub meaning: &'static str,
    /// What to do.
    pub help: &'static str,
}

/// A code of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(&'static str);

impl Code {
    pub(crate) const fn name(self) -> &'static str {
        self.0
    }
}

macro_rules! codes {
    ($($name:ident $code:literal $title:literal { example: $example:literal, meaning: $meaning:literal, help: $help:literal })+) => {
        impl Code {
            $(#[doc = $title] pub(crate) const $name: Code = Code($code);)+
        }

        /// The texts of all codes, in the order of the codes.
        pub const EXPLANATIONS: &[Explanation] = &[
            $(Explanation { code: Code::$name.name(), title: $title, example: $example, meaning: $meaning, help: $help },)+
        ];
    };
}

codes! {
    DAMAGED "PL0101" "The file is not an ONNX model, or it is damaged" {
        example: "PL0101: the file is a Git LFS pointer, not the model itself",
        meaning: "The bytes are no protobuf message of ONNX's schema. Where their beginning tells what they are instead (a Git LFS pointer, \
            a zip archive, a TensorFlow Lite model, text), the message says so; else the place is named where reading ended.",
        help: "Compare the file's size with the source: downloads and copies end early. Fetch Git LFS files with `git lfs pull`. \
            Convert models of other formats to ONNX first."
    }
    TOO_LARGE "PL0102" "Something of the file is larger than peleec takes" {
        example: "PL0102: the model's constants are too large together",
        meaning: "A file of a few bytes can ask for any amount of memory, so there are bounds: 256 MiB of file, 65536 nodes, names of 4096 \
            bytes, constants that fit together, messages and nesting that a decoder handles in bounded time. A bound says \
            nothing of the model's quality: what it keeps out does not fit a microcontroller by far.",
        help: "Look at what the message names. Very long names and very many nodes come of exporters that unroll loops: export with fixed \
            sizes. Split a model whose weights are beyond the bound."
    }
    NO_GRAPH "PL0103" "The file holds no graph" {
        example: "PL0103: the file holds no graph",
        meaning: "It is a valid message of ONNX's schema, and the field that holds the network is not there.",
        help: "Export the model again, and look at the exporter's warnings."
    }
    OPSET "PL0104" "The version of the operator set is not one that peleec knows" {
        example: "PL0104: operator set version 99 is not supported",
        meaning: "What an operator means depends on the version of the operator set `ai.onnx` that the model imports. `peleec ops` says which \
            versions are known; a model has to import exactly one. A few operators had another form in their first versions, which is not \
            read: there the message names the operator.",
        help: "Export again with opset_version=17."
    }
    SPARSE "PL0105" "A weight is stored in sparse form" {
        example: "PL0105: initializer `w` is sparse",
        meaning: "Sparse tensors list the elements that are not zero. peleec's kernels read dense weights.",
        help: "Export the model with plain dense tensors only."
    }
    STORED_VALUE "PL0106" "A stored value cannot be read" {
        example: "PL0106: initializer `w` cannot be read: it holds 8 bytes where its type f32[3] needs 12 bytes",
        meaning: "A tensor of the file contradicts itself: its length is not that of its shape and its element type, it is stored \
            twice, or its shape has a negative extent.",
        help: "The file is damaged, or whatever wrote it is at fault: export the model again, and check it with onnx.checker."
    }
    ELEMENT_TYPE "PL0107" "A stored value is of an element type that peleec does not take" {
        example: "PL0107: initializer `labels` cannot be taken: its element type is string",
        meaning: "Weights may be float, float16, bfloat16, double, integers of 8 to 64 bits, or bool. Strings and complex numbers have no \
            place in firmware. A value that no output needs may be of any type.",
        help: "Cut off what reads it, by `--output` with the names of the tensors before, or export without it."
    }
    EXTERNAL "PL0108" "A value lies in another file, which is not read" {
        example: "PL0108: initializer `w` cannot be read: its elements are stored in another file, `w.bin`",
        meaning: "Large models keep their weights in files beside them, which the model names. A model from elsewhere could name any file of \
            yours, so peleec opens none without leave, and then only plain files in the model's folder or below it, no links.",
        help: "If you trust the model, give `--allow-external`. A cache of links is to be copied, with `cp -L`."
    }
    NOT_A_NUMBER "PL0109" "A weight is no number" {
        example: "PL0109: constant `w` holds a value that is no number",
        meaning: "NaN spreads: one in a weight makes NaN of every output that depends on it. Infinities are taken, as masks need them, and NaN \
            where it is an output of the model, or something is computed of it when compiling.",
        help: "Look at the weights in the framework that wrote the model: training may have diverged."
    }
    NAME_TAKEN "PL0201" "A name is defined twice, or is empty" {
        example: "PL0201: `relu` is defined twice",
        meaning: "In ONNX a tensor's name is its identity: each is defined once, by an input of the graph, a stored value or a node.",
        help: "Export the model again; where a script edited the graph, give new tensors names of their own."
    }
    UNDEFINED "PL0202" "A node reads a tensor that nothing defines" {
        example: "PL0202: nothing defines the tensor `x`",
        meaning: "Neither an input of the graph, nor a stored value, nor another node has this name.",
        help: "Export the model again; where a script cut the graph, make the tensor an input."
    }
    CYCLE "PL0203" "Nodes read each other in a cycle" {
        example: "PL0203: nodes read each other in a cycle: `a`, `b`",
        meaning: "No order exists in which each node follows what it reads. ONNX graphs are acyclic; state is passed as inputs and outputs.",
        help: "Export the model again; where a script rewired the graph, look at the nodes that the message names."
    }
    EXTENT "PL0204" "An extent of an input is not known, or out of bounds" {
        example: "PL0204: input `images` has a symbolic dimension `height`",
        meaning: "Everything that peleec emits has sizes that are known when compiling: arrays, loops, offsets. A batch that is left open \
            becomes 1; every other extent has to be said.",
        help: "Give `--input-dim height=304` for each name, or all extents of an input at once: `--input-shape images=1,3,304,304`."
    }
    INPUT_TYPE "PL0205" "An input of the graph cannot be taken" {
        example: "PL0205: graph input `x` has no shape",
        meaning: "An input of firmware is an array: a tensor of a known shape of at most 16 dimensions, of floats, integers of 8, 32 or \
            64 bits, or bool. Sequences, maps and optional values are none.",
        help: "For a missing shape give `--input-shape x=1,3,304,304`. Where only a part of the graph reads the input, cut that part off by \
            `--output`."
    }
    SHAPE "PL0206" "A tensor is too large, or has no elements" {
        example: "PL0206: an output of the node is too large",
        meaning: "Extents and their products are bounded before anything is computed of them, and outputs need elements. Often an extent \
            was inferred otherwise than you think.",
        help: "Look at the shapes of the node's inputs in the message; fix the sizes of the graph's inputs by `--input-shape`."
    }
    OUTPUTS "PL0207" "An output of the graph is missing" {
        example: "PL0207: nothing defines the graph output `y`",
        meaning: "The graph lists an output that nothing computes, or it lists none.",
        help: "Name outputs that there are, by `--output NAME`, or export the model again."
    }
    IDLE_PIN "PL0208" "A size was given that nothing asks for" {
        example: "PL0208: no input has a symbolic dimension `hieght`",
        meaning: "The model compiles, and the size that was given had no effect: its name is misspelt, or it belongs to an input that the \
            outputs do not need.",
        help: "Compare the names; leave the flag out where it is not needed."
    }
    BATCH "PL0209" "An open batch is set to 1" {
        example: "PL0209: dimension `batch` of input `images` is set to 1",
        meaning: "The first dimension of an input was symbolic and no size was given for it. A note, not an error: firmware sees one \
            picture at a time.",
        help: "Nothing, or `--input-dim batch=N` for another size."
    }
    WIDENED "PL0210" "An input is f32 in the compiled model" {
        example: "PL0210: input `x` is float16 in the file and f32 in the compiled model",
        meaning: "peleec computes in f32 or in bytes. Floats of other widths are taken as f32, which holds the values of float16 and bfloat16 \
            and not all of double.",
        help: "Give the model f32."
    }
    OUTPUT_TYPE "PL0211" "An output is declared of another element type than the nodes give" {
        example: "PL0211: graph output `y` is declared int64 and computed as f32",
        meaning: "The file contradicts itself; what the nodes compute counts.",
        help: "Nothing, if you expect the type that is computed; else export the model again."
    }
    NO_SUCH_OUTPUT "PL0212" "The graph cannot end at a tensor that was asked for" {
        example: "PL0212: no tensor of the graph is called `relu_7`",
        meaning: "`--output NAME` ends the graph at a tensor: one of its outputs, an input, a stored value or what a node of the file \
            computes, under its name in the file, each once. Names inside of the branches of an `If` are not seen from outside.",
        help: "Take one of the names that the message lists; viewers such as Netron show those of all tensors."
    }
    NO_SUCH_INPUT "PL0213" "A shape was given for an input that is not there, or of another rank" {
        example: "PL0213: no input of the graph is called `image`",
        meaning: "`--input-shape NAME=1,3,304,304` sets all extents of an input of the graph in place of what the file says. The name is that \
            of the input, and there are as many extents as the file has dimensions, where it has a shape.",
        help: "Take one of the names that the message lists, with as many extents as it shows."
    }
    OPERATOR "PL0301" "An operator is not supported" {
        example: "PL0301: operator `Shrink` is not supported",
        meaning: "`peleec ops` lists the operators that there are kernels or rules for. All nodes of unsupported operators are listed in one \
            run; what no output needs is not looked at.",
        help: "End the graph before the node, with `--output` and the name of what the node reads, and do the rest in your own code; \
            or express the operator by those that are supported. The message has the name."
    }
    DOMAIN "PL0302" "An operator of another domain is not supported" {
        example: "PL0302: operator `FusedConv` of the domain `com.microsoft` is not supported",
        meaning: "The operator is not one of ONNX's own. Optimisers of run-time systems write such nodes for themselves; other tools put \
            functions of the model there.",
        help: "Give the model as it was exported, before optimisation; inline the model's functions with onnx.inliner."
    }
    NOT_VALID "PL0303" "A node breaks ONNX's rules" {
        example: "PL0303: operator `Conv` is not valid here",
        meaning: "The attributes, the number of inputs or their shapes are such that ONNX gives the node no meaning. The message says which.",
        help: "Check the file with onnx.checker and onnx.shape_inference. Where `--input-shape` or `--input-dim` gave sizes, other sizes may be \
            what the graph was made for."
    }
    USE "PL0304" "This use of an operator is not supported" {
        example: "PL0304: this use of operator `Resize` is not supported",
        meaning: "The operator is known and the node is valid, and it asks for a mode, a type or an input computed at run time that peleec \
            has no kernel for. The message says what was found and what is supported.",
        help: "Follow the message; or end the graph before the node, with `--output` and the name of what the node reads."
    }
    NOT_COMPUTED "PL0305" "An output of a node, or a view of a tensor, is not computed" {
        example: "PL0305: something reads `mask`, an output of `Dropout` that is not computed",
        meaning: "Some operators have outputs for training, which peleec does not compute; the message names the one that something reads. \
            In rare plans no kernel can walk a tensor as it lies in memory.",
        help: "Export the model for inference, with model.eval(). For a view, another `--ram-budget` gives another plan."
    }
    NO_ROWS "PL0306" "An input cannot come row by row" {
        example: "PL0306: input `x` has no rows to ask for",
        meaning: "`--input rows` and `--frame` make the input's rows while the network runs, so it has to be a map of one image: [1, C, H, W] or \
            [1, H, W, C].",
        help: "Leave `--input rows` out, or set the batch to 1."
    }
    DESCRIPTION "PL0401" "A file does not describe a model" {
        example: "PL0401: model.toml does not describe a model",
        meaning: "The TOML file beside the model, or the one that `--detect` names, has a key or a value that there is no place for. The message \
            has the parser's words and the line.",
        help: "Compare the file with the one that the README shows."
    }
    NOT_DESCRIBED "PL0402" "The description lacks a section" {
        example: "PL0402: the model's description has no [detector]",
        meaning: "Boxes need a [detector] and a [frame], a camera's frames need a [frame]: a network's file does not say how pictures become its \
            input, nor what its outputs mean.",
        help: "Add the section, or leave out the flag that asks for it; `--mean` and `--scale` stand in for a [frame]."
    }
    NO_DESCRIBED_OUTPUT "PL0403" "The description names an output that the model does not have" {
        example: "PL0403: no output of the model is called `loc`, which the description says gives the box offsets",
        meaning: "The names under [detector] are those of the graph's outputs, or of the tensors that `--output` made its outputs.",
        help: "Correct the name, or make the tensor an output by `--output`."
    }
    PRIORS "PL0404" "An output does not go with the prior boxes" {
        example: "PL0404: `loc` does not go with the detector's 8732 prior boxes",
        meaning: "A detector gives four offsets and its scores for each prior box. The number of boxes that the description makes is not the \
            one that the output has room for.",
        help: "Compare grids, ratios and sizes of [[detector.priors]] with those of the training; a different input size has different grids."
    }
    CLASSES "PL0405" "Labels or background do not go with the classes" {
        example: "PL0405: there are 20 labels for 21 classes",
        meaning: "Labels stand for the classes in order, the background among them.",
        help: "Give a label a class, or none at all."
    }
    IMPOSSIBLE "PL0406" "A description asks for what cannot be" {
        example: "PL0406: the description's detector cannot be",
        meaning: "A size of zero, a limit beyond what fits, a box without an area or larger than any number. The message says which.",
        help: "Correct the value in the description."
    }
    NO_PICTURE "PL0407" "Pictures do not become this model's input" {
        example: "PL0407: a picture does not become this model's input",
        meaning: "Pictures have a size, and three colours or one channel: the model needs one input of f32, i8 or u8, [1,3,H,W], [1,H,W,3], \
            [1,1,H,W] or [1,H,W,1], of the size that the description says, and with one channel if its order is gray.",
        help: "Leave `--frame` out, or describe the `size` and `order` that the input has."
    }
    FRAME "PL0408" "No camera's frame has such a size" {
        example: "PL0408: no frame is 0x240",
        meaning: "A frame has 1 to 65536 pixels along each side and less than 2 GiB in all; pairs of pixels share their colours in yuv422, so \
            that its width is even.",
        help: "Give the size of the frames as the camera writes them."
    }
    NORMALISATION "PL0409" "A mean or a scale is no finite number" {
        example: "PL0409: a mean or scale of the frame is no finite number",
        meaning: "What is taken from each colour, and what it is multiplied by, are numbers of f32.",
        help: "Correct `mean` and `scale` in the description, or the flags of these names."
    }
    ENDING "PL0410" "The end of the graph is not that of a detector" {
        example: "PL0410: the graph's end does not become a detector",
        meaning: "With `--detect`, and a description without a [detector], a graph that ends in a NonMaxSuppression is read backwards: boxes must \
            be what centre-size offsets make of prior boxes that are constants, scores must be a value a prior and class, transposed. The \
            message names the node that is otherwise.",
        help: "Leave `--detect` out, so that the graph runs as it is; or end it at offsets and scores by `--output`, and describe the \
            [detector]."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_text_whose_example_has_the_code() {
        assert!(EXPLANATIONS.is_sorted_by(|a, b| a.code < b.code));
        for Explanation { code, title, example, meaning, help } in EXPLANATIONS {
            assert!(code.len() == 6 && code.starts_with("PL0") && code[2..].bytes().all(|byte| byte.is_ascii_digit()), "{code}");
            assert!(example.starts_with(&format!("{code}: ")) && example.len() > code.len() + 2, "{code}: {example}");
            assert!(!title.ends_with('.') && title.len() <= 80 && !title.contains('\n'), "{code}: {title}");
            assert!(
                [meaning, help].iter().all(|text| text.len() > 10 && text.ends_with('.') && !text.contains("  ")),
                "{code}: {meaning} {help}"
            );
        }
    }
}
