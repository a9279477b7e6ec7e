//! What the doors that rustc proves refuse, and that they take what just serves: each by its assertion, which fails here as it would there.

use std::panic::{AssertUnwindSafe, catch_unwind};

use peleec_runtime::{
    Binary, BinaryKind, Cast, Conv2d, CumulativeSum, DepthwiseConv2d, Gather, InPlace, Layer, Map, Move, PRelu, Pixels, Plain, Pool2d,
    PoolKind, RowLayer, Softmax, Within, WithinRows,
};

/// Why `new` fails; nothing where it does not.
fn refusal<T>(new: impl FnOnce() -> T) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(|| _ = new())).err()?;
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
}

/// Doors that serve, and doors that do not with what they say.
macro_rules! doors {
    ($($door:ty: $geometry:expr $(, at $x:expr, $y:expr)? => $why:expr;)+) => {$(
        let why: Option<&str> = $why;
        assert_eq!(refusal(|| <$door>::new($geometry $(, $x, $y)?)).as_deref(), why, stringify!($door of $geometry));
    )+};
}

const MAP: Pixels = Pixels::new([4, 3, 2]);
const HALF: Pixels = Pixels::new([2, 3, 2]);

/// Of two rows of a map each row.
const fn pool(input: Pixels, output: Pixels) -> Pool2d {
    Pool2d::new(input, output, PoolKind::Max).kernel([2, 1]).strides([2, 1])
}

const X: Option<&str> = Some("the input's view leaves its region");
const R: Option<&str> = Some("the second input's view leaves its region");
const W: Option<&str> = Some("the weights leave their range");
const Y: Option<&str> = Some("the output's view leaves its region");
const GEOMETRY: Option<&str> = Some("the geometry contradicts itself");
const RING: Option<&str> = Some("a map of a whole layer is a ring");
const SHORT: Option<&str> = Some("the input's ring is shorter than a window");

#[test]
fn whole_layers() {
    doors! {
        Layer<Pool2d, 24, 0, 12>: pool(MAP, HALF) => None;
        Layer<Pool2d, 25, 7, 13, 9>: pool(MAP, HALF) => None;
        Layer<Pool2d, 23, 0, 12>: pool(MAP, HALF) => X;
        Layer<Pool2d, 24, 0, 11>: pool(MAP, HALF) => Y;
        Layer<Pool2d, 24, 0, 12>: pool(MAP.ring(2), HALF) => RING;
        Layer<Pool2d, 24, 0, 12>: pool(MAP, HALF.ring(1)) => RING;
        Layer<Pool2d, 24, 0, 12>: pool(MAP, Pixels::new([2, 3, 1])) => GEOMETRY;
        Layer<Pool2d, 24, 0, 12>: pool(MAP, HALF.distances([6, 1, 1])) => GEOMETRY;
        Layer<PRelu, 24, 2, 24>: PRelu::new(MAP, MAP) => None;
        Layer<PRelu, 24, 1, 24>: PRelu::new(MAP, MAP) => W;
        Layer<DepthwiseConv2d<Plain>, 24, 8, 24>: DepthwiseConv2d::new(MAP, MAP).kernel([3, 1]).pads([1, 0]) => None;
        Layer<DepthwiseConv2d<Plain>, 24, 7, 24>: DepthwiseConv2d::new(MAP, MAP).kernel([3, 1]).pads([1, 0]) => W;
        Layer<Conv2d<Plain, 2, 4>, 24, 12, 24, 24>: Conv2d::new(MAP, MAP).residual(Some(MAP)) => None;
        Layer<Conv2d<Plain, 2, 4>, 24, 12, 24, 23>: Conv2d::new(MAP, MAP).residual(Some(MAP)) => R;
        Layer<Conv2d<Plain, 2, 4>, 24, 11, 24, 24>: Conv2d::new(MAP, MAP).residual(Some(MAP)) => W;
        // Elements of other sizes are counted as elements.
        Layer<Cast<u8, i64>, 24, 0, 24>: Cast::new(MAP, MAP) => None;
        Layer<Cast<u8, i64>, 24, 0, 23>: Cast::new(MAP, MAP) => Y;
        Layer<Cast<i64, u8>, 23, 0, 24>: Cast::new(MAP, MAP) => X;
    }
}

