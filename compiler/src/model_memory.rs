//! What the memory of a model is made of.

use peleec_runtime::Arena;

/// The bytes of each part, in their order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModelMemory {
    /// Of activations, and of outputs that are not the caller's.
    pub(crate) arena: usize,
    /// Of copies of weights.
    pub(crate) pinned: usize,
    /// Of a detector's lists.
    pub(crate) lists: usize,
}

impl ModelMemory {
    /// The parts in whole lines of an arena's alignment, as each is an arena of its own.
    pub(crate) fn parts(&self) -> [usize; 3] {
        [self.arena, self.pinned, self.lists].map(|bytes| bytes.next_multiple_of(align_of::<Arena<0>>()))
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> usize {
        self.parts().iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_lines() {
        let memory = ModelMemory { arena: 100, pinned: 65, lists: 36 };
        assert_eq!((memory.parts(), memory.bytes()), ([128, 128, 64], 320));
    }
}
