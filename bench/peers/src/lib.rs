//! A worker: a process that loads one engine and one network, then does what the driver says on its standard input.
//!
//! Arguments: MODEL INPUTS OUTPUTS THREADS SHAPE...; INPUTS holds `0.bin`, `1.bin`, ... with little-endian f32, SHAPE is like `1x3x304x304`.
//! It says `ready THREADS KIB`: how many threads it uses, and its peak memory so far, before it loads the network.
//! To `run N` it answers the nanoseconds of N runs; at `finish` it writes its outputs to OUTPUTS, says its peak memory until then, and ends.
//! `worker.py` is the same for engines that are Python packages.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead};
use std::path::PathBuf;
use std::time::Instant;

/// Whatever went wrong, for the driver's user to read.
pub type Failure = Box<dyn Error + Send + Sync>;

/// What to load.
pub struct Job {
    /// The ONNX file.
    pub model: PathBuf,
    /// The network's inputs, in its own order.
    pub inputs: Vec<Input>,
    /// Threads that the engine may use.
    pub threads: usize,
}

/// One input of the network.
pub struct Input {
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Vec<f32>,
}

/// A network that an engine has loaded.
pub trait Engine: Sized {
    /// Loads the network: everything that need not happen on each run.
    fn load(job: Job) -> Result<Self, Failure>;

    /// Threads that a run uses.
    fn threads(&self) -> usize;

    /// Runs once and keeps the outputs. This is what is timed.
    fn run(&mut self) -> Result<(), Failure>;

    /// The outputs of the last run, in the network's order.
    fn outputs(&self) -> Result<Vec<Vec<f32>>, Failure>;
}

/// The whole `main` of a worker.
pub fn serve<E: Engine>() -> Result<(), Failure> {
    let (job, folder) = arguments()?;
    let before = peak_kib()?;
    let mut engine = E::load(job)?;
    println!("ready {} {before}", engine.threads());
    for line in io::stdin().lock().lines() {
        match line?.split_once(' ') {
            Some(("run", count)) => println!("{}", times(&mut engine, count.parse()?)?.join(" ")),
            _ => break,
        }
    }
    let peak = peak_kib()?;
    for (index, output) in engine.outputs()?.into_iter().enumerate() {
        let bytes: Vec<u8> = output.into_iter().flat_map(f32::to_le_bytes).collect();
        fs::write(folder.join(format!("{index}.bin")), bytes)?;
    }
    println!("{peak}");
    Ok(())
}

/// One run before the timed ones brings the caches back from the engine that ran last.
fn times(engine: &mut impl Engine, count: usize) -> Result<Vec<String>, Failure> {
    engine.run()?;
    let timed = |_| {
        let start = Instant::now();
        engine.run()?;
        Ok(start.elapsed().as_nanos().to_string())
    };
    (0..count).map(timed).collect()
}

fn arguments() -> Result<(Job, PathBuf), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("arguments: MODEL INPUTS OUTPUTS THREADS SHAPE...");
    let (model, inputs, outputs, threads) = (next()?.into(), PathBuf::from(next()?), next()?.into(), next()?.parse()?);
    let input = |(index, shape): (usize, String)| -> Result<Input, Failure> {
        let bytes = fs::read(inputs.join(format!("{index}.bin")))?;
        let shape = shape.split('x').map(str::parse).collect::<Result<_, _>>()?;
        Ok(Input { shape, values: bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect() })
    };
    let inputs = arguments.enumerate().map(input).collect::<Result<_, _>>()?;
    Ok((Job { model, inputs, threads }, outputs))
}

/// The most memory that this process has held so far.
fn peak_kib() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("the kernel tells no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
