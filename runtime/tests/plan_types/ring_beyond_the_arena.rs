use peleec_runtime::Arena;

fn main() {
    let mut arena = Arena::<64>::new();
    arena.ring_row::<16, 13, 4>(0);
}
