//! Convolutions and pools.

use super::{LARGE, Net, Value};
use crate::cases::onnx::Attr;

/// A window over one to three spatial axes.
#[derive(Clone, Debug)]
struct Window {
    kernel: Vec<usize>,
    strides: Vec<usize>,
    dilations: Vec<usize>,
    /// Begins, then ends.
    pads: Vec<usize>,
    ceil: bool,
}

impl Window {
    /// Output extents, as ONNX has them since operator set 19: no window starts in the trailing pad.
    fn output(&self, spatial: &[usize]) -> Vec<usize> {
        let extent = |axis: usize| {
            let (stride, begin) = (self.strides[axis], self.pads[axis]);
            let reach = (self.kernel[axis] - 1) * self.dilations[axis] + 1;
            let room = spatial[axis] + begin + self.pads[axis + spatial.len()] - reach;
            let count = if self.ceil { room.div_ceil(stride) } else { room / stride } + 1;
            if self.ceil && (count - 1) * stride >= spatial[axis] + begin { count - 1 } else { count }
        };
        (0..spatial.len()).map(extent).collect()
    }

    fn ints(&self) -> [(&'static str, Vec<i64>); 4] {
        let ints = |list: &[usize]| list.iter().map(|&value| value as i64).collect();
        [
            ("kernel_shape", ints(&self.kernel)),
            ("strides", ints(&self.strides)),
            ("dilations", ints(&self.dilations)),
            ("pads", ints(&self.pads)),
        ]
    }
}

impl Net {
    pub(super) fn convolution(&mut self, x: &Value) -> Option<Value> {
        let channels = *x.dims.get(1)?;
        let divisors: Vec<usize> = (1..=channels).filter(|&group| channels.is_multiple_of(group)).collect();
        let group = if self.draw(3) == 2 { self.pick(&divisors) } else { 1 };
        let filters = self.pick(&[1, 2, 3, 4, 5, 8, 9, 16, 19]);
        self.conv(x, group, if group > 1 { group * filters.min(3) } else { filters })
    }

    /// A convolution or a pool over three axes, of which the first is a part of the channels or all of them.
    pub(super) fn volume(&mut self, x: &Value) -> Option<Value> {
        let &[batch, channels, height, width] = &x.dims[..] else { return None };
        let depths: Vec<usize> = (1..=channels.min(9)).filter(|&depth| channels.is_multiple_of(depth)).collect();
        let depth = self.pick(&depths);
        let dims = vec![batch, channels / depth, depth, height, width];
        let ints: Vec<i64> = dims.iter().map(|&dim| dim as i64).collect();
        let shape = self.onnx.ints(&format!("{}.shape", self.name), &ints);
        let x = self.op("Reshape", &[&x.name, &shape], &[], dims);
        match self.draw(4) {
            0 => self.pool(&x),
            1 => self.depthwise(&x),
            _ => self.convolution(&x),
        }
    }

    pub(super) fn depthwise(&mut self, x: &Value) -> Option<Value> {
        let channels = *x.dims.get(1)?;
        self.conv(x, channels, channels)
    }

    pub(super) fn conv(&mut self, x: &Value, group: usize, filters: usize) -> Option<Value> {
        let spatial = x.spatial()?;
        let window = self.window(&spatial, &[1, 3, 2, 1, 4], false);
        self.windowed(x, group, filters, &window)
    }

    /// A convolution that keeps the map's size.
    pub(super) fn same_conv(&mut self, x: &Value, filters: usize) -> Option<Value> {
        let window = self.same_window(x)?;
        self.windowed(x, 1, filters, &window)
    }

    pub(super) fn same_depthwise(&mut self, x: &Value) -> Option<Value> {
        let window = self.same_window(x)?;
        self.windowed(x, x.dims[1], x.dims[1], &window)
    }

    pub(super) fn same_pool(&mut self, x: &Value) -> Option<Value> {
        let ints = self.same_window(x)?.ints();
        let attributes: Vec<_> =
            ints.iter().filter(|(name, _)| *name != "dilations").map(|(name, list)| (*name, Attr::Ints(list))).collect();
        let op_type = self.pick(&["MaxPool", "AveragePool"]);
        Some(self.op(op_type, &[&x.name], &attributes, x.dims.clone()))
    }

    fn same_window(&mut self, x: &Value) -> Option<Window> {
        let rank = x.spatial()?.len();
        self.reorders |= rank == 3;
        let extent = self.pick(&[1, 3]);
        let ones = vec![1; rank];
        Some(Window { kernel: vec![extent; rank], strides: ones.clone(), dilations: ones, pads: vec![extent / 2; 2 * rank], ceil: false })
    }

    fn windowed(&mut self, x: &Value, group: usize, filters: usize, window: &Window) -> Option<Value> {
        let dims = [&[x.dims[0], filters], &window.output(&x.spatial()?)[..]].concat();
        if dims.iter().product::<usize>() > LARGE {
            return None;
        }
        let weights = [&[filters, x.dims[1] / group], &window.kernel[..]].concat();
        let ints = window.ints();
        let mut attributes: Vec<_> = ints.iter().map(|(name, list)| (*name, Attr::Ints(list))).collect();
        attributes.push(("group", Attr::Int(group as i64)));
        let name = self.fresh();
        let name = self.onnx.conv(&name, &x.name, &weights, &attributes);
        Some(self.push(name, dims))
    }

