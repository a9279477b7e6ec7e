//! Choices that bytes make.

use peleec::{InputForm, Options, Placement, RamBudget, Target};

use crate::cases::random::{Choice, Recipe};

/// Each choice takes the next byte, and the first of its list where there are no more.
pub(super) struct Draw<'a> {
    bytes: &'a [u8],
}

/// The most choices of a recipe.
const CHOICES: usize = 12;

impl<'a> Draw<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Draw { bytes }
    }

    /// Whether all bytes are taken.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        first
    }

    /// A number below `range`, which is at most 256.
    pub(super) fn below(&mut self, range: usize) -> usize {
        usize::from(self.byte()) % range.max(1)
    }

    /// One of `list`.
    pub(super) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// Yes once in `times`.
    pub(super) fn seldom(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    /// What a compilation is asked for.
    pub(super) fn options(&mut self) -> Options {
        let target = self.pick(&Target::ALL);
        let numeric = Some(self.pick(target.classes()));
        let some_bytes = usize::from(self.byte()) << self.below(12);
        let ram_budget = match self.below(4) {
            0 => RamBudget::Thrifty,
            1 => RamBudget::Least,
            2 => RamBudget::Bytes(usize::MAX),
            _ => RamBudget::Bytes(some_bytes),
        };
        let input = self.pick(&[InputForm::Whole, InputForm::Rows]);
        let outputs = self.pick(&[Placement::Arena, Placement::Caller]);
        let pin_weights = self.pick(&[0, 640, 1 << 14, 1 << 20]);
        Options { target, numeric, ram_budget, input, outputs, pin_weights, ..Options::default() }
    }

    /// A network that is valid whatever the bytes are.
    pub(super) fn recipe(&mut self) -> Recipe {
        let old = self.below(2) == 1;
        let shape = [1 + self.below(2), 1 + self.below(9), 1 + self.below(9), 1 + self.below(9)];
        let bits = u32::from_le_bytes([(); 4].map(|()| self.byte()));
        let mut choices = Vec::new();
        while choices.is_empty() || !self.is_empty() && choices.len() < CHOICES {
            let operator = self.below(256);
            let inputs = [(); 3].map(|()| self.below(8));
            choices.push(Choice { operator, inputs, numbers: [(); 14].map(|()| self.below(60)) });
        }
        Recipe { old, shape, choices, outputs: bits & (bits >> 16) }
    }
}
