use peleec_runtime::{Arena, Region};

fn main() {
    let mut arena = Arena::<64>::new();
    arena.write(Region::<48, 32>);
}
