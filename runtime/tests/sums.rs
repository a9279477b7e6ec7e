//! Sums of two maps of bytes in integers against their formula: every two bytes, and every form of map, whole and row by row.

use bytemuck::{Pod, bytes_of, cast_slice, cast_slice_mut};
use peleec_runtime::{ByteElement, Destination, Operands, Pixels, Place, QuantizedSum, RegionError, run_checked, run_row_checked};

mod maps;

use maps::{Random, at};

/// How many geometries there are; Miri is a thousand times slower.
const ROUNDS: u32 = if cfg!(miri) { 40 } else { 800 };

fn operands<'a, F: Pod, T: Pod>(x: &'a [F], r: &'a [F], y: &'a mut [T]) -> Operands<'a> {
    let (x, r, y) = (Place::Outside(cast_slice(x)), Place::Outside(cast_slice(r)), Destination::Outside(cast_slice_mut(y)));
    Operands { arena: &mut [], x, r, w: &[], y }
}

fn number<T: ByteElement + Pod>(byte: T) -> i32 {
    let bits = bytes_of(&byte)[0];
    if T::LIMITS[0] < 0 { bits.cast_signed().into() } else { bits.into() }
}

fn bytes<T: Pod>(count: usize, bits: impl FnMut(usize) -> u8) -> Vec<T> {
    let bits: Vec<u8> = (0..count).map(bits).collect();
    cast_slice(&bits).to_vec()
}

/// The formula, of which 32 bits are left before the shift.
fn wanted<F: ByteElement + Pod, T: ByteElement>(sum: &QuantizedSum<F, T>, a: F, b: F) -> i32 {
    let [left, right] = sum.factors.map(i64::from);
    let total = left * i64::from(number(a)) + right * i64::from(number(b)) + i64::from(sum.offset);
    (total as i32 >> sum.shift).clamp(sum.low, sum.high)
}

/// Numbers of any size, or such as a compiler finds; the limits of the type, or closer ones.
fn with_numbers<F: ByteElement, T: ByteElement>(random: &mut Random, sum: QuantizedSum<F, T>) -> QuantizedSum<F, T> {
    let bits = if random.below(2) == 0 { 32 } else { 22 };
    let mut any = || (random.below(1 << 16) << 16 | random.below(1 << 16)).cast_signed() >> (32 - bits);
    let sum = sum.factors([any(), any()]).offset(any());
    let sum = sum.shift(if bits == 32 { random.below(32) } else { 20 + random.below(3) });
    let [least, greatest] = T::LIMITS;
    if random.below(2) == 0 {
        return sum.low(least).high(greatest);
    }
    let low = least + random.below(200).cast_signed();
    sum.low(low).high(low + random.below((greatest - low + 1).cast_unsigned()).cast_signed())
}

fn every_two_bytes<F: ByteElement + Pod, T: ByteElement + Pod>(seed: u32) {
    let mut random = Random(seed);
    let (columns, rows) = (bytes::<F>(256, |at| at as u8), bytes::<F>(256, |at| at as u8));
    let (x, r) = (bytes::<F>(1 << 16, |at| (at >> 8) as u8), bytes::<F>(1 << 16, |at| at as u8));
    let (wide, dense) = (Pixels::new([256, 256, 1]), Pixels::new([1, 256, 256]));
    for _ in 0..ROUNDS / 40 {
        let spread = QuantizedSum::<F, T>::new(wide.distances([1, 0, 1]), wide.distances([0, 1, 1]), wide);
        let spread = with_numbers(&mut random, spread);
        let mut adjacent = spread;
        (adjacent.input, adjacent.second, adjacent.output) = (dense, dense, dense);
        let [mut y, mut same] = [0, 1].map(|_| vec![T::zeroed(); 1 << 16]);
        assert_eq!(run_checked(&spread, operands(&columns, &rows, &mut y)), Ok(()));
        assert_eq!(run_checked(&adjacent, operands(&x, &r, &mut same)), Ok(()));
        assert_eq!(y, same, "{spread:?}");
        for ((&a, &b), &y) in x.iter().zip(&r).zip(&y) {
            assert_eq!(number(y), wanted(&spread, a, b), "{spread:?} of {a:?} and {b:?}");
        }
    }
}

#[test]
fn sums_of_every_two_bytes() {
    every_two_bytes::<i8, i8>(1);
    every_two_bytes::<u8, i8>(2);
    every_two_bytes::<i8, u8>(3);
    every_two_bytes::<u8, u8>(4);
}

/// A map, of which some axes may be broadcast.
fn operand(random: &mut Random, [height, width, channels]: [u32; 3]) -> Pixels {
    let map = random.map(height, width, channels);
    let distances = [map.row, map.pixel, map.channel].map(|distance| if random.below(4) == 0 { 0 } else { distance });
    map.distances(distances)
}

#[test]
fn sums_of_every_form_of_map() {
    let mut random = Random(5);
    for _ in 0..ROUNDS {
        let dims = [1 + random.below(5), 1 + random.below(6), 1 + random.below(9)];
        let [height, width, channels] = dims;
        let output = random.map(height, width, channels);
        let [input, second] = [0, 1].map(|_| if random.below(3) == 0 { output } else { operand(&mut random, dims) });
        let sum = with_numbers(&mut random, QuantizedSum::<i8, i8>::new(input, second, output));
        let extent = sum.extent().expect("the geometry is consistent");
        let [x, r] = [extent.x, extent.r].map(|len| bytes::<i8>(len, |_| random.below(256) as u8));
        let mut y = vec![0_i8; extent.y];
        assert_eq!(run_checked(&sum, operands(&x, &r, &mut y)), Ok(()), "{sum:?}");
        let places: Vec<[u32; 3]> = (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..channels).map(move |c| [y, x, c]))).collect();
        for &[oy, ox, c] in &places {
            let (a, b) = (x[at(&input, oy, ox, c)], r[at(&second, oy, ox, c)]);
            assert_eq!(i32::from(y[at(&output, oy, ox, c)]), wanted(&sum, a, b), "{sum:?} at {oy},{ox},{c}");
        }
        let [input_row, second_row, output_row] = [input, second, output].map(|map| map.ring(1));
        let mut by_rows = sum;
        (by_rows.input, by_rows.second, by_rows.output) = (input_row, second_row, output_row);
        for row in 0..height {
            let (mut x_row, mut r_row, mut found) = (vec![0_i8; extent.x], vec![0_i8; extent.r], vec![0_i8; extent.y]);
            let of_row = || places.iter().filter(move |place| place[0] == row);
            for &[oy, ox, c] in of_row() {
                x_row[at(&input_row, oy, ox, c)] = x[at(&input, oy, ox, c)];
                r_row[at(&second_row, oy, ox, c)] = r[at(&second, oy, ox, c)];
            }
            assert_eq!(run_row_checked(&by_rows, row as usize, operands(&x_row, &r_row, &mut found)), Ok(()), "{by_rows:?}");
            for &[oy, ox, c] in of_row() {
                assert_eq!(found[at(&output_row, oy, ox, c)], y[at(&output, oy, ox, c)], "{by_rows:?} at {oy},{ox},{c}");
            }
        }
        let short = run_checked(&sum, operands(&x, &r[1..], &mut y));
        assert_eq!(short, Err(RegionError::Outside));
    }
}
