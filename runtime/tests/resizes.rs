//! Resizes by the tables that ONNX's coordinates lead to: against its formulas in double precision, and by what every resize keeps.

use peleec_runtime::{Extent, Pixels, Resample, run_checked, run_row_checked};

mod maps;

use maps::{Random, at, indices, outside};

/// Where output pixel `at` of `to` lies among `from`.
type Coordinates = fn(at: u32, from: u32, to: u32) -> f64;

const COORDINATES: [Coordinates; 3] = [
    |at, from, to| (f64::from(at) + 0.5) * f64::from(from) / f64::from(to) - 0.5,
    |at, from, to| f64::from(at) * f64::from(from) / f64::from(to),
    |at, from, to| if to == 1 { 0.0 } else { f64::from(at) * f64::from(from - 1) / f64::from(to - 1) },
];

/// The first of `taps` pixels and their factors.
type Entry = (i64, Vec<f64>);

fn nearest(place: f64) -> Entry {
    (place.round() as i64, vec![1.0])
}

fn linear(place: f64) -> Entry {
    (place.floor() as i64, vec![1.0 - (place - place.floor()), place - place.floor()])
}

/// Keys' cubic with `a = -0.75`, as ONNX has it.
fn cubic(place: f64) -> Entry {
    let share = place - place.floor();
    let weight = |distance: f64| {
        let (a, x) = (-0.75, distance.abs());
        if x <= 1.0 { ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0 } else { ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a }
    };
    (place.floor() as i64 - 1, vec![weight(1.0 + share), weight(share), weight(1.0 - share), weight(2.0 - share)])
}

/// An entry whose taps begin on the map, as tables have it: what lies before it counts for its first pixel.
fn onto_map((first, factors): Entry, extent: u32) -> Entry {
    let before = usize::try_from(-first).unwrap_or(0).min(factors.len() - 1);
    let mut own = factors[before..].to_vec();
    own[0] += factors[..before].iter().sum::<f64>();
    own.resize(factors.len(), 0.0);
    (first.clamp(0, i64::from(extent) - 1), own)
}

/// The tables of rows and columns.
fn tables(entries: [&[Entry]; 2]) -> Vec<f32> {
    let word = |&(first, _): &Entry| f32::from_bits((first as i32).cast_unsigned());
    let each = |entry: &Entry| std::iter::once(word(entry)).chain(entry.1.iter().map(|&factor| factor as f32)).collect::<Vec<_>>();
    entries.into_iter().flatten().flat_map(each).collect()
}

/// One pixel of one channel, of pixels that the nearest stand for beyond the edge.
fn wanted(entries: [&Entry; 2], input: &Pixels, x: &[f32], c: u32) -> f64 {
    let pixel = |at: i64, extent: u32| at.clamp(0, i64::from(extent) - 1) as u32;
    let [(top, down), (left, along)] = entries;
    let mut sum = 0.0;
    for (ky, row) in down.iter().enumerate() {
        for (kx, column) in along.iter().enumerate() {
            let (iy, ix) = (pixel(top + ky as i64, input.height), pixel(left + kx as i64, input.width));
            sum += row * column * f64::from(x[at(input, iy, ix, c)]);
        }
    }
    sum
}

fn run(resample: &Resample, x: &[f32], w: &[f32], len: usize) -> Vec<f32> {
    let mut y = vec![0.375; len];
    run_checked(resample, outside(x, &x[..0], w, &mut y)).expect("the operands serve");
    y
}

