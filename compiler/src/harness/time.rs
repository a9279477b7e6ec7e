//! Times a measured program on this computer.

use std::path::Path;
use std::time::Duration;

use super::error::HarnessError;
use super::project::Project;
use super::run::{Run, command, start};
use crate::Tensor;

/// The least times of many rounds in one process.
#[derive(Clone, Debug)]
pub struct Times {
    /// One inference.
    pub run: Duration,
    /// Each layer.
    pub layers: Vec<Duration>,
    /// Floating-point operations that the core does in a nanosecond, in f32, with the instructions of the target.
    pub roof: f64,
    /// How often everything was timed.
    pub rounds: u64,
    /// What the layers computed, called one by one.
    pub result: Run,
}

/// Runs a measured program on `inputs` for about `duration`, and at most for `limit`.
pub fn time(project: &Project, program: &Path, inputs: &[Tensor], duration: Duration, limit: Duration) -> Result<Times, HarnessError> {
    let mut command = command(project, program, &[]);
    command.arg(duration.as_secs_f64().to_string());
    let (result, printed) = start(project, command, inputs, limit)?;
    let values = |word: &str| printed.lines().filter_map(|line| line.strip_prefix(word)?.parse::<f64>().ok()).collect::<Vec<_>>();
    let nanos = |nanos: &f64| Duration::from_nanos(*nanos as u64);
    let layers: Vec<_> = values("layer ").iter().map(nanos).collect();
    match (values("run ").first(), values("roof ").first(), values("rounds ").first()) {
        (Some(run), Some(&roof), Some(&rounds)) if layers.len() == project.layers => {
            Ok(Times { run: nanos(run), layers, roof, rounds: rounds as u64, result })
        }
        _ => Err(HarnessError::Failed { status: "no times".to_owned(), text: printed }),
    }
}
