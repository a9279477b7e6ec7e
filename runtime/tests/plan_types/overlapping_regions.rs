use peleec_runtime::{Arena, Region};

fn main() {
    let mut arena = Arena::<64>::new();
    let (_, _) = arena.read_write(Region::<0, 32>, Region::<16, 32>);
}
