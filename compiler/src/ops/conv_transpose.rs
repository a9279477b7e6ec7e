//! `ConvTranspose`: 1-D, 2-D or 3-D with any kernel, stride, pads, `auto_pad`, `output_padding`, `output_shape`, dilation and group; of three
//! axes up to 64 depths of output, with weights once for each set of taps that the depths of the output have.
//!
//! A result is its bias and then the products in the order (ky, kx, ci), each rounded before it is added, in every numeric class and
//! however many there are.
//!
//! With three spatial axes each depth of the output is a transposed convolution of its own over maps: the channels of the depths that reach
//! it are those of one map, the first depth first. Where there are groups, or the depths do not follow each other, there is one a
//! depth, and these are added.

use std::collections::BTreeMap;
use std::sync::Arc;

use peleec_runtime::{Activation, BinaryKind};

use super::operands::{evaluated, float_type, floats, output, output_shape, product};
use super::window::{AUTO_PAD, explicit_pads, extents};
use super::{OpError, Operator, volume};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::plan::problem::{Access, CHANNELS};
use crate::steps::kernels::{Binary, ConvTranspose2d, pack_transposed};
use crate::steps::{Lowering, Packed};
use crate::tensor::window::{dhw, spatial_rank, with_spatial};
use crate::tensor::{DType, Shape, Tensor, TensorType};

/// Inputs: `X` [N,C,H,W], `W` [C,M/group,kH,kW], or with a depth before the height, optional `B` [M]. Axes that are not there have one tap.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConvTranspose {
    pub(crate) kernel: [usize; 3],
    pub(crate) strides: [usize; 3],
    pub(crate) dilations: [usize; 3],
    /// Depths, rows and columns that are cut off in front, above and left.
    pub(crate) pads: [usize; 3],
    /// Depth, height and width of the output.
    pub(crate) size: [usize; 3],
    pub(crate) group: usize,
}

impl ConvTranspose {
    const BIAS: usize = 2;
}

