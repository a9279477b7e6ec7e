use peleec_runtime::{Arena, Region};

fn main() {
    let mut arena = Arena::<256>::new();
    let (_, _) = arena.read_write(Region::<f32, 0, 32>::new(), Region::<f32, 64, 32>::new());
}
