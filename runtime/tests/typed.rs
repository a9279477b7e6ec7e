//! Casts and moves between every pair of element types, and values whose types are known at run time only.

use bytemuck::{NoUninit, Pod, cast_slice, cast_slice_mut};
use peleec_runtime::{
    Cast, CumulativeSum, Destination, Element, ElementType, InPlace, Layer, Map, Move, OneCore, Operands, Pixels, Place, RegionError,
    RowLayer, Values, ValuesMut, checksum, run_checked, run_row_checked,
};

mod maps;

use maps::{Random, at};

/// Operands outside the arena.
fn operands<'a, F: NoUninit, T: Pod>(x: &'a [F], y: &'a mut [T]) -> Operands<'a> {
    let (x, y) = (Place::Outside(cast_slice(x)), Destination::Outside(cast_slice_mut(y)));
    Operands { arena: &mut [], x, r: Place::Outside(&[]), w: &[], y }
}

/// Casts random maps whole and row by row, out of a ring into a ring, and compares with what Rust's `as` gives.
fn casts<F: Element + Pod, T: Element + Pod>(values: &[F], convert: fn(F) -> T) {
    let mut random = Random(size_of::<F>() as u32 * 16 + size_of::<T>() as u32);
    for _ in 0..20 {
        let [height, width, channels] = [1 + random.below(6), 1 + random.below(5), 1 + random.below(4)];
        let (input, output) = (random.map(height, width, channels), random.map(height, width, channels));
        let cast = Cast::<F, T>::new(input, output);
        let extent = cast.extent().expect("maps of one size serve");
        let x: Vec<F> = (0..extent.x).map(|_| values[random.below(values.len() as u32) as usize]).collect();
        let mut y = vec![T::zeroed(); extent.y];
        assert_eq!(run_checked(&cast, operands(&x, &mut y)), Ok(()));
        let places: Vec<_> = (0..height).flat_map(|h| (0..width).flat_map(move |w| (0..channels).map(move |c| [h, w, c]))).collect();
        for &[h, w, c] in &places {
            assert_eq!(y[at(&output, h, w, c)], convert(x[at(&input, h, w, c)]), "{cast:?}");
        }
        // Rows by way of rings of one row.
        let (one, kept) = (input.ring(1), output.ring(1));
        let rows = Cast::<F, T>::new(one, kept);
        for row in 0..height {
            let first = (row * input.row) as usize;
            let mut found = vec![T::zeroed(); rows.extent().expect("it has rows").y];
            assert_eq!(run_row_checked(&rows, row as usize, operands(&x[first..], &mut found)), Ok(()));
            for &[h, w, c] in places.iter().filter(|place| place[0] == row) {
                assert_eq!(found[at(&kept, h, w, c)], y[at(&output, h, w, c)], "{rows:?}");
            }
        }
    }
}

const FLOATS: [f32; 14] = [0.0, -0.0, 0.9, -0.9, 1.5, -1.5, 127.5, -129.0, 255.9, 3e9, -3e9, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];

#[test]
fn every_pair_of_types_converts_as_rust_does() {
    macro_rules! from {
        ($from:ty, $values:expr, $($to:ty)+) => {$(casts::<$from, $to>($values, |x| x as $to);)+};
    }
    // What is not a number equals nothing, so it is left out where it stays.
    from!(f32, &FLOATS[..13], f32);
    from!(f32, &FLOATS, i8 u8 i16 i32 i64);
    from!(i8, &[0, 1, -1, i8::MIN, i8::MAX], f32 i8 u8 i16 i32 i64);
    from!(u8, &[0, 1, 127, 128, u8::MAX], f32 i8 u8 i16 i32 i64);
    from!(i16, &[0, 255, 256, -1, i16::MIN, i16::MAX], f32 i8 u8 i16 i32 i64);
    from!(i32, &[0, 255, 256, -1, i32::MIN, i32::MAX, 16_777_217], f32 i8 u8 i16 i32 i64);
    from!(i64, &[0, 255, -1, i64::MIN, i64::MAX, (1 << 53) + 1, 16_777_217], f32 i8 u8 i16 i32 i64);
}

fn moves<T: Element + Pod>(value: impl Fn(u8) -> T) {
    let (rows, columns) = (3u32, 5u32);
    let transpose = Move::<T>::new([1, 1, 1, 1, rows, columns], [0, 0, 0, 0, 1, rows], [0, 0, 0, 0, columns, 1]);
    let x: Vec<T> = (0..15).map(&value).collect();
    let mut y = vec![value(99); 15];
    assert_eq!(run_checked(&transpose, operands(&x, &mut y)), Ok(()));
    let wanted: Vec<T> =
        (0..3).flat_map(|row| (0..5).map(move |column| (row, column))).map(|(row, column)| value(column * 3 + row)).collect();
    assert_eq!(y, wanted);
}

#[test]
fn elements_of_every_type_move() {
    moves(f32::from);
    moves(|x| x as i8);
    moves(|x| x);
    moves(i16::from);
    moves(i32::from);
    moves(|x| i64::from(x) << 40);
}

