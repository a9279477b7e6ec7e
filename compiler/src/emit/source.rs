//! What a module is printed of, and what its arguments and outputs are called.

use proc_macro2::Ident;
use quote::format_ident;

use super::head::Head;
use super::layer::{Argument, Arguments};
use crate::description::{Attached, Camera};
use crate::model_memory::ModelMemory;
use crate::names::Names;
use crate::ops::ByteScale;
use crate::plan::Group;
use crate::steps::bind::Layer;
use crate::steps::kernels::Work;
use crate::target::Target;
use crate::tensor::{DType, TensorType};

/// What is printed.
pub(crate) struct ModuleSource<'a> {
    pub(crate) name: &'a str,
    pub(crate) head: &'a Head,
    pub(crate) target: Target,
    pub(crate) layers: &'a [Layer],
    /// The layers cut into those that run whole, one each, and those that run row by row together.
    pub(crate) groups: &'a [Group],
    /// Name and type of every input.
    pub(crate) inputs: &'a [(String, TensorType)],
    /// What the bytes of every input stand for, where that is known.
    pub(crate) input_scales: &'a [Option<ByteScale>],
    pub(crate) outputs: &'a [Output],
    /// Whether the caller has the outputs' memory.
    pub(crate) outputs_outside: bool,
    pub(crate) memory: ModelMemory,
    /// What makes the rows of the input.
    pub(crate) camera: Option<&'a Camera>,
    /// What makes detections of the outputs.
    pub(crate) detector: Option<&'a Attached>,
    /// Bytes.
    pub(crate) weights: usize,
    /// Section of the weights, where they are to have one of their own.
    pub(crate) weights_section: Option<&'a str>,
}

/// A result of the network.
pub(crate) struct Output {
    /// The ONNX name.
    pub(crate) name: String,
    pub(crate) ty: TensorType,
    /// What its bytes stand for, where that is known.
    pub(crate) scale: Option<ByteScale>,
    /// First byte in the arena, where it does not lie with the caller.
    pub(crate) at: usize,
}

/// The arguments of the generated functions.
pub(super) fn arguments(source: &ModuleSource<'_>) -> Arguments {
    let mut names = Names::default();
    // The frame is an argument, too.
    source.camera.map(|_| names.unique("frame"));
    let mut argument = |name: &str, ty: &TensorType| Argument { ident: ident(&names.unique(name)), ty: ty.clone(), source: None };
    let mut inputs: Vec<Argument> = source.inputs.iter().map(|(name, ty)| argument(name, ty)).collect();
    let outputs = match source.outputs_outside {
        true => source.outputs.iter().map(|output| argument(&output.name, &output.ty)).collect(),
        false => Vec::new(),
    };
    for layer in source.layers {
        if let Work::Source(rows) = &layer.work {
            inputs[rows.index].source = Some(*rows);
        }
    }
    Arguments { inputs, outputs }
}

pub(super) fn ident(name: &str) -> Ident {
    format_ident!("{name}")
}

/// A type as whoever calls the model reads it.
pub(super) fn in_words(ty: &TensorType) -> String {
    let truth = if ty.dtype == DType::Bool { " as bytes, 0 or 1" } else { "" };
    format!("{ty}{truth}")
}

pub(super) fn output_idents(source: &ModuleSource<'_>) -> Vec<Ident> {
    let mut names = Names::default();
    // The results have a field of the first name, and the module constants of all three.
    source.detector.map(|_| ["detections", "detector", "candidates"].map(|name| names.unique(name)));
    source.outputs.iter().map(|output| ident(&names.unique(&output.name))).collect()
}
