//! A finished compilation: its files, its report, and a run of it in this process.

use crate::description::{Attached, Camera};
use crate::diagnostics::Diagnostic;
use crate::emit::{ModuleSource, Output, module};
use crate::error::Error;
use crate::execute::{FILLS, Run};
use crate::files::File;
use crate::ir::Graph;
use crate::model_file::Origin;
use crate::ops::ByteScale;
use crate::options::Options;
use crate::passes::quantized::in_floats;
use crate::plan::problem::{PlanTensor, Role};
use crate::plan::{Group, Pins, Plan, curve, is_replayable, replay};
use crate::quantization::Border;
use crate::report::{
    BufferReport, CostReport, GroupReport, InputReport, LayerReport, OutputReport, PassReport, PinReport, RangeReport, Report, WeightReads,
};
use crate::steps::bind::{Layer, Memory, Region};
use crate::steps::kernels::Work;
use crate::steps::{Steps, micro};
use crate::target::NumericClass;
use crate::tensor::{Tensor, TensorType};

/// Everything that is known of a compiled model.
pub struct Compilation {
    pub(crate) name: String,
    pub(crate) model_hash: String,
    pub(crate) origin: Origin,
    pub(crate) options: Options,
    pub(crate) numeric: NumericClass,
    pub(crate) nodes: usize,
    pub(crate) notes: Vec<Diagnostic>,
    pub(crate) passes: Vec<PassReport>,
    pub(crate) graph: Graph,
    pub(crate) steps: Steps,
    pub(crate) plan: Plan,
    pub(crate) layers: Vec<Layer>,
    pub(crate) pins: Pins,
    /// What inputs and outputs of bytes stand for.
    pub(crate) border: Border,
    /// What makes the input's rows of frames, where that is asked for.
    pub(crate) camera: Option<Camera>,
    /// What makes detections of the outputs, where that is asked for.
    pub(crate) detector: Option<Attached>,
    /// Whether the plan was replayed when it was made.
    pub(crate) is_replayed: bool,
}

impl Compilation {
    /// Name of the module and stem of its files.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What peleec decided by itself, and what may not be as it was meant.
    pub fn notes(&self) -> &[Diagnostic] {
        &self.notes
    }

    /// The graph after all passes.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The files of the generated module: `NAME.rs`, `NAME.weights.bin`, `NAME.plan.json`.
    pub fn files(&self) -> Result<Vec<File>, Error> {
        let report = self.report();
        let source = ModuleSource {
            name: &self.name,
            head: &self.head(),
            target: self.options.target,
            layers: &self.layers,
            groups: &self.plan.groups,
            inputs: &self.inputs(),
            input_scales: &self.border.inputs,
            outputs: &self.outputs(),
            outputs_outside: self.plan.problem.outputs_outside,
            memory: report.memory(),
            camera: self.camera.as_ref(),
            detector: self.detector.as_ref(),
            weights: self.steps.weights.len(),
            weights_section: self.options.weights_section.as_deref(),
        };
        let text = module(&source).map_err(|error| Error::Internal(format!("the generated code does not parse: {error}")))?;
        let mut plan = serde_json::to_string_pretty(&report).map_err(|error| Error::Internal(error.to_string()))?;
        plan.push('\n');
        let file = |ending: &str, bytes| File { name: format!("{}.{ending}", self.name), bytes };
        Ok(vec![file("rs", text.into_bytes()), file("weights.bin", self.steps.weights.to_vec()), file("plan.json", plan.into_bytes())])
    }

    /// Whether the plan was replayed when it was made, as it is where that takes about a second.
    pub fn is_replayed(&self) -> bool {
        self.is_replayed
    }

    /// Replays the plan over memory of which every element is tagged, so that no step reads what is stale or was overwritten: whether there
    /// is memory enough for that. A plan that is wrong is an internal error.
    pub fn replay(&self) -> Result<bool, Error> {
        if !is_replayable(&self.plan) {
            return Ok(false);
        }
        replay(&self.steps.problem, &self.plan).map_err(|fault| Error::Internal(format!("the plan is wrong: {fault}")))?;
        Ok(true)
    }

