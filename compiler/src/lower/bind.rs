//! Steps and a plan to layers: every kernel's geometry with its views filled in, and the region of every operand.

use std::collections::HashSet;
use std::ops::Range;

use peleec_runtime::{
    Activation, Binary, Conv2d, DepthwiseConv2d, Extent, Fused, Map, MatMul, Mve, Operands, Pad, Pixels, Plain, Pool2d, PoolKind,
    RegionError, Softmax, Vfp, run_checked, run_row_checked,
};

use super::kernel::Kernel;
use super::micro::{Choice, MicroKernel, Unit, band};
use super::step::Steps;
use super::strided::{self, View};
use crate::diagnostics::OpError;
use crate::ir::DType;
use crate::ir::window::Window;
use crate::plan::problem::{Access, CHANNELS, PlanStep, ROWS, Role};
use crate::plan::{Pins, Plan};

/// A kernel's geometry: exactly the struct that the runtime takes.
#[derive(Clone, Debug)]
pub(crate) enum Geometry {
    /// The micro-kernel stands beside the geometry, since its parts are parameters of the runtime's type.
    Conv2d(Conv2d<Plain, 1, 1>, MicroKernel),
    DepthwiseConv2d(DepthwiseConv2d<Plain>, Unit),
    Pool2d(Pool2d),
    Map(Map),
    Binary(Binary),
    Pad(Pad),
    Softmax(Softmax),
    MatMul(MatMul),
}

/// What a layer does.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// Runs a kernel.
    Kernel(Geometry),
    /// Asks the caller for the rows of a graph input.
    Source(Source),
}

/// A graph input that the caller gives row by row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Source {
    /// Which input it is.
    pub(crate) index: usize,
    /// What the input would be as an array.
    pub(crate) input: Pixels,
    /// Where its rows come to lie.
    pub(crate) output: Pixels,
    /// Whether ONNX has its channels last.
    pub(crate) channels_last: bool,
}

impl Source {
    fn extent(&self) -> Option<Extent> {
        Some(Extent { x: self.input.extent()?, r: 0, w: 0, y: self.output.extent()? })
    }

    /// The rows that one call asks for: one, or all.
    pub(crate) fn rows(&self, row: Option<usize>) -> Range<usize> {
        row.map_or(0..self.output.height as usize, |row| row..row + 1)
    }

    /// The copy of row `row` of an array, and where it begins there and in the output.
    pub(crate) fn row(&self, row: usize) -> (Geometry, usize, usize) {
        let Source { input, output, .. } = self;
        let strides = |map: &Pixels| [0, 0, 0, 0, map.pixel, map.channel];
        let map = Map {
            dims: [1, 1, 1, 1, input.width, input.channels],
            input: strides(input),
            output: strides(output),
            activation: Activation::Identity,
        };
        (Geometry::Map(map), row * input.row as usize, row % output.ring.max(1) as usize * output.row as usize)
    }
}

/// Where an operand lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// The caller's array of this graph input.
    Input(usize),
    /// The caller's array for this graph output.
    Output(usize),
    Arena,
    Weights,
}

/// `len` elements of a memory from byte `at` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// One kernel call with everything it needs.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) work: Work,
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

impl Layer {
    /// Whether the output is written over the input.
    pub(crate) fn in_place(&self) -> bool {
        self.x == self.y
    }
}

/// The layers of a plan, in its order.
pub(crate) fn bind(steps: &Steps, plan: &Plan, pins: &Pins) -> Result<Vec<Layer>, OpError> {
    let places = plan.groups.iter().flat_map(|group| (group.begin..group.end).map(|at| (at, group.schedule.is_some())));
    let bound = places.map(|(at, by_rows)| Binder { steps, plan, by_rows, pinned: pins.at[at] }.layer(plan.order[at]));
    let mut layers: Vec<Layer> = bound.collect::<Result<_, _>>()?;
    share_leaves(&mut layers);
    Ok(layers)
}

