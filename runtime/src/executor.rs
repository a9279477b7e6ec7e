//! Several cores: how a layer's output is shared among them.

use core::ops::Range;
#[cfg(target_has_atomic = "ptr")]
use core::sync::atomic::{AtomicUsize, Ordering};

/// Cores that compute the parts of a layer.
///
/// ```
/// use peleec_runtime::Executor;
///
/// /// Threads that are started anew for each layer.
/// struct Scoped(usize);
///
/// impl Executor for Scoped {
///     fn cores(&self) -> usize {
///         self.0
///     }
///
///     fn share(&self, work: &(dyn Fn() + Sync)) {
///         std::thread::scope(|scope| {
///             for _ in 1..self.0 {
///                 scope.spawn(work);
///             }
///             work();
///         });
///     }
/// }
/// ```
pub trait Executor {
    /// How many cores there are.
    fn cores(&self) -> usize;

    /// Calls `work` on any of them, and returns when every call has returned. Each call takes parts until none is left, so that it does
    /// not matter how often it is called, or how many calls run at a time.
    fn share(&self, work: &(dyn Fn() + Sync));
}

/// The core that calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneCore;

impl Executor for OneCore {
    #[inline(always)]
    fn cores(&self) -> usize {
        1
    }

    #[inline(always)]
    fn share(&self, work: &(dyn Fn() + Sync)) {
        work();
    }
}

/// Calls `work` for each part of `parts`, once, on the executor's cores.
#[inline(always)]
pub(crate) fn for_each_part<E: Executor + ?Sized>(executor: &E, parts: usize, work: impl Fn(usize) + Sync) {
    #[cfg(target_has_atomic = "ptr")]
    if parts > 1 {
        let next = AtomicUsize::new(0);
        let take = || {
            // Looked at first, so that no number of calls makes the counter begin anew.
            while next.load(Ordering::Relaxed) < parts {
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= parts {
                    return;
                }
                work(part);
            }
        };
        executor.share(&take);
        // Whatever the executor did, every part is computed.
        take();
        return;
    }
    _ = executor;
    for part in 0..parts {
        work(part);
    }
}

/// Part `part` of `parts` of `0..count`, cut at multiples of `step`.
#[inline(always)]
pub(crate) fn part_of(count: usize, step: usize, part: usize, parts: usize) -> Range<usize> {
    boundary(count, step, part, parts)..boundary(count, step, part + 1, parts)
}

/// Where part `part` begins; no product exceeds `count`, so that parts never overlap.
#[inline(always)]
fn boundary(count: usize, step: usize, part: usize, parts: usize) -> usize {
    if part >= parts || parts == 0 || step == 0 {
        return count;
    }
    let steps = count / step;
    (steps / parts * part + part.min(steps % parts)) * step
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicU32, Ordering};

    use super::{Executor, OneCore, for_each_part, part_of};

    /// Calls work so often, one call after the other.
    struct Calls(usize);

    impl Executor for Calls {
        fn cores(&self) -> usize {
            usize::MAX
        }

        fn share(&self, work: &(dyn Fn() + Sync)) {
            (0..self.0).for_each(|_| work());
        }
    }

    /// Whatever an executor does with the work that it is given.
    #[test]
    fn every_part_is_worked_on_once() {
        const MOST: usize = 20;
        for parts in [0, 1, 2, MOST] {
            for calls in [0, 1, 2, 100] {
                let done = [const { AtomicU32::new(0) }; MOST];
                let work = |part: usize| _ = done[part].fetch_add(1, Ordering::Relaxed);
                for_each_part(&Calls(calls), parts, work);
                for_each_part(&Calls(calls) as &dyn Executor, parts, work);
                for_each_part(&OneCore, parts, work);
                for (part, done) in done.iter().enumerate() {
                    assert_eq!(done.load(Ordering::Relaxed), 3 * u32::from(part < parts), "part {part} of {parts}, {calls} calls");
                }
            }
        }
    }

    /// Parts are as large as one another but for a step and the rest, and of no steps there is nothing in any but the last.
    #[test]
    fn parts_are_alike() {
        for (count, step, parts) in [(100, 12, 4), (7, 2, 3), (1, 1, 5), (23, 5, 2), (64, 16, 4)] {
            let len = |part| part_of(count, step, part, parts).len();
            let steps = (0..parts).map(|part| len(part) / step);
            assert!(steps.clone().max().unwrap() - steps.min().unwrap() <= 1, "{count} {step} {parts}");
            assert!((0..parts - 1).all(|part| len(part).is_multiple_of(step)), "{count} {step} {parts}");
        }
        for (count, step, part, parts) in [(10, 0, 0, 1), (10, 1, 3, 3), (10, 1, 0, 0), (10, 1, usize::MAX - 1, 2), (0, 3, 0, 4)] {
            assert!(part_of(count, step, part, parts).end == count || count == 0, "{count} {step} {part} {parts}");
        }
        let (last, most) = (usize::MAX - 1, usize::MAX);
        assert_eq!(part_of(most, 1, last, most), last..most);
    }

    #[test]
    fn parts_make_the_whole() {
        for (count, step, parts) in [(10, 1, 3), (100, 12, 4), (5, 12, 2), (0, 1, 2), (7, 1, 1), (1 << 20, 3, 1 << 19)] {
            let mut next = 0;
            for part in 0..parts {
                let range = part_of(count, step, part, parts);
                assert!(range.start == next && range.end >= next);
                next = range.end;
            }
            assert_eq!(next, count);
        }
    }
}
