use peleec_runtime::{Conv2d, Pixels, Plain, SecondWithinRows};

type Kernel = Conv2d<Plain, 1, 4>;

const KERNEL: Kernel = Kernel::new(Pixels::new([6, 4, 4]), Pixels::new([6, 4, 4])).residual(Some(Pixels::new([6, 4, 4])));

fn main() {
    const _: SecondWithinRows<Kernel, 96, 20, 104> = SecondWithinRows::<Kernel, 96, 20, 104>::new(KERNEL, 8, 0);
}