/// Gives the general leaf of the runtime to all convolutions of a kind of which one needs it, so that a module links one leaf: on Cortex-M,
/// whose leaves in assembly lose nothing by it, and on M55, where they lose a little, in a module that computes rows.
fn share_leaves(layers: &mut [Layer]) {
    let has_rows = layers.iter().any(|layer| layer.by_rows);
    let shares = |micro: &MicroKernel| match micro.unit {
        Unit::VfpPlain | Unit::VfpFused => true,
        Unit::Mve => has_rows,
        Unit::Plain | Unit::Fused => false,
    };
    let kind = |conv: &Conv2d<Plain, 1, 1>, micro: &MicroKernel| (*micro, conv.pool.is_some(), conv.input.channel == 1);
    let general: HashSet<_> = layers
        .iter()
        .filter_map(|layer| match &layer.work {
            Work::Kernel(Geometry::Conv2d(conv, micro)) if conv.general => Some(kind(conv, micro)),
            _ => None,
        })
        .collect();
    for layer in layers {
        if let Work::Kernel(Geometry::Conv2d(conv, micro)) = &mut layer.work {
            conv.general |= shares(micro) && general.contains(&kind(conv, micro));
        }
    }
}

struct Binder<'a> {
    steps: &'a Steps,
    plan: &'a Plan,
    by_rows: bool,
    pinned: Option<usize>,
}

