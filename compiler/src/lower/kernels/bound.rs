//! A kernel bound to views: the runtime's geometry, which is run here and printed there.

use std::borrow::Cow;
use std::fmt::Debug;

use peleec_runtime::{Expression, Extent, Kernel, Operands, RegionError, RowWindow, run_checked, run_row_checked};

use super::LeafKind;

/// A geometry of the runtime.
pub(crate) trait Bound: Debug + Send + Sync {
    /// The kernel's name for people, with its register tile.
    fn name(&self) -> String;

    /// The geometry's type, as Rust code.
    fn kind(&self) -> String;

    /// The expression that builds the geometry, whose type goes by the name `Kernel`.
    fn value(&self) -> String;

    /// The operands' lengths, or none where the views contradict each other.
    fn extent(&self) -> Option<Extent>;

    /// The rows of the input that a row of the output is made of, where rows can be computed one by one.
    fn row_window(&self) -> Option<RowWindow>;

    /// Runs the kernel in this process: the whole output, or a row. The weights are those of [`weights_here`](Self::weights_here).
    fn run(&self, row: Option<usize>, operands: Operands<'_>) -> Result<(), RegionError>;

    /// Packed weights in the order in which [`run`](Self::run) reads them, which may be another than the target's.
    fn weights_here<'a>(&self, packed: &'a [u8]) -> Cow<'a, [u8]> {
        Cow::Borrowed(packed)
    }

    /// Which leaf it links, of several that serve it, and whether that is the general one.
    fn leaf(&self) -> Option<(LeafKind, bool)> {
        None
    }

    /// Takes the general leaf.
    fn generalise(&mut self) {}
}

/// A geometry that runs here as it does on the target.
#[derive(Debug)]
pub(super) struct Plainly<G> {
    pub(super) geometry: G,
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
}

impl<G: Kernel + Expression + Debug + Send + Sync> Bound for Plainly<G> {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn kind(&self) -> String {
        format!("peleec_runtime::{}", self.kind)
    }

    fn value(&self) -> String {
        expression(&self.geometry)
    }

    fn extent(&self) -> Option<Extent> {
        self.geometry.lengths()
    }

    fn row_window(&self) -> Option<RowWindow> {
        self.geometry.window()
    }

    fn run(&self, row: Option<usize>, operands: Operands<'_>) -> Result<(), RegionError> {
        run(row, &self.geometry, operands)
    }
}

/// The expression that builds a value.
pub(super) fn expression(value: &impl Expression) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    _ = value.write(&mut text);
    text
}

pub(super) fn run<K: Kernel>(row: Option<usize>, kernel: &K, operands: Operands<'_>) -> Result<(), RegionError> {
    match row {
        Some(row) => run_row_checked(kernel, row, operands),
        None => run_checked(kernel, operands),
    }
}