/// A view of three by four, whose rows are five apart.
const DIMS: [u32; 6] = [1, 1, 1, 1, 3, 4];
const WIDE: [u32; 6] = [0, 0, 0, 0, 5, 1];
const DENSE: [u32; 6] = [0, 0, 0, 0, 4, 1];

#[test]
fn whole_layers_over_views() {
    doors! {
        Layer<Move<u8>, 14, 0, 12>: Move::new(DIMS, WIDE, DENSE) => None;
        Layer<Move<u8>, 13, 0, 12>: Move::new(DIMS, WIDE, DENSE) => X;
        Layer<Move<u8>, 14, 0, 11>: Move::new(DIMS, WIDE, DENSE) => Y;
        Layer<Move<u8>, 14, 0, 12>: Move::new([0, 1, 1, 1, 3, 4], WIDE, DENSE) => GEOMETRY;
        Layer<Binary, 12, 0, 14, 4>: Binary::new(DIMS, DENSE, [0, 0, 0, 0, 0, 1], WIDE, BinaryKind::Add) => None;
        Layer<Binary, 12, 0, 14, 3>: Binary::new(DIMS, DENSE, [0, 0, 0, 0, 0, 1], WIDE, BinaryKind::Add) => R;
        // Rows of seven, any of which an index may name.
        Layer<Gather<u8, i32>, 28, 0, 12, 3>: Gather::new(DIMS, [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0], DENSE, [7, 4]) => None;
        Layer<Gather<u8, i32>, 27, 0, 12, 3>: Gather::new(DIMS, [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0], DENSE, [7, 4]) => X;
        Layer<Gather<u8, i32>, 28, 0, 12, 2>: Gather::new(DIMS, [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0], DENSE, [7, 4]) => R;
        Layer<Gather<u8, i32>, 28, 0, 12, 3>: Gather::new(DIMS, [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0], DENSE, [0, 4]) => GEOMETRY;
    }
}

const PLACES: Option<&str> = Some("elements would not stay in their places");

#[test]
fn layers_in_place() {
    doors! {
        InPlace<Map, 14>: Map::new(DIMS, WIDE, WIDE) => None;
        InPlace<Map, 13>: Map::new(DIMS, WIDE, WIDE) => X;
        InPlace<Map, 14>: Map::new(DIMS, WIDE, DENSE) => PLACES;
        InPlace<Map, 14>: Map::new(DIMS, [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1]) => PLACES;
        // The step of a dimension of one does not matter.
        InPlace<Map, 14>: Map::new(DIMS, [9, 0, 0, 0, 5, 1], [0, 7, 0, 0, 5, 1]) => None;
        InPlace<CumulativeSum<i16>, 12>: CumulativeSum::new(DIMS, DENSE, DENSE) => None;
        InPlace<Softmax, 12>: Softmax::new(DIMS, [0, 0, 0, 0, 1, 3], DENSE) => PLACES;
    }
}

const SHARED: Option<&str> = Some("input and output share elements");
const OUTSIDE: Option<&str> = Some("a view leaves its region");

/// Channels of pixels of five: two at the beginning, and two or three behind them.
const fn slice(channels: u32) -> Pixels {
    Pixels::new([4, 3, channels]).distances([15, 5, 1])
}

