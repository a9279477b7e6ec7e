//! The typed memory and the small types that generated code is made of, and the interface that it gives: against bytes, plain arrays and
//! lists written out.

use peleec_runtime::{
    Arena, Element, ElementType, Executor, Model, OneCore, Region, RowCounters, Schedule, TensorInfo, Values, ValuesError, ValuesMut,
    Weights, impl_model, interleaved_rows, part, part_mut, planar_rows,
};

mod maps;

use maps::Random;

/// The bytes of an arena.
fn bytes<const N: usize>(arena: &Arena<N>) -> [u8; N] {
    *arena.read(Region::<u8, 0, N>::new())
}

/// Elements written as a type are the bytes that they have in little or big endian, in their place and nowhere else.
#[test]
fn a_region_is_its_bytes() {
    macro_rules! check {
        ($($element:ty: $at:literal $len:literal [$($value:expr),+];)+) => {$({
            let mut arena = Arena::<128>::new();
            arena.fill(0xa5);
            let region = Region::<$element, $at, $len>::new();
            let values: [$element; $len] = [$($value),+];
            *arena.write(region) = values;
            assert_eq!(*arena.read(region), values);
            let mut wanted = [0xa5; 128];
            let own: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
            wanted[$at..$at + own.len()].copy_from_slice(&own);
            assert_eq!(bytes(&arena), wanted, "{:?}", <$element>::TYPE);
        })+};
    }
    check! {
        u8: 127 1 [0x12];
        i8: 3 3 [-1, i8::MIN, i8::MAX];
        i16: 62 3 [i16::MIN, 0x1234, -2];
        i32: 4 2 [i32::MIN, 0x1234_5678];
        i64: 112 2 [i64::MIN, 0x0123_4567_89ab_cdef];
        f32: 60 2 [-0.0, f32::MIN_POSITIVE];
    }
}

#[test]
fn what_is_read_beside_what_is_written_is_apart() {
    let mut arena = Arena::<64>::default();
    let (x, r, y) = (Region::<i16, 0, 4>::new(), Region::<i32, 4, 2>::new(), Region::<i64, 16, 1>::default());
    *arena.write(x) = [1, 2, 3, 4];
    arena.write(r)[1] = -7;
    // Both inputs have bytes 4 to 8 in common.
    let (a, b, to) = arena.read2_write(x, r, y);
    to[0] = i64::from(a[3]) * 1000 + i64::from(b[1]);
    assert_eq!((a[2], b[0]), (3, 3 | 4 << 16));
    let (from, to) = arena.read_write(y, x);
    to[0] = from[0] as i16;
    assert_eq!((*arena.read(y), *arena.read(x)), ([3993], [3993, 2, 3, 4]));
    // Regions that end where others begin, and empty ones, share nothing.
    let (left, right) = arena.read_write(Region::<u8, 0, 8>::new(), Region::<u8, 8, 56>::new());
    assert_eq!((left.len(), right.len()), (8, 56));
    assert!(arena.read_write(Region::<u8, 64, 0>::new(), Region::<u8, 0, 64>::new()).0.is_empty());
}

/// Rows go round, pixel by pixel, channel by channel.
#[test]
fn rows_of_a_region_go_round() {
    let mut arena = Arena::<128>::new();
    let ring = Region::<i16, 8, 18>::new();
    for row in 0..7 {
        for (x, pixel) in arena.row::<i16, 8, 18, 3, 2>(ring, row).iter_mut().enumerate() {
            *pixel = std::array::from_fn(|c| (100 * row + 10 * x + c) as i16);
        }
    }
    assert_eq!(*arena.read(ring), [600, 601, 602, 610, 611, 612, 400, 401, 402, 410, 411, 412, 500, 501, 502, 510, 511, 512]);
    assert_eq!(bytes(&arena)[..8], [0; 8]);
    assert_eq!(bytes(&arena)[44..], [0; 84]);
    assert_eq!(arena.row::<i16, 8, 18, 3, 2>(ring, usize::MAX)[0][0], [600, 400, 500][usize::MAX % 3], "there is no last row");
}

#[test]
fn parts_of_arrays_and_arenas_begin_where_they_say() {
    let all: [i32; 9] = std::array::from_fn(|i| i as i32);
    assert_eq!((part::<_, 0, 9, 9>(&all), part::<_, 4, 3, 9>(&all), part::<_, 9, 0, 9>(&all)), (&all, &[4, 5, 6], &[]));
    let mut other = all;
    *part_mut::<_, 7, 2, 9>(&mut other) = [70, 80];
    part_mut::<_, 0, 1, 9>(&mut other)[0] = -1;
    assert_eq!(other, [-1, 1, 2, 3, 4, 5, 6, 70, 80]);
    let mut arena = Arena::<192>::new();
    assert!((&raw const arena).addr().is_multiple_of(64));
    let (first, last) = arena.split::<128, 64>();
    assert_eq!((&raw const *last).addr() - (&raw const *first).addr(), 128);
    last.fill(9);
    first.part::<64>().fill(1);
    let (none, rest) = first.split::<0, 128>();
    *none = Arena::new();
    rest.write(Region::<u8, 127, 1>::new())[0] = 5;
    let wanted: [u8; 192] = std::array::from_fn(|at| [1, 0, 9][at / 64] + if at == 127 { 5 } else { 0 });
    assert_eq!(bytes(&arena), wanted);
}

