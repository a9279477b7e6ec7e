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
    use super::part_of;

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
