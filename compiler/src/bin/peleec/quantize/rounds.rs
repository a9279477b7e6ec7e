//! Work of many parts, shared among cores.

use std::thread;

use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;

/// What `work` makes of each index below `count`, in their order, by all cores; `what` says of what the parts are.
pub(super) fn rounds<T: Send>(
    count: usize,
    what: &str,
    output: &Output,
    work: impl Fn(usize) -> Result<T, Failure> + Sync,
) -> Result<Vec<T>, Failure> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let (work, mut results) = (&work, Vec::with_capacity(count));
    for first in (0..count).step_by(cores) {
        let _progress = Progress::start(output, format!("{what} {} of {count}", first + 1));
        let round: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (first..count.min(first + cores)).map(|index| scope.spawn(move || work(index))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        results.extend(round.into_iter().collect::<Result<Vec<_>, _>>()?);
    }
    Ok(results)
}
