//! The schema of the report. Fields are only added within a schema version.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model_memory::ModelMemory;
use crate::ops::ByteScale;
use crate::tensor::{DType, TensorType};

/// A compilation in figures; every size and offset is in bytes and equals the generated module's.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of this schema.
    pub schema: u32,
    /// Name of the module.
    pub name: String,
    /// SHA-256 of the ONNX file.
    pub model_sha256: String,
    /// Version of the operator set that the model imports.
    pub opset: i64,
    /// Machine that the code is for.
    pub target: String,
    /// Class of floating-point results: all machines of a class compute the same bits.
    pub numeric: &'static str,
    /// RAM that a `Model` owns for activations, and for outputs unless they lie with the caller.
    pub arena_bytes: usize,
    /// The most bytes alive at one layer: no placement of these buffers needs less.
    pub live_bound_bytes: usize,
    /// RAM that a `Model` owns for copies of weights, beside the activations.
    pub pinned_bytes: usize,
    /// RAM for detections and their candidates.
    pub detector_bytes: usize,
    /// Flash for weights.
    pub weight_bytes: usize,
    /// Multiply-accumulates of one run.
    pub macs: u64,
    /// Elements of the weights, biases included, as the model holds them.
    pub parameters: u64,
    /// Nodes of the file.
    pub nodes: usize,
    /// The arguments of `run`.
    pub inputs: Vec<InputReport>,
    /// The fields of `Outputs`.
    pub outputs: Vec<OutputReport>,
    /// The graph rewrites, in the order in which they ran.
    pub passes: Vec<PassReport>,
    /// Moves (of concats, transposes, reshapes) that needed no code, since their tensors share memory.
    pub moves_elided: usize,
    /// Operators of a quantised network that run over floats, by what they stand for, and how many of each.
    pub in_floats: BTreeMap<String, usize>,
    /// The buffers of the arena.
    pub buffers: Vec<BufferReport>,
    /// Weights that one run reads, and those of one pass over all of them.
    pub weight_reads: WeightReads,
    /// The estimated instructions of one run by those of one layer by layer, within 0.05; none for targets for which rows were not counted.
    pub instructions_factor: Option<f64>,
    /// The least RAM that any plan takes, and the weights that it reads.
    pub least: CostReport,
    /// The layers, in the order in which they would run one by one.
    pub layers: Vec<LayerReport>,
    /// The layers cut into groups, in the order in which these run.
    pub groups: Vec<GroupReport>,
}

/// How many weights are read.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct WeightReads {
    /// Bytes that one run reads; a layer that is called row by row reads its weights for each row, unless they are copied to RAM, one in
    /// parts for each part.
    pub bytes: u64,
    /// That by the bytes of one pass over all weights.
    pub factor: f64,
}

/// What a plan takes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CostReport {
    /// RAM that a `Model` would own.
    pub arena_bytes: usize,
    /// The weight reads of one run by those of one pass over all weights.
    pub read_factor: f64,
}

/// What copies of weights take and give.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PinReport {
    /// RAM for the copies.
    pub pinned_bytes: usize,
    /// The weight reads of one run, those that make the copies among them, by those of one pass over all weights.
    pub read_factor: f64,
}

/// Layers that run together: one whole, or several row by row.
#[derive(Clone, Debug, Serialize)]
pub struct GroupReport {
    /// Index of the first layer.
    pub first_layer: usize,
    /// Index of the last layer.
    pub last_layer: usize,
    /// Whether they run row by row.
    pub streamed: bool,
    /// Calls of layers; those of a repeating body, and how often it comes.
    pub calls: usize,
    /// Calls in the part of the schedule that repeats.
    pub body_calls: usize,
    /// How often that part comes.
    pub body_times: usize,
}

impl Report {
    /// RAM that a `Model` works in.
    pub fn model_bytes(&self) -> usize {
        self.memory().bytes()
    }

    /// What that is made of.
    pub(crate) fn memory(&self) -> ModelMemory {
        ModelMemory { arena: self.arena_bytes, pinned: self.pinned_bytes, lists: self.detector_bytes }
    }

    /// What `run` calls, in order: layers that run whole, and for each group of layers that run row by row one entry that stands for all.
    pub fn calls(&self) -> Vec<LayerReport> {
        let call = |(index, group): (usize, &GroupReport)| {
            let layers = &self.layers[group.first_layer..=group.last_layer];
            let last = layers[layers.len() - 1].clone();
            if !group.streamed {
                return last;
            }
            let earlier = self.groups[..index].iter().filter(|group| group.streamed).count();
            LayerReport {
                name: format!("stream_{} ({} to {})", earlier + 1, layers[0].name, last.name),
                op: format!("{} layers", layers.len()),
                kernel: "row by row".to_owned(),
                macs: layers.iter().map(|layer| layer.macs).sum(),
                ..last
            }
        };
        self.groups.iter().enumerate().map(call).collect()
    }
}