impl Operator for ConvTranspose {
    const ATTRIBUTES: &'static [KnownAttribute] = &[
        known::int("group"),
        known::ints("kernel_shape"),
        known::ints("strides"),
        known::ints("dilations"),
        known::ints("pads"),
        AUTO_PAD,
        known::ints("output_padding"),
        known::ints("output_shape"),
    ];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let (x, w) = (node.input_type(0)?, node.input_type(1)?);
        let spatial = spatial_rank(&x.shape)?;
        let of_weights = w.shape.get(2..).ok_or_else(|| OpError::new(format!("`W` is {w}")).supported("[C,M/group,kH,kW]"))?;
        let of_weights: Vec<_> = of_weights.iter().map(|&extent| extent as i64).collect();
        let kernel = extents(node.filled_ints("kernel_shape")?.unwrap_or(&of_weights), spatial, "kernel_shape", 1)?;
        let or_ones = |name| node.filled_ints(name)?.map_or(Ok([1; 3]), |ints| extents(ints, spatial, name, 1));
        let (strides, dilations) = (or_ones("strides")?, or_ones("dilations")?);
        let group = node.int("group")?.unwrap_or(1);
        let group = usize::try_from(group).ok().filter(|&g| g >= 1);
        let group = group.ok_or_else(|| OpError::new("attribute `group` is below 1"))?;
        let more = output_padding(node, spatial)?;
        let from = dhw(&x.shape);
        if from.iter().any(|extent| !(1..=1 << 20).contains(extent)) {
            return Err(OpError::unsupported(format!("`X` is {x}")).supported("maps of 1 to 1048576 rows and columns"));
        }
        let whole = [0, 1, 2].map(|axis| (from[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1 + more[axis]);
        let wanted = match node.filled_ints("output_shape")? {
            Some(ints) => Some(extents(ints, spatial, "output_shape", 1)?),
            None => None,
        };
        let explicit = explicit_pads(node, spatial)?;
        let auto_pad = node.string("auto_pad")?.unwrap_or("NOTSET");
        let (size, pads) = match (wanted, auto_pad) {
            (None, "NOTSET") => (None, explicit),
            (None, "VALID") => (None, [0; 6]),
            (Some(size), "NOTSET" | "VALID") => (Some(size), shared(whole, size, false)),
            // By ONNX: onnxruntime's output is smaller where the taps do not reach so far.
            (size, "SAME_UPPER" | "SAME_LOWER") => {
                let size = size.unwrap_or([0, 1, 2].map(|axis| from[axis] * strides[axis]));
                (Some(size), shared(whole, size, auto_pad == "SAME_UPPER"))
            }
            _ => return Err(node.unread("auto_pad")),
        };
        let cut = || {
            let rest = |axis: usize| whole[axis].checked_sub(pads[axis] + pads[axis + 3]).filter(|&rest| rest > 0);
            Some([rest(0)?, rest(1)?, rest(2)?])
        };
        let cut_off = || {
            let (begins, ends) = (&explicit[3 - spatial..3], &explicit[6 - spatial..]);
            OpError::new(format!("pads of {begins:?} and {ends:?} cut off all of an output of {:?}", &whole[3 - spatial..]))
        };
        let size = size.or_else(cut).ok_or_else(cut_off)?;
        Ok(ConvTranspose { kernel, strides, dilations, pads: [pads[0], pads[1], pads[2]], size, group })
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let (x, w) = (float_type(inputs, 0)?, float_type(inputs, 1)?);
        let spatial = spatial_rank(&x.shape)?;
        let fits = w.shape.rank() == x.shape.rank()
            && w.shape[0] == x.shape[1]
            && x.shape[1].is_multiple_of(self.group)
            && w.shape[2..] == self.kernel[3 - spatial..];
        let filters = w.shape.get(1).and_then(|filters| filters.checked_mul(self.group)).filter(|_| fits);
        let filters = filters.ok_or_else(|| OpError::new(format!("`X` {x} does not go with `W` {w} at group {}", self.group)))?;
        if let Some(Some(bias)) = inputs.get(ConvTranspose::BIAS)
            && **bias != TensorType::f32([filters])
        {
            return Err(OpError::new(format!("`B` is {bias} where `W` has {filters} output channels")));
        }
        output(DType::F32, with_spatial(&x.shape, x.shape[0], filters, self.size))
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let (x, w) = (floats(inputs, 0)?, floats(inputs, 1)?);
        let bias = inputs.get(ConvTranspose::BIAS).copied().flatten().and_then(Tensor::as_f32);
        let like = inputs[0].map(|tensor| tensor.shape().clone()).unwrap_or_default();
        let mut values = Vec::with_capacity(shape.elements());
        for (n, m) in (0..shape[0]).flat_map(|n| (0..shape[1]).map(move |m| (n, m))) {
            let [depth, height, width] = self.size;
            for (z, y) in (0..depth).flat_map(|z| (0..height).map(move |y| (z, y))) {
                let sum = |at| self.sum(bias.map_or(0.0, |bias| bias[m]), (x, &like), (w, shape[1] / self.group), [n, m, z, y, at]);
                values.extend((0..width).map(sum));
            }
        }
        evaluated(Tensor::f32(shape, values))
    }

    fn macs(&self, inputs: &[Option<&TensorType>]) -> u64 {
        let (Ok(x), Ok(w)) = (float_type(inputs, 0), float_type(inputs, 1)) else { return 0 };
        x.shape.elements().saturating_mul(product(w.shape.get(1..).unwrap_or_default())) as u64
    }

    /// Naively every tap of the kernel is tried for every element.
    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        let (Ok(types), Ok(w)) = (self.infer(inputs), float_type(inputs, 1)) else { return 0 };
        let taps = product(w.shape.get(2..).unwrap_or_default()).saturating_mul(w.shape.first().copied().unwrap_or(1));
        types.first().map_or(0, |ty| ty.shape.elements().saturating_mul(taps)) as u64
    }

    /// A step an image; of three spatial axes one a depth of the output.
    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let weights = ctx.weights(1, "W")?;
        let bias = if ctx.has(ConvTranspose::BIAS) { Some(ctx.weights(ConvTranspose::BIAS, "B")?) } else { None };
        let (x, batch) = (ctx.tensor(0)?, ctx.shape()[0]);
        if ctx.shape_of(x).rank() == 5 {
            return self.lower_depths(ctx, weights, bias);
        }
        let y = ctx.output();
        ctx.images(batch)?;
        let channels = [ctx.shape_of(x)[CHANNELS], ctx.shape()[CHANNELS]];
        let packed = self.packed(ctx, weights, bias, channels);
        for n in 0..batch {
            let (read, write) = (ctx.image(x, n), ctx.image(y, n));
            packed.step(ctx, read, write);
        }
        Ok(())
    }
}

