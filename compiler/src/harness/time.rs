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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::harness::run::tests::{built, project};

    const TIMES: &str = "run 1500.9\nlayer 10\nlayer 20.7\nroof 3.5\nrounds 4\n";

    /// What a program of two layers that prints this is said to have taken.
    fn timed(printed: &str) -> Result<Times, String> {
        let folder = tempfile::tempdir().unwrap();
        let project = Project { layers: 2, ..project(folder.path(), &[]) };
        let program = built(&project, &format!("echo \"given $#: $1\"; printf '{printed}checksum 0000002a\\n'"));
        time(&project, &program, &[], Duration::from_millis(1250), Duration::from_secs(60)).map_err(|error| error.to_string())
    }

    #[test]
    fn times_are_in_nanoseconds() {
        let times = timed(TIMES).unwrap();
        assert_eq!((times.run, times.roof, times.rounds), (Duration::from_nanos(1500), 3.5, 4));
        assert_eq!(times.layers, [10, 20].map(Duration::from_nanos));
        assert_eq!((times.result.checksum, times.result.outputs.len()), (42, 0));
    }

    /// The program is told for how long, in seconds; what it prints is told where it is not what it should be.
    #[test]
    fn a_program_that_does_not_give_all_times_is_told() {
        for (left_out, wanted) in [("run 1500.9\n", ""), ("layer 10\n", ""), ("roof 3.5\n", "roof high\n"), ("rounds 4\n", "rounds\n")] {
            let error = timed(&TIMES.replace(left_out, wanted)).unwrap_err();
            assert!(error.starts_with("the program failed (no times): given 1: 1.25\n"), "{error}");
        }
        assert!(timed(&format!("{TIMES}layer 30\n")).is_err(), "one layer more");
        // No number of nanoseconds makes a time that is none.
        for odd in ["nan", "-1", "-inf"] {
            assert_eq!(timed(&TIMES.replace("1500.9", odd)).unwrap().run, Duration::ZERO);
        }
        assert_eq!(timed(&TIMES.replace("1500.9", "inf")).unwrap().run, Duration::from_nanos(u64::MAX));
    }
}
