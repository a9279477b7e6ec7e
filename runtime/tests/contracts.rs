//! What geometries refuse, and the small types that generated code is made of.

use bytemuck::{cast_slice, cast_slice_mut};
use peleec_runtime::{
    Arena, Binary, BinaryKind, Cast, Conv2d, DepthwiseConv2d, Destination, Detections, Extent, Kernel, Map, Operands, Pixels, Place, Plain,
    Pool2d, PoolKind, Region, RegionError, RowCounters, Schedule, part_mut, run_checked, run_row_checked,
};

#[test]
fn a_rest_that_a_convolution_cannot_read_is_refused() {
    let map =
        |height, width, channels| Pixels { height, width, channels, row: width * channels, pixel: channels, channel: 1, ring: height };
    let extent = |change: &dyn Fn(&mut Conv2d<Plain, 4, 4>)| {
        let mut conv = Conv2d::<Plain, 4, 4>::new(map(4, 4, 4), map(4, 4, 4)).rest(Some(map(4, 4, 2))).band([1, 1]).general(true);
        change(&mut conv);
        conv.extent().is_some()
    };
    assert!(extent(&|_| {}));
    assert!(!extent(&|conv| *conv = conv.rest(Some(map(4, 3, 2)))));
    assert!(!extent(&|conv| conv.residual = Some(conv.output)) && !extent(&|conv| conv.kernel = [3, 1]));
    assert!(!extent(&|conv| conv.strides = [1, 2]) && !extent(&|conv| conv.pads = [1, 0]));
    assert!(!extent(&|conv| *conv = conv.group(2)));
    // The leaf for one place cannot read two.
    assert!(!extent(&|conv| conv.general = false));
}

#[test]
fn elements_that_share_a_place_are_not_written() {
    let pool = |output| {
        let input = Pixels { height: 1, width: 4, channels: 2, row: 8, pixel: 2, channel: 1, ring: 1 };
        Pool2d::new(input, output, PoolKind::Max).extent()
    };
    assert!(pool(Pixels { height: 1, width: 4, channels: 2, row: 0, pixel: 2, channel: 1, ring: 1 }).is_some());
    assert!(pool(Pixels { height: 1, width: 4, channels: 2, row: 8, pixel: 1, channel: 4, ring: 1 }).is_some());
    for [row, pixel, channel] in [[8, 0, 1], [8, 1, 1], [8, 2, 0], [8, 1, 3]] {
        assert_eq!(pool(Pixels { height: 1, width: 4, channels: 2, row, pixel, channel, ring: 1 }), None, "{pixel} {channel}");
    }
    let cast =
        |output| Cast::<u8, f32>::new(Pixels { height: 1, width: 4, channels: 2, row: 8, pixel: 2, channel: 1, ring: 1 }, output).extent();
    let shared = Pixels { height: 1, width: 4, channels: 2, row: 8, pixel: 1, channel: 1, ring: 1 };
    assert!(cast(Pixels { pixel: 2, ..shared }).is_some() && cast(shared).is_none());
    let tall = |row| pool(Pixels { height: 3, width: 4, channels: 2, row, pixel: 2, channel: 1, ring: 3 });
    assert!(tall(8).is_some() && tall(7).is_none() && tall(0).is_none());
}