/// A transposed convolution of one map, whose weights are packed.
struct PackedTransposed {
    kernel: Arc<ConvTranspose2d>,
    weights: Packed,
    /// Multiply-accumulates of one pixel of the input.
    macs: usize,
}

impl PackedTransposed {
    /// Emits the step from one map to another.
    fn step(&self, ctx: &mut Lowering<'_>, read: Access, write: Access) {
        let macs = product(&read.dims[CHANNELS + 1..]).saturating_mul(self.macs) as u64;
        ctx.push(self.kernel.clone(), vec![read], write, &self.weights, macs);
    }
}

impl ConvTranspose {
    /// Packs weights of as many taps as a kernel of rows and columns has, from so many channels to so many.
    fn packed(&self, ctx: &mut Lowering<'_>, weights: &[f32], bias: Option<&[f32]>, [from, to]: [usize; 2]) -> PackedTransposed {
        let [_, kernel @ ..] = self.kernel;
        let ([_, strides @ ..], [_, dilations @ ..], [_, pads @ ..]) = (self.strides, self.dilations, self.pads);
        let (group, taps) = (self.group, product(&kernel));
        let filters = to / group;
        let packed = pack_transposed(weights, bias, [group, from / group, filters, taps]);
        let weights = ctx.add_weights(&packed, size_of_val(weights));
        let macs = from.saturating_mul(filters * taps);
        PackedTransposed { kernel: Arc::new(ConvTranspose2d { kernel, strides, dilations, pads, group }), weights, macs }
    }

    /// Steps for each depth of the output, and sums where one does not do; where no tap reaches there is the bias.
    fn lower_depths(&self, ctx: &mut Lowering<'_>, weights: &[f32], bias: Option<&[f32]>) -> Result<(), OpError> {
        let (x, shape) = (ctx.tensor(0)?, ctx.shape());
        let (batch, channels, filters) = (shape[0], ctx.shape_of(x)[1], shape[1]);
        let [extent, ..] = dhw(ctx.shape_of(x));
        let [_, kernel @ ..] = self.kernel;
        let per_tap = [product(&[channels, filters / self.group]), self.kernel[0], product(&kernel)];
        let runs = volume::runs(batch, self.size[0], self.group == 1, |at| self.taps(0, at, extent).rev().collect())?;
        volume::check_weights(&runs, weights.len(), self.kernel[0])?;
        let (from, to) = (volume::joined(ctx, x), volume::output(ctx));
        ctx.images(batch)?;
        let mut packed = BTreeMap::new();
        for (n, at) in (0..batch).flat_map(|n| (0..self.size[0]).map(move |at| (n, at))) {
            let write = volume::depths(ctx, to, n, at..at + 1, filters);
            if runs[at].is_empty() {
                volume::write_bias(ctx, bias, None, Activation::Identity, write)?;
                continue;
            }
            let mut sum: Option<Access> = None;
            for (run, part) in volume::parts(&runs[at]) {
                let read = volume::depths(ctx, from, n, run.depths(), channels);
                let products = if part.is_first && part.is_last { write.clone() } else { ctx.like(&write) };
                let packed = packed.entry(part).or_insert_with(|| {
                    let weights = volume::weights_of(weights, per_tap, part.taps);
                    self.packed(ctx, &weights, bias.filter(|_| part.is_first), [read.dims[CHANNELS], filters])
                });
                packed.step(ctx, read, products.clone());
                sum = Some(match sum {
                    None => products,
                    Some(before) => {
                        let both = if part.is_last { write.clone() } else { ctx.like(&write) };
                        let add = Arc::new(Binary { kind: BinaryKind::Add });
                        ctx.push(add, vec![before, products], both.clone(), &Packed::default(), 0);
                        both
                    }
                });
            }
        }
        volume::finish(ctx, to);
        Ok(())
    }

