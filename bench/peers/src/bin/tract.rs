//! The worker around tract.

use peers::{Engine, Failure, Job, serve};
use tract_linalg::multithread::{Executor, set_default_executor};
use tract_onnx::prelude::*;

struct Tract {
    state: TypedSimpleState,
    inputs: TVec<TValue>,
    outputs: TVec<TValue>,
    threads: usize,
}

impl Engine for Tract {
    fn load(job: Job) -> Result<Self, Failure> {
        if job.threads > 1 {
            set_default_executor(Executor::multithread(job.threads));
        }
        let mut model = onnx().model_for_path(&job.model)?;
        let mut inputs = tvec![];
        for (index, input) in job.inputs.iter().enumerate() {
            model.set_input_fact(index, f32::fact(&input.shape).into())?;
            inputs.push(Tensor::from_shape(&input.shape, &input.values)?.into_tvalue());
        }
        let state = model.into_optimized()?.into_runnable()?.spawn()?;
        Ok(Tract { state, inputs, outputs: tvec![], threads: job.threads })
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn run(&mut self) -> Result<(), Failure> {
        self.outputs = self.state.run(self.inputs.clone())?;
        Ok(())
    }

    fn outputs(&self) -> Result<Vec<Vec<f32>>, Failure> {
        self.outputs.iter().map(|output| Ok(output.to_plain_array_view::<f32>()?.iter().copied().collect())).collect()
    }
}

fn main() -> Result<(), Failure> {
    serve::<Tract>()
}
