//! Views to the runtime's strided geometries: dimensions joined where all operands step as one, and ordered for the output.

use peleec_runtime::{Activation, Binary, BinaryKind, MAX_RANK, Map, MatMul, Pad, Pixels, Softmax};

use super::bind::words;
use crate::diagnostics::OpError;
use crate::plan::layout::{backward, common_dims, refined};
use crate::plan::problem::Relation;

/// Extents and strides in ONNX's order.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) dims: Vec<usize>,
    pub(super) strides: Vec<usize>,
    /// The rows of the buffer, where it is a ring.
    pub(super) ring: Option<usize>,
}

/// A map of pixels: `[M, C]`, `[1, C, W]` or `[1, C, H, W]`.
pub(super) fn pixels(view: &View) -> Pixels {
    let at = |axis: Option<usize>| axis.map_or((1, 0), |axis| (view.dims[axis], view.strides[axis]));
    let (height, width) = match view.dims.len() {
        2 => (None, Some(0)),
        3 => (None, Some(2)),
        _ => (Some(2), Some(3)),
    };
    let ((height, row), (width, pixel)) = (at(height), at(width));
    let (channels, channel) = at(Some(1));
    let channel = if channels == 1 { 1 } else { channel };
    let pixel = if width == 1 { if height == 1 { channels * channel } else { row } } else { pixel };
    let row = if height == 1 { width * pixel } else { row };
    let [height, width, channels, row, pixel, channel] = words([height, width, channels, row, pixel, channel]);
    let ring = view.ring.and_then(|ring| u32::try_from(ring).ok()).map_or(height, |ring| ring.min(height));
    Pixels { height, width, channels, row, pixel, channel, ring }
}

/// Element-wise operands: `N` stride lists over common dimensions, at most [`MAX_RANK`] of them after joining.
struct Common<const N: usize> {
    dims: Vec<usize>,
    strides: [Vec<usize>; N],
}

impl<const N: usize> Common<N> {
    /// Joins dimensions that all operands step through as one, the last operand's longest steps outermost; dimensions from
    /// `fixed` on keep their place.
    fn new(dims: &[usize], strides: [&[usize]; N], fixed: usize) -> Result<Self, OpError> {
        let mut axes: Vec<usize> = (0..dims.len()).filter(|&axis| axis >= fixed || dims[axis] > 1).collect();
        let movable = axes.iter().filter(|&&axis| axis < fixed).count();
        axes[..movable].sort_by_key(|&axis| std::cmp::Reverse(strides[N - 1][axis]));
        let mut common = Common { dims: Vec::new(), strides: [const { Vec::new() }; N] };
        for axis in axes {
            let joins = axis < fixed
                && common.dims.last().is_some()
                && (0..N).all(|i| common.strides[i].last() == Some(&(dims[axis] * strides[i][axis])));
            match common.dims.last_mut() {
                Some(last) if joins => *last *= dims[axis],
                _ => common.dims.push(dims[axis]),
            }
            for (list, strides) in common.strides.iter_mut().zip(&strides) {
                if joins {
                    list.pop();
                }
                list.push(strides[axis]);
            }
        }
        if common.dims.len() > MAX_RANK {
            return Err(OpError::unsupported(format!("needs {} dimensions at run time", common.dims.len())).supported("6 dimensions"));
        }
        Ok(common)
    }

    fn dims(&self) -> [u32; MAX_RANK] {
        leading(&self.dims, 1)
    }

    fn strides(&self, operand: usize) -> [u32; MAX_RANK] {
        leading(&self.strides[operand], 0)
    }
}

/// `values` at the end, `fill` before them.
fn leading(values: &[usize], fill: u32) -> [u32; MAX_RANK] {
    let mut result = [fill; MAX_RANK];
    for (slot, &value) in result.iter_mut().rev().zip(values.iter().rev()) {
        *slot = u32::try_from(value).unwrap_or(u32::MAX);
    }
    result
}

pub(super) fn map(input: &View, output: &View, activation: Activation) -> Result<Map, OpError> {
    let common = Common::new(&output.dims, [&input.strides, &output.strides], usize::MAX)?;
    Ok(Map { dims: common.dims(), input: common.strides(0), output: common.strides(1), activation })
}

