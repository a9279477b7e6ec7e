use peleec_runtime::{Conv2d, Within, Pixels, Plain};

type Kernel = Conv2d<Plain, 1, 4>;

const KERNEL: Kernel = Kernel::new(Pixels::new([4, 4, 4]).distances([32, 8, 1]), Pixels::new([4, 4, 4]).distances([32, 8, 1]));

fn main() {
    const _: Within<Kernel, 128, 20> = Within::<Kernel, 128, 20>::new(KERNEL, 0, 3);
}
