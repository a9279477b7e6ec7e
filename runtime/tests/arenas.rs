//! Inputs and outputs in one memory, at places at random: a kernel that runs there writes what it would write elsewhere and nothing beside
//! it, and one that does not is refused where memory is shared alone.

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use peleec_runtime::{
    Activation, Cast, Conv2d, CumulativeSum, DepthwiseConv2d, Destination, Extent, InPlace, Kernel, MAX_RANK, Map, OneCore, Operands,
    Pixels, Place, Plain, Pool2d, PoolKind, RegionError, Within, WithinRows, run_checked, run_row_checked,
};

mod maps;

use maps::{Random, at, dense, indices, offset, outside};

/// The length of an arena, in elements.
const LEN: usize = 400;

/// What came of it.
#[derive(Default)]
struct Tally {
    ran: u32,
    refused: u32,
}

/// Where an arena's elements of a map lie.
fn elements(map: &Pixels, first: usize, rows: impl IntoIterator<Item = u32>) -> Vec<usize> {
    let row = |y: u32| indices([map.width, map.channels]).map(move |[x, c]| (y, x, c));
    rows.into_iter().flat_map(row).map(|(y, x, c)| first + at(map, y, x, c)).collect()
}

/// A run of `kernel`, whole or a row of it, in an arena and outside.
struct Run<'a, K, T> {
    kernel: &'a K,
    row: Option<usize>,
    w: &'a [T],
    first: [usize; 2],
}

impl<K: Kernel + std::fmt::Debug, T: Pod + PartialEq + std::fmt::Debug> Run<'_, K, T> {
    fn run(&self, operands: Operands<'_>) -> Result<(), RegionError> {
        match self.row {
            None => run_checked(self.kernel, operands),
            Some(row) => run_row_checked(self.kernel, row, operands),
        }
    }

    /// Runs in `arena`, whose elements `read` are read and `write` written.
    fn check(&self, arena: &[T], extent: Extent, [read, write]: [&[usize]; 2], tally: &mut Tally) {
        let [x, y] = self.first;
        let size = size_of::<T>();
        let mut found = arena.to_vec();
        let (from, to) = (Place::Arena(x * size), Destination::Arena(y * size));
        let r = Place::Outside(&[]);
        let said = self.run(Operands { arena: cast_slice_mut(&mut found), x: from, r, w: cast_slice(self.w), y: to });
        if said.is_err() {
            tally.refused += 1;
            assert_eq!(said, Err(RegionError::Overlap), "{:?}", self.kernel);
            assert_eq!(found, arena, "nothing is written");
            assert!(x < y + extent.y && y < x + extent.x, "no memory is shared: {:?} from {x} to {y}", self.kernel);
            return;
        }
        tally.ran += 1;
        // Outside, from where no output is.
        let mut wanted = arena.to_vec();
        let input = arena[x..x + extent.x].to_vec();
        let mut output = arena[y..y + extent.y].to_vec();
        assert_eq!(self.run(outside(&input, &input[..0], self.w, &mut output)), Ok(()));
        write.iter().for_each(|&at| wanted[at] = output[at - y]);
        assert_eq!(found, wanted, "{:?} from {x} to {y}", self.kernel);
        let is_in_place = x == y && read == write;
        assert!(is_in_place || !read.iter().any(|at| write.contains(at)), "what is read is written: {:?}", self.kernel);
    }
}

/// Slices of the channels of one host, or of two of any size.
fn slices(random: &mut Random, size: [u32; 2], channels: [u32; 2]) -> [Pixels; 2] {
    let pitch = channels[0] + channels[1] + random.below(2);
    let pad = random.below(2) * pitch;
    let slice = |channels: u32, pitch: u32, pad: u32| dense(size[0], size[1], channels).distances([size[1] * pitch + pad, pitch, 1]);
    match random.below(3) {
        0 => [slice(channels[0], channels[0], 0), slice(channels[1], channels[1], 0)],
        1 => [slice(channels[0], pitch, pad), slice(channels[1], pitch + random.below(2), 0)],
        _ => channels.map(|channels| slice(channels, pitch, pad)),
    }
}