/// Every mode by each kind of coordinates, smaller and larger, in numbers of channels about those of vectors.
#[test]
fn resizes_are_near_their_formulas() {
    let mut random = Random(1);
    for round in 0..180 {
        let mode = [nearest, linear, cubic][round % 3];
        let coordinates = COORDINATES[round / 3 % 3];
        let [height, width, rows, columns] = [1 + random.below(6), 1 + random.below(6), 1 + random.below(9), 1 + random.below(9)];
        let channels = random.of(&[1, 3, 4, 7, 8, 15, 16, 17, 31]);
        let (input, output) = (random.map(height, width, channels), random.map(rows, columns, channels));
        let entries = |from: u32, to: u32| (0..to).map(|at| mode(coordinates(at, from, to))).collect::<Vec<_>>();
        let exact = [entries(height, rows), entries(width, columns)];
        let stored = [(&exact[0], height), (&exact[1], width)]
            .map(|(entries, extent)| entries.iter().map(|entry| onto_map(entry.clone(), extent)).collect::<Vec<_>>());
        let taps = exact[0][0].1.len() as u32;
        let resample = Resample::new(input, output).taps([taps; 2]).reads([0, 1, 0, height]);
        let Extent { x, y, w, .. } = resample.extent().expect("the geometry is consistent");
        let w_found = tables([&stored[0], &stored[1]]);
        assert_eq!(w_found.len(), w);
        let x = random.values(x);
        let found = run(&resample, &x, &w_found, y);
        let mut written = vec![false; y];
        for [oy, ox, c] in indices([rows, columns, channels]) {
            let wanted = wanted([&exact[0][oy as usize], &exact[1][ox as usize]], &input, &x, c);
            let to = at(&output, oy, ox, c);
            written[to] = true;
            assert!((f64::from(found[to]) - wanted).abs() < 1e-5, "{resample:?} at {oy},{ox},{c}: {} {wanted}", found[to]);
            // What is copied is copied to the bit.
            assert!(taps > 1 || f64::from(found[to]) == wanted, "{resample:?}");
        }
        assert!(found.iter().zip(written).all(|(&found, is_one)| is_one || found == 0.375), "{resample:?}");
    }
}

/// Where factors add up to one, a map of one value stays; where only one counts, the map is copied.
#[test]
fn a_resize_to_the_same_size_is_a_copy() {
    let mut random = Random(2);
    for mode in [nearest, linear, cubic] {
        for channels in [1, 5, 16, 21] {
            let (input, output) = (random.map(4, 5, channels), random.map(4, 5, channels));
            for coordinates in COORDINATES {
                let entries =
                    |extent: u32| (0..extent).map(|at| onto_map(mode(coordinates(at, extent, extent)), extent)).collect::<Vec<_>>();
                let taps = entries(1)[0].1.len() as u32;
                let resample = Resample::new(input, output).taps([taps; 2]).reads([0, 1, 0, 4]);
                let Extent { x, y, .. } = resample.extent().expect("the geometry is consistent");
                let (x, w) = (random.values(x), tables([&entries(4), &entries(5)]));
                let found = run(&resample, &x, &w, y);
                for [row, column, c] in indices([4, 5, channels]) {
                    assert_eq!(found[at(&output, row, column, c)], x[at(&input, row, column, c)], "{resample:?}");
                }
            }
        }
    }
}

/// Rows and columns below zero are outside, whatever the taps; the others are not.
#[test]
fn pixels_outside_have_their_value() {
    let mut random = Random(3);
    for taps in [1, 2, 4] {
        for channels in [1, 6, 19] {
            let (input, output) = (random.map(3, 3, channels), random.map(4, 5, channels));
            let entry = |is_outside: bool| (if is_outside { i64::from(i32::MIN) } else { 1 }, vec![1.0 / f64::from(taps); taps as usize]);
            let [rows, columns] = [[false, true, false, true, false], [true, false, false, false, true]].map(|all| all.map(entry));
            let resample = Resample::new(input, output).taps([taps; 2]).outside(f32::NEG_INFINITY).reads([0, 1, 0, 3]);
            let Extent { x, y, .. } = resample.extent().expect("the geometry is consistent");
            let x = random.values(x);
            let found = run(&resample, &x, &tables([&rows[..4], &columns]), y);
            for [oy, ox, c] in indices([4, 5, channels]) {
                let is_outside = oy % 2 == 1 || ox % 4 == 0;
                assert_eq!(found[at(&output, oy, ox, c)] == f32::NEG_INFINITY, is_outside, "{resample:?} at {oy},{ox}");
            }
        }
    }
}