/// An input of the model.
#[derive(Clone, Debug, Serialize)]
pub struct InputReport {
    /// The ONNX name.
    pub name: String,
    /// Type of the elements.
    pub element: DType,
    /// Extents in ONNX's order.
    pub shape: Vec<usize>,
    /// What its bytes stand for, where that is known.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub scale: Option<ByteScale>,
    /// Whether the model asks for it row by row; else the caller has it as an array.
    pub by_rows: bool,
}

/// An output of the model.
#[derive(Clone, Debug, Serialize)]
pub struct OutputReport {
    /// The ONNX name.
    pub name: String,
    /// Type of the elements.
    pub element: DType,
    /// Extents in ONNX's order.
    pub shape: Vec<usize>,
    /// What its bytes stand for, where that is known.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub scale: Option<ByteScale>,
    /// Where it lies in the arena.
    pub offset: usize,
}

impl InputReport {
    /// Type of the elements, and extents.
    pub fn ty(&self) -> TensorType {
        TensorType::new(self.element, self.shape.clone())
    }
}

impl OutputReport {
    /// Type of the elements, and extents.
    pub fn ty(&self) -> TensorType {
        TensorType::new(self.element, self.shape.clone())
    }
}

/// A graph rewrite.
#[derive(Clone, Debug, Serialize)]
pub struct PassReport {
    /// Name of the pass.
    pub name: String,
    /// How often it changed the graph.
    pub rewrites: usize,
}

/// A buffer of the arena.
#[derive(Clone, Debug, Serialize)]
pub struct BufferReport {
    /// The tensor that it was made for; others may live inside.
    pub name: String,
    /// First byte in the arena.
    pub offset: usize,
    /// Size.
    pub bytes: usize,
    /// The rows that it holds at a time, if it is a ring.
    pub ring_rows: Option<usize>,
    /// Index of the first layer that touches it; of a ring, that runs while it holds rows.
    pub first_layer: usize,
    /// Index of the last layer that needs it; of a ring, that runs while it holds rows.
    pub last_layer: usize,
}

/// A range of bytes.
#[derive(Clone, Debug, Serialize)]
pub struct RangeReport {
    /// `arena`, `weights`, `pinned`, `input N` or `output N`.
    pub memory: String,
    /// First byte.
    pub offset: usize,
    /// Size.
    pub bytes: usize,
}

/// A layer.
#[derive(Clone, Debug, Serialize)]
pub struct LayerReport {
    /// The ONNX node's name.
    pub name: String,
    /// The ONNX operators that it stands for.
    pub op: String,
    /// The runtime's kernel.
    pub kernel: String,
    /// Extents of the output in ONNX's order.
    pub output: Vec<usize>,
    /// Multiply-accumulates.
    pub macs: u64,
    /// What it reads.
    pub reads: Vec<RangeReport>,
    /// What it writes.
    pub writes: RangeReport,
    /// Its weights.
    pub weights: RangeReport,
    /// Where in RAM they are copied to before its group runs, if they are.
    pub pinned: Option<RangeReport>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::node::Attribute;
    use crate::onnx::write::ModelWriter;
    use crate::tensor::{Tensor, TensorType};
    use crate::{Compilation, ModelFile, Options, RamBudget, compile};

    /// Convolutions of a map of 16x16 pixels in a row, their names those of the layers; with `is_deep` many channels towards the end.
    fn compiled(count: usize, is_deep: bool, ram_budget: RamBudget) -> Compilation {
        let (mut model, mut channels, mut side) = (ModelWriter::new("g", 17), 2, 16);
        model.input("x", &TensorType::f32([1, 2, 16, 16]));
        let mut x = "x".to_owned();
        for index in 0..count {
            let (name, weights, stride) = (format!("y{index}"), format!("w{index}"), 1 + index % 2);
            let filters = if is_deep { 2 * channels } else { channels };
            let values = Tensor::f32([filters, channels, 3, 3], vec![index as f32; filters * channels * 9]).unwrap();
            let attributes = [("pads", Attribute::Ints(vec![1; 4])), ("strides", Attribute::Ints(vec![stride as i64; 2]))];
            model.initializer(&weights, &values).node("Conv", &name, &[&x, &weights], &[&name], &attributes);
            (x, channels, side) = (name, filters, side / stride);
        }
        model.output(&x, &TensorType::f32([1, channels, side, side]));
        compile(&ModelFile::from_bytes("net", model.finish()), &Options { ram_budget, ..Options::default() }).unwrap()
    }

