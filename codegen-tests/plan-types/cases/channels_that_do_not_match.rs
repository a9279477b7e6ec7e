use peleec_runtime::{Conv2d, Layer, Pixels, Plain};

type Kernel = Conv2d<Plain, 1, 4>;

const KERNEL: Kernel = Kernel::new(Pixels::new([4, 4, 5]), Pixels::new([4, 4, 4]).distances([20, 5, 1]));

fn main() {
    const _: Layer<Kernel, 80, 20, 80> = Layer::<Kernel, 80, 20, 80>::new(KERNEL);
}