#[test]
fn a_part_of_an_output() {
    let mut output = [0.0; 6];
    part_mut::<_, 2, 3, 6>(&mut output)[2] = 1.0;
    assert_eq!(output, [0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn a_schedule_repeats_its_body() {
    let schedule = Schedule { prologue: &[3, 0], body: &[0, 1], times: 3, epilogue: &[2, 2] };
    assert!(schedule.steps().eq([3, 0, 0, 1, 0, 1, 0, 1, 2, 2]));
    assert_eq!(Schedule { prologue: &[], body: &[], times: u32::MAX, epilogue: &[] }.steps().next(), None);
    assert!(Schedule { prologue: &[], body: &[7], times: 2, epilogue: &[] }.steps().eq([7, 7]));
    let mut rows = RowCounters::<3>::new();
    assert_eq!([0, 2, 0, 1, 0, 7].map(|step| rows.next(step)), [0, 0, 1, 0, 2, 1]);
}

fn map(height: u32, width: u32, channels: u32) -> Pixels {
    Pixels::new([height, width, channels])
}

/// Whether the products of a geometry's factors are refused before they wrap.
#[test]
fn lengths_beyond_32_bits_are_no_lengths() {
    const LARGE: u32 = 1 << 20;
    let point = |channels| Pixels::new([1, 1, channels]).distances([0, 0, 0]);
    // 2^20 x 2^20 taps of 2^24 channels are 2^64 weights, and 2^24 beside them.
    let depthwise = |channels| DepthwiseConv2d::<Plain>::new(map(1, 1, channels), map(1, 1, channels)).kernel([LARGE, LARGE]).extent();
    assert_eq!((depthwise(1 << 24), depthwise(1)), (None, None));
    let small = DepthwiseConv2d::<Plain>::new(map(1, 1, 4), map(1, 1, 4)).kernel([3, 3]).extent();
    assert_eq!(small, Some(Extent { x: 4, r: 0, w: 40, y: 4 }));
    let conv =
        |channels: u32, kernel| Conv2d::<Plain, 1, 4>::new(point(channels), map(1, 1, 4)).kernel(kernel).extent().map(|extent| extent.w);
    assert_eq!(conv(4, [3, 3]), Some(4 * 37));
    for (channels, kernel) in [(1 << 30, [1, 1]), (1 << 12, [LARGE, 1]), (1, [LARGE, LARGE]), (u32::MAX, [LARGE, LARGE]), (4, [1 << 30, 1])]
    {
        assert_eq!(conv(channels, kernel), None, "{channels} {kernel:?}");
    }
    // Tiles of nothing, and tiles beyond every register file, whose weights would count as none.
    let map = map(1, 1, 1);
    assert_eq!(Conv2d::<Plain, 0, 1>::new(map, map).extent(), None);
    assert_eq!(Conv2d::<Plain, 1, 0>::new(map, map).extent(), None);
    assert_eq!(Conv2d::<Plain, 1, { 1 << 16 }>::new(map, map).extent(), None);
    assert_eq!(Conv2d::<Plain, 257, 1>::new(map, map).extent(), None);
    assert!(Conv2d::<Plain, 256, 256>::new(map, map).extent().is_some());
}

#[test]
fn positions_beyond_31_bits_are_refused() {
    let tall = |height, width| Pixels::new([height, width, 1]).distances([0, 0, 0]);
    let pool = |input, output: Pixels, change: fn(Pool2d) -> Pool2d| change(Pool2d::new(input, output, PoolKind::Max)).extent().is_some();
    let one = map(1, 1, 1);
    assert!(pool(tall(1 << 30, 1), one, |pool| pool));
    assert!(!pool(tall((1 << 30) + 1, 1), one, |pool| pool) && !pool(tall(1, u32::MAX), one, |pool| pool));
    assert!(pool(one, map(1 << 10, 1, 1), |pool| pool.strides([1 << 20, 1])));
    assert!(!pool(one, map((1 << 10) + 1, 1, 1), |pool| pool.strides([1 << 20, 1])));
    assert!(!pool(one, map(1, (1 << 10) + 1, 1), |pool| pool.strides([1, 1 << 20])));
    assert!(pool(one, one, |pool| pool.kernel([1 << 10, 1]).dilations([1 << 20, 1])));
    assert!(!pool(one, one, |pool| pool.kernel([(1 << 10) + 1, 1]).dilations([1 << 20, 1])));
    assert!(!pool(one, one, |pool| pool.kernel([1, 2]).dilations([1, 1 << 30])));
    for side in 0..4 {
        let pads = |pad: u32| {
            let mut pads = [0; 4];
            pads[side] = pad;
            Pool2d::new(one, one, PoolKind::Max).pads(pads).extent().is_some()
        };
        assert!(pads(1 << 20) && !pads((1 << 20) + 1), "{side}");
    }
}

#[test]
fn kernels_that_work_channel_by_channel_want_as_many_in_as_out() {
    for (input, output) in [(4, 3), (3, 4)] {
        assert_eq!(Pool2d::new(map(2, 2, input), map(2, 2, output), PoolKind::Max).extent(), None);
        assert_eq!(DepthwiseConv2d::<Plain>::new(map(2, 2, input), map(2, 2, output)).extent(), None);
    }
}

/// Runs `kernel` in an arena of 16 elements; what it says.
fn in_arena(kernel: &impl Kernel, x: usize, r: Place<'_>, w: &[f32], y: usize) -> Result<(), RegionError> {
    let mut arena = [0.0f32; 16];
    let arena = cast_slice_mut(&mut arena);
    run_checked(kernel, Operands { arena, x: Place::Arena(4 * x), r, w: cast_slice(w), y: Destination::Arena(4 * y) })
}

#[test]
fn an_output_lies_over_no_operand_of_another_place() {
    let dims = [1, 1, 1, 1, 2, 2];
    let (dense, turned) = ([0, 0, 0, 0, 2, 1], [0, 0, 0, 0, 1, 2]);
    // In place only where each element stays where it is.
    assert_eq!(in_arena(&Map::new(dims, dense, dense), 0, Place::Outside(&[]), &[], 0), Ok(()));
    assert_eq!(in_arena(&Map::new(dims, dense, turned), 0, Place::Outside(&[]), &[], 0), Err(RegionError::Overlap));
    assert_eq!(in_arena(&Map::new(dims, [0; 6], [0, 0, 0, 0, 2, 1]), 0, Place::Outside(&[]), &[], 0), Err(RegionError::Overlap));
    assert_eq!(in_arena(&Map::new(dims, dense, dense), 1, Place::Outside(&[]), &[], 0), Err(RegionError::Overlap));
    let add = Binary::new(dims, dense, dense, dense, BinaryKind::Add);
    assert_eq!(in_arena(&add, 0, Place::Arena(0), &[], 4), Ok(()));
    assert_eq!(in_arena(&add, 0, Place::Arena(4 * 4), &[], 4), Err(RegionError::Overlap));
    assert_eq!(in_arena(&add, 0, Place::Arena(4), &[], 4), Err(RegionError::Overlap));
    assert_eq!(in_arena(&add, 0, Place::Arena(1), &[], 8), Err(RegionError::Misaligned));
}

/// Two slices of one host of four channels: the output's must end where the input's begins again.
#[test]
fn slices_of_one_host_share_no_channel() {
    let slice = |channels| Pixels::new([1, 2, channels]).distances([8, 4, 1]);
    let conv = |input, output| Conv2d::<Plain, 1, 4>::new(slice(input), slice(output));
    let weights = [0.0f32; 64];
    for (x, input, y, output, apart) in [
        (0, 2, 2, 2, true),
        (0, 2, 1, 2, false),
        (2, 2, 0, 2, true),
        (2, 1, 3, 3, true),
        (2, 1, 3, 4, false),
        (3, 1, 0, 3, true),
        (1, 2, 3, 2, true),
        (1, 2, 3, 3, false),
    ] {
        let wanted = if apart { Ok(()) } else { Err(RegionError::Overlap) };
        assert_eq!(in_arena(&conv(input, output), x, Place::Outside(&[]), &weights, y), wanted, "{input} at {x}, {output} at {y}");
    }
}

/// Row 1 of the output is made of rows 0 to 2 of the input: where it is written over the first, or the last of them, it is refused.
#[test]
fn a_row_is_written_over_none_that_is_read_for_it() {
    let pool = Pool2d::new(Pixels::new([3, 2, 1]), Pixels::new([3, 2, 1]), PoolKind::Max).kernel([3, 1]).pads([1, 0, 1, 0]);
    let run = |x: usize, y: usize| {
        let mut arena = [0.0f32; 32];
        let arena = cast_slice_mut(&mut arena);
        let operands = Operands { arena, x: Place::Arena(4 * x), r: Place::Outside(&[]), w: &[], y: Destination::Arena(4 * y) };
        run_row_checked(&pool, 1, operands)
    };
    // Row 1 lies at element 2 behind the output's beginning, the input's rows at 0, 2 and 4 behind its own.
    for (x, y, apart) in [(4, 0, true), (3, 0, false), (2, 0, false), (0, 2, false), (0, 3, false), (0, 4, true)] {
        assert_eq!(run(x, y), if apart { Ok(()) } else { Err(RegionError::Overlap) }, "{x} {y}");
    }
    // The last row of the input is in no window of row 1 here.
    let two = Pool2d::new(Pixels::new([3, 2, 1]), Pixels::new([3, 2, 1]), PoolKind::Max).kernel([2, 1]).pads([1, 0, 0, 0]);
    let mut arena = [0.0f32; 8];
    let arena = cast_slice_mut(&mut arena);
    let operands = Operands { arena, x: Place::Arena(0), r: Place::Outside(&[]), w: &[], y: Destination::Arena(4 * 2) };
    assert_eq!(run_row_checked(&two, 1, operands), Ok(()));
}

#[test]
fn a_row_of_a_ring_takes_the_place_of_the_one_that_leaves_it() {
    let mut arena = Arena::<64>::new();
    let ring = || Region::<f32, 16, 6>::new();
    for row in 0..5 {
        arena.row::<f32, 16, 6, 1, 2>(ring(), row).fill([row as f32]);
    }
    assert_eq!(arena.read(ring()), &[3.0, 3.0, 4.0, 4.0, 2.0, 2.0]);
}

#[test]
fn a_tile_has_pixels_and_lanes() {
    let [x, y] = [map(2, 2, 4), map(2, 2, 4)];
    assert!(Conv2d::<Plain, 4, 4>::new(x, y).extent().is_some());
    assert_eq!(Conv2d::<Plain, 0, 4>::new(x, y).extent(), None);
    assert_eq!(Conv2d::<Plain, 4, 0>::new(x, y).extent(), None);
}

#[test]
fn what_has_no_tiles_is_counted_at_once() {
    let conv = Conv2d::<Plain, 4, 4>::new(Pixels::new([8, 8, 3]), Pixels::new([8, 8, 4]));
    assert_eq!(conv.tiles(4), [16, 16]);
    for none in [conv.band([0, 8]), conv.band([8, 0]), conv.kernel([0, 1]), conv.strides([1, 0])] {
        assert_eq!(none.tiles(4), [0, 0]);
    }
    assert_eq!(conv.tiles(0), [0, 0]);
}

#[test]
fn an_arena_of_two_parts_is_both_of_them() {
    let mut arena = Arena::<256>::new();
    let (first, second): (&mut Arena<64>, &mut Arena<128>) = arena.split();
    first.fill(1);
    second.fill(2);
    assert_eq!(arena.read(Region::<u8, 62, 4>::new()), &[1, 1, 2, 2]);
    assert_eq!(arena.read(Region::<u8, 190, 4>::new()), &[2, 2, 0, 0]);
    arena.part::<64>().fill(3);
    assert_eq!(arena.read(Region::<u8, 62, 4>::new()), &[3, 3, 2, 2]);
}

#[test]
fn any_bytes_are_a_detectors_lists() {
    let mut arena = Arena::<192>::new();
    arena.fill(0xff);
    let lists = arena.hold::<2, 3>();
    assert_eq!((lists.candidates.len(), lists.detections.len(), lists.candidates.is_truncated()), (0, 0, true));
    lists.detections = Detections::new();
    assert_eq!((lists.candidates.is_truncated(), lists.detections.is_truncated()), (true, false));
}