/// A move that is left: the input's elements in the output's order.
pub(super) fn copy(input: &View, relation: Option<&Relation>, output: &View) -> Result<Map, OpError> {
    let relation = relation.unwrap_or(&Relation::Same);
    let (input, output) = match relation {
        Relation::Same => (input.clone(), output.clone()),
        Relation::Permute(perm) => {
            let strides = perm.iter().map(|&from| input.strides[from]).collect();
            (View { dims: output.dims.clone(), strides, ring: None }, output.clone())
        }
        Relation::Reshape => nested(input, output)?,
    };
    map(&input, &output, Activation::Identity)
}

/// Both sides of a reshape under common dimensions.
fn nested(input: &View, output: &View) -> Result<(View, View), OpError> {
    if let Some(dims) = common_dims(&input.dims, &output.dims) {
        let fine = |view: &View| View { dims: dims.clone(), strides: refined(&view.dims, &view.strides, &dims), ring: None };
        return Ok((fine(input), fine(output)));
    }
    if let Some(strides) = backward(&Relation::Reshape, &input.dims, &output.dims, &output.strides) {
        return Ok((input.clone(), View { dims: input.dims.clone(), strides, ring: None }));
    }
    if let Some(strides) = backward(&Relation::Reshape, &output.dims, &input.dims, &input.strides) {
        return Ok((View { dims: output.dims.clone(), strides, ring: None }, output.clone()));
    }
    Err(OpError::unsupported(format!("reshapes {:?} to {:?} between layouts that share no dimensions", input.dims, output.dims))
        .supported("reshapes that split or join dimensions"))
}

/// The strides of `view` broadcast to `dims`: zero along repeated dimensions.
fn broadcast(view: &View, dims: &[usize]) -> Vec<usize> {
    let missing = dims.len() - view.dims.len();
    let own = |axis: usize| if view.dims[axis] == 1 { 0 } else { view.strides[axis] };
    (0..dims.len()).map(|axis| axis.checked_sub(missing).map_or(0, own)).collect()
}

pub(super) fn binary(left: &View, right: &View, output: &View, kind: BinaryKind) -> Result<Binary, OpError> {
    let (a, b) = (broadcast(left, &output.dims), broadcast(right, &output.dims));
    let common = Common::new(&output.dims, [&a, &b, &output.strides], usize::MAX)?;
    Ok(Binary { dims: common.dims(), left: common.strides(0), right: common.strides(1), output: common.strides(2), kind })
}

pub(super) fn softmax(input: &View, output: &View, axis: usize) -> Result<Softmax, OpError> {
    let last = |values: &[usize]| {
        let mut values = values.to_vec();
        let along = values.remove(axis);
        values.push(along);
        values
    };
    let (dims, a, b) = (last(&output.dims), last(&input.strides), last(&output.strides));
    let common = Common::new(&dims, [&a, &b], dims.len() - 1)?;
    Ok(Softmax { dims: common.dims(), input: common.strides(0), output: common.strides(1) })
}

pub(super) fn pad(input: &View, output: &View, begins: &[usize], value: f32) -> Result<Pad, OpError> {
    if output.dims.len() > MAX_RANK {
        return Err(OpError::unsupported(format!("pads {} dimensions", output.dims.len())).supported("6 dimensions"));
    }
    Ok(Pad {
        dims: leading(&output.dims, 1),
        inner: leading(&input.dims, 1),
        begin: leading(begins, 0),
        input: leading(&input.strides, 0),
        output: leading(&output.strides, 0),
        value,
    })
}

/// Operands of rank 4: two batch dimensions, rows and columns.
pub(super) fn matmul(left: &View, right: &View, output: &View) -> Result<MatMul, OpError> {
    let rank4 = |view: &View| <[usize; 4]>::try_from(&view.dims[..]).ok();
    let (Some([_, _, m, k]), Some([b0, b1, _, n])) = (rank4(left), rank4(output)) else {
        return Err(OpError::new("a matrix product has other than four dimensions"));
    };
    let strides = |view: &View, dims: [usize; 4]| {
        let strides = broadcast(view, &dims);
        words([strides[0], strides[1], strides[2], strides[3]])
    };
    Ok(MatMul {
        dims: words([b0, b1, m, n, k]),
        left: strides(left, [b0, b1, m, k]),
        right: strides(right, [b0, b1, k, n]),
        output: strides(output, [b0, b1, m, n]),
    })
}