#[test]
fn cumulative_sums_of_integers_wrap() {
    let (dims, strides) = ([1, 1, 1, 1, 1, 4], [0, 0, 0, 0, 0, 1]);
    let sums = CumulativeSum::<i32>::new(dims, strides, strides);
    let of = |sums: CumulativeSum<i32>| {
        let mut y = [0i32; 4];
        assert_eq!(run_checked(&sums, operands(&[i32::MAX, 1, -3, 5], &mut y)), Ok(()));
        y
    };
    assert_eq!(of(sums), [i32::MAX, i32::MIN, i32::MAX - 2, i32::MIN + 2]);
    assert_eq!(of(sums.reverse(true).exclusive(true)), [3, 2, 5, 0]);
    let mut bytes = [0u8; 4];
    assert_eq!(run_checked(&CumulativeSum::<u8>::new(dims, strides, strides), operands(&[200u8, 100, 1, 2], &mut bytes)), Ok(()));
    assert_eq!(bytes, [200, 44, 45, 47]);
}

/// Lengths are counted in elements of each operand's own size.
#[test]
fn operands_of_other_sizes_do_not_serve() {
    let map = Pixels::new([1, 2, 2]);
    let cast = Cast::<u8, i64>::new(map, map);
    assert_eq!(run_checked(&cast, operands(&[0u8; 4], &mut [0i64; 4])), Ok(()));
    assert_eq!(run_checked(&cast, operands(&[0u8; 3], &mut [0i64; 4])), Err(RegionError::Outside));
    assert_eq!(run_checked(&cast, operands(&[0u8; 4], &mut [0i64; 3])), Err(RegionError::Outside));
    assert_eq!(Cast::<u8, i64>::new(map, Pixels::new([1, 4, 1])).extent(), None);
    // In one arena: over each other, and one byte beside each other.
    let within = |x, y| {
        let mut arena = [0i64; 6];
        let operands =
            Operands { arena: cast_slice_mut(&mut arena), x: Place::Arena(x), r: Place::Outside(&[]), w: &[], y: Destination::Arena(y) };
        run_checked(&cast, operands)
    };
    assert_eq!([within(0, 8), within(4, 8), within(40, 8)], [Ok(()); 3]);
    assert_eq!([within(5, 8), within(39, 8), within(8, 8)], [Err(RegionError::Overlap); 3]);
    assert_eq!(
        [within(0, 4), within(45, 8), within(0, 17)],
        [Err(RegionError::Misaligned), Err(RegionError::Outside), Err(RegionError::Outside)]
    );
}

#[test]
fn doors_take_the_types_of_their_kernels() {
    const MAP: Pixels = Pixels::new([2, 2, 1]);
    const WHOLE: Layer<Cast<f32, u8>, 4, 0, 4> = Layer::<Cast<f32, u8>, 4, 0, 4>::new(Cast::new(MAP, MAP));
    const ROWS: RowLayer<Cast<i8, i32>, 2, 0, 4> = RowLayer::<Cast<i8, i32>, 2, 0, 4>::new(Cast::new(MAP.ring(1), MAP));
    let mut bytes = [0; 4];
    WHOLE.run(&OneCore, &[-1.0, 0.5, 254.9, 256.0], &[], &[], &mut bytes);
    assert_eq!(bytes, [0, 0, 254, 255]);
    let mut words = [0; 4];
    ROWS.run_row(&OneCore, 0, &[-1, 2], &[], &[], &mut words);
    ROWS.run_row(&OneCore, 1, &[3, -4], &[], &[], &mut words);
    ROWS.run_row(&OneCore, 2, &[9, 9], &[], &[], &mut words);
    assert_eq!(words, [-1, 2, 3, -4]);
    let _: InPlace<Map, 1> = InPlace::<Map, 1>::new(Map::new([1; 6], [0; 6], [0; 6]));
}

#[test]
fn values_know_their_type_and_length() {
    let (mut bytes, longs) = ([1u8, 2, 3], [1i64, -1]);
    let values = Values::from(&longs);
    assert_eq!((values.element(), values.len(), values.is_empty()), (ElementType::I64, 2, false));
    assert_eq!(values.as_bytes(), cast_slice::<i64, u8>(&longs));
    assert_eq!((values.array::<i64, 2>(), values.array::<i64, 3>(), values.array::<i32, 2>()), (Some(&longs), None, None));
    let mut values = ValuesMut::from(&mut bytes);
    values.as_bytes_mut()[1] = 9;
    assert_eq!(values.reborrow().array_mut::<u8, 3>(), Some(&mut [1, 9, 3]));
    assert_eq!(values.reborrow().array_mut::<i8, 3>(), None);
    assert_eq!(values.values(), Values::U8(&[1, 9, 3]));
    assert!(Values::from(&[0.0f32; 0]).is_empty());
}

/// FNV-1a by its definition, over the words that stand in the documentation.
#[test]
fn checksums_take_two_words_of_what_is_longer_than_one() {
    let fnv = |words: &[u32]| words.iter().fold(0x811c_9dc5u32, |hash, word| (hash ^ word).wrapping_mul(0x0100_0193));
    assert_eq!(checksum(0, &[1.5f32, -0.0]), fnv(&[1.5f32.to_bits(), 1 << 31]));
    assert_eq!(checksum(0, &[1u8, 255]), fnv(&[1, 255]));
    assert_eq!(checksum(0, &[-1i8]), fnv(&[u32::MAX]));
    assert_eq!(checksum(0, &[-2i16, 3]), fnv(&[u32::MAX - 1, 3]));
    assert_eq!(checksum(0, &[i32::MIN]), fnv(&[1 << 31]));
    assert_eq!(checksum(0, &[-1i64, 1 << 33]), fnv(&[u32::MAX, u32::MAX, 0, 2]));
    assert_ne!(checksum(checksum(0, &[1u8]), &[2u8]), checksum(checksum(0, &[2u8]), &[1u8]));
}
