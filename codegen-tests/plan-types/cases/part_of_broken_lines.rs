use peleec_runtime::Arena;

fn main() {
    let mut arena = Arena::<128>::new();
    let _: &mut Arena<100> = arena.part();
}