    /// Runs the plan in this process with the kernels of the runtime: one tensor an output, the same bits as the generated module.
    pub fn execute(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        let mut slices = Vec::new();
        for (index, (name, ty)) in self.inputs().into_iter().enumerate() {
            let tensor = inputs.get(index).filter(|tensor| tensor.ty() == ty);
            slices.push(tensor.ok_or_else(|| Error::Data(format!("input `{name}` is not {ty}")))?.as_bytes());
        }
        let outside: Vec<usize> = match self.plan.problem.outputs_outside {
            true => self.outputs().iter().map(|output| output.ty.bytes()).collect(),
            false => Vec::new(),
        };
        let run = Run {
            layers: &self.layers,
            groups: &self.plan.groups,
            arena: self.plan.cost.arena,
            pinned: self.pins.bytes,
            outputs: &outside,
            weights: &self.steps.weights,
            inputs: &slices,
        };
        let failed = |(layer, error)| Error::Internal(format!("layer `{layer}` of the plan does not run: {error:?}"));
        let [memory, again] = FILLS.map(|byte| run.run(byte).map_err(failed));
        let (memory, again) = (memory?, again?);
        let tensor = |(index, Output { ty, at, .. }): (usize, Output)| {
            let at = if outside.is_empty() { at } else { run.output(index) };
            let bytes = at..at + ty.bytes();
            let same = memory[bytes.clone()] == again[bytes.clone()];
            Tensor::from_le_bytes(&ty, &memory[bytes]).filter(|_| same)
        };
        let outputs = self.outputs().into_iter().enumerate();
        outputs
            .map(|output| tensor(output).ok_or_else(|| Error::Internal("an output depends on what the arena held before".to_owned())))
            .collect()
    }

    /// Name and type of every input.
    pub fn inputs(&self) -> Vec<(String, TensorType)> {
        self.graph.input_types()
    }

    /// Name and type of every output.
    pub fn output_types(&self) -> Vec<(String, TensorType)> {
        self.outputs().into_iter().map(|output| (output.name, output.ty)).collect()
    }

    /// Name and type of every input as it is meant: of floats where it has bytes of which is known what they stand for.
    pub fn meant_inputs(&self) -> Vec<(String, TensorType)> {
        self.border.meant(self.inputs())
    }

    /// What the bytes of every input stand for, where it has bytes of which that is known.
    pub fn input_scales(&self) -> &[Option<ByteScale>] {
        &self.border.inputs
    }

    /// What the bytes of every output stand for, where it has bytes of which that is known.
    pub fn output_scales(&self) -> &[Option<ByteScale>] {
        &self.border.outputs
    }

    fn outputs(&self) -> Vec<Output> {
        let tensors = self.steps.problem.tensors.iter().enumerate();
        let outputs = tensors.filter(|(_, tensor)| matches!(tensor.role, Role::Output(_)));
        let output = |(id, tensor): (_, &PlanTensor)| {
            let ty = TensorType::new(tensor.dtype, tensor.shape.clone());
            let scale = match tensor.role {
                Role::Output(index) => self.border.outputs.get(index).copied().flatten(),
                _ => None,
            };
            Output { name: tensor.name.clone(), ty, scale, at: self.plan.base(id) }
        };
        outputs.map(output).collect()
    }

    /// The compilation in figures.
    pub fn report(&self) -> Report {
        let output = |Output { name, ty, scale, at }| OutputReport { name, element: ty.dtype, shape: ty.shape.0, scale, offset: at };
        let asked = |index: usize| self.layers.iter().any(|layer| matches!(layer.work, Work::Source(source) if source.index == index));
        let input = |(index, (name, TensorType { dtype, shape })): (usize, (String, TensorType))| {
            let by_rows = asked(index);
            let scale = self.border.inputs.get(index).copied().flatten();
            InputReport { name, element: dtype, shape: shape.0, scale, by_rows }
        };
        Report {
            schema: 1,
            name: self.name.clone(),
            model_sha256: self.model_hash.clone(),
            opset: self.graph.opset,
            target: self.options.target.to_string(),
            numeric: self.numeric.name(),
            arena_bytes: self.plan.cost.arena,
            live_bound_bytes: self.plan.bound,
            pinned_bytes: self.pins.bytes,
            detector_bytes: self.detector.as_ref().map_or(0, Attached::bytes),
            weight_bytes: self.steps.weights.len(),
            macs: self.layers.iter().map(|layer| layer.macs).sum(),
            parameters: self.graph.parameters(),
            nodes: self.nodes,
            inputs: self.inputs().into_iter().enumerate().map(input).collect(),
            outputs: self.outputs().into_iter().map(output).collect(),
            passes: self.passes.clone(),
            moves_elided: self.plan.moves_elided,
            in_floats: in_floats(&self.graph),
            buffers: self.buffers(),
            weight_reads: WeightReads { bytes: self.reads(&self.pins), factor: self.factor(self.reads(&self.pins)) },
            instructions_factor: self.instructions_factor(),
            least: CostReport { arena_bytes: self.plan.least.arena, read_factor: self.factor(self.plan.least.reads) },
            layers: self.layers.iter().map(layer_report).collect(),
            groups: self.plan.groups.iter().map(group_report).collect(),
        }
    }