/// Two places in an arena; often so near each other that one map lies between the pixels of the other.
fn places(random: &mut Random, extent: Extent) -> Option<[usize; 2]> {
    let [x, y] = [extent.x, extent.y].map(|len| LEN.checked_sub(len).map(|left| random.below(left as u32 + 1)));
    let (x, y) = (x?, y?);
    let near = (x + random.below(16)).saturating_sub(random.below(8));
    let y = if random.below(3) > 0 && near as usize + extent.y <= LEN { near } else { y };
    Some([x as usize, y as usize])
}

#[test]
fn pools_and_convolutions_in_one_memory() {
    let (mut random, mut tally) = (Random(1), Tally::default());
    for round in 0..3000 {
        let (size, channels) = ([1 + random.below(5), 1 + random.below(5)], 1 + random.below(4));
        let filters = if round % 3 == 0 { channels } else { 1 + random.below(4) };
        let [input, output] = slices(&mut random, size, [channels, filters]);
        let arena = random.values(LEN);
        let rows = |map: &Pixels| 0..map.height;
        macro_rules! check {
            ($kernel:expr) => {{
                let kernel = $kernel;
                let extent = kernel.extent().expect("the geometry is consistent");
                let w = random.values(extent.w);
                let Some(first) = places(&mut random, extent) else { continue };
                let [read, write] = [(&input, first[0]), (&output, first[1])].map(|(map, first)| elements(map, first, rows(map)));
                Run { kernel: &kernel, row: None, w: &w, first }.check(&arena, extent, [&read, &write], &mut tally);
                // Each row by itself, made of those that the window has.
                let row = random.below(size[0]);
                let window = kernel.row_window();
                let near = (row + window.kernel).saturating_sub(window.pad).min(size[0]);
                let read = elements(&input, first[0], row.saturating_sub(window.pad)..near);
                let write = elements(&output, first[1], [row]);
                Run { kernel: &kernel, row: Some(row as usize), w: &w, first }.check(&arena, extent, [&read, &write], &mut tally);
            }};
        }
        match round % 3 {
            0 if round % 2 == 0 => check!(Pool2d::new(input, output, PoolKind::Max).kernel([2, 1])),
            0 => check!(DepthwiseConv2d::<Plain>::new(input, output).kernel([3, 3]).pads([1, 1])),
            1 => check!(Conv2d::<Plain, 4, 4>::new(input, output).epilogue(Activation::Relu)),
            _ => check!(Conv2d::<Plain, 2, 4>::new(input, output).kernel([3, 1]).pads([1, 0])),
        }
    }
    assert!(tally.ran > 1000 && tally.refused > 1000, "{} {}", tally.ran, tally.refused);
}

/// Elements of one byte and of several, in memory that counts bytes.
#[test]
fn casts_in_one_memory() {
    let mut tally = Tally::default();
    let mut random = Random(2);
    for _ in 0..2000 {
        let (size, channels) = ([1 + random.below(4), 1 + random.below(6)], 1 + random.below(4));
        let [input, output] = slices(&mut random, size, [channels; 2]);
        let arena: Vec<i16> = (0..LEN).map(|_| random.below(1 << 16) as i16).collect();
        let cast = Cast::<i16, i16>::new(input, output);
        let extent = cast.extent().expect("the geometry is consistent");
        let Some(first) = places(&mut random, extent) else { continue };
        let [read, write] = [(&input, first[0]), (&output, first[1])].map(|(map, first)| elements(map, first, 0..size[0]));
        Run { kernel: &cast, row: None, w: &[], first }.check(&arena, extent, [&read, &write], &mut tally);
    }
    assert!(tally.ran > 400 && tally.refused > 400, "{} {}", tally.ran, tally.refused);
}

