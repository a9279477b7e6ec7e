//! The worker that only multiplies and adds, with the widest vectors that the machine has: no f32 network can run faster.
//!
//! Its one output is the number of floating-point operations of a run, in units of 10^9.

use std::arch::x86_64::*;
use std::hint::black_box;
use std::thread;

use peers::{Engine, Failure, Job, serve};

/// Long enough to time, short enough to fall between the machine's other work.
const TURNS: usize = 1 << 20;

struct Roof {
    thread: fn() -> usize,
    threads: usize,
    operations: usize,
}

impl Engine for Roof {
    fn load(job: Job) -> Result<Self, Failure> {
        let thread = if is_x86_feature_detected!("avx512f") {
            // SAFETY: the machine has the feature.
            || unsafe { multiply_add_512() }
        } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the machine has the features.
            || unsafe { multiply_add_256() }
        } else {
            return Err("the roof is known for AVX-512 and for AVX2 with FMA".into());
        };
        Ok(Roof { thread, threads: job.threads, operations: 0 })
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn run(&mut self) -> Result<(), Failure> {
        self.operations = thread::scope(|scope| {
            let others: Vec<_> = (1..self.threads).map(|_| scope.spawn(self.thread)).collect();
            let own = (self.thread)();
            others.into_iter().map(|other| other.join().unwrap_or(0)).sum::<usize>() + own
        });
        Ok(())
    }

    fn outputs(&self) -> Result<Vec<Vec<f32>>, Failure> {
        Ok(vec![vec![self.operations as f32 * 1e-9]])
    }
}

/// A multiply-add takes four cycles and two can start in each, so eight sums would do; more do no harm while all are in registers.
#[target_feature(enable = "avx512f")]
fn multiply_add_512() -> usize {
    const SUMS: usize = 16;
    let (factor, addend) = (_mm512_set1_ps(black_box(0.5)), _mm512_set1_ps(black_box(1.0)));
    let mut sums = [addend; SUMS];
    for _ in 0..TURNS {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, factor, addend);
        }
    }
    black_box(sums);
    2 * TURNS * SUMS * 16
}

/// As `multiply_add_512`, with half as many registers.
#[target_feature(enable = "avx2,fma")]
fn multiply_add_256() -> usize {
    const SUMS: usize = 10;
    let (factor, addend) = (_mm256_set1_ps(black_box(0.5)), _mm256_set1_ps(black_box(1.0)));
    let mut sums = [addend; SUMS];
    for _ in 0..TURNS {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, factor, addend);
        }
    }
    black_box(sums);
    2 * TURNS * SUMS * 8
}

fn main() -> Result<(), Failure> {
    serve::<Roof>()
}