    /// Every layer is in one call, and what the calls compute is what the layers do.
    #[test]
    fn calls_are_all_layers_in_their_order() {
        let mut streamed = 0;
        for (count, is_deep) in [(1, false), (4, false), (6, false), (5, true)] {
            for budget in [RamBudget::Thrifty, RamBudget::Least, RamBudget::Bytes(1 << 30)] {
                let report = compiled(count, is_deep, budget).report();
                let calls = report.calls();
                assert_eq!(calls.len(), report.groups.len());
                assert_eq!(calls.iter().map(|call| call.macs).sum::<u64>(), report.macs);
                let mut next = 0;
                for (call, group) in calls.iter().zip(&report.groups) {
                    assert_eq!(group.first_layer, next);
                    next = group.last_layer + 1;
                    let (first, last) = (&report.layers[group.first_layer], &report.layers[group.last_layer]);
                    assert_eq!((&call.output, call.writes.offset), (&last.output, last.writes.offset));
                    if group.streamed {
                        streamed += 1;
                        assert!(call.name.ends_with(&format!(" ({} to {})", first.name, last.name)) && call.name.starts_with("stream_"));
                        assert_eq!(call.op, format!("{} layers", next - group.first_layer));
                    } else {
                        assert_eq!((&call.name, &call.kernel, group.first_layer), (&last.name, &last.kernel, group.last_layer));
                    }
                }
                assert_eq!(next, report.layers.len());
                let names: BTreeSet<_> = calls.iter().map(|call| &call.name).collect();
                assert_eq!(names.len(), calls.len(), "{names:?}");
            }
        }
        assert!(streamed > 0);
    }

    /// A call of a group goes by the name of its function.
    #[test]
    fn groups_are_numbered_as_in_the_module() {
        for compilation in [compiled(6, false, RamBudget::Least), compiled(5, true, RamBudget::Thrifty)] {
            let module = String::from_utf8(compilation.files().unwrap()[0].bytes.clone()).unwrap();
            let report = compilation.report();
            for (call, _) in report.calls().iter().zip(&report.groups).filter(|(_, group)| group.streamed) {
                let name = call.name.split(' ').next().unwrap();
                assert!(module.contains(&format!("fn {name}(")), "{name}");
            }
            assert_eq!(module.matches("fn stream_").count(), report.groups.iter().filter(|group| group.streamed).count());
        }
    }

    /// The figures of a report are those of the module, and no region leaves its memory.
    #[test]
    fn every_region_lies_in_its_memory() {
        for compilation in [compiled(4, true, RamBudget::Thrifty), compiled(6, false, RamBudget::Least)] {
            let (report, files) = (compilation.report(), compilation.files().unwrap());
            let module = String::from_utf8(files[0].bytes.clone()).unwrap().replace('_', "");
            for (name, bytes) in [("ARENABYTES", report.arena_bytes), ("WEIGHTBYTES", report.weight_bytes)] {
                assert!(module.contains(&format!("const {name}: usize = {bytes};")), "{name} {bytes}");
            }
            assert_eq!(files[1].bytes.len(), report.weight_bytes);
            let sizes = |memory: &str| match memory {
                "arena" => report.arena_bytes,
                "weights" => report.weight_bytes,
                input => report.inputs[input.strip_prefix("input ").unwrap().parse::<usize>().unwrap()].ty().bytes(),
            };
            let regions = report.layers.iter().flat_map(|layer| layer.reads.iter().chain([&layer.writes, &layer.weights]));
            assert!(regions.clone().count() >= 12);
            for region in regions {
                assert!(region.offset + region.bytes <= sizes(&region.memory), "{region:?}");
            }
            let ends = report.buffers.iter().map(|buffer| buffer.offset + buffer.bytes);
            assert!(ends.max() <= Some(report.arena_bytes) && report.live_bound_bytes <= report.arena_bytes);
            assert_eq!(report.model_bytes(), report.arena_bytes + report.pinned_bytes + report.detector_bytes);
            let json: serde_json::Value = serde_json::from_slice(&files[2].bytes).unwrap();
            assert_eq!((json["schema"].as_u64(), json["layers"].as_array().map(Vec::len)), (Some(1), Some(report.layers.len())));
        }
    }
}