impl Binder<'_> {
    fn layer(&self, index: usize) -> Result<Layer, OpError> {
        let planned = &self.plan.problem.steps[index];
        let step = &self.steps.steps[planned.work];
        let weights = step.weights.clone().unwrap_or(0..0);
        let dtype = DType::F32;
        let w = Region { memory: Memory::Weights, dtype, at: weights.start, len: weights.len() / dtype.bytes() };
        let work = self.work(&step.kernel, planned)?;
        let broken = || OpError::new(format!("`{}` has views that contradict each other", step.name));
        let extent = work.extent().filter(|extent| extent.w <= w.len).ok_or_else(broken)?;
        let region = |access: &Access, len| self.region(access, len);
        let x = match &work {
            Work::Source(source) => Region { memory: Memory::Input(source.index), at: 0, len: extent.x, dtype: self.dtype(&planned.write) },
            Work::Kernel(_) => region(&planned.reads[0], extent.x),
        };
        let elements = |step: &PlanStep| step.write.dims.iter().product::<usize>() as u64;
        let given = self.steps.problem.steps.iter().find(|step| step.work == planned.work);
        let (part, whole) = (elements(planned), given.map_or(1, elements));
        // Of something of the whole step what the part takes.
        let share = |all: u64| (u128::from(all) * u128::from(part) / u128::from(whole)) as u64;
        let (cost, blocks) = match &step.kernel {
            Kernel::Conv2d { choice, group, .. } => {
                (choice.cost, (group * (planned.write.dims[CHANNELS] / group).div_ceil(choice.micro.channels)) as u64)
            }
            _ => (0, 0),
        };
        Ok(Layer {
            name: step.name.clone(),
            label: step.label.clone(),
            x,
            r: planned.reads.get(1).map(|access| region(access, extent.r)),
            w,
            y: region(&planned.write, extent.y),
            dims: planned.write.dims.clone(),
            macs: share(step.macs),
            cost: share(cost),
            row_blocks: if self.by_rows { blocks * planned.write.dims[ROWS] as u64 } else { 0 },
            by_rows: self.by_rows,
            pinned: self.pinned,
            work,
        })
    }

    fn source(&self, planned: &PlanStep, index: usize, channels_last: bool) -> Source {
        let output = strided::pixels(&self.view(&planned.write));
        let [_, channels, height, width] = [0, 1, 2, 3].map(|axis| planned.write.dims[axis]);
        let [row, pixel, channel] = match channels_last {
            true => words([width * channels, channels, 1]),
            false => words([width, 1, height * width]),
        };
        Source { index, input: Pixels { row, pixel, channel, ring: output.height, ..output }, output, channels_last }
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
        View { dims: access.dims.clone(), strides: layout.strides.clone(), ring: self.plan.ring(layout.root) }
    }

    fn work(&self, kernel: &Kernel, step: &PlanStep) -> Result<Work, OpError> {
        let views: Vec<View> = step.reads.iter().map(|access| self.view(access)).collect();
        let output = self.view(&step.write);
        let pixels = |view: &View| strided::pixels(view);
        Ok(Work::Kernel(match kernel {
            Kernel::Source { input, channels_last } => return Ok(Work::Source(self.source(step, *input, *channels_last))),
            Kernel::Conv2d { window, group, activation, pool, choice: Choice { micro, span, .. } } => {
                let second = views.get(1).map(pixels);
                let (rest, residual) = if step.split { (second, None) } else { (None, second) };
                let maps = ConvMaps { input: pixels(&views[0]), output: pixels(&output), rest, residual };
                let channels = maps.input.channels + rest.map_or(0, |map| map.channels);
                let [depth, filters] = [channels, maps.output.channels].map(|channels| channels / *group as u32);
                let Window { kernel, strides, dilations, pads, .. } = window;
                let maps = if window.is_pointwise() && pool.is_none() && !self.by_rows { maps.flattened() } else { maps };
                // In a row of a map even border pixels stand alone: narrow tiles serve them.
                let gains = self.by_rows && pool.is_none() && micro.pixels > 1;
                let mut geometry = Conv2d {
                    input: maps.input,
                    rest: maps.rest,
                    output: maps.output,
                    residual: maps.residual,
                    kernel: words(*kernel),
                    strides: words(*strides),
                    dilations: words(*dilations),
                    pads: words([pads[0], pads[1]]),
                    group: *group as u32,
                    depth,
                    filters,
                    band: band(*span, &maps.output),
                    activation: *activation,
                    pool: *pool,
                    general: gains,
                    arithmetic: Plain,
                };
                geometry.general |= geometry.needs_general();
                Geometry::Conv2d(geometry, *micro)
            }
            Kernel::DepthwiseConv2d { window, activation, unit } => {
                let geometry = DepthwiseConv2d {
                    input: pixels(&views[0]),
                    output: pixels(&output),
                    kernel: words(window.kernel),
                    strides: words(window.strides),
                    dilations: words(window.dilations),
                    pads: words([window.pads[0], window.pads[1]]),
                    activation: *activation,
                    arithmetic: Plain,
                };
                Geometry::DepthwiseConv2d(geometry, *unit)
            }
            Kernel::Pool2d { window, kind } => Geometry::Pool2d(pool(window, *kind, pixels(&views[0]), pixels(&output))),
            Kernel::Map { activation } => strided::map(&views[0], &output, *activation).map(Geometry::Map)?,
            Kernel::Move => strided::copy(&views[0], step.relation.as_ref(), &output).map(Geometry::Map)?,
            Kernel::Binary { kind } => strided::binary(&views[0], &views[1], &output, *kind).map(Geometry::Binary)?,
            Kernel::Pad { begins, value } => strided::pad(&views[0], &output, begins, *value).map(Geometry::Pad)?,
            Kernel::Softmax { axis } => strided::softmax(&views[0], &output, *axis).map(Geometry::Softmax)?,
            Kernel::MatMul => strided::matmul(&views[0], &views[1], &output).map(Geometry::MatMul)?,
        }))
    }
}

struct ConvMaps {
    input: Pixels,
    output: Pixels,
    rest: Option<Pixels>,
    residual: Option<Pixels>,
}

