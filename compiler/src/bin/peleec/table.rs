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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_line_whatever_its_cells_hold() {
        let mut table = Table::new(&["name", "figure"], &[1]);
        table.row(["a\nb\u{1b}[2J\u{202e}".to_owned(), "1".to_owned()]);
        table.row(["c".to_owned(), "12345".to_owned()]);
        // A column that is not there is no reason to panic, nor is a cell that lacks.
        table.row(["d".to_owned()]);
        let lines: Vec<String> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert!(lines.iter().all(|line| !line.contains(['\u{1b}', '\u{202e}'])), "{lines:?}");
        // Figures end where the widest one does.
        assert!(lines[1].ends_with("    1") && lines[2].ends_with("12345") && lines[1].len() == lines[2].len(), "{lines:?}");
        assert_eq!(Table::new(&["name"], &[7]).to_string().trim(), "name");
    }
}
