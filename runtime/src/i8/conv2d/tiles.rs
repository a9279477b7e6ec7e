//! The tiles of an area: those whose pixels' windows lie on the input first.

use core::ops::Range;

/// Calls a function with the pixels of every tile of an area: `adjacent` with those that follow each other in a row and are inside, as
/// `inner` says, and `others` with those of the other tiles, how many those are, and whether they are inside. First come the pixels that
/// are, then those of the border, both row by row, and a tile that a row does not fill goes on in the next one. What a tile has behind
/// its last pixel is its first again. The area has columns.
#[inline(always)]
pub(super) fn tiles<const P: usize>(
    rows: &Range<usize>,
    columns: &Range<usize>,
    inner: &[Range<usize>; 2],
    mut adjacent: impl FnMut(&[[usize; 2]; P]),
    mut others: impl FnMut(&[[usize; 2]; P], usize, bool),
) {
    let middle = inner[1].start.max(columns.start)..inner[1].end.min(columns.end);
    let area = Area { rows: rows.clone(), columns: columns.clone(), inner: [inner[0].clone(), middle] };
    let mut are_inside = true;
    let mut next = area.seek(are_inside, [rows.start, columns.start]);
    while next[0] < rows.end || are_inside {
        if next[0] >= rows.end {
            are_inside = false;
            next = area.seek(are_inside, [rows.start, columns.start]);
            continue;
        }
        if are_inside && next[1] + P <= area.inner[1].end {
            let [oy, mut ox] = next;
            while ox + P <= area.inner[1].end {
                adjacent(&core::array::from_fn(|p| [oy, ox + p]));
                ox += P;
            }
            next = area.seek(are_inside, [oy, ox]);
            continue;
        }
        let (mut places, mut n_pixels) = ([next; P], 0);
        for place in &mut places {
            if next[0] < rows.end {
                *place = next;
                n_pixels += 1;
                next = area.seek(are_inside, [next[0], next[1] + 1]);
            }
        }
        others(&places, n_pixels, are_inside);
    }
}

/// An area, and which of its pixels are inside.
struct Area {
    rows: Range<usize>,
    columns: Range<usize>,
    /// The rows, of the area and beyond, and the columns, of the area alone, whose pixels are inside.
    inner: [Range<usize>; 2],
}

impl Area {
    /// The first pixel that is inside, or the first that is not, from a place on, row by row; where there is none, a place below the area.
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    #[cfg_attr(target_arch = "arm", inline(never))]
    fn seek(&self, is_inside: bool, [mut oy, mut ox]: [usize; 2]) -> [usize; 2] {
        let [rows, Range { start, end }] = &self.inner;
        while oy < self.rows.end {
            let has_inner = rows.contains(&oy) && start < end;
            if is_inside {
                if has_inner && ox < *end {
                    return [oy, ox.max(*start)];
                }
            } else {
                if has_inner && *start <= ox && ox < *end {
                    ox = *end;
                }
                if ox < self.columns.end {
                    return [oy, ox];
                }
            }
            (oy, ox) = (oy + 1, self.columns.start);
        }
        [oy, ox]
    }
}

#[cfg(test)]
mod tests {
    use super::tiles;
    use core::ops::Range;

    const SIDE: usize = 5;

    fn ranges() -> impl Iterator<Item = Range<usize>> {
        (0..=SIDE).flat_map(|start| (start..=SIDE).map(move |end| start..end))
    }

    /// How often each pixel of a map comes, of those that are inside, and of the others.
    fn counts<const P: usize>(area: [&Range<usize>; 2], inner: &[Range<usize>; 2]) -> [[[usize; SIDE]; SIDE]; 2] {
        let counts = core::cell::Cell::new([[[0; SIDE]; SIDE]; 2]);
        let count = |places: &[[usize; 2]], is_inside: bool| {
            let mut found = counts.get();
            places.iter().for_each(|&[oy, ox]| found[usize::from(is_inside)][oy][ox] += 1);
            counts.set(found);
        };
        tiles::<P>(
            area[0],
            area[1],
            inner,
            |places| {
                assert!(places.windows(2).all(|pair| pair[1] == [pair[0][0], pair[0][1] + 1]));
                count(places, true);
            },
            |places, n_pixels, is_inside| {
                assert!((1..=P).contains(&n_pixels) && places[n_pixels..].iter().all(|&place| place == places[0]));
                count(&places[..n_pixels], is_inside);
            },
        );
        counts.get()
    }

    #[test]
    fn every_pixel_comes_once_and_is_inside_or_not() {
        for rows in ranges() {
            for columns in ranges().filter(|columns| !columns.is_empty()) {
                for inner_rows in ranges() {
                    for inner_columns in ranges() {
                        let inner = [inner_rows.clone(), inner_columns];
                        let area = [&rows, &columns];
                        for found in
                            [counts::<1>(area, &inner), counts::<2>(area, &inner), counts::<3>(area, &inner), counts::<7>(area, &inner)]
                        {
                            for (oy, ox) in (0..SIDE * SIDE).map(|at| (at / SIDE, at % SIDE)) {
                                let is_inside = inner[0].contains(&oy) && inner[1].contains(&ox);
                                let wanted = usize::from(rows.contains(&oy) && columns.contains(&ox));
                                assert_eq!(found.map(|found| found[oy][ox])[usize::from(is_inside)], wanted);
                                assert_eq!(found.map(|found| found[oy][ox])[usize::from(!is_inside)], 0);
                            }
                        }
                    }
                }
            }
        }
    }
}
