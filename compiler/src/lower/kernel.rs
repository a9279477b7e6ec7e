//! The kernels of `peleec-runtime` as steps know them: everything of the geometry but where the operands lie.

use peleec_runtime::{Activation, BinaryKind, PoolKind};

use super::{Lowering, pack};
use crate::ops::window::{Window, hw};
use crate::ops::{Conv, OpError};
use crate::target::{Target, Tile};

/// What computes a step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kernel {
    Conv2d {
        window: Window,
        group: usize,
        activation: Activation,
        tile: Tile,
    },
    DepthwiseConv2d {
        window: Window,
        activation: Activation,
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
}

impl Kernel {
    /// A product with constant weights `[filters, depth]` over rows of channels, and the weights packed for it.
    pub(crate) fn linear(weights: &[f32], bias: Option<&[f32]>, [filters, depth]: [usize; 2], target: Target) -> (Self, Vec<f32>) {
        let tile = target.tile();
        let packed = pack::conv2d(weights, bias, [filters, depth, 1, 1], 1, tile);
        (Kernel::Conv2d { window: Window::pointwise(), group: 1, activation: Activation::Identity, tile }, packed)
    }

    /// Whether its only input and its output may be interleaved channel slices of one host.
    pub(crate) fn interleaves(&self) -> bool {
        matches!(self, Kernel::Conv2d { .. } | Kernel::DepthwiseConv2d { .. } | Kernel::Pool2d { .. })
    }
}

impl Lowering<'_> {
    /// A convolution with constant weights: a step an image, depthwise where every channel has its own kernel.
    pub(crate) fn conv(&mut self, conv: &Conv) -> Result<(), OpError> {
        let weights = self.weights(1, "W")?;
        let bias = if self.has(Conv::BIAS) { Some(self.weights(Conv::BIAS, "B")?) } else { None };
        let Some(&[filters, depth, ref kernel @ ..]) = self.constant(1).map(|w| &w.shape()[..]) else {
            return Err(OpError::new("`W` has fewer than three dimensions"));
        };
        let taps = kernel.iter().product::<usize>();
        let [kh, kw] = conv.window.kernel;
        let residual = if self.has(Conv::RESIDUAL) { Some(self.tensor(Conv::RESIDUAL)?) } else { None };
        let (window, activation) = (conv.window.clone(), conv.activation);
        let depthwise = depth == 1 && filters == conv.group && conv.group > 1 && residual.is_none();
        let (kernel, packed) = if depthwise {
            (Kernel::DepthwiseConv2d { window, activation }, pack::depthwise(weights, bias, filters, taps))
        } else {
            let tile = self.target().tile();
            let packed = pack::conv2d(weights, bias, [filters, depth, kh, kw], conv.group, tile);
            (Kernel::Conv2d { window, group: conv.group, activation, tile }, packed)
        };
        let range = self.add_weights(packed);
        let x = self.tensor(0)?;
        let (batch, y) = (self.shape()[0], self.output());
        self.images(batch);
        let [oh, ow] = hw(&self.shape());
        for n in 0..batch {
            let reads = [Some(x), residual].into_iter().flatten().map(|tensor| self.image(tensor, n)).collect();
            let macs = (filters * oh * ow) as u64 * (depth * taps) as u64;
            let write = self.image(y, n);
            self.push(kernel.clone(), reads, write, Some(range.clone()), macs);
        }
        Ok(())
    }
}