    /// A value that goes through bytes of a scale that is a power of two, so that floats of them add exactly, or of another one.
    pub(super) fn through_bytes(&mut self, _: &Value) -> Option<Value> {
        let x = &self.exact_value(|_| true)?;
        let scale = self.pick(&[0.0625, 0.03125, 0.3, 0.11]);
        self.bytes_of(x, scale)
    }

    fn exact_value(&self, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        self.value_like(0, |value| self.exact.contains(&value.name) && fits(value))
    }

    fn bytes_of(&mut self, x: &Value, scale: f32) -> Option<Value> {
        let zero = self.pick(&[0, -3, 17, -128, 127]);
        let name = self.fresh();
        let name = self.onnx.through_bytes(&name, &x.name, scale, zero);
        self.exact.insert(name.clone());
        Some(self.push(name, x.dims.clone()))
    }

    /// A convolution between bytes, with an activation or none. All scales are powers of two, so that floats add exactly, too; and all sums
    /// are odd, so that none lies in the middle between two results, where both would round otherwise.
    pub(super) fn quantized_convolution(&mut self, _: &Value) -> Option<Value> {
        let x = &self.exact_value(|value| value.spatial().is_some_and(|spatial| spatial.len() < 3))?;
        let (spatial, channels) = (x.spatial()?, *x.dims.get(1)?);
        let group = if self.draw(3) == 2 { channels } else { 1 };
        let filters = if group > 1 { group } else { self.pick(&[1, 2, 3, 4, 5, 8, 9]) };
        let window = self.window(&spatial, &[1, 3, 2], false);
        let dims = [&[x.dims[0], filters], &window.output(&spatial)[..]].concat();
        if dims.iter().product::<usize>() > LARGE {
            return None;
        }
        let scale = self.pick(&[0.0625, 0.03125]);
        let x = self.bytes_of(x, scale)?;
        let scales: Vec<f32> = (0..filters).map(|filter| [0.015625, 0.0078125, 0.03125][filter % 3]).collect();
        let scales = if self.draw(2) == 0 { &scales[..1] } else { &scales[..] };
        let name = self.fresh();
        let weights = self.onnx.quantized_weights(&name, &[&[filters, channels / group], &window.kernel[..]].concat(), scales);
        let ints = window.ints();
        let mut attributes: Vec<_> = ints.iter().map(|(name, list)| (*name, Attr::Ints(list))).collect();
        attributes.push(("group", Attr::Int(group as i64)));
        let products: Vec<f32> = scales.iter().map(|weight| scale * weight).collect();
        let name = self.fresh();
        let bias = self.onnx.quantized_bias(&name, filters, &products);
        let mut y = self.op("Conv", &[&x.name, &weights, &bias], &attributes, dims);
        if self.draw(2) == 0 {
            y = self.same("Relu", &y);
        }
        let scale = self.pick(&[0.125, 0.0625]);
        self.bytes_of(&y, scale)
    }

    pub(super) fn pool(&mut self, x: &Value) -> Option<Value> {
        let spatial = x.spatial()?;
        let maximum = self.draw(2) == 0;
        let mut window = self.window(&spatial, &[2, 3, 1, 4], true);
        let include = self.draw(2) as i64;
        if !maximum && self.old {
            window.dilations = vec![1; spatial.len()];
        }
        let ints = window.ints();
        let mut attributes: Vec<_> = ints.iter().map(|(name, list)| (*name, Attr::Ints(list))).collect();
        attributes.push(("ceil_mode", Attr::Int(window.ceil.into())));
        if !maximum {
            attributes.retain(|(name, _)| !self.old || *name != "dilations");
            attributes.push(("count_include_pad", Attr::Int(include)));
        }
        let dims = [&x.dims[..2], &window.output(&spatial)[..]].concat();
        Some(self.op(if maximum { "MaxPool" } else { "AveragePool" }, &[&x.name], &attributes, dims))
    }

    pub(super) fn global_pool(&mut self, x: &Value) -> Option<Value> {
        let spatial = x.spatial()?;
        self.reorders |= spatial.len() == 3;
        let op_type = self.pick(&["GlobalAveragePool", "GlobalMaxPool"]);
        let dims = [&x.dims[..2], &vec![1; spatial.len()][..]].concat();
        Some(self.op(op_type, &[&x.name], &[], dims))
    }

    /// A window that fits; the pads of a pool, and of a window over three axes, are smaller than its kernel, and it is not both padded and
    /// dilated, so that none lies in padding alone.
    fn window(&mut self, spatial: &[usize], kernels: &[usize], pools: bool) -> Window {
        let rank = spatial.len();
        self.reorders |= rank == 3;
        let inside = pools || rank == 3;
        let mut window = Window { kernel: Vec::new(), strides: Vec::new(), dilations: Vec::new(), pads: vec![0; 2 * rank], ceil: false };
        for (axis, &extent) in spatial.iter().enumerate() {
            let (mut kernel, stride, mut dilation) = (self.pick(kernels), self.pick(&[1, 2, 1, 3]), self.pick(&[1, 1, 1, 2]));
            let limit = if inside { kernel.min(if dilation > 1 { 1 } else { 3 }) } else { 3 };
            let pads = [self.draw(limit), self.draw(limit)];
            if (kernel - 1) * dilation + 1 > extent + pads[0] + pads[1] {
                (kernel, dilation) = (1, 1);
            }
            window.kernel.push(kernel);
            window.strides.push(stride);
            window.dilations.push(dilation);
            let pads = if inside && kernel == 1 { [0, 0] } else { pads };
            (window.pads[axis], window.pads[axis + rank]) = (pads[0], pads[1]);
        }
        window.ceil = pools && self.draw(2) == 1;
        window
    }
}
