//! How the sums of a convolution of bytes are made: the unit that makes them, and the order of the weights that it reads.

mod channels;
mod dsp;
mod filters;
mod mve;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;
mod pairs;
mod plain;
mod quads;
pub(crate) mod sealed;
mod single;
mod thumb;
mod thumb2;
mod window;
#[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
mod x86;

use crate::element::Element;
pub use dsp::Dsp;
pub use filters::Filters;
pub use pairs::Pairs;
pub use quads::Quads;
pub use single::Single;
pub use thumb::Thumb;
pub use thumb2::Thumb2;
pub(crate) use window::ChannelWindow;

/// The unit that makes sums of bytes. Sealed. The same integers by each.
pub trait ByteArithmetic: sealed::Products {
    /// The order of the bytes of a block of filters.
    const ORDER: WeightOrder = <Self as sealed::Products>::ORDER;
}
impl<S: sealed::Products> ByteArithmetic for S {}

/// The order of the bytes of a block of filters. Those of one filter are in the order (ky, kx, channel).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightOrder {
    /// So many of each filter, then as many more of each; the last are filled up with zeros.
    Words(u32),
    /// One filter after the other.
    Filters,
}

impl WeightOrder {
    /// Bytes of a filter that lie together wherever it is read from.
    pub(crate) const fn word(&self) -> u32 {
        match *self {
            WeightOrder::Words(0) | WeightOrder::Filters => 1,
            WeightOrder::Words(word) => word,
        }
    }

    /// Bytes of a filter with so many weights; saturating.
    pub const fn filter(&self, weights: u32) -> u32 {
        weights.div_ceil(self.word()).saturating_mul(self.word())
    }

    /// Where weight `at` of filter `lane` lies in a block of `lanes` filters of `len` bytes each.
    pub const fn place(&self, at: usize, lane: usize, lanes: usize, len: usize) -> usize {
        match *self {
            WeightOrder::Words(_) => {
                let word = self.word() as usize;
                (at / word * lanes + lane) * word + at % word
            }
            WeightOrder::Filters => lane * len + at,
        }
    }
}

/// What all runs of channels of a block have in common.
#[derive(Clone, Copy)]
#[cfg_attr(not(target_arch = "arm"), allow(dead_code, reason = "not every unit asks for it"))]
pub struct Block {
    /// Bytes of a filter.
    pub(crate) filter: usize,
    /// How many filters of the block exist; not none.
    pub(crate) valid: usize,
}

/// Runs of as many channels each, whose weights follow each other.
#[derive(Clone, Copy)]
pub struct Runs {
    /// How many.
    pub(crate) count: usize,
    /// Channels of each.
    pub(crate) len: usize,
    /// Elements from the beginning of one to that of the next.
    pub(crate) step: usize,
}

/// Bytes of a word of four.
const QUAD: usize = 4;

/// Whether elements are bytes, and whether those have signs.
const fn signs<F: Element>() -> Option<bool> {
    match F::TYPE {
        crate::ElementType::I8 => Some(true),
        crate::ElementType::U8 => Some(false),
        _ => None,
    }
}
