//! The outputs of a detector as it reads them: floats, or bytes that stand for floats.

/// Values that a detector reads. Sealed.
pub trait Values: sealed::Values {}
impl<V: sealed::Values> Values for V {}

pub(super) mod sealed {
    /// Bytes of either kind.
    pub trait Byte: crate::element::Element {}
    impl Byte for i8 {}
    impl Byte for u8 {}

    /// Values that are found by their index.
    pub trait Values {
        /// What tells the values above a threshold.
        type Bound: Copy;

        /// What tells that one value is further above another than some distance.
        type Lead: Copy;

        /// That of a threshold.
        fn bound(&self, threshold: f32) -> Self::Bound;

        /// The value at an index; none where there are not so many.
        fn value(&self, index: usize) -> Option<f32>;

        /// The value at an index, where there is one and it is above the threshold.
        fn value_above(&self, index: usize, bound: Self::Bound) -> Option<f32>;

        /// That of a distance, or of a little more.
        fn lead(&self, distance: f32) -> Self::Lead;

        /// Whether there are values at both indices, and the first is further above the second.
        fn leads(&self, first: usize, second: usize, lead: Self::Lead) -> bool;

        /// The values from an index on; none where there are not so many.
        fn row(&self, first: usize, count: usize) -> impl Iterator<Item = f32> + Clone;
    }
}

impl sealed::Values for &[f32] {
    type Bound = f32;
    type Lead = f32;

    fn bound(&self, threshold: f32) -> f32 {
        threshold
    }

    #[inline(always)]
    fn value(&self, index: usize) -> Option<f32> {
        self.get(index).copied()
    }

    #[inline(always)]
    fn value_above(&self, index: usize, bound: f32) -> Option<f32> {
        self.get(index).copied().filter(|value| *value > bound)
    }

    fn lead(&self, distance: f32) -> f32 {
        distance
    }

    #[inline(always)]
    fn leads(&self, first: usize, second: usize, lead: f32) -> bool {
        self.value(first).zip(self.value(second)).is_some_and(|(first, second)| first - second > lead)
    }

    #[inline(always)]
    fn row(&self, first: usize, count: usize) -> impl Iterator<Item = f32> + Clone {
        part(self, first, count).iter().copied()
    }
}

impl<const N: usize> sealed::Values for &[f32; N] {
    type Bound = f32;
    type Lead = f32;

    fn bound(&self, threshold: f32) -> f32 {
        threshold
    }

    #[inline(always)]
    fn value(&self, index: usize) -> Option<f32> {
        self.as_slice().value(index)
    }

    #[inline(always)]
    fn value_above(&self, index: usize, bound: f32) -> Option<f32> {
        self.as_slice().value_above(index, bound)
    }

    fn lead(&self, distance: f32) -> f32 {
        distance
    }

    #[inline(always)]
    fn leads(&self, first: usize, second: usize, lead: f32) -> bool {
        self.as_slice().leads(first, second, lead)
    }

    #[inline(always)]
    fn row(&self, first: usize, count: usize) -> impl Iterator<Item = f32> + Clone {
        part(self.as_slice(), first, count).iter().copied()
    }
}

/// So many elements from an index on; none where there are not so many.
#[inline(always)]
fn part<T>(all: &[T], first: usize, count: usize) -> &[T] {
    all.get(first..first.saturating_add(count)).unwrap_or_default()
}

/// Bytes each of which stands for `scale * (byte - zero)`, in `f32`; the scale is above zero.
#[derive(Clone, Copy, Debug)]
pub struct Dequantized<'a, T> {
    /// The bytes, signed or not.
    pub bytes: &'a [T],
    /// What one step stands for.
    pub scale: f32,
    /// The byte that stands for zero.
    pub zero: i32,
}

impl<T: sealed::Byte> Dequantized<'_, T> {
    #[inline(always)]
    fn float(&self, byte: i32) -> f32 {
        byte.wrapping_sub(self.zero) as f32 * self.scale
    }
}

impl<T: sealed::Byte> sealed::Values for Dequantized<'_, T> {
    /// The greatest byte that is not above: comparing bytes takes no floats, which some cores have no instructions for.
    type Bound = i32;
    /// In steps, for the same reason: one more than the distance has, which is far above what rounding makes of a difference of floats.
    type Lead = i32;

    fn bound(&self, threshold: f32) -> i32 {
        let above = (LEAST..=MOST).find(|&byte| self.float(byte) > threshold);
        above.unwrap_or(MOST + 1) - 1
    }

    #[inline(always)]
    fn value(&self, index: usize) -> Option<f32> {
        self.bytes.get(index).map(|byte| self.float(byte.cast()))
    }

    #[inline(always)]
    fn value_above(&self, index: usize, bound: i32) -> Option<f32> {
        self.bytes.get(index).map(|byte| byte.cast::<i32>()).filter(|byte| *byte > bound).map(|byte| self.float(byte))
    }

    fn lead(&self, distance: f32) -> i32 {
        ((distance / self.scale) as i32).saturating_add(1)
    }

    #[inline(always)]
    fn leads(&self, first: usize, second: usize, lead: i32) -> bool {
        let bytes = self.bytes.get(first).zip(self.bytes.get(second));
        bytes.is_some_and(|(first, second)| first.cast::<i32>().wrapping_sub(second.cast()) > lead)
    }

    #[inline(always)]
    fn row(&self, first: usize, count: usize) -> impl Iterator<Item = f32> + Clone {
        part(self.bytes, first, count).iter().map(move |byte| self.float(byte.cast()))
    }
}

/// The least and the greatest byte of either kind.
const LEAST: i32 = -128;
const MOST: i32 = 255;
