//! Typed memory: regions of the arena, ranges of the weights. Where a region lies is part of its type, in bytes; what lies in it, too.

use core::marker::PhantomData;

use crate::detection::DetectionLists;
use crate::element::Element;

/// Memory that a model works in: bytes, aligned to 64.
#[repr(C, align(64))]
pub struct Arena<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Arena<BYTES> {
    /// An arena of zeros; in a `static` it costs no flash.
    pub const fn new() -> Self {
        Arena([0; BYTES])
    }

    /// Fills the arena with `byte`. Tests fill it twice, with different bytes, to see that nothing reads what was never written.
    pub fn fill(&mut self, byte: u8) {
        self.0 = [byte; BYTES];
    }
}

impl<const BYTES: usize> Default for Arena<BYTES> {
    fn default() -> Self {
        Arena::new()
    }
}

/// So that a model has its memory or borrows it.
impl<const BYTES: usize> AsMut<Arena<BYTES>> for Arena<BYTES> {
    fn as_mut(&mut self) -> &mut Arena<BYTES> {
        self
    }
}

impl<const BYTES: usize> Arena<BYTES> {
    /// Its first `LEN` bytes, which are whole lines of 64, as an arena: for a model that needs fewer than another with which it takes turns.
    pub const fn part<const LEN: usize>(&mut self) -> &mut Arena<LEN> {
        const {
            assert!(LEN <= BYTES, "a part is larger than its arena");
            assert!(LEN.is_multiple_of(align_of::<Self>()), "a part is not of whole lines");
        };
        // SAFETY: the part lies inside the arena by the first assertion, and has no padding, which a write might spoil, by the second.
        unsafe { &mut *core::ptr::from_mut(self).cast() }
    }

    /// The arena as two: its first `A` bytes and the next `B`, which are whole lines of 64.
    pub const fn split<const A: usize, const B: usize>(&mut self) -> (&mut Arena<A>, &mut Arena<B>) {
        const {
            assert!(A <= BYTES && B <= BYTES - A, "two parts are larger than their arena");
            assert!(A.is_multiple_of(align_of::<Self>()) && B.is_multiple_of(align_of::<Self>()), "a part is not of whole lines");
        };
        let base = core::ptr::from_mut(self).cast::<u8>();
        // SAFETY: both parts lie inside the arena and apart by the first assertion, begin with a line and have no padding by the second.
        unsafe { (&mut *base.cast(), &mut *base.add(A).cast()) }
    }

    /// The memory as a detector's lists.
    pub const fn hold<const CANDIDATES: usize, const DETECTIONS: usize>(&mut self) -> &mut DetectionLists<CANDIDATES, DETECTIONS> {
        const { assert!(size_of::<DetectionLists<CANDIDATES, DETECTIONS>>() <= BYTES, "the lists have no place in the arena") };
        // SAFETY: the lists lie inside the arena by the assertion above; any bytes are lists, none of which is padding.
        unsafe { &mut *core::ptr::from_mut(self).cast() }
    }
}

/// `LEN` elements of type `T` from byte `AT` of the arena on. The type is the place: it has no data.
#[derive(Clone, Copy, Debug)]
pub struct Region<T, const AT: usize, const LEN: usize>(PhantomData<T>);

impl<T: Element, const AT: usize, const LEN: usize> Region<T, AT, LEN> {
    /// The region; fails to compile where `T` cannot lie at its place.
    pub const fn new() -> Self {
        const { assert!(AT.is_multiple_of(size_of::<T>()), "a region is not aligned for its elements") };
        Region(PhantomData)
    }
}

impl<T: Element, const AT: usize, const LEN: usize> Default for Region<T, AT, LEN> {
    fn default() -> Self {
        Region::new()
    }
}

/// A [`Region`] as functions of the arena see it. Sealed.
pub trait Placed: sealed::Placed {}
impl<P: sealed::Placed> Placed for P {}

mod sealed {
    use super::Region;
    use crate::element::Element;

    pub trait Placed: Copy {
        /// The array of its elements.
        type Elements;
        /// The first byte.
        const BEGIN: usize;
        /// One past the last byte; where that exceeds `usize`, its maximum, which no arena has.
        const END: usize;
    }

    impl<T: Element, const AT: usize, const LEN: usize> Placed for Region<T, AT, LEN> {
        type Elements = [T; LEN];
        const BEGIN: usize = AT;
        const END: usize = AT.saturating_add(LEN.saturating_mul(size_of::<T>()));
    }
}

/// Asserts that a region lies in an arena of `bytes`.
const fn inside<P: Placed>(bytes: usize) {
    assert!(P::END <= bytes, "a region leaves the arena");
}

/// Asserts that two regions of an arena share no byte.
const fn apart<P: Placed, Q: Placed>() {
    assert!(P::END <= Q::BEGIN || Q::END <= P::BEGIN, "regions overlap");
}

