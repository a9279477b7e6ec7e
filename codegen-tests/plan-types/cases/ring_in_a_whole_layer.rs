use peleec_runtime::{Conv2d, Layer, Pixels, Plain};

type Kernel = Conv2d<Plain, 1, 4>;

const KERNEL: Kernel = Kernel::new(Pixels::new([6, 4, 4]).ring(3), Pixels::new([6, 4, 4])).kernel([3, 3]).pads([1, 1]).general(true);

fn main() {
    const _: Layer<Kernel, 48, 148, 96> = Layer::<Kernel, 48, 148, 96>::new(KERNEL);
}
