//! Prior boxes as the runtime's detector reads them: maps, whose cells have all the same shapes.

use peleec_runtime::Grid;

/// How far numbers of one row, column or shape may be apart, in shares of the input.
const CLOSE: f32 = 1e-6;

/// The prior boxes of one map, in shares of the input: row by row, in a row column by column, in a cell in the order of `shapes`.
#[derive(Clone, Debug, PartialEq)]
pub struct Centres {
    /// Centre of each row of cells.
    pub rows: Vec<f32>,
    /// Centre of each column of cells.
    pub columns: Vec<f32>,
    /// Width and height of each prior of a cell.
    pub shapes: Vec<[f32; 2]>,
}

impl Centres {
    /// What the runtime reads.
    pub(super) fn grid(&self) -> Grid<'_> {
        Grid { rows: &self.rows, columns: &self.columns, shapes: &self.shapes }
    }

    /// How many priors there are, or too many to count.
    pub(super) fn count(&self) -> usize {
        self.rows.len().saturating_mul(self.columns.len()).saturating_mul(self.shapes.len())
    }

    /// Centre x and y, width and height of each prior.
    pub(crate) fn priors(&self) -> impl Iterator<Item = [f32; 4]> {
        let cells = self.rows.iter().flat_map(|&y| self.columns.iter().map(move |&x| [x, y]));
        cells.flat_map(|[x, y]| self.shapes.iter().map(move |&[width, height]| [x, y, width, height]))
    }

    /// The maps that such priors, one behind the other, come to: of what has no order at all a map a prior.
    pub(crate) fn of_priors(mut priors: &[[f32; 4]]) -> Vec<Centres> {
        let mut maps = Vec::new();
        while let Some(map) = Centres::first_of(priors) {
            priors = &priors[map.count()..];
            maps.push(map);
        }
        maps
    }

    /// The largest map that priors begin with.
    fn first_of(priors: &[[f32; 4]]) -> Option<Centres> {
        let &[x, y, ..] = priors.first()?;
        let is_at = |prior: &[f32; 4], x: f32, y: f32| is_close(prior[0], x) && is_close(prior[1], y);
        let shapes = priors.iter().take_while(|prior| is_at(prior, x, y)).count();
        let is_alike = |cell: &&[[f32; 4]]| {
            let mut pairs = cell.iter().zip(priors);
            pairs.all(|(a, b)| is_at(a, cell[0][0], cell[0][1]) && is_close(a[2], b[2]) && is_close(a[3], b[3]))
        };
        let cells = priors.chunks_exact(shapes).take_while(is_alike).take_while(|cell| is_close(cell[0][1], y));
        let columns: Vec<f32> = cells.map(|cell| cell[0][0]).collect();
        let is_row = |row: &&[[f32; 4]]| {
            let mut cells = row.chunks_exact(shapes).zip(&columns);
            cells.all(|(cell, &column)| is_alike(&cell) && is_close(cell[0][0], column) && is_close(cell[0][1], row[0][1]))
        };
        let rows = priors.chunks_exact(shapes * columns.len()).take_while(is_row).map(|row| row[0][1]).collect();
        Some(Centres { rows, columns, shapes: priors[..shapes].iter().map(|prior| [prior[2], prior[3]]).collect() })
    }

    /// Whether priors run along the rows of their maps: from one to the next it is x that changes. It cannot be told, and is not so, where no
    /// map has more than one row and more than one column.
    pub(crate) fn is_by_rows(priors: &[[f32; 4]]) -> bool {
        let changes = |axis: usize| {
            let is_along = |pair: &&[[f32; 4]]| !is_close(pair[0][axis], pair[1][axis]) && is_close(pair[0][1 - axis], pair[1][1 - axis]);
            priors.windows(2).filter(is_along).count()
        };
        changes(0) > changes(1) && Centres::of_priors(priors).iter().any(|map| map.rows.len() > 1 && map.columns.len() > 1)
    }
}

fn is_close(a: f32, b: f32) -> bool {
    (a - b).abs() <= CLOSE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(rows: &[f32], columns: &[f32], shapes: &[[f32; 2]]) -> Centres {
        Centres { rows: rows.to_vec(), columns: columns.to_vec(), shapes: shapes.to_vec() }
    }

    #[test]
    fn maps_are_found_in_their_priors() {
        let maps = [
            map(&[0.125, 0.375, 0.625, 0.875], &[0.25, 0.75], &[[0.1, 0.1], [0.2, 0.1], [0.1, 0.2]]),
            map(&[0.25, 0.75], &[0.25, 0.75], &[[0.4, 0.4]]),
            map(&[0.25, 0.75], &[0.25, 0.75], &[[0.5, 0.5]]),
            map(&[0.5], &[0.5], &[[0.9, 0.8], [0.8, 0.9]]),
        ];
        let priors: Vec<_> = maps.iter().flat_map(Centres::priors).collect();
        assert_eq!((priors.len(), maps.iter().map(Centres::count).sum()), (34, 34));
        assert_eq!(Centres::of_priors(&priors), maps);
        // Rounding moves a few of them.
        let moved: Vec<_> = priors.iter().enumerate().map(|(index, prior)| prior.map(|at| at + 1e-7 * (index % 3) as f32)).collect();
        let found = Centres::of_priors(&moved);
        assert_eq!(found.iter().map(Centres::count).collect::<Vec<_>>(), [24, 4, 4, 2]);
        let far = found.iter().flat_map(Centres::priors).zip(&priors).flat_map(|(a, b)| [0, 1, 2, 3].map(|at| (a[at] - b[at]).abs()));
        assert!(far.fold(0.0, f32::max) < 1e-6);
    }

    #[test]
    fn priors_without_an_order_are_maps_of_their_own() {
        let priors = [[0.1, 0.7, 0.2, 0.2], [0.4, 0.3, 0.2, 0.2], [0.4, 0.9, 0.2, 0.3], [0.3, 0.2, 0.1, 0.1]];
        let maps = Centres::of_priors(&priors);
        assert_eq!(maps.iter().flat_map(Centres::priors).collect::<Vec<_>>(), priors);
        assert_eq!(Centres::of_priors(&[]), []);
    }

    #[test]
    fn rows_are_told_from_columns() {
        let priors: Vec<_> = map(&[0.25, 0.75], &[0.1, 0.5, 0.9], &[[0.1, 0.1], [0.2, 0.1]]).priors().collect();
        let turned: Vec<_> = priors.iter().map(|&[x, y, width, height]| [y, x, height, width]).collect();
        assert!(Centres::is_by_rows(&priors) && !Centres::is_by_rows(&turned));
    }
}
