use peleec_runtime::{Conv2d, Pixels, Plain, WithinRows};

type Kernel = Conv2d<Plain, 1, 4>;

const KERNEL: Kernel = Kernel::new(Pixels::new([6, 4, 4]), Pixels::new([6, 4, 4])).kernel([3, 3]).pads([1, 1]).general(true);

fn main() {
    const _: WithinRows<Kernel, 112, 148> = WithinRows::<Kernel, 112, 148>::new(KERNEL, 16, 0);
}
