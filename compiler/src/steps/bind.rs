//! Steps and a plan to layers: every kernel's geometry with its views filled in, and the region of every operand.

use std::collections::HashSet;

use peleec_runtime::Extent;

use super::kernels::{Cost, LeafKind, Views, Work};
use super::micro::Unit;
use super::step::Steps;
use super::views::View;
use crate::diagnostics::{Code, Diagnostic, OpError, Problems};
use crate::plan::problem::{Access, CHANNELS, PlanStep, ROWS, Role, Rows};
use crate::plan::{Pins, Plan};
use crate::tensor::DType;

/// Where an operand lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Memory {
    /// The caller's array of this graph input.
    Input(usize),
    /// The caller's array for this graph output.
    Output(usize),
    Arena,
    Weights,
}

/// `len` elements of a memory from byte `at` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Region {
    pub(crate) memory: Memory,
    pub(crate) dtype: DType,
    pub(crate) at: usize,
    pub(crate) len: usize,
}

impl Region {
    /// Size.
    pub(crate) fn bytes(&self) -> usize {
        self.len * self.dtype.bytes()
    }

    /// One past the last byte.
    pub(crate) fn end(&self) -> usize {
        self.at + self.bytes()
    }

    /// The first element, counted from the beginning of the memory.
    pub(crate) fn element(&self) -> usize {
        self.at / self.dtype.bytes()
    }

    /// Whether both lie in memory that is written, and share bytes of their extents.
    pub(crate) fn overlaps(&self, other: &Region) -> bool {
        let written = matches!(self.memory, Memory::Arena | Memory::Output(_));
        written && self.memory == other.memory && self.at < other.end() && other.at < self.end()
    }
}

/// Which of the runtime's doors a layer takes, whole or row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Door {
    /// The operands lie apart.
    Apart,
    /// Input and output share this region: as interleaved slices of one host, or as an output over dead rows of its input.
    Within(Region),
    /// Second input and output share this region: an output over dead rows of what is added to it.
    SecondWithin(Region),
    /// The output lies over the input.
    InPlace,
}

/// One kernel call with everything it needs.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) name: String,
    pub(crate) label: Vec<String>,
    pub(crate) work: Work,
    pub(crate) door: Door,
    pub(crate) x: Region,
    pub(crate) r: Option<Region>,
    /// The weights.
    pub(crate) w: Region,
    pub(crate) y: Region,
    /// Extents of what is written, in ONNX's order.
    pub(crate) dims: Vec<usize>,
    pub(crate) macs: u64,
    /// Of a convolution that runs whole, by its tiles' figures.
    pub(crate) cost: u64,
    /// Rows of blocks of channels that a convolution computes one by one.
    pub(crate) row_blocks: u64,
    /// Whether it is called row by row.
    pub(crate) by_rows: bool,
    /// First byte of the copy of its weights that its group makes in RAM, if there is one.
    pub(crate) pinned: Option<usize>,
}

/// The layers of a plan, in its order.
pub(crate) fn bind(steps: &Steps, plan: &Plan, pins: &Pins) -> Result<Vec<Layer>, OpError> {
    let places = plan.groups.iter().flat_map(|group| (group.begin..group.end).map(|at| (at, group.schedule.is_some())));
    let wholes = wholes(steps);
    let bound = places.map(|(at, by_rows)| Binder { steps, plan, wholes: &wholes, by_rows, pinned: pins.at[at] }.layer(plan.order[at]));
    let mut layers: Vec<Layer> = bound.collect::<Result<_, _>>()?;
    share_leaves(&mut layers);
    Ok(layers)
}

/// The elements that each step writes where it is not cut into parts.
fn wholes(steps: &Steps) -> Vec<u64> {
    let mut wholes = vec![1; steps.steps.len()];
    for planned in steps.problem.steps.iter().rev() {
        if let Some(whole) = wholes.get_mut(planned.work) {
            *whole = elements(planned);
        }
    }
    wholes
}

fn elements(step: &PlanStep) -> u64 {
    step.write.dims.iter().product::<usize>() as u64
}

/// Gives the general leaf of the runtime to all convolutions of a kind of which one needs it, so that a module links one leaf: on Cortex-M,
/// whose leaves in assembly lose nothing by it, and on M55, where they lose a little, in a module that computes rows.
fn share_leaves(layers: &mut [Layer]) {
    let has_rows = layers.iter().any(|layer| layer.by_rows);
    let leaves: HashSet<_> = layers.iter().filter_map(|layer| layer.leaf().filter(|(_, general)| *general)).collect();
    for layer in layers {
        let Some((kind, _)) = layer.leaf() else { continue };
        let shares = match kind.micro.unit {
            Unit::VfpPlain | Unit::VfpFused => true,
            Unit::Mve => has_rows,
            Unit::Plain | Unit::Fused => false,
        };
        if let Work::Kernel(bound) = &mut layer.work
            && shares
            && leaves.contains(&(kind, true))
        {
            bound.generalise();
        }
    }
}

impl Layer {
    fn leaf(&self) -> Option<(LeafKind, bool)> {
        match &self.work {
            Work::Kernel(bound) => bound.leaf(),
            Work::Source(_) => None,
        }
    }
}

