//! Times the network and each of its layers in many rounds, and prints the least times in nanoseconds.

use std::time::{Duration, Instant};

use super::module::{Inputs, LAYERS, Model, RUN};
use super::roof::{OPERATIONS, multiply_and_add};

/// However little time there is.
const MIN_ROUNDS: usize = 5;

/// A round times everything once, so that all have their share of quiet moments. The program's argument says for how many seconds.
pub(crate) fn measure(model: &mut Model, inputs: &Inputs<'_>) -> Result<(), u8> {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1.0);
    let (mut run, mut roof, mut clock) = (Duration::MAX, Duration::MAX, Duration::MAX);
    let mut layers = [Duration::MAX; LAYERS.len()];
    let start = Instant::now();
    let mut rounds = 0;
    while rounds < MIN_ROUNDS || start.elapsed().as_secs_f64() < seconds {
        clock = clock.min(time(|| ()));
        roof = roof.min(time(multiply_and_add));
        run = run.min(time(|| RUN(model, inputs)));
        for (layer, least) in LAYERS.iter().zip(&mut layers) {
            *least = time(|| layer(model, inputs)).min(*least);
        }
        rounds += 1;
    }
    println!("rounds {rounds}");
    println!("roof {}", OPERATIONS as f64 / roof.saturating_sub(clock).as_nanos() as f64);
    println!("run {}", run.saturating_sub(clock).as_nanos());
    for least in layers {
        println!("layer {}", least.saturating_sub(clock).as_nanos());
    }
    check(model, inputs)
}

/// Whether the layers, one by one, are the network.
fn check(model: &mut Model, inputs: &Inputs<'_>) -> Result<(), u8> {
    RUN(model, inputs);
    let whole = checksum(model);
    model.poison();
    for layer in &LAYERS {
        layer(model, inputs);
    }
    if checksum(model) == whole { Ok(()) } else { Err(5) }
}

fn checksum(model: &Model) -> u32 {
    model.outputs().into_iter().fold(0, peleec_runtime::checksum)
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
