use peleec_runtime::{Arena, Region};

fn main() {
    let mut arena = Arena::<256>::new();
    arena.write(Region::<f32, 192, 32>::new());
}
