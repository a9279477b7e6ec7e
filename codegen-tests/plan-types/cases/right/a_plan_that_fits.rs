use peleec_runtime::{Activation, Arena, Layer, Map, OneCore, Region, Weights};

static WEIGHTS: Weights<64> = Weights([0; 64]);

type Kernel = Map;
type This = Layer<Kernel, 4, 0, 4>;

const LAYER: This = This::new(Kernel::new([1, 1, 1, 1, 1, 4], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1]).activation(Activation::Relu));

fn main() {
    let mut arena = Arena::<256>::new();
    let (from, to) = arena.read_write(Region::<f32, 0, 4>::new(), Region::<f32, 128, 4>::new());
    LAYER.run(&OneCore, from, &[], &[], to);
    assert_eq!(WEIGHTS.get::<f32, 0, 16>(), &[0.0; 16]);
}