    /// The plans between which a budget of memory chooses, the largest first.
    pub fn budgets(&self) -> Vec<CostReport> {
        let costs = curve(&self.steps.problem);
        costs.into_iter().map(|cost| CostReport { arena_bytes: cost.arena, read_factor: self.factor(cost.reads) }).collect()
    }

    /// How much less weights would be read with copies of some in RAM, the fewest copies first.
    pub fn pins(&self) -> Vec<PinReport> {
        let curve = Pins::curve(&self.plan, &self.steps.packed(&self.plan));
        let report = |pins: &Pins| PinReport { pinned_bytes: pins.bytes, read_factor: self.factor(self.reads(pins)) };
        curve.iter().map(report).collect()
    }

    /// The estimated instructions of a run by those of one that computes whole maps, where the target's figures are known.
    fn instructions_factor(&self) -> Option<f64> {
        let row = micro::row_cost(self.options.target)?;
        let whole: u64 = self.layers.iter().map(|layer| layer.cost).sum();
        let rows: u64 = self.layers.iter().map(|layer| layer.row_blocks * row).sum();
        Some(1.0 + rows as f64 / whole.max(1) as f64)
    }

    /// Bytes of weights that a run reads with copies of some.
    fn reads(&self, pins: &Pins) -> u64 {
        self.plan.cost.reads - pins.saved
    }

    /// So many bytes of weights by one pass over all.
    fn factor(&self, reads: u64) -> f64 {
        if self.plan.one_pass == 0 { 1.0 } else { reads as f64 / self.plan.one_pass as f64 }
    }

    fn buffers(&self) -> Vec<BufferReport> {
        let buffers = self.plan.buffers.iter().zip(&self.plan.offsets);
        let report = buffers.map(|(life, &offset)| BufferReport {
            name: self.steps.problem.tensors[life.root].name.clone(),
            offset,
            bytes: life.size,
            ring_rows: life.ring,
            first_layer: life.first,
            last_layer: life.last,
        });
        report.collect()
    }
}

fn group_report(group: &Group) -> GroupReport {
    let schedule = group.schedule.as_ref();
    GroupReport {
        first_layer: group.begin,
        last_layer: group.end - 1,
        streamed: schedule.is_some(),
        calls: schedule.map_or(1, |schedule| schedule.calls().count()),
        body_calls: schedule.map_or(1, |schedule| schedule.body.len()),
        body_times: schedule.map_or(1, |schedule| schedule.times),
    }
}

fn layer_report(layer: &Layer) -> LayerReport {
    LayerReport {
        name: layer.name.clone(),
        op: layer.label.join(" + "),
        kernel: layer.work.name(),
        output: layer.dims.clone(),
        macs: layer.macs,
        reads: [Some(&layer.x), layer.r.as_ref()].into_iter().flatten().map(range_report).collect(),
        writes: range_report(&layer.y),
        weights: range_report(&layer.w),
        pinned: layer.pinned.map(|at| RangeReport { memory: "pinned".to_owned(), offset: at, bytes: layer.w.bytes() }),
    }
}

fn range_report(region: &Region) -> RangeReport {
    let memory = match region.memory {
        Memory::Arena => "arena".to_owned(),
        Memory::Weights => "weights".to_owned(),
        Memory::Input(index) => format!("input {index}"),
        Memory::Output(index) => format!("output {index}"),
    };
    RangeReport { memory, offset: region.at, bytes: region.bytes() }
}

#[cfg(test)]
mod tests {
    use crate::node::Attribute;
    use crate::onnx::write::ModelWriter;
    use crate::tensor::{DType, Tensor, TensorType};
    use crate::{Compilation, ModelFile, Options, Placement, RamBudget, compile};

