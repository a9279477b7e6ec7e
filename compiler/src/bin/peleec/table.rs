//! Tables for people.

use std::fmt;

use comfy_table::{CellAlignment, presets};
use peleec::clean::clean;

/// A table without lines; names in its cells cannot steer a terminal.
pub(crate) struct Table(comfy_table::Table);

impl Table {
    /// A table whose columns `right` are of numbers.
    pub(crate) fn new(header: &[&str], right: &[usize]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_header(header);
        for &column in right {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Table(table)
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.add_row(cells.into_iter().map(|cell| clean(&cell)));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