/// The bytes in flash are little-endian.
#[test]
fn weights_are_little_endian() {
    let weights = Weights::<64>(std::array::from_fn(|at| (at * 37 + 200) as u8));
    let own = |at: usize| weights.0[at];
    assert_eq!(weights.get::<u8, 63, 1>(), &[own(63)]);
    assert_eq!(weights.get::<i8, 5, 2>(), &[own(5).cast_signed(), own(6).cast_signed()]);
    assert_eq!(weights.get::<i16, 6, 1>(), &[i16::from_le_bytes([6, 7].map(own))]);
    assert_eq!(weights.get::<i32, 60, 1>(), &[i32::from_le_bytes([60, 61, 62, 63].map(own))]);
    assert_eq!(weights.get::<i64, 8, 1>(), &[i64::from_le_bytes(std::array::from_fn(|i| own(8 + i)))]);
    assert_eq!(weights.get::<f32, 20, 1>()[0].to_bits(), u32::from_le_bytes([20, 21, 22, 23].map(own)));
    assert!(weights.get::<f32, 64, 0>().is_empty());
}

/// A schedule is the list that is written out, and stays at its end.
#[test]
fn a_schedule_is_the_list_that_it_stands_for() {
    const PARTS: [&[u8]; 4] = [&[], &[7], &[0, 1, 0], &[255, 3, 3, 0, 9]];
    let mut random = Random(1);
    for _ in 0..100 {
        let (prologue, body, epilogue, times) = (random.of(&PARTS), random.of(&PARTS), random.of(&PARTS), random.below(4));
        let mut wanted = prologue.to_vec();
        (0..times).for_each(|_| wanted.extend(body));
        wanted.extend(epilogue);
        let schedule = Schedule { prologue, body, times, epilogue };
        let mut steps = schedule.steps();
        // A copy made on the way goes on from there.
        let first: Vec<u8> = steps.by_ref().take(random.below(6) as usize).collect();
        let (copy, rest): (Vec<u8>, Vec<u8>) = (steps.clone().collect(), steps.by_ref().collect());
        assert_eq!((&first, &copy), (&wanted[..first.len()].to_vec(), &wanted[first.len()..].to_vec()), "{schedule:?}");
        assert_eq!((rest, steps.next(), steps.next()), (copy, None, None), "{schedule:?}");
    }
}

#[test]
fn layers_count_their_rows_one_by_one() {
    let (mut random, mut counted, mut counters) = (Random(2), [0; 3], RowCounters::<3>::default());
    for _ in 0..200 {
        let step = random.of(&[0, 1, 2, 3, 255]);
        let layer = usize::from(step).min(2);
        assert_eq!(counters.next(step), counted[layer], "{step}");
        counted[layer] += 1;
    }
}

/// Rows of both orders are one picture turned about; of one that is cut off, what is there.
#[test]
fn rows_of_both_orders_are_one_picture() {
    const W: usize = 3;
    const C: usize = 4;
    let mut random = Random(3);
    for height in 0..6 {
        let pixel = |y: usize, x: usize, c: usize| (y * 100 + x * 10 + c) as i32;
        let interleaved: Vec<i32> = (0..height * W * C).map(|i| pixel(i / C / W, i / C % W, i % C)).collect();
        let planar: Vec<i32> = (0..height * W * C).map(|i| pixel(i / W % height, i % W, i / W / height)).collect();
        let (mut by_pixel, mut by_plane) = (interleaved_rows::<_, W, C>(&interleaved), planar_rows::<_, W, C>(&planar));
        for y in [0, 1, 2, height.saturating_sub(1), height, height + 1, usize::MAX] {
            let wanted = std::array::from_fn(|x| std::array::from_fn(|c| if y < height { pixel(y, x, c) } else { -1 }));
            let mut rows = [[[-1; C]; W]; 2];
            by_pixel(y, &mut rows[0]);
            by_plane(y, &mut rows[1]);
            assert_eq!(rows, [wanted; 2], "row {y} of {height}");
        }
        // Cut off anywhere, a row has the elements that are left, and keeps its others.
        let len = random.below(interleaved.len() as u32 + 1) as usize;
        let (mut cut, y) = ([[-1; C]; W], len / (W * C));
        interleaved_rows::<_, W, C>(&interleaved[..len])(y, &mut cut);
        let wanted: Vec<i32> = (0..W * C).map(|i| interleaved[..len].get(y * W * C + i).copied().unwrap_or(-1)).collect();
        assert_eq!(cut.as_flattened(), wanted);
    }
}