#[test]
fn layers_within_one_region() {
    let conv = |channels: u32| Conv2d::<Plain, 2, 4>::new(slice(2), slice(channels));
    doors! {
        Within<Conv2d<Plain, 2, 4>, 60, 12>: conv(3), at 0, 2 => None;
        Within<Conv2d<Plain, 2, 4>, 60, 12>: conv(2), at 0, 3 => None;
        Within<Conv2d<Plain, 2, 4>, 60, 12>: conv(3), at 0, 1 => SHARED;
        Within<Conv2d<Plain, 2, 4>, 62, 12>: conv(3), at 0, 3 => SHARED;
        Within<Conv2d<Plain, 2, 4>, 60, 12>: conv(3), at 3, 0 => None;
        Within<Conv2d<Plain, 2, 4>, 60, 12>: conv(3), at 0, 0 => SHARED;
        Within<Conv2d<Plain, 2, 4>, 59, 12>: conv(3), at 0, 2 => Y;
        Within<Conv2d<Plain, 2, 4>, 59, 12>: conv(3), at 3, 0 => X;
        Within<Conv2d<Plain, 2, 4>, 60, 11>: conv(3), at 0, 2 => W;
        Within<Conv2d<Plain, 2, 4>, 60, 12>: conv(3), at 61, 0 => OUTSIDE;
        Within<Conv2d<Plain, 2, 4>, 60, 12>: conv(3), at 0, 61 => OUTSIDE;
        // Channels that lie apart are not looked at one by one, nor are maps one behind the other.
        Within<Pool2d, 24, 0>: pool(Pixels::new([4, 1, 2]).distances([4, 4, 2]), Pixels::new([2, 1, 2]).distances([4, 4, 2])), at 0, 1 => SHARED;
        Within<Pool2d, 36, 0>: pool(MAP, HALF), at 0, 24 => SHARED;
        Within<Pool2d, 60, 0>: pool(slice(2).ring(2), Pixels::new([2, 3, 2]).distances([15, 5, 1])), at 0, 2 => RING;
    }
}

const WRITTEN: Option<&str> = Some("a row is written over one that is read for it");

#[test]
fn layers_of_rows() {
    doors! {
        RowLayer<Pool2d, 12, 0, 6>: pool(MAP.ring(2), HALF.ring(1)) => None;
        RowLayer<Pool2d, 11, 0, 6>: pool(MAP.ring(2), HALF.ring(1)) => X;
        RowLayer<Pool2d, 12, 0, 5>: pool(MAP.ring(2), HALF.ring(1)) => Y;
        RowLayer<Pool2d, 12, 0, 6>: pool(MAP.ring(1), HALF.ring(1)) => SHORT;
        RowLayer<Pool2d, 24, 0, 12>: pool(MAP, HALF) => None;
        RowLayer<Pool2d, 24, 0, 12>: pool(MAP.ring(0), HALF) => GEOMETRY;
        RowLayer<Pool2d, 12, 0, 6>: pool(MAP.ring(2), HALF.ring(1)).dilations([2, 1]) => SHORT;
        RowLayer<Pool2d, 18, 0, 6>: pool(MAP.ring(3), HALF.ring(1)).dilations([2, 1]) => None;
    }
}

/// Rows of six: of two of the input each of the output.
#[test]
fn layers_of_rows_within_one_region() {
    doors! {
        // The output's rows lie where the input's are that an earlier row was made of, or the row before those.
        WithinRows<Pool2d, 30, 0>: pool(MAP, HALF), at 6, 0 => None;
        WithinRows<Pool2d, 36, 0>: pool(MAP, HALF), at 12, 0 => None;
        WithinRows<Pool2d, 24, 0>: pool(MAP, HALF), at 0, 0 => WRITTEN;
        WithinRows<Pool2d, 29, 0>: pool(MAP, HALF), at 5, 0 => WRITTEN;
        WithinRows<Pool2d, 36, 0>: pool(MAP, HALF), at 0, 24 => None;
        WithinRows<Pool2d, 35, 0>: pool(MAP, HALF), at 0, 24 => Y;
        // That a later row finds its rows is the caller's care.
        WithinRows<Pool2d, 35, 0>: pool(MAP, HALF), at 0, 23 => None;
        WithinRows<Pool2d, 29, 0>: pool(MAP, HALF), at 0, 17 => WRITTEN;
        WithinRows<Pool2d, 29, 0>: pool(MAP, HALF), at 6, 0 => X;
        WithinRows<Pool2d, 30, 0>: pool(MAP.ring(1), HALF), at 6, 0 => SHORT;
        WithinRows<Pool2d, 24, 0>: pool(MAP, HALF), at 25, 0 => OUTSIDE;
    }
}