impl<const BYTES: usize> Arena<BYTES> {
    /// The elements of a region.
    pub const fn read<P: Placed>(&self, _: P) -> &P::Elements {
        const { inside::<P>(BYTES) };
        // SAFETY: the region lies inside the arena by the assertion above, and is aligned by its own.
        unsafe { &*self.0.as_ptr().add(P::BEGIN).cast() }
    }

    /// A region to write.
    pub const fn write<P: Placed>(&mut self, _: P) -> &mut P::Elements {
        const { inside::<P>(BYTES) };
        // SAFETY: the region lies inside the arena by the assertion above, and is aligned by its own.
        unsafe { &mut *self.0.as_mut_ptr().add(P::BEGIN).cast() }
    }

    /// Where row `row` of a map of `W` pixels of `C` channels a row goes in a region that holds its rows one behind the other: all of them,
    /// or a ring of the last ones.
    pub const fn row<T: Element, const AT: usize, const LEN: usize, const C: usize, const W: usize>(
        &mut self,
        region: Region<T, AT, LEN>,
        row: usize,
    ) -> &mut [[T; C]; W] {
        const {
            assert!(C > 0 && W > 0 && W <= LEN / C, "a row has no place in the region");
            assert!(LEN.is_multiple_of(W * C), "a region does not hold whole rows");
        };
        let slot = row % (LEN / (W * C));
        // SAFETY: the row lies inside the region, by the assertions above.
        unsafe { &mut *self.write(region).as_mut_ptr().add(slot * (W * C)).cast() }
    }

    /// A region to read and one to write, which must lie apart.
    pub const fn read_write<X: Placed, Y: Placed>(&mut self, _: X, _: Y) -> (&X::Elements, &mut Y::Elements) {
        const {
            inside::<X>(BYTES);
            inside::<Y>(BYTES);
            apart::<X, Y>();
        };
        let base = self.0.as_mut_ptr();
        // SAFETY: both regions lie inside the arena and apart from each other by the assertions above, and are aligned by their own.
        unsafe { (&*base.add(X::BEGIN).cast(), &mut *base.add(Y::BEGIN).cast()) }
    }

    /// Two regions to read, which may overlap, and one to write, which must lie apart from both.
    pub const fn read2_write<X: Placed, R: Placed, Y: Placed>(
        &mut self,
        _: X,
        _: R,
        _: Y,
    ) -> (&X::Elements, &R::Elements, &mut Y::Elements) {
        const {
            inside::<X>(BYTES);
            inside::<R>(BYTES);
            inside::<Y>(BYTES);
            apart::<X, Y>();
            apart::<R, Y>();
        };
        let base = self.0.as_mut_ptr();
        // SAFETY: the regions lie inside the arena, and the written one apart from both others, by the assertions above; they are aligned
        // by their own.
        unsafe { (&*base.add(X::BEGIN).cast(), &*base.add(R::BEGIN).cast(), &mut *base.add(Y::BEGIN).cast()) }
    }
}

/// `LEN` elements of an output from element `AT` on.
pub const fn part_mut<T: Element, const AT: usize, const LEN: usize, const N: usize>(output: &mut [T; N]) -> &mut [T; LEN] {
    const { assert!(AT <= N && LEN <= N - AT, "a part leaves its output") };
    // SAFETY: the part lies inside the output by the assertion above.
    unsafe { &mut *output.as_mut_ptr().add(AT).cast() }
}

/// `LEN` elements of an input from element `AT` on.
pub const fn part<T: Element, const AT: usize, const LEN: usize, const N: usize>(input: &[T; N]) -> &[T; LEN] {
    const { assert!(AT <= N && LEN <= N - AT, "a part leaves its input") };
    // SAFETY: the part lies inside the input by the assertion above.
    unsafe { &*input.as_ptr().add(AT).cast() }
}

/// A model's weights: bytes in flash, aligned to 64, little-endian.
#[repr(C, align(64))]
pub struct Weights<const BYTES: usize>(pub [u8; BYTES]);

impl<const BYTES: usize> Weights<BYTES> {
    /// `LEN` elements from byte `AT` on.
    pub const fn get<T: Element, const AT: usize, const LEN: usize>(&self) -> &[T; LEN] {
        const {
            assert!(cfg!(target_endian = "little"), "weights are little-endian");
            assert!(AT.is_multiple_of(size_of::<T>()), "a weight range is not aligned for its elements");
            assert!(AT <= BYTES && LEN <= (BYTES - AT) / size_of::<T>(), "a weight range leaves the weights");
        };
        // SAFETY: inside the weights and aligned by the assertions above and `repr(align)`; every pattern of bits is an element.
        unsafe { &*self.0.as_ptr().add(AT).cast() }
    }
}
