//! Threads that wait for layers, where there is an operating system.

extern crate std;

use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::thread::JoinHandle;
use std::vec::Vec;

use crate::executor::Executor;

/// How often a thread looks for work before it sleeps: longer than it takes from one layer to the next.
const PATIENCE: usize = 20_000;

/// A pool of threads, which ends with it.
///
/// One piece of work is shared at a time. While it is, another piece is done by the thread that brings it, alone: so work may share work of
/// its own, and several threads may run models on one pool, and none waits for another. Where a piece panics in one of the pool's threads,
/// `share` panics once all have finished; what the panic carried is forgotten.
pub struct Threads {
    desk: Arc<Desk>,
    helpers: Vec<JoinHandle<()>>,
    /// Held while work is shared.
    turn: Mutex<()>,
}

type Work<'a> = dyn Fn() + Sync + 'a;

/// Where the helpers find their work.
struct Desk {
    work: UnsafeCell<Option<&'static Work<'static>>>,
    /// Counts the pieces of work; a change says that there is one.
    rounds: AtomicUsize,
    /// Helpers that have not finished the present round.
    busy: AtomicUsize,
    panicked: AtomicBool,
    closed: AtomicBool,
}

// SAFETY: `work` is written only while no helper is busy, before `rounds` is counted up (release); helpers read it after they saw that
// (acquire), and before they count `busy` down.
unsafe impl Sync for Desk {}

impl Threads {
    /// The calling thread and `cores - 1` helpers.
    ///
    /// # Errors
    /// The system does not start a thread.
    pub fn new(cores: usize) -> std::io::Result<Self> {
        let desk = Arc::new(Desk {
            work: UnsafeCell::new(None),
            rounds: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        });
        let mut pool = Threads { desk: desk.clone(), helpers: Vec::new(), turn: Mutex::new(()) };
        for _ in 1..cores {
            let desk = desk.clone();
            pool.helpers.push(std::thread::Builder::new().name("peleec".into()).spawn(move || desk.help())?);
        }
        Ok(pool)
    }
}

impl Desk {
    /// Works until the desk is closed.
    fn help(&self) {
        let mut seen = 0;
        loop {
            let mut looked = 0;
            while self.rounds.load(Ordering::Acquire) == seen {
                if looked < PATIENCE {
                    looked += 1;
                    std::hint::spin_loop();
                } else {
                    std::thread::park();
                }
            }
            seen = seen.wrapping_add(1);
            if self.closed.load(Ordering::Relaxed) {
                return;
            }
            // SAFETY: written before the round began, and not again before this helper is done.
            let work = unsafe { *self.work.get() };
            if let Some(Err(payload)) = work.map(|work| catch_unwind(AssertUnwindSafe(work))) {
                // To drop it may panic as well, and then nobody would count this helper down.
                core::mem::forget(payload);
                self.panicked.store(true, Ordering::Relaxed);
            }
            self.busy.fetch_sub(1, Ordering::Release);
        }
    }
}

/// Waits for the helpers, even when the thread that shared the work panics.
struct Finish<'a>(&'a Desk);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        let mut looked = 0;
        while self.0.busy.load(Ordering::Acquire) > 0 {
            looked += 1;
            if looked < PATIENCE {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }
}

impl Executor for Threads {
    fn cores(&self) -> usize {
        self.helpers.len() + 1
    }

