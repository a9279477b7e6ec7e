//! The worker around a module that peleec generated; `PELEEC_MODULE` names the file when this is built.

use std::sync::Mutex;

use peers::{Engine, Failure, Job, serve};
use peleec_runtime::{Executor, Model, Threads, Values, ValuesMut};

#[allow(unreachable_pub, reason = "generated modules are public, wherever they are put")]
mod network {
    include!(env!("PELEEC_MODULE"));
}

/// A static, as in firmware: the arena is never on the stack.
static MODEL: Mutex<network::Model> = Mutex::new(network::Model::new());

struct Peleec {
    threads: Threads,
    inputs: Vec<Vec<f32>>,
    outputs: Vec<Vec<f32>>,
}

impl Engine for Peleec {
    fn load(job: Job) -> Result<Self, Failure> {
        let threads = Threads::new(job.threads)?;
        let inputs = job.inputs.into_iter().map(|input| input.values).collect();
        let outputs = network::Model::OUTPUTS.iter().map(|output| vec![0.0; output.len()]).collect();
        Ok(Peleec { threads, inputs, outputs })
    }

    fn threads(&self) -> usize {
        self.threads.cores()
    }

    fn run(&mut self) -> Result<(), Failure> {
        let inputs: Vec<_> = self.inputs.iter().map(|input| Values::from(&input[..])).collect();
        let mut outputs: Vec<_> = self.outputs.iter_mut().map(|output| ValuesMut::from(&mut output[..])).collect();
        Ok(MODEL.lock().map_err(|error| error.to_string())?.run_slices_with(&self.threads, &inputs, &mut outputs)?)
    }

    fn outputs(&self) -> Result<Vec<Vec<f32>>, Failure> {
        Ok(self.outputs.clone())
    }
}

fn main() -> Result<(), Failure> {
    serve::<Peleec>()
}