/// Twice as many rows, of which two share what they are made of, out of a ring of no more rows than that.
#[test]
fn rows_twice_as_many_come_out_of_a_ring() {
    let mut random = Random(4);
    for _ in 0..30 {
        let ([height, width], channels) = ([1 + random.below(6), 1 + random.below(6)], 1 + random.below(18));
        let (input, output) = (random.map(height, width, channels), random.map(2 * height, width, channels));
        // Row y lies a quarter above or below row y / 2 of the input: it is made of the row before that, itself, and the one behind.
        let place = |y: u32| (f64::from(y) + 0.5) / 2.0 - 0.5;
        let rows: Vec<Entry> = (0..2 * height).map(|y| linear(place(y))).collect();
        let stored: Vec<Entry> = rows.iter().map(|entry| onto_map(entry.clone(), height)).collect();
        let columns: Vec<Entry> = (0..width).map(|x| (i64::from(x), vec![1.0])).collect();
        let over = |input| Resample::new(input, output).taps([2, 1]).reads([1, 2, 1, 3]);
        let (whole, ring) = (over(input), over(input.ring(3)));
        let Extent { x, y, .. } = whole.extent().expect("the geometry is consistent");
        let (x, w) = (random.values(x), tables([&stored, &columns]));
        let found = run(&whole, &x, &w, y);
        for row in 0..2 * height {
            let needed = (row / 2).saturating_sub(1)..(row / 2 + 2).min(height);
            let mut stored = vec![f32::NAN; ring.extent().expect("the ring holds a window").x.max(x.len())];
            for [iy, ix, c] in indices([height, width, channels]).filter(|[iy, ..]| needed.contains(iy)) {
                stored[at(&input.ring(3), iy, ix, c)] = x[at(&input, iy, ix, c)];
            }
            let mut by_rows = vec![0.375_f32; y];
            assert_eq!(run_row_checked(&ring, row as usize, outside(&stored, &x[..0], &w, &mut by_rows)), Ok(()));
            for [ox, c] in indices([width, channels]) {
                let (to, exact) = (at(&output, row, ox, c), wanted([&rows[row as usize], &columns[ox as usize]], &input, &x, c));
                assert!((f64::from(by_rows[to]) - exact).abs() < 1e-6, "{ring:?} row {row}: {} {exact}", by_rows[to]);
                assert_eq!(by_rows[to].to_bits(), found[to].to_bits(), "{ring:?} row {row}");
            }
        }
    }
}

#[test]
fn resizes_that_contradict_themselves_have_no_lengths() {
    let maps = || Resample::new(Pixels::new([4, 4, 2]), Pixels::new([8, 8, 2]));
    let is_one = |resample: Resample| resample.extent().is_some();
    assert!(is_one(maps().reads([0, 1, 0, 4])) && is_one(maps().reads([1, 2, 0, 1])) && is_one(maps().taps([2, 3]).reads([1, 2, 1, 2])));
    // Windows that begin behind the map or end before it, and no quotient.
    for reads in [[1, 1, 0, 1], [1, 0, 0, 1], [1, 2, 1, 1], [1, 2, 3, 2], [3, 2, 0, 9]] {
        assert!(!is_one(maps().reads(reads)), "{reads:?}");
    }
    assert!(!is_one(maps().taps([0, 1]).reads([0, 1, 0, 4])) && !is_one(maps().taps([1, 0]).reads([0, 1, 0, 4])));
    assert!(!is_one(Resample::new(Pixels::new([4, 4, 2]), Pixels::new([8, 8, 3])).reads([0, 1, 0, 4])));
    assert!(!is_one(Resample::new(Pixels::new([4, 4, 2]), Pixels::new([8, 8, 2]).distances([0, 2, 1])).reads([0, 1, 0, 4])));
}