    /// One output: the bias, and the products of all taps on the map in the order (ky, kx, iz, ci).
    fn sum(&self, bias: f32, (x, like): (&[f32], &Shape), (w, filters): (&[f32], usize), [n, m, z, y, at]: [usize; 5]) -> f32 {
        let ([d, h, width], channels) = (dhw(like), like[1]);
        let depth = channels / self.group;
        let [kd, kh, kw] = self.kernel;
        let mut sum = bias;
        for (ky, iy) in self.taps(1, y, h) {
            for (kx, ix) in self.taps(2, at, width) {
                for (kz, iz) in self.taps(0, z, d).rev() {
                    for ci in m / filters * depth..(m / filters + 1) * depth {
                        let value = x[(((n * channels + ci) * d + iz) * h + iy) * width + ix];
                        sum += value * w[(((ci * filters + m % filters) * kd + kz) * kh + ky) * kw + kx];
                    }
                }
            }
        }
        sum
    }

    /// The taps that reach output depth, row or column `at` (axes 0 to 2), and where each lies on the input; the last of the input first.
    fn taps(&self, axis: usize, at: usize, extent: usize) -> impl DoubleEndedIterator<Item = (usize, usize)> + '_ {
        let stride = self.strides[axis];
        (0..self.kernel[axis]).filter_map(move |k| {
            let reach = (at + self.pads[axis]).checked_sub(k * self.dilations[axis])?;
            (reach.is_multiple_of(stride) && reach / stride < extent).then_some((k, reach / stride))
        })
    }
}

/// What is added behind, below and right of what the taps reach.
fn output_padding(node: &NodeView<'_>, spatial: usize) -> Result<[usize; 3], OpError> {
    let Some(ints) = node.filled_ints("output_padding")? else { return Ok([0; 3]) };
    let found: Option<Vec<usize>> = ints.iter().map(|&i| usize::try_from(i).ok().filter(|&i| i <= 1 << 16)).collect();
    match (found.as_deref(), spatial) {
        (Some(&[columns]), 1) => Ok([0, 0, columns]),
        (Some(&[rows, columns]), 2) => Ok([0, rows, columns]),
        (Some(&[depths, rows, columns]), 3) => Ok([depths, rows, columns]),
        _ => Err(OpError::new(format!("attribute `output_padding` is {ints:?}")).supported(format!("{spatial} values from 0 to 65536"))),
    }
}

/// Pads of all axes' begins and then ends that leave `size` of `whole`, the odd one at the end where `upper` says so.
fn shared(whole: [usize; 3], size: [usize; 3], upper: bool) -> [usize; 6] {
    let [depths, rows, columns] = [0, 1, 2].map(|axis| {
        let total = whole[axis].saturating_sub(size[axis]);
        let (small, large) = (total / 2, total - total / 2);
        if upper { [small, large] } else { [large, small] }
    });
    [depths[0], rows[0], columns[0], depths[1], rows[1], columns[1]]
}

#[cfg(test)]
mod tests {
    use crate::ir::test_build::Random;
    use crate::ops::test_case::Case;
    use crate::tensor::{Shape, Tensor};
    use crate::tensor::{ravel, unravel};

    /// A square of 1 to 4 by a kernel of 1 to 9, with the values that onnxruntime 1.23 gives.
    fn square() -> Case {
        let count = |n: u8| (1..=n).map(f32::from).collect::<Vec<_>>();
        Case::new("ConvTranspose", 11).floats(&[1, 1, 2, 2], &count(4)).floats(&[1, 1, 3, 3], &count(9)).floats(&[1], &[0.5])
    }

    #[test]
    fn strides_pads_and_dilations() {
        let dense = [1.5, 4.5, 7.5, 6.5, 7.5, 23.5, 33.5, 24.5, 19.5, 53.5, 63.5, 42.5, 21.5, 52.5, 59.5, 36.5];
        assert_eq!(square().values(), dense);
        let case = square().ints("strides", &[2, 2]);
        let wanted = [
            [1.5, 2.5, 5.5, 4.5, 6.5],
            [4.5, 5.5, 14.5, 10.5, 12.5],
            [10.5, 14.5, 36.5, 24.5, 30.5],
            [12.5, 15.5, 34.5, 20.5, 24.5],
            [21.5, 24.5, 55.5, 32.5, 36.5],
        ];
        assert_eq!(case.values(), wanted.concat());
        let padded = square().ints("strides", &[2, 2]).ints("pads", &[1, 1, 1, 1]).ints("output_padding", &[1, 1]);
        assert_eq!(padded.values(), INNER);
        let dilated = square().ints("dilations", &[2, 2]);
        assert_eq!(dilated.shape(), Ok(vec![1, 1, 6, 6]));
        assert_eq!(dilated.values()[..12], [1.5, 2.5, 2.5, 4.5, 3.5, 6.5, 3.5, 4.5, 6.5, 8.5, 9.5, 12.5]);
    }