    fn share(&self, work: &(dyn Fn() + Sync)) {
        let _turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => return work(),
        };
        let desk = &*self.desk;
        // SAFETY: only the lifetime changes; no helper uses the reference after `Finish` has seen all of them finish, within this call.
        let lent = unsafe { core::mem::transmute::<&Work<'_>, &'static Work<'static>>(work) };
        // SAFETY: this thread has the turn and no helper is busy, so none reads.
        unsafe { *desk.work.get() = Some(lent) };
        // Left by a round that ended with a panic of this thread's own.
        desk.panicked.store(false, Ordering::Relaxed);
        desk.busy.store(self.helpers.len(), Ordering::Relaxed);
        desk.rounds.fetch_add(1, Ordering::Release);
        for helper in &self.helpers {
            helper.thread().unpark();
        }
        let finish = Finish(desk);
        work();
        drop(finish);
        assert!(!desk.panicked.swap(false, Ordering::Relaxed), "a helper panicked");
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.desk.closed.store(true, Ordering::Relaxed);
        self.desk.rounds.fetch_add(1, Ordering::Release);
        for helper in self.helpers.drain(..) {
            helper.thread().unpark();
            _ = helper.join();
        }
    }
}

impl core::fmt::Debug for Threads {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Threads").field("cores", &self.cores()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_computed_once() {
        let pool = Threads::new(3).unwrap();
        assert_eq!(pool.cores(), 3);
        for parts in [2, 7, 100] {
            let counts: Vec<_> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
            crate::executor::for_each_part(&pool, parts, |part| _ = counts[part].fetch_add(1, Ordering::Relaxed));
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
        }
    }

    #[test]
    fn work_that_panics_in_a_helper_panics_in_the_caller() {
        let pool = Threads::new(2).unwrap();
        let caller = std::thread::current().id();
        let done = AtomicBool::new(false);
        let shared = catch_unwind(AssertUnwindSafe(|| {
            pool.share(&|| {
                assert_eq!(std::thread::current().id(), caller);
                done.store(true, Ordering::Relaxed);
            });
        }));
        assert!(shared.is_err() && done.load(Ordering::Relaxed));
        pool.share(&|| {});
    }

    /// Fails where a test would never end.
    fn within_a_minute(test: impl FnOnce() + Send + 'static) {
        let (done, wait) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            test();
            _ = done.send(());
        });
        wait.recv_timeout(std::time::Duration::from_secs(60)).expect("the test ends well");
    }

    /// What a panic carries, and panics when it is dropped.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                std::panic::panic_any("the payload");
            }
        }
    }

    /// Panics in each thread of the pool that is not the caller, once.
    fn bomb_helpers(pool: &Threads, in_caller: bool) -> bool {
        let caller = std::thread::current().id();
        let helped = AtomicBool::new(false);
        let work = || {
            if std::thread::current().id() != caller {
                helped.store(true, Ordering::Release);
                std::panic::panic_any(Bomb);
            }
            while !helped.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            assert!(!in_caller, "in the caller");
        };
        match catch_unwind(AssertUnwindSafe(|| pool.share(&work))) {
            Ok(()) => false,
            Err(payload) => {
                core::mem::forget(payload);
                true
            }
        }
    }

    #[test]
    fn a_panic_that_cannot_be_dropped_is_a_panic_of_the_caller() {
        within_a_minute(|| {
            let pool = Threads::new(2).unwrap();
            assert!(bomb_helpers(&pool, false));
            assert!(bomb_helpers(&pool, true));
            // Neither is remembered.
            pool.share(&|| {});
        });
    }

    #[test]
    fn work_shares_work_of_its_own() {
        within_a_minute(|| {
            let pool = Threads::new(3).unwrap();
            let counts: Vec<_> = (0..12).map(|_| AtomicUsize::new(0)).collect();
            crate::executor::for_each_part(&pool, 3, |outer| {
                crate::executor::for_each_part(&pool, 4, |inner| _ = counts[4 * outer + inner].fetch_add(1, Ordering::Relaxed));
            });
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
        });
    }

    #[test]
    fn a_pool_serves_several_threads() {
        within_a_minute(|| {
            let pool = Threads::new(2).unwrap();
            let total = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..200 {
                            crate::executor::for_each_part(&pool, 5, |_| _ = total.fetch_add(1, Ordering::Relaxed));
                        }
                    });
                }
            });
            assert_eq!(total.into_inner(), 4000);
        });
    }
}
