//! The worker around rten.

use std::sync::Arc;

use peers::{Engine, Failure, Job, serve};
use rten::{Model, ModelOptions, RunOptions, ThreadPool, Value};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;

struct Rten {
    model: Model,
    inputs: Vec<Tensor<f32>>,
    outputs: Vec<Value>,
    options: RunOptions,
    threads: usize,
}

impl Engine for Rten {
    fn load(job: Job) -> Result<Self, Failure> {
        let model = ModelOptions::with_all_ops().prepack_weights(true).load_file(&job.model)?;
        let inputs = job.inputs.into_iter().map(|input| Tensor::from_data(&input.shape, input.values)).collect();
        let options = RunOptions::default().with_thread_pool(Some(Arc::new(ThreadPool::with_num_threads(job.threads))));
        Ok(Rten { model, inputs, outputs: vec![], options, threads: job.threads })
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn run(&mut self) -> Result<(), Failure> {
        let inputs = self.model.input_ids().iter().copied().zip(self.inputs.iter().map(|input| input.view().into())).collect();
        self.outputs = self.model.run(inputs, self.model.output_ids(), Some(self.options.clone()))?;
        Ok(())
    }

    fn outputs(&self) -> Result<Vec<Vec<f32>>, Failure> {
        self.outputs.iter().map(|output| Ok(Tensor::<f32>::try_from(output.clone())?.to_vec())).collect()
    }
}

fn main() -> Result<(), Failure> {
    serve::<Rten>()
}
