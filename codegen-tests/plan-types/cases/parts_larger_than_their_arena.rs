use peleec_runtime::Arena;

fn main() {
    let mut arena = Arena::<128>::new();
    let (_, _): (&mut Arena<64>, &mut Arena<128>) = arena.split();
}
