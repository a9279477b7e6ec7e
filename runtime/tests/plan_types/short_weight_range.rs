use peleec_runtime::Weights;

static WEIGHTS: Weights<64> = Weights([0; 64]);

fn main() {
    WEIGHTS.f32s::<32, 16>();
}