struct Binder<'a> {
    steps: &'a Steps,
    plan: &'a Plan,
    wholes: &'a [u64],
    by_rows: bool,
    pinned: Option<usize>,
}

impl Binder<'_> {
    fn layer(&self, index: usize) -> Result<Layer, OpError> {
        let planned = &self.plan.problem.steps[index];
        let step = &self.steps.steps[planned.work];
        let inputs: Vec<View> = planned.reads.iter().map(|access| self.view(access)).collect();
        let output = self.view(&planned.write);
        let views =
            Views { inputs: &inputs, output: &output, relation: planned.relation.as_ref(), split: planned.split, by_rows: self.by_rows };
        let work = step.kernel.bind(&views).map_err(|error| OpError { found: format!("node `{}` {}", step.name, error.found), ..error })?;
        let dtype = if let Work::Kernel(bound) = &work { bound.weights() } else { DType::F32 };
        let w = Region { memory: Memory::Weights, dtype, at: step.weights.start, len: step.weights.len() / dtype.bytes() };
        let broken = || OpError::new(format!("`{}` has views that contradict each other", step.name));
        let extent = extent(&work, planned).filter(|extent| extent.w <= w.len).ok_or_else(broken)?;
        let x = match &work {
            Work::Source(asked) => Region { memory: Memory::Input(asked.index), dtype: self.dtype(&planned.write), at: 0, len: extent.x },
            Work::Kernel(_) => self.region(&planned.reads[0], extent.x),
        };
        let (r, y) = (planned.reads.get(1).map(|access| self.region(access, extent.r)), self.region(&planned.write, extent.y));
        let (part, whole) = (elements(planned), self.wholes[planned.work]);
        // Of something of the whole step what the part takes.
        let share = |all: u64| (u128::from(all) * u128::from(part) / u128::from(whole)) as u64;
        let Cost { whole: cost, row_blocks } = step.kernel.cost(planned.write.dims.get(CHANNELS).copied().unwrap_or(1));
        Ok(Layer {
            name: step.name.clone(),
            label: step.label.clone(),
            door: door(&x, r.as_ref(), &y),
            x,
            r,
            w,
            y,
            dims: planned.write.dims.clone(),
            macs: share(step.macs),
            cost: share(cost),
            row_blocks: if self.by_rows { row_blocks * planned.write.dims[ROWS] as u64 } else { 0 },
            by_rows: self.by_rows,
            pinned: self.pinned,
            work,
        })
    }

    fn region(&self, access: &Access, len: usize) -> Region {
        let layout = &self.plan.layouts[access.tensor];
        let (memory, base) = match self.steps.problem.tensors[layout.root].role {
            Role::Input(index) => (Memory::Input(index), 0),
            Role::Constant(at) => (Memory::Weights, at),
            Role::Output(index) if self.plan.problem.outputs_outside => (Memory::Output(index), 0),
            Role::Output(_) | Role::Intermediate | Role::Rows(_) => (Memory::Arena, self.plan.base(layout.root)),
        };
        let dtype = self.dtype(access);
        Region { memory, dtype, at: base + dtype.bytes() * layout.origin(access), len }
    }

    fn dtype(&self, access: &Access) -> DType {
        self.plan.problem.tensors[access.tensor].dtype
    }

    fn view(&self, access: &Access) -> View {
        let layout = &self.plan.layouts[access.tensor];
        View { dtype: self.dtype(access), dims: access.dims.clone(), strides: layout.strides.clone(), ring: self.plan.ring(layout.root) }
    }
}

/// The operands' lengths; none where views contradict each other, or the kernel reads other rows than the plan has it read.
fn extent(work: &Work, planned: &PlanStep) -> Option<Extent> {
    match work {
        Work::Source(asked) => asked.extent(),
        Work::Kernel(bound) => {
            let read = bound.row_window().map(|window| Rows {
                stride: window.stride as usize,
                divisor: window.divisor as usize,
                pad: window.pad as usize,
                reach: (window.kernel as usize - 1) * window.dilation as usize + 1,
            });
            bound.extent().filter(|_| planned.rows.is_none() || planned.rows == read)
        }
    }
}

fn door(x: &Region, r: Option<&Region>, y: &Region) -> Door {
    let both = |input: &Region| {
        let at = input.at.min(y.at);
        Region { at, len: (input.end().max(y.end()) - at) / y.dtype.bytes(), ..*y }
    };
    match r {
        _ if x == y => Door::InPlace,
        _ if x.overlaps(y) => Door::Within(both(x)),
        Some(r) if r.overlaps(y) => Door::SecondWithin(both(r)),
        _ => Door::Apart,
    }
}

