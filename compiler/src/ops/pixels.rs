//! The steps of kernels that compute a pixel of a map from the same pixel, as some operators emit them.

use std::sync::Arc;

use super::OpError;
use super::operands::product;
use crate::steps::kernels::Kernel;
use crate::steps::{Lowering, Packed};
use crate::tensor::Shape;

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

#[cfg(test)]
mod tests {
    use crate::ops::test_case::Case;
    use crate::tensor::Tensor;

    /// Of each number of axes, of one image and of some: a slope a channel, as many channels as there are.
    #[test]
    fn the_second_axis_has_the_channels() {
        for dims in [vec![3, 4], vec![1, 4], vec![2, 4, 5], vec![1, 4, 3, 2], vec![3, 4, 2, 2], vec![2, 4, 2, 3, 2], vec![1, 4, 1, 1, 2, 2]]
        {
            let elements: usize = dims.iter().product();
            let inner: usize = dims[2..].iter().product();
            let values: Vec<f32> = (0..elements).map(|at| (at * 7 % 11) as f32 - 5.0).collect();
            let slopes = [0.5, -1.0, 0.0, 2.0];
            // The slopes' shape broadcasts from the channels on.
            let of_slopes: Vec<usize> = std::iter::once(4).chain(std::iter::repeat_n(1, dims.len() - 2)).collect();
            let case = Case::new("PRelu", 16).floats(&dims, &values).floats(&of_slopes, &slopes);
            let wanted = values.iter().enumerate().map(|(at, &x)| if x < 0.0 { slopes[at / inner % 4] * x } else { x });
            let wanted = Tensor::f32(dims.clone(), wanted.collect::<Vec<_>>()).unwrap();
            assert_eq!(case.computed(&[1]), wanted, "{dims:?}");
        }
    }

    #[test]
    fn images_are_counted() {
        let of = |images: usize| {
            let case = Case::new("LRN", 13).floats(&[images, 1, 1], &vec![1.0; images]).int("size", 1);
            case.executed(&[]).map(|found| found[0].shape().to_vec()).map_err(|error| error.to_string())
        };
        assert_eq!(of(64), Ok(vec![64, 1, 1]));
        assert!(of(5000).unwrap_err().contains("computes 5000 images"));
    }
}