    /// Three convolutions of a map, whose second input is added to the result.
    fn compiled(options: &Options) -> Compilation {
        let map = TensorType::f32([1, 4, 8, 8]);
        let mut model = ModelWriter::new("g", 17);
        model.input("x", &map).input("more", &map);
        for (name, x, y) in [("a", "x", "u"), ("b", "u", "v"), ("c", "v", "w")] {
            let values = Tensor::f32([4, 4, 3, 3], (0..144).map(|at| (at % 7) as f32 - 3.0).collect::<Vec<_>>()).unwrap();
            let (weights, pads) = (format!("{name}.w"), [("pads", Attribute::Ints(vec![1; 4]))]);
            model.initializer(&weights, &values).node("Conv", name, &[x, &weights], &[y], &pads).node(
                "Relu",
                y,
                &[y],
                &[&format!("{y}+")],
                &[],
            );
        }
        model.node("Add", "sum", &["w", "more"], &["y"], &[]).output("y", &map).output("u+", &map);
        compile(&ModelFile::from_bytes("net", model.finish()), options).unwrap()
    }

    fn numbers(seed: usize) -> Tensor {
        Tensor::f32([1, 4, 8, 8], (0..256).map(|at| ((at * 31 + seed * 17) % 23) as f32 - 11.0).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn inputs_of_another_number_or_type_are_told() {
        let compilation = compiled(&Options::default());
        let refused = |inputs: &[Tensor]| compilation.execute(inputs).unwrap_err().to_string();
        assert_eq!(refused(&[]), "input `x` is not f32[1,4,8,8]");
        assert_eq!(refused(&[numbers(0)]), "input `more` is not f32[1,4,8,8]");
        let flat = Tensor::f32([256], vec![0.0; 256]).unwrap();
        assert_eq!(refused(&[numbers(0), flat]), "input `more` is not f32[1,4,8,8]");
        let bytes = Tensor::from_low_bytes(&TensorType::new(DType::I32, [1, 4, 8, 8]), |_| 0);
        assert_eq!(refused(&[bytes, numbers(0)]), "input `x` is not f32[1,4,8,8]");
        // What is given beyond is not read.
        assert!(compilation.execute(&[numbers(0), numbers(1), numbers(2)]).is_ok());
    }

    /// Numbers are small whole ones, so that every order of additions gives the same.
    #[test]
    fn every_plan_computes_what_the_graph_means() {
        let inputs = [numbers(1), numbers(2)];
        let wanted = compiled(&Options::default()).graph().evaluate(&inputs).unwrap();
        for ram_budget in [RamBudget::Thrifty, RamBudget::Least, RamBudget::Bytes(1 << 20)] {
            for outputs in [Placement::Arena, Placement::Caller] {
                for pin_weights in [0, 1 << 20] {
                    let options = Options { ram_budget, outputs, pin_weights, ..Options::default() };
                    let compilation = compiled(&options);
                    assert_eq!(compilation.execute(&inputs).unwrap(), wanted, "{options:?}");
                    assert!(compilation.is_replayed() && compilation.replay().unwrap());
                    let report = compilation.report();
                    assert_eq!((report.schema, report.inputs.len(), report.outputs.len()), (1, 2, 2));
                    assert!(matches!(ram_budget, RamBudget::Bytes(_)) || report.arena_bytes <= 1 << 14, "{}", report.arena_bytes);
                }
            }
        }
    }

    /// Less memory for more reads, and more copies for fewer.
    #[test]
    fn choices_lie_on_a_curve() {
        let compilation = compiled(&Options { ram_budget: RamBudget::Least, ..Options::default() });
        let budgets = compilation.budgets();
        assert!(!budgets.is_empty());
        for pair in budgets.windows(2) {
            assert!(pair[0].arena_bytes > pair[1].arena_bytes && pair[0].read_factor <= pair[1].read_factor, "{pair:?}");
        }
        let report = compilation.report();
        assert_eq!(budgets.last().map(|least| least.arena_bytes), Some(report.arena_bytes));
        assert_eq!(report.least.arena_bytes, report.arena_bytes);
        // Each of them is what the budget of its own size gives.
        for cost in budgets {
            let chosen = compiled(&Options { ram_budget: RamBudget::Bytes(cost.arena_bytes), ..Options::default() }).report();
            assert!(chosen.arena_bytes <= cost.arena_bytes, "{cost:?} {}", chosen.arena_bytes);
            assert!((chosen.weight_reads.factor - cost.read_factor).abs() < 1e-9, "{cost:?} {}", chosen.weight_reads.factor);
        }
        for pair in compilation.pins().windows(2) {
            assert!(pair[0].pinned_bytes < pair[1].pinned_bytes && pair[0].read_factor >= pair[1].read_factor, "{pair:?}");
        }
    }
}
