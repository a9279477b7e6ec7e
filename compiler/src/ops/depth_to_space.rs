//! `DepthToSpace` and `SpaceToDepth`: blocks of pixels from channels and back, in modes `DCR` and `CRD`, of any element type; moves only.

use super::operands::{output, output_shape, product, tensor, typed};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::steps::Lowering;
use crate::tensor::{Shape, Tensor, TensorType};
use crate::tensor::{ravel, unravel};

/// Which channels are the pixels of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Blocks {
    /// The channels of a pixel of the block are adjacent.
    Dcr,
    /// The pixels of a channel of the block are adjacent.
    Crd,
}

/// One input, [N,C,H,W].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DepthToSpace {
    pub(crate) blocks: Blocks,
    /// Whether it is `SpaceToDepth`, which undoes the other.
    pub(crate) to_depth: bool,
    /// Rows and columns of a block.
    pub(crate) size: usize,
}

impl Operator for DepthToSpace {
    const ATTRIBUTES: &'static [KnownAttribute] = &[known::int("blocksize"), known::string("mode").one_of(&["DCR", "CRD"])];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let found = node.int("blocksize")?.ok_or_else(|| OpError::new("attribute `blocksize` is missing"))?;
        let size = usize::try_from(found).ok().filter(|size| (1..=1 << 16).contains(size));
        let size = size.ok_or_else(|| OpError::new(format!("attribute `blocksize` is {found}")).supported("1 to 65536"))?;
        let blocks = match node.string("mode")?.unwrap_or("DCR") {
            "DCR" => Blocks::Dcr,
            "CRD" => Blocks::Crd,
            _ => return Err(node.unread("mode")),
        };
        Ok(DepthToSpace { blocks, to_depth: node.op_type == "SpaceToDepth", size })
    }

    fn op_type(&self) -> Option<&'static str> {
        Some(if self.to_depth { "SpaceToDepth" } else { "DepthToSpace" })
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let input = typed(inputs, 0)?;
        let [split, perm] = self.moves(&input.shape)?;
        let dims = perm.map(|axis| split[axis]);
        // An image, then (rows, columns, channels), height, width; or an image, channels, (height, rows), (width, columns).
        let joined = if self.to_depth { [0..1, 1..4, 4..5, 5..6] } else { [0..1, 1..2, 2..4, 4..6] };
        output(input.dtype, joined.map(|axes| product(&dims[axes])))
    }

    /// Elements of any type move.
    fn runs(&self, _inputs: &[Option<&TensorType>]) -> bool {
        true
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let input = tensor(inputs, 0)?;
        let [split, perm] = self.moves(input.shape())?;
        let strides = Shape(split.to_vec()).strides();
        let (dims, strides) = (perm.map(|axis| split[axis]), perm.map(|axis| strides[axis]));
        Ok(vec![input.gathered(&shape, |i| ravel(&unravel(i, &dims), &strides))])
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let x = ctx.tensor(0)?;
        let [split, perm] = self.moves(&ctx.shape_of(x).clone())?;
        let blocks = ctx.viewed(x, Shape(split.to_vec()));
        let turned = ctx.permuted(blocks, perm.to_vec());
        ctx.finish(turned);
        Ok(())
    }
}