/// What a user is told of a view that no kernel can walk.
pub(crate) fn unplaceable(error: OpError) -> Problems {
    let diagnostic = Diagnostic::unsupported(Code::NOT_COMPUTED, "no kernel walks the operands of a step").found(error.found);
    Diagnostic { supported: error.supported, help: error.help, ..diagnostic }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::ZooOptions;
    use crate::{ModelFile, Options, Placement, RamBudget, Target, compile};

    fn region(memory: Memory, at: usize, len: usize) -> Region {
        Region { memory, dtype: DType::F32, at, len }
    }

    #[test]
    fn doors_are_those_of_regions_that_share_bytes() {
        let (arena, of) = (|at, len| region(Memory::Arena, at, len), |x: Region, y: Region| door(&x, None, &y));
        assert_eq!(of(arena(64, 10), arena(64, 10)), Door::InPlace);
        // One begins where the other ends, on either side.
        assert_eq!([of(arena(0, 16), arena(64, 10)), of(arena(64, 10), arena(0, 16))], [Door::Apart; 2]);
        // A byte more is shared: the region holds both.
        assert_eq!([of(arena(0, 17), arena(64, 10)), of(arena(64, 10), arena(0, 17))], [Door::Within(arena(0, 26)); 2]);
        // One in the other, with the same first or last byte, too.
        for (at, len) in [(64, 9), (68, 9), (68, 3)] {
            let inside = arena(at, len);
            assert_eq!([of(inside, arena(64, 10)), of(arena(64, 10), inside)], [Door::Within(arena(64, 10)); 2]);
        }
        // Bytes: as many elements, a quarter of the size.
        let bytes = |at, len| Region { dtype: DType::I8, ..arena(at, len) };
        assert_eq!(of(bytes(0, 65), bytes(64, 8)), Door::Within(bytes(0, 72)));
        assert_eq!(of(bytes(0, 64), bytes(64, 8)), Door::Apart);
        // What lies in other memory, or is only read.
        let output = |index| region(Memory::Output(index), 0, 10);
        for (x, y) in [(Memory::Input(0), arena(0, 10)), (Memory::Weights, arena(0, 10)), (Memory::Arena, output(0))] {
            assert_eq!(of(region(x, 0, 10), y), Door::Apart, "{x:?}");
        }
        assert_eq!([of(output(0), output(1)), of(output(1), output(1))], [Door::Apart, Door::InPlace]);
        // What is added begins behind the output, which ends in it.
        let second = |at| door(&arena(512, 4), Some(&arena(at, 10)), &arena(64, 10));
        assert_eq!([second(103), second(104)], [Door::SecondWithin(arena(64, 19)), Door::Apart]);
    }

    /// Whatever the plan: parts and rows of steps are as much work together, and nothing leaves its memory.
    #[test]
    fn every_plan_has_the_same_work_inside_its_memory() {
        let model = ModelFile::zoo("peleenet-224", &ZooOptions { width: 0.25, input_size: Some(64), ..ZooOptions::default() }).unwrap();
        let mut works = Vec::new();
        for (ram_budget, outputs) in [
            (RamBudget::Bytes(usize::MAX), Placement::Arena),
            (RamBudget::Thrifty, Placement::Arena),
            (RamBudget::Least, Placement::Arena),
            (RamBudget::Least, Placement::Caller),
        ] {
            let options = Options { target: Target::CortexM4F, ram_budget, outputs, ..Options::default() };
            let compilation = compile(&model, &options).unwrap();
            let results = compilation.output_types();
            let sizes = |memory: Memory| match memory {
                Memory::Arena => compilation.plan.cost.arena,
                Memory::Weights => compilation.steps.weights.len(),
                Memory::Input(index) => compilation.inputs()[index].1.bytes(),
                Memory::Output(index) => results[index].1.bytes(),
            };
            let layers = &compilation.layers;
            for layer in layers {
                let host = if let Door::Within(host) | Door::SecondWithin(host) = layer.door { Some(host) } else { None };
                for region in [Some(layer.x), layer.r, Some(layer.w), Some(layer.y), host].into_iter().flatten() {
                    assert!(region.end() <= sizes(region.memory), "{}: {region:?}", layer.name);
                }
            }
            let caller = layers.iter().filter(|layer| matches!(layer.y.memory, Memory::Output(_))).count();
            assert_eq!(caller > 0, outputs == Placement::Caller);
            works.push(layers.iter().map(|layer| layer.macs).sum::<u64>());
        }
        assert!(works[0] > 0 && works.iter().all(|work| *work == works[0]), "{works:?}");
    }

    /// Two leaves of a kind would be linked where one serves.
    #[test]
    fn convolutions_of_a_kind_have_one_leaf() {
        let model = ModelFile::zoo("peleenet-224", &ZooOptions { width: 0.25, input_size: Some(64), ..ZooOptions::default() });
        let model = model.expect("the zoo has it");
        for (ram_budget, some_are_general) in [(RamBudget::Bytes(usize::MAX), false), (RamBudget::Least, true)] {
            let options = Options { target: Target::CortexM55, ram_budget, ..Options::default() };
            let layers = compile(&model, &options).expect("it compiles").layers;
            let leaves: HashSet<_> = layers.iter().filter_map(Layer::leaf).collect();
            let kinds: HashSet<_> = leaves.iter().map(|(kind, _)| kind).collect();
            assert_eq!(leaves.len(), kinds.len(), "{leaves:?}");
            assert_eq!(leaves.iter().any(|(_, general)| *general), some_are_general, "{leaves:?}");
        }
    }
}
