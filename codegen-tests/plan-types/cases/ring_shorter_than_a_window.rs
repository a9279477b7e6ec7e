use peleec_runtime::{Conv2d, Pixels, Plain, RowLayer};

type Kernel = Conv2d<Plain, 1, 4>;

const KERNEL: Kernel = Kernel::new(Pixels::new([6, 4, 4]).ring(2), Pixels::new([6, 4, 4])).kernel([3, 3]).pads([1, 1]).general(true);

fn main() {
    const _: RowLayer<Kernel, 32, 148, 96> = RowLayer::<Kernel, 32, 148, 96>::new(KERNEL);
}