/// As a generated module has it: two inputs of different types, two outputs, one by the name of an input.
struct Network<M> {
    memory: M,
    runs: usize,
}

const BYTES: usize = 64;

struct Outputs<'a> {
    sum: &'a [i32; 2],
    a: &'a [u8; 3],
}

impl<M: AsMut<Arena<BYTES>>> Network<M> {
    fn run_with(&mut self, executor: &(impl Executor + ?Sized), a: &[i16; 2], b: &[f32; 3]) -> Outputs<'_> {
        self.runs += 1;
        let arena = self.memory.as_mut();
        *arena.write(Region::<i32, 0, 2>::new()) = a.map(|a| i32::from(a) + executor.cores() as i32);
        *arena.write(Region::<u8, 8, 3>::new()) = b.map(|b| b as u8);
        Outputs { sum: arena.read(Region::<i32, 0, 2>::new()), a: arena.read(Region::<u8, 8, 3>::new()) }
    }
}

impl_model! {
    Network in BYTES, run_with,
    inputs { a: "first" i16 [1, 2] [2]; b: "second" f32 [3] [3]; }
    outputs { sum: "a sum" i32 [2, 1] [2]; a: "bytes" u8 [1, 3, 1] [3]; }
}

#[test]
fn a_model_tells_what_it_takes_and_gives() {
    fn infos<M: Model>(_: &M) -> [&'static [TensorInfo]; 2] {
        [M::INPUTS, M::OUTPUTS]
    }
    let [inputs, outputs] = infos(&Network { memory: Arena::new(), runs: 0 });
    let told = |infos: &[TensorInfo]| infos.iter().map(|info| (info.name, info.element, info.shape, info.len())).collect::<Vec<_>>();
    assert_eq!(told(inputs), [("first", ElementType::I16, &[1, 2][..], 2), ("second", ElementType::F32, &[3], 3)]);
    assert_eq!(told(outputs), [("a sum", ElementType::I32, &[2, 1][..], 2), ("bytes", ElementType::U8, &[1, 3, 1], 3)]);
    let one = TensorInfo { name: "", element: ElementType::I8, shape: &[] };
    assert!(one.len() == 1 && !one.is_empty() && TensorInfo { shape: &[4, 0], ..one }.is_empty());
}

/// Whatever lacks, or is of another type or number, nothing is computed and no output changes.
#[test]
fn a_model_computes_nothing_of_what_does_not_serve() {
    let mut arena = Arena::new();
    let mut network = Network { memory: &mut arena, runs: 0 };
    let (a, b) = ([-5_i16, 300], [1.9_f32, -1.0, 300.0]);
    let (mut sum, mut all) = ([7_i32; 2], [7_u8; 3]);
    let good = [Values::from(&a), Values::from(&b)];
    assert_eq!(network.run_slices(&good, &mut [ValuesMut::from(&mut sum[..]), ValuesMut::from(&mut all[..])]), Ok(()));
    assert_eq!((sum, all, network.runs), ([-4, 301], [1, 0, 255], 1));
    let (more, words) = ([0_i16; 3], [0_i32; 2]);
    let other: [&[Values<'_>]; 6] = [
        &[],
        &good[..1],
        &[good[1], good[0]],
        &[good[0], good[1], good[1]],
        &[Values::from(&more), good[1]],
        &[Values::from(&words), good[1]],
    ];
    for inputs in other {
        let outputs = &mut [ValuesMut::from(&mut sum[..]), ValuesMut::from(&mut all[..])];
        assert_eq!(network.run_slices(inputs, outputs), Err(ValuesError), "{inputs:?}");
    }
    let (mut few, mut signed) = ([7_i32; 1], [7_i8; 3]);
    assert_eq!(network.run_slices(&good, &mut []), Err(ValuesError));
    assert_eq!(network.run_slices(&good, &mut [ValuesMut::from(&mut sum[..])]), Err(ValuesError));
    assert_eq!(network.run_slices(&good, &mut [ValuesMut::from(&mut few[..]), ValuesMut::from(&mut all[..])]), Err(ValuesError));
    let outputs = &mut [ValuesMut::from(&mut sum[..]), ValuesMut::from(&mut signed[..])];
    assert_eq!(network.run_slices_with(&OneCore, &good, outputs), Err(ValuesError));
    assert_eq!((sum, all, few, signed, network.runs), ([-4, 301], [1, 0, 255], [7], [7; 3], 1));
    assert_eq!(ValuesError.to_string(), "an input or output is missing, or has another length or element type than the model's");
}
