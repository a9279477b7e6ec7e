use peleec_runtime::{Activation, Conv2d, Layer, Pixels, Plain};

type Kernel = Conv2d<Plain, 1, 4>;

const KERNEL: Kernel = Conv2d {
    input: Pixels { height: 6, width: 4, channels: 4, row: 16, pixel: 4, channel: 1, ring: 3 },
    rest: None,
    output: Pixels { height: 6, width: 4, channels: 4, row: 16, pixel: 4, channel: 1, ring: 6 },
    residual: None,
    kernel: [3, 3],
    strides: [1, 1],
    dilations: [1, 1],
    pads: [1, 1],
    group: 1,
    depth: 4,
    filters: 4,
    band: [1, 1],
    activation: Activation::Identity,
    pool: None,
    general: true,
    arithmetic: Plain,
};

fn main() {
    const _: Layer<Kernel, 48, 148, 96> = Layer::<Kernel, 48, 148, 96>::new(KERNEL);
}
