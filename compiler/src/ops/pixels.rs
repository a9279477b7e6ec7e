//! The steps of kernels that compute a pixel of a map from the same pixel, as some operators emit them.

use std::sync::Arc;

use super::OpError;
use super::operands::product;
use crate::ir::Shape;
use crate::lower::kernels::Kernel;
use crate::lower::{Lowering, Packed};

/// Emits a step an image of the first input, whose channels are its second axis: of [N,C,H,W] as it is, so that its rows can be computed
/// one by one; of other shapes with the axes behind the channels as one row.
pub(super) fn each_pixel(ctx: &mut Lowering<'_>, kernel: impl Kernel + 'static, weights: &Packed) -> Result<(), OpError> {
    let (x, shape, kernel): (_, _, Arc<dyn Kernel>) = (ctx.tensor(0)?, ctx.shape(), Arc::new(kernel));
    let (images, map) = match *shape.0.as_slice() {
        [n, _, _, _] => (n, shape.clone()),
        [n, channels, ref rest @ ..] => (n, Shape(vec![n, channels, 1, product(rest)])),
        _ => return Err(OpError::unsupported(format!("`X` has shape {shape}")).supported("[N,C,..]")),
    };
    let is_map = map == shape;
    let from = if is_map { x } else { ctx.viewed(x, map.clone()) };
    let to = if is_map { ctx.output() } else { ctx.output_as(map) };
    ctx.images(images)?;
    for n in 0..images {
        let (read, write) = (ctx.image(from, n), ctx.image(to, n));
        ctx.push(Arc::clone(&kernel), vec![read], write, weights, 0);
    }
    if !is_map {
        ctx.finish(to);
    }
    Ok(())
}
