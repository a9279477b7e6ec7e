use peleec_runtime::{Conv2d, Layer, Pixels, Plain};

type Kernel = Conv2d<Plain, 1, 4>;

const KERNEL: Kernel = Kernel::new(Pixels::new([4, 4, 4]), Pixels::new([4, 4, 4]));

fn main() {
    const _: Layer<Kernel, 64, 19, 64> = Layer::<Kernel, 64, 19, 64>::new(KERNEL);
}