/// Every element in its place, whatever the order of the axes.
#[test]
fn functions_in_place_are_those_that_go_elsewhere() {
    let mut random = Random(3);
    for _ in 0..80 {
        let dims = random.dims(3);
        let view = random.view(dims);
        let map = Map::new(dims, view, view).activation(Activation::LeakyRelu(-0.5));
        let sums = CumulativeSum::<f32>::new(dims, view, view).exclusive(random.below(2) == 0).reverse(random.below(2) == 0);
        let x = random.values(map.extent().expect("the view is consistent").x);
        fn check(kernel: &impl Kernel, x: &[f32]) -> Vec<f32> {
            let mut elsewhere = x.to_vec();
            assert_eq!(run_checked(kernel, outside(x, &x[..0], &x[..0], &mut elsewhere)), Ok(()));
            let mut arena = x.to_vec();
            let (place, r) = (Destination::Arena(0), Place::Outside(&[]));
            let operands = Operands { arena: cast_slice_mut(&mut arena), x: Place::Arena(0), r, w: &[], y: place };
            assert_eq!(run_checked(kernel, operands), Ok(()));
            assert_eq!(arena, elsewhere);
            arena
        }
        let found = check(&map, &x);
        assert!(indices(dims).map(|index| offset(&view, index)).all(|at| found[at] == if x[at] < 0.0 { -0.5 * x[at] } else { x[at] }));
        check(&sums, &x);
    }
    const VIEW: [u32; MAX_RANK] = [0, 0, 0, 0, 1, 3];
    const MAP: Map = Map::new([1, 1, 1, 1, 2, 2], VIEW, VIEW).activation(Activation::Relu);
    let mut z = [-1.0, 2.0, -3.0, -4.0, 5.0, -6.0];
    InPlace::<Map, 6>::new(MAP).run(&OneCore, &mut z);
    assert_eq!(z, [0.0, 2.0, -3.0, 0.0, 5.0, -6.0], "what lies between stays");
}

/// The doors that rustc proves: a slice behind its input in one host, and rows that follow those they are made of.
#[test]
fn layers_within_one_region() {
    const IN: Pixels = Pixels::new([3, 4, 2]).distances([20, 5, 1]);
    const OUT: Pixels = Pixels::new([3, 4, 3]).distances([20, 5, 1]);
    const CONV: Conv2d<Plain, 4, 4> = Conv2d::<Plain, 4, 4>::new(IN, OUT).kernel([3, 3]).pads([1, 1]);
    const SLICES: Within<Conv2d<Plain, 4, 4>, 61, 76> = Within::<Conv2d<Plain, 4, 4>, 61, 76>::new(CONV, 1, 3);
    const ROWS: WithinRows<Conv2d<Plain, 4, 4>, 61, 76> = WithinRows::<Conv2d<Plain, 4, 4>, 61, 76>::new(CONV, 1, 3);
    let mut random = Random(4);
    let (z, w) = (random.values(61), random.values(76));
    let extent = CONV.extent().expect("the geometry is consistent");
    let mut output = z[3..][..extent.y].to_vec();
    assert_eq!(run_checked(&CONV, outside(&z[1..1 + extent.x], &z[..0], &w, &mut output)), Ok(()));
    let mut wanted = z.clone();
    elements(&OUT, 3, 0..3).into_iter().for_each(|at| wanted[at] = output[at - 3]);
    let (mut whole, mut by_rows): ([f32; 61], [f32; 61]) = (z.clone().try_into().unwrap(), z.clone().try_into().unwrap());
    let w: &[f32; 76] = w.as_slice().try_into().unwrap();
    SLICES.run(&OneCore, &[], w, &mut whole);
    [2, 0, 1, 3, usize::MAX].into_iter().for_each(|row| ROWS.run_row(&OneCore, row, &[], w, &mut by_rows));
    assert_eq!((&whole[..], &by_rows[..]), (&wanted[..], &wanted[..]));
}