impl ConvMaps {
    /// All pixels in one row, where a 1x1 convolution sees rows that follow each other without a gap.
    fn flattened(self) -> Self {
        let ConvMaps { input, output, rest, residual } = self;
        let flat = |map: &Pixels| map.row == map.width * map.pixel;
        if ![Some(input), Some(output), rest, residual].iter().flatten().all(flat) {
            return self;
        }
        let join = |map: Pixels| Pixels { height: 1, width: map.height * map.width, row: map.height * map.row, ring: 1, ..map };
        ConvMaps { input: join(input), output: join(output), rest: rest.map(join), residual: residual.map(join) }
    }
}

fn pool(window: &Window, kind: PoolKind, input: Pixels, output: Pixels) -> Pool2d {
    let Window { kernel, strides, dilations, pads, .. } = window;
    Pool2d { input, output, kind, kernel: words(*kernel), strides: words(*strides), dilations: words(*dilations), pads: words(*pads) }
}

pub(super) fn words<const N: usize>(values: [usize; N]) -> [u32; N] {
    values.map(|value| u32::try_from(value).unwrap_or(u32::MAX))
}

/// Evaluates `$body` with `$conv` as the geometry of the runtime's type for the micro-kernel: one of those listed here, which are all that
/// `micro` chooses from.
macro_rules! with_micro_kernel {
    ($geometry:expr, $micro:expr, |$conv:ident| $body:expr) => {
        with_micro_kernel!(@ $geometry, $micro, $conv, $body,
            (1, 32) (1, 64) (2, 4) (2, 8) (4, 4) (4, 8) (4, 16) (4, 24) (5, 16) (5, 64) (6, 16) (6, 64) (8, 8) (9, 32) (12, 4) (12, 16) (12, 32))
    };
    (@ $geometry:expr, $micro:expr, $conv:ident, $body:expr, $(($pixels:literal, $channels:literal))+) => {
        match ($micro.unit, $micro.pixels, $micro.channels) {
            $((Unit::Plain, $pixels, $channels) => {
                let $conv = $geometry.retiled::<_, $pixels, $channels>(Plain);
                $body
            }
            (Unit::Fused, $pixels, $channels) => {
                let $conv = $geometry.retiled::<_, $pixels, $channels>(Fused);
                $body
            })+
            (Unit::Mve, 3, 8) => {
                let $conv = $geometry.retiled::<_, 3, 8>(Mve);
                $body
            }
            (Unit::VfpPlain, 1, 16) => {
                let $conv = $geometry.retiled::<_, 1, 16>(Vfp(Plain));
                $body
            }
            (Unit::VfpFused, 1, 16) => {
                let $conv = $geometry.retiled::<_, 1, 16>(Vfp(Fused));
                $body
            }
            (Unit::VfpPlain, 4, 4) => {
                let $conv = $geometry.retiled::<_, 4, 4>(Vfp(Plain));
                $body
            }
            (Unit::VfpFused, 4, 4) => {
                let $conv = $geometry.retiled::<_, 4, 4>(Vfp(Fused));
                $body
            }
            _ => {
                let $conv = *$geometry;
                $body
            }
        }
    };
}

impl Work {
    fn extent(&self) -> Option<Extent> {
        match self {
            Work::Kernel(geometry) => geometry.extent(),
            Work::Source(source) => source.extent(),
        }
    }

    /// The name of the runtime's kernel, with its register tile.
    pub(crate) fn kernel_name(&self) -> String {
        match self {
            Work::Kernel(geometry) => geometry.kernel_name(),
            Work::Source(_) => "rows".to_owned(),
        }
    }
}

impl Geometry {
    /// The operands' lengths, or none where the views contradict each other.
    pub(crate) fn extent(&self) -> Option<Extent> {
        match self {
            Geometry::Conv2d(geometry, micro) => with_micro_kernel!(geometry, micro, |conv| conv.extent()),
            Geometry::DepthwiseConv2d(geometry, _) => geometry.extent(),
            Geometry::Pool2d(geometry) => geometry.extent(),
            Geometry::Map(geometry) => geometry.extent(),
            Geometry::Binary(geometry) => geometry.extent(),
            Geometry::Pad(geometry) => geometry.extent(),
            Geometry::Softmax(geometry) => geometry.extent(),
            Geometry::MatMul(geometry) => geometry.extent(),
        }
    }

