//! `bench`: what each layer of the generated module costs, in time on this computer or in instructions under QEMU.

use std::time::Duration;

use peleec::harness::{self, Machine, Project, Seat};
use peleec::zoo::seeded_input;
use peleec::{Compilation, InputForm, Placement, Tensor};
use serde_json::json;

use crate::build::{BuildArgs, Built};
use crate::failure::{Answer, Failure};
use crate::model::ModelArgs;
use crate::output::Output;
use crate::progress::Progress;

mod table;

use table::{Order, Profile};

/// Build the generated module and measure each layer: time on this computer, instructions under QEMU
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// How long to repeat the layers on this computer; the least times count
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    seconds: f64,
    /// Which layers come first
    #[arg(long, value_enum, default_value_t = Order::Cost)]
    sort: Order,
    #[command(flatten)]
    build: BuildArgs,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Answer, Failure> {
    let duration = Duration::try_from_secs_f64(args.seconds).map_err(|error| Failure::Usage(format!("--seconds: {error}")))?;
    if args.model.options().outputs == Placement::Caller {
        return Err(Failure::Usage("bench measures modules that hold their outputs: leave --outputs caller out".to_owned()));
    }
    if args.model.options().input == InputForm::Rows || args.model.options().frame.is_some() {
        return Err(Failure::Usage("bench measures modules that take arrays: leave --input and --frame out".to_owned()));
    }
    let model = args.model.load()?;
    let options = args.model.options_here(harness::best_target(), output);
    let machine = harness::machine(options.target)?;
    let compilation = peleec::compile(&model, &options)?;
    output.advice(compilation.notes(), output.verbose);
    let built =
        Built::new(&args.build, &machine, output, |folder| Project::write_measured(&compilation, &machine, args.build.opt_level, folder))?;
    let profile = measure(args, duration, &compilation, &machine, &built, output)?;
    let report = compilation.report();
    table::show(&profile, &report, args.sort, &machine.describe(), output);
    let mut body = json!({ "model": report.name, "model_sha256": report.model_sha256, "machine": machine.describe(), "macs": report.macs });
    body["rustc"] = harness::rustc_version()?.into();
    profile.describe(&report, &mut body);
    output.document(body);
    Ok(Answer::Yes)
}

fn measure(
    args: &Args,
    duration: Duration,
    compilation: &Compilation,
    machine: &Machine,
    built: &Built,
    output: &Output,
) -> Result<Profile, Failure> {
    let inputs: Vec<Tensor> = compilation.inputs().iter().map(|(_, ty)| seeded_input(ty, args.model.seed())).collect();
    let (project, program, limit) = (&built.project, &built.program, args.build.limit());
    Ok(match machine.seat {
        Seat::Host => {
            let _progress = Progress::start(output, format!("timing on {}", machine.describe()));
            Profile::Times(harness::time(project, program, &inputs, duration, limit + duration)?)
        }
        Seat::QemuUser(_) | Seat::Board(_) => {
            let _progress = Progress::start(output, format!("counting on {}", machine.describe()));
            Profile::Counts(harness::count(project, program, &inputs, limit)?)
        }
    })
}