    const INNER: [f32; 16] = [5.5, 14.5, 10.5, 12.5, 14.5, 36.5, 24.5, 30.5, 15.5, 34.5, 20.5, 24.5, 24.5, 55.5, 32.5, 36.5];

    #[test]
    fn sizes_of_the_output() {
        let case = || square().ints("strides", &[2, 2]);
        let upper = [1.5, 2.5, 5.5, 4.5, 4.5, 5.5, 14.5, 10.5, 10.5, 14.5, 36.5, 24.5, 12.5, 15.5, 34.5, 20.5];
        assert_eq!(case().string("auto_pad", "SAME_UPPER").values(), upper);
        assert_eq!(case().string("auto_pad", "SAME_LOWER").values(), INNER);
        assert_eq!(case().ints("output_shape", &[4, 4]).values(), INNER);
        assert_eq!(case().string("auto_pad", "VALID").shape(), Ok(vec![1, 1, 5, 5]));
        // Where no tap reaches there is the bias.
        let larger = case().ints("output_shape", &[5, 6]);
        assert_eq!(larger.values()[..12], [1.5, 2.5, 5.5, 4.5, 6.5, 0.5, 4.5, 5.5, 14.5, 10.5, 12.5, 0.5]);
    }

    #[test]
    fn groups_and_one_dimension() {
        let x = [1.0, 2.0, 3.0, 4.0];
        let w = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let case = Case::new("ConvTranspose", 11).int("group", 2).ints("strides", &[2]).floats(&[1, 2, 2], &x).floats(&[2, 2, 2], &w);
        let wanted = [1.0, 2.0, 2.0, 4.0, 3.0, 4.0, 6.0, 8.0, 25.0, 28.0, 30.0, 34.0, 41.0, 44.0, 48.0, 52.0];
        assert_eq!(case.floats(&[4], &[0.0, 0.0, 10.0, 20.0]).values(), wanted);
    }

    /// With the values that onnxruntime gives.
    #[test]
    fn three_dimensions() {
        let count = |n: u8| (1..=n).map(f32::from).collect::<Vec<_>>();
        let case = |x: &[usize], w: &[usize]| {
            let values = |shape: &[usize]| count(shape.iter().product::<usize>() as u8);
            Case::new("ConvTranspose", 11).floats(x, &values(x)).floats(w, &values(w))
        };
        let dense = case(&[1, 1, 2, 1, 2], &[1, 1, 2, 1, 2]);
        assert_eq!((dense.shape(), dense.values()), (Ok(vec![1, 1, 3, 1, 3]), vec![1.0, 4.0, 4.0, 6.0, 20.0, 16.0, 9.0, 24.0, 16.0]));
        // No tap reaches the third depth.
        let apart = case(&[1, 1, 2, 1, 2], &[1, 1, 2, 1, 1]).ints("strides", &[3, 1, 1]).floats(&[1], &[0.5]);
        assert_eq!(apart.values(), [1.5, 2.5, 2.5, 4.5, 0.5, 0.5, 3.5, 4.5, 6.5, 8.5]);
        let padded = case(&[1, 1, 2, 1, 2], &[1, 1, 3, 1, 1]).ints("strides", &[2, 1, 1]).ints("pads", &[1, 0, 0, 1, 0, 0]);
        assert_eq!(padded.ints("output_padding", &[1, 0, 0]).values(), [2.0, 4.0, 6.0, 10.0, 6.0, 8.0, 9.0, 12.0]);
        assert_eq!(case(&[1, 2, 2, 1, 1], &[2, 1, 2, 1, 1]).int("group", 2).values(), [1.0, 4.0, 4.0, 9.0, 24.0, 16.0]);
        assert_eq!(case(&[1, 1, 3, 1, 1], &[1, 1, 2, 1, 1]).ints("dilations", &[2, 1, 1]).values(), [1.0, 2.0, 5.0, 4.0, 6.0]);
        assert!(case(&[1, 1, 2, 1, 1], &[1, 1, 2, 1, 1]).ints("pads", &[2, 0, 0, 1, 0, 0]).refusal().contains("cut off all"));
    }

