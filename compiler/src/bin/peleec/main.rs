//! The command line: reads it, runs one command, and makes an exit code of the outcome.
//!
//! 0 all is well, 1 the answer is no, 2 wrong usage, 3 unreadable or invalid, 4 valid but not supported, 70 a fault of peleec.

mod bench;
mod build;
mod check;
mod compile;
mod eval;
mod explain;
mod failure;
mod inspect;
mod interrupt;
mod limit;
mod model;
mod numbers;
mod ops;
mod output;
mod picture;
mod plan;
mod progress;
mod prose;
mod quantize;
mod run;
mod table;
mod verify;
mod viewer;
mod zoo;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::{Answer, Failure};
use crate::output::{Output, OutputArgs};

/// Compiles ONNX graphs of the Pelee family to static, panic-free, no_std Rust.
#[derive(Parser)]
#[command(name = "peleec", version, max_term_width = 120)]
struct Cli {
    #[command(flatten)]
    output: OutputArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Compile(compile::Args),
    Run(run::Args),
    Eval(eval::Args),
    Quantize(quantize::Args),
    Verify(verify::Args),
    Bench(bench::Args),
    Check(check::Args),
    Inspect(inspect::Args),
    Plan(plan::Args),
    Zoo(zoo::Args),
    Ops(ops::Args),
    Explain(explain::Args),
}

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Command::Compile(_) => "compile",
            Command::Run(_) => "run",
            Command::Eval(_) => "eval",
            Command::Quantize(_) => "quantize",
            Command::Verify(_) => "verify",
            Command::Bench(_) => "bench",
            Command::Check(_) => "check",
            Command::Inspect(_) => "inspect",
            Command::Plan(_) => "plan",
            Command::Zoo(_) => "zoo",
            Command::Ops(_) => "ops",
            Command::Explain(_) => "explain",
        }
    }
}

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|_| eprintln!("{}", failure::internal_error())));
    let cli = Cli::parse();
    let output = Output::new(&cli.output, cli.command.name());
    let outcome = std::panic::catch_unwind(|| run(&cli.command, &output));
    let code = match outcome {
        Ok(Ok(Answer::Yes)) => 0,
        Ok(Ok(Answer::No)) => 1,
        Ok(Err(failure)) => {
            output.failure(&failure);
            failure.exit_code()
        }
        Err(_) => 70,
    };
    ExitCode::from(code)
}

fn run(command: &Command, output: &Output) -> Result<Answer, Failure> {
    match command {
        Command::Compile(args) => compile::run(args, output),
        Command::Run(args) => run::run(args, output),
        Command::Eval(args) => eval::run(args, output),
        Command::Quantize(args) => quantize::run(args, output),
        Command::Verify(args) => verify::run(args, output),
        Command::Bench(args) => bench::run(args, output),
        Command::Check(args) => check::run(args, output),
        Command::Inspect(args) => inspect::run(args, output),
        Command::Plan(args) => plan::run(args, output),
        Command::Zoo(args) => zoo::run(args, output),
        Command::Ops(args) => ops::run(args, output),
        Command::Explain(args) => explain::run(args, output),
    }
}
