//! What geometries refuse, and the small types that generated code is made of.

use peleec_runtime::{Conv2d, Pixels, Plain, Pool2d, PoolKind, RowCounters, Schedule, part_mut};

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
