use peleec_runtime::{Activation, Conv2d, Within, Pixels, Plain};

type Kernel = Conv2d<Plain, 1, 4>;

const KERNEL: Kernel = Conv2d {
    input: Pixels { height: 4, width: 4, channels: 4, row: 32, pixel: 8, channel: 1, ring: 4 },
    rest: None,
    output: Pixels { height: 4, width: 4, channels: 4, row: 32, pixel: 8, channel: 1, ring: 4 },
    residual: None,
    kernel: [1, 1],
    strides: [1, 1],
    dilations: [1, 1],
    pads: [0, 0],
    group: 1,
    depth: 4,
    filters: 4,
    band: [1, 1],
    activation: Activation::Identity,
    pool: None,
    general: false,
    arithmetic: Plain,
};

fn main() {
    const _: Within<Kernel, 128, 20> = Within::<Kernel, 128, 20>::new(KERNEL, 0, 3);
}