    fn kernel_name(&self) -> String {
        let name = match self {
            Geometry::Conv2d(conv, MicroKernel { pixels, channels, .. }) => {
                return format!("conv2d {pixels}x{channels}{}", if conv.pool.is_some() { " + pool" } else { "" });
            }
            Geometry::DepthwiseConv2d(..) => "depthwise_conv2d",
            Geometry::Pool2d(_) => "pool2d",
            Geometry::Map(_) => "map",
            Geometry::Binary(_) => "binary",
            Geometry::Pad(_) => "pad",
            Geometry::Softmax(_) => "softmax",
            Geometry::MatMul(_) => "matmul",
        };
        name.to_owned()
    }

    /// Runs the kernel: the whole output, or a row.
    pub(crate) fn run(&self, row: Option<usize>, operands: Operands<'_>) -> Result<(), RegionError> {
        match self {
            Geometry::Conv2d(geometry, micro) => with_micro_kernel!(geometry, micro, |conv| run(row, &conv, operands)),
            Geometry::DepthwiseConv2d(geometry, Unit::Plain) => run(row, geometry, operands),
            Geometry::DepthwiseConv2d(geometry, Unit::Fused) => run(row, &geometry.by(Fused), operands),
            Geometry::DepthwiseConv2d(geometry, Unit::Mve) => run(row, &geometry.by(Mve), operands),
            Geometry::DepthwiseConv2d(geometry, Unit::VfpPlain) => run(row, &geometry.by(Vfp(Plain)), operands),
            Geometry::DepthwiseConv2d(geometry, Unit::VfpFused) => run(row, &geometry.by(Vfp(Fused)), operands),
            Geometry::Pool2d(geometry) => run(row, geometry, operands),
            Geometry::Map(geometry) => run(row, geometry, operands),
            Geometry::Binary(geometry) => run(row, geometry, operands),
            Geometry::Pad(geometry) => run(row, geometry, operands),
            Geometry::Softmax(geometry) => run(row, geometry, operands),
            Geometry::MatMul(geometry) => run(row, geometry, operands),
        }
    }
}

fn run<K: peleec_runtime::Kernel>(row: Option<usize>, kernel: &K, operands: Operands<'_>) -> Result<(), RegionError> {
    match row {
        Some(row) => run_row_checked(kernel, row, operands),
        None => run_checked(kernel, operands),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::ZooOptions;
    use crate::{ModelFile, Options, RamBudget, Target, compile};

    /// Two leaves of a kind would be linked where one serves.
    #[test]
    fn convolutions_of_a_kind_have_one_leaf() {
        let model = ModelFile::zoo("peleenet-224", &ZooOptions { width: 0.25, input_size: Some(64), ..ZooOptions::default() });
        let model = model.expect("the zoo has it");
        for (ram_budget, some_are_general) in [(RamBudget::Bytes(usize::MAX), false), (RamBudget::Least, true)] {
            let options = Options { target: Target::CortexM55, ram_budget, ..Options::default() };
            let layers = compile(&model, &options).expect("it compiles").layers;
            let leaves: HashSet<_> = layers
                .iter()
                .filter_map(|layer| match &layer.work {
                    Work::Kernel(Geometry::Conv2d(conv, micro)) => {
                        Some((*micro, conv.pool.is_some(), conv.input.channel == 1, conv.general))
                    }
                    _ => None,
                })
                .collect();
            let kinds: HashSet<_> = leaves.iter().map(|&(micro, pool, dense, _)| (micro, pool, dense)).collect();
            assert_eq!(leaves.len(), kinds.len(), "{leaves:?}");
            assert_eq!(leaves.iter().any(|&(.., general)| general), some_are_general, "{leaves:?}");
        }
    }
}
