use peleec_runtime::Weights;

static WEIGHTS: Weights<64> = Weights([0; 64]);

fn main() {
    WEIGHTS.get::<f32, 2, 4>();
}
