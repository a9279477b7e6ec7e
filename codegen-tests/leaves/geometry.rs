//! What the cases have in common with every other test of a convolution: random numbers, maps, and where their elements lie.

use peleec_runtime::Pixels;

/// Random numbers, the same in every run.
pub(crate) struct Random(pub(crate) u32);

impl Random {
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % n
    }

    pub(crate) fn one_of<T: Copy, const N: usize>(&mut self, values: [T; N]) -> T {
        values[self.below(N as u32) as usize]
    }

    /// Values between -1 and 1, most of them of many bits; among them now and then one of those that `rare` has.
    pub(crate) fn fill(&mut self, values: &mut [f32], rare: &[f32]) {
        for value in values {
            *value = self.below(1 << 24) as f32 / (1 << 23) as f32 - 1.0;
            if !rare.is_empty() && self.below(16) == 0 {
                *value = rare[self.below(rare.len() as u32) as usize];
            }
        }
    }
}

/// How the channels of a map lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Layout {
    /// Adjacent, and pixels without a gap.
    Tight,
    /// Adjacent, in a wider pixel and a longer row.
    Wide,
    /// Each in a plane of its own.
    Planar,
}

impl Layout {
    pub(crate) const ALL: [Layout; 3] = [Layout::Tight, Layout::Wide, Layout::Planar];

    /// A map that is stored whole.
    pub(crate) fn map(self, [height, width]: [u32; 2], channels: u32) -> Pixels {
        let map = Pixels::new([height, width, channels]);
        match self {
            Layout::Tight => map,
            Layout::Wide => map.distances([width * (channels + 3) + 5, channels + 3, 1]),
            Layout::Planar => map.distances([width, 1, height * width]),
        }
    }
}

/// Where element (y, x, c) lies.
pub(crate) fn at(map: &Pixels, [y, x, c]: [u32; 3]) -> usize {
    (y % map.ring * map.row + x * map.pixel + c * map.channel) as usize
}

/// The bytes of values.
pub(crate) fn bytes(values: &[f32]) -> &[u8] {
    // SAFETY: every byte of an `f32` is a `u8`.
    unsafe { core::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

/// The bytes of values that are to be written.
pub(crate) fn bytes_mut(values: &mut [f32]) -> &mut [u8] {
    // SAFETY: every byte of an `f32` is a `u8`, and any four bytes are an `f32`.
    unsafe { core::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) }
}