impl DepthToSpace {
    /// The input under six dimensions, and the order in which these are the output.
    fn moves(&self, input: &Shape) -> Result<[[usize; 6]; 2], OpError> {
        let size = self.size;
        let &[n, c, h, w] = &input[..] else {
            let found = format!("input has {} dimensions: {input}", input.rank());
            return Err(OpError::unsupported(found).supported("[N,C,H,W]"));
        };
        if self.to_depth {
            if !h.is_multiple_of(size) || !w.is_multiple_of(size) {
                return Err(OpError::new(format!("a map of {h} by {w} is not whole blocks of {size} by {size}")));
            }
            let perm = if self.blocks == Blocks::Dcr { [0, 3, 5, 1, 2, 4] } else { [0, 1, 3, 5, 2, 4] };
            return Ok([[n, c, h / size, size, w / size, size], perm]);
        }
        match self.blocks {
            _ if !c.is_multiple_of(size * size) => {
                Err(OpError::new(format!("{c} channels are not whole blocks of {size} by {size} pixels")))
            }
            Blocks::Dcr => Ok([[n, size, size, c / (size * size), h, w], [0, 3, 4, 1, 5, 2]]),
            Blocks::Crd => Ok([[n, c / (size * size), size, size, h, w], [0, 1, 4, 2, 5, 3]]),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::test_case::Case;
    use crate::tensor::{DType, TensorType};

    fn count(n: u8) -> Vec<f32> {
        (0..n).map(f32::from).collect()
    }

    // By numpy, as the operators' definition writes them: reshape, transpose, reshape.
    #[test]
    fn blocks_from_channels() {
        let case = |mode| Case::new("DepthToSpace", 13).int("blocksize", 2).string("mode", mode).floats(&[1, 8, 1, 2], &count(16));
        assert_eq!(case("DCR").shape(), Ok(vec![1, 2, 2, 4]));
        assert_eq!(case("DCR").values(), [0.0, 4.0, 1.0, 5.0, 8.0, 12.0, 9.0, 13.0, 2.0, 6.0, 3.0, 7.0, 10.0, 14.0, 11.0, 15.0]);
        assert_eq!(case("CRD").values(), [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0, 8.0, 10.0, 9.0, 11.0, 12.0, 14.0, 13.0, 15.0]);
        let old = Case::new("DepthToSpace", 1).int("blocksize", 2).floats(&[1, 8, 1, 2], &count(16));
        assert_eq!(old.values(), case("DCR").values());
    }

    #[test]
    fn blocks_to_channels() {
        let case = Case::new("SpaceToDepth", 13).int("blocksize", 2).floats(&[1, 2, 2, 4], &count(16));
        assert_eq!(case.shape(), Ok(vec![1, 8, 1, 2]));
        assert_eq!(case.values(), [0.0, 2.0, 8.0, 10.0, 1.0, 3.0, 9.0, 11.0, 4.0, 6.0, 12.0, 14.0, 5.0, 7.0, 13.0, 15.0]);
        let back = Case::new("SpaceToDepth", 28).int("blocksize", 2).string("mode", "CRD").floats(&[1, 2, 2, 4], &count(16));
        assert_eq!(back.values(), [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0, 8.0, 10.0, 9.0, 11.0, 12.0, 14.0, 13.0, 15.0]);
        let bytes = Case::new("SpaceToDepth", 13).int("blocksize", 2).typed(TensorType::new(DType::U8, [2, 1, 4, 6]));
        assert_eq!(bytes.infer(), Ok(TensorType::new(DType::U8, [2, 4, 2, 3])));
    }

    #[test]
    fn refusals() {
        let case = |op_type, size| Case::new(op_type, 13).int("blocksize", size).input(&[1, 6, 3, 4]);
        assert!(case("DepthToSpace", 2).refusal().contains("6 channels are not whole blocks of 2 by 2"));
        assert!(case("SpaceToDepth", 2).refusal().contains("a map of 3 by 4"));
        assert_eq!(case("DepthToSpace", 0).refusal(), "attribute `blocksize` is 0 (supported: 1 to 65536)");
        assert!(Case::new("DepthToSpace", 13).input(&[1, 4, 1, 1]).refusal().contains("`blocksize` is missing"));
        assert!(case("DepthToSpace", 1).string("mode", "RCD").refusal().contains("`RCD` (supported: DCR, CRD)"));
        assert!(Case::new("SpaceToDepth", 13).int("blocksize", 1).input(&[1, 4, 1]).refusal().contains("3 dimensions"));
    }

    /// By the place of each pixel, there and back.
    #[test]
    fn blocks_at_run_time() {
        for (size, [n, c, h, w]) in [(2, [1, 3, 2, 3]), (3, [2, 2, 1, 2]), (1, [1, 2, 2, 2])] {
            let (deep, wide) = ([n, c * size * size, h, w], [n, c, h * size, w * size]);
            for mode in ["DCR", "CRD"] {
                // The channel of a pixel of a block.
                let channel = |c_at: usize, y: usize, x: usize| match mode {
                    "DCR" => (y * size + x) * c + c_at,
                    _ => (c_at * size + y) * size + x,
                };
                let count: usize = deep.iter().product();
                let flat = |at: usize| {
                    let [image, c_at, y, x] =
                        [at / (c * h * size * w * size), at / (h * size * w * size) % c, at / (w * size) % (h * size), at % (w * size)];
                    let from = ((image * deep[1] + channel(c_at, y % size, x % size)) * h + y / size) * w + x / size;
                    from as f32
                };
                let flat: Vec<f32> = (0..count).map(flat).collect();
                let ascending: Vec<f32> = (0..count).map(|at| at as f32).collect();
                let blocks = Case::new("DepthToSpace", 13).int("blocksize", size as i64).string("mode", mode).floats(&deep, &ascending);
                let found = blocks.computed(&[]);
                assert_eq!((found.shape()[..].to_vec(), found.as_f32()), (wide.to_vec(), Some(&flat[..])), "{mode} of {size}");
                if mode == "DCR" {
                    let back = Case::new("SpaceToDepth", 13).int("blocksize", size as i64).floats(&wide, &flat).computed(&[]);
                    assert_eq!((back.shape()[..].to_vec(), back.as_f32()), (deep.to_vec(), Some(&ascending[..])), "back by {size}");
                }
            }
        }
    }
}
