use peleec_runtime::{Arena, DetectionLists};

fn main() {
    let mut arena = Arena::<64>::new();
    let _: &mut DetectionLists<2, 1> = arena.hold();
}