    #[test]
    fn refusals() {
        let case = |group| Case::new("ConvTranspose", 11).int("group", group).input(&[1, 4, 5, 5]).input(&[4, 3, 3, 3]);
        assert_eq!(case(2).shape(), Ok(vec![1, 6, 7, 7]));
        assert!(case(3).refusal().contains("does not go with"));
        assert!(case(0).refusal().contains("`group`"));
        assert!(case(2).input(&[5]).refusal().contains("`B` is f32[5]"));
        assert!(case(1).ints("pads", &[4, 0, 4, 0]).refusal().contains("cut off all"));
        assert!(case(1).ints("output_padding", &[-1, 0]).refusal().contains("`output_padding` is [-1, 0]"));
        assert!(case(1).ints("output_shape", &[7]).refusal().contains("`output_shape` is [7]"));
        assert!(case(1).string("auto_pad", "SOME").refusal().contains("`SOME`"));
        assert!(Case::new("ConvTranspose", 11).input(&[1, 4]).input(&[4, 4]).refusal().contains("2 dimensions"));
    }

    /// Of one to three axes, in groups: each element of the input adds its products to the output.
    #[test]
    fn random_transposed_convolutions_at_run_time_scatter() {
        let (mut random, mut ran) = (Random(1), 0);
        for round in 0..90 {
            let axes = 1 + round % 3;
            let several =
                |random: &mut Random, least: usize, count: usize| (0..axes).map(|_| least + random.index(count)).collect::<Vec<_>>();
            let (group, depth, filters) = (1 + random.index(3), 1 + random.index(2), 1 + random.index(3));
            let (extents, kernel) = (several(&mut random, 1, 3), several(&mut random, 1, 3));
            let (strides, dilations, more) = (several(&mut random, 1, 3), several(&mut random, 1, 2), several(&mut random, 0, 2));
            let pads = [several(&mut random, 0, 2), several(&mut random, 0, 2)];
            let whole = |axis: usize| (extents[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1 + more[axis];
            let sizes = (0..axes).map(|axis| whole(axis).checked_sub(pads[0][axis] + pads[1][axis]).filter(|&size| size > 0));
            let Some(sizes) = sizes.collect::<Option<Vec<_>>>() else { continue };
            let n = 1 + round % 2;
            let (from, of_weights) = ([vec![n, group * depth], extents].concat(), [vec![group * depth, filters], kernel].concat());
            let to = Shape([vec![n, group * filters], sizes].concat());
            let tensor = |random: &mut Random, dims: &[usize]| {
                let values: Vec<f32> = random.integers(dims.iter().product()).into_iter().map(|value| value as f32).collect();
                Tensor::f32(dims.to_vec(), values).unwrap()
            };
            let (x, w, bias) = (tensor(&mut random, &from), tensor(&mut random, &of_weights), tensor(&mut random, &to[1..2]));
            let mut wanted: Vec<f32> = (0..to.elements()).map(|place| bias.as_f32().unwrap()[unravel(place, &to)[1]]).collect();
            for (place, &value) in x.as_f32().unwrap().iter().enumerate() {
                let at = unravel(place, &from);
                for (tap, &weight) in w.as_f32().unwrap().iter().enumerate() {
                    let tap = unravel(tap, &of_weights);
                    let index = |axis: usize| (at[2 + axis] * strides[axis] + tap[2 + axis] * dilations[axis]).checked_sub(pads[0][axis]);
                    let inside = (0..axes).map(|axis| index(axis).filter(|&index| index < to[2 + axis])).collect::<Option<Vec<_>>>();
                    let Some(inside) = inside.filter(|_| tap[0] == at[1]) else { continue };
                    wanted[ravel(&[vec![at[0], at[1] / depth * filters + tap[1]], inside].concat(), &to.strides())] += value * weight;
                }
            }
            let words = |values: &[usize]| values.iter().map(|&value| value as i64).collect::<Vec<_>>();
            let case = Case::new("ConvTranspose", 11).int("group", group as i64).ints("strides", &words(&strides));
            let case =
                case.ints("dilations", &words(&dilations)).ints("pads", &words(&pads.concat())).ints("output_padding", &words(&more));
            let found = case.known(x).known(w).known(bias).computed(&[1, 2]);
            assert_eq!((found.shape(), found.as_f32().unwrap()), (&to, &wanted[..]), "{from:?} by {of_weights:?} in {group} groups");
            ran += 1;
        }
        assert!(ran > 60, "{ran}");
    }
}
