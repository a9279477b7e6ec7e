//! The kernels of `peleec-runtime` as steps know them: everything of the geometry but where the operands lie.

use peleec_runtime::{Activation, BinaryKind, PoolKind};

use super::micro::{self, Choice, Unit};
use super::{Lowering, pack};
use crate::diagnostics::OpError;
use crate::ir::window::{Window, hw};
use crate::ir::{DType, Shape};
use crate::ops::{Conv, Pool};
use crate::plan::problem::{Role, Rows, TensorId};
use crate::target::Profile;

/// What computes a step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kernel {
    Conv2d {
        window: Window,
        group: usize,
        activation: Activation,
        pool: Option<PoolKind>,
        choice: Choice,
    },
    DepthwiseConv2d {
        window: Window,
        activation: Activation,
        unit: Unit,
    },
    Pool2d {
        window: Window,
        kind: PoolKind,
    },
    Map {
        activation: Activation,
    },
    Binary {
        kind: BinaryKind,
    },
    Pad {
        begins: Vec<usize>,
        value: f32,
    },
    Softmax {
        axis: usize,
    },
    MatMul,
    /// Copies elements where the planner could not do without.
    Move,
    /// Asks the caller for the rows of a graph input.
    Source {
        input: usize,
        /// Whether ONNX has the channels last.
        channels_last: bool,
    },
}

impl Kernel {
    /// A product with constant weights `[filters, depth]` over `rows` rows of channels, and the weights packed for it.
    pub(crate) fn linear(weights: &[f32], bias: Option<&[f32]>, [rows, filters, depth]: [usize; 3], profile: Profile) -> (Self, Vec<f32>) {
        let window = Window::pointwise();
        let problem = micro::Problem { window: &window, input: [1, rows], output: [1, rows], group: 1, depth, filters, pool: None };
        let choice = micro::choose(&problem, profile);
        let packed = pack::conv2d(weights, bias, [filters, depth, 1, 1], 1, choice.micro.channels);
        (Kernel::Conv2d { window, group: 1, activation: Activation::Identity, pool: None, choice }, packed)
    }

    /// Whether its only input and its output may be interleaved channel slices of one host.
    pub(crate) fn interleaves(&self) -> bool {
        matches!(self, Kernel::Conv2d { .. } | Kernel::DepthwiseConv2d { .. } | Kernel::Pool2d { .. })
    }

    /// Whether the channels of its only input may lie in two places.
    pub(crate) fn splits(&self) -> bool {
        matches!(self, Kernel::Conv2d { window, group: 1, .. } if window.is_pointwise())
    }

    /// Whether its output may lie where its only input does.
    pub(crate) fn in_place(&self) -> bool {
        matches!(self, Kernel::Map { .. } | Kernel::Softmax { .. })
    }

    /// How rows depend on each other, where the kernel can compute row by row.
    pub(crate) fn rows(&self) -> Option<Rows> {
        let (window, pooled) = match self {
            Kernel::Conv2d { window, pool, .. } => (window, pool.is_some()),
            Kernel::DepthwiseConv2d { window, .. } | Kernel::Pool2d { window, .. } => (window, false),
            _ => return None,
        };
        let rows = Rows { stride: window.strides[0], pad: window.pads[0], reach: window.reach(0) };
        Some(if pooled { Rows { stride: 2, pad: 0, reach: 2 } } else { rows })
    }
}

impl Lowering<'_> {
    /// A convolution with constant weights: a step an image, depthwise where every channel has its own kernel. A pool is a step of its
    /// own where no register tile of the target can hold whole windows.
    pub(crate) fn conv(&mut self, conv: &Conv) -> Result<(), OpError> {
        let weights = self.weights(1, "W")?;
        let bias = if self.has(Conv::BIAS) { Some(self.weights(Conv::BIAS, "B")?) } else { None };
        let Some(&[filters, depth, ref kernel @ ..]) = self.constant(1).map(|w| &w.shape()[..]) else {
            return Err(OpError::new("`W` has fewer than three dimensions"));
        };
        let taps = kernel.iter().product::<usize>();
        let [kh, kw] = conv.window.kernel;
        let x = self.tensor(0)?;
        let (input, [oh, ow]) = (hw(self.shape_of(x)), conv.window.output(self.shape_of(x))?);
        let residual = if self.has(Conv::RESIDUAL) { Some(self.tensor(Conv::RESIDUAL)?) } else { None };
        let (window, activation) = (conv.window.clone(), conv.activation);
        let (pool, apart) = match &conv.pool {
            Some(pool) if !micro::can_pool(self.profile()) => (None, Some(pool)),
            pool => (pool.as_ref().map(|pool| pool.kind.lowered()), None),
        };
        let depthwise = depth == 1 && filters == conv.group && conv.group > 1 && residual.is_none();
        let (kernel, packed) = if depthwise {
            (
                Kernel::DepthwiseConv2d { window, activation, unit: micro::unit(self.profile()) },
                pack::depthwise(weights, bias, filters, taps),
            )
        } else {
            let (group, filters) = (conv.group, filters / conv.group);
            let output = if pool.is_some() { hw(&self.shape()) } else { [oh, ow] };
            let problem = micro::Problem { window: &window, input, output, group, depth, filters, pool };
            let choice = micro::choose(&problem, self.profile());
            let packed = pack::conv2d(weights, bias, [filters * group, depth, kh, kw], group, choice.micro.channels);
            (Kernel::Conv2d { window, group, activation, pool, choice }, packed)
        };
        let range = self.add_weights(&packed);
        let batch = self.shape()[0];
        let y = match apart {
            Some(_) => self.steps.add_tensor(&self.name, Shape(vec![batch, filters, oh, ow]), DType::F32, Role::Intermediate),
            None => self.output(),
        };
        let label = self.label.clone();
        let labels = apart.and_then(|_| label.rsplit_once(" + ")).unwrap_or((&label, ""));
        labels.0.clone_into(&mut self.label);
        self.images(batch);
        for n in 0..batch {
            let reads = [Some(x), residual].into_iter().flatten().map(|tensor| self.image(tensor, n)).collect();
            let macs = (filters * oh * ow) as u64 * (depth * taps) as u64;
            let write = self.image(y, n);
            self.push(kernel.clone(), reads, write, Some(range.clone()), macs);
        }
        if let Some(pool) = apart {
            self.name.push_str("/pool");
            labels.1.clone_into(&mut self.label);
            self.pool(pool, y);
        }
        Ok(())
    }

    /// A pool of `x`: a step an image.
    pub(crate) fn pool(&mut self, pool: &Pool, x: TensorId) {
        let (batch, y) = (self.shape()[0], self.output());
        self.images(batch);
        for n in 0..batch {
            let kernel = Kernel::Pool2d { window: pool.window.clone(), kind: pool.kind.lowered() };
            self.push(kernel, vec![self.image(x, n)], self.image(y, n), None, 0);
        }
    }
}
