//! The model that a command is about: a file or a network of the zoo, and the options of its compilation.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};
use peleec::zoo::ZooOptions;
use peleec::{Error, FLAGS, Flag, ModelFile, Options, Target};

use crate::failure::{Failure, working_on};
use crate::output::Output;

#[derive(clap::Args)]
pub(crate) struct ModelArgs {
    /// ONNX file, or `zoo:NAME` for a network that peleec writes itself
    model: String,
    #[command(flatten)]
    zoo: ZooArgs,
    #[command(flatten)]
    compile: CompileArgs,
}

const ZOO_HEADING: &str = "Networks of the zoo";

/// Flags that `--help` has and `-h`, which fits a screen, has not.
const RARE: [&str; 14] = [
    "input-shape",
    "output",
    "numeric",
    "pin-weights",
    "quant",
    "io",
    "weights-section",
    "input",
    "frame",
    "mean",
    "scale",
    "order",
    "fit",
    "resize",
];

/// What may vary in a network of the zoo.
#[derive(clap::Args)]
pub(crate) struct ZooArgs {
    /// Factor on the channel counts
    #[arg(long, value_name = "FACTOR", help_heading = ZOO_HEADING, hide_short_help = true)]
    width: Option<f32>,
    /// Height and width of the picture
    #[arg(long, value_name = "PIXELS", help_heading = ZOO_HEADING, hide_short_help = true)]
    input_size: Option<usize>,
    /// Number of classes
    #[arg(long, value_name = "N", help_heading = ZOO_HEADING, hide_short_help = true)]
    classes: Option<usize>,
    /// Seed of the weights, and of inputs that are made up
    #[arg(long, value_name = "N", help_heading = ZOO_HEADING, hide_short_help = true)]
    seed: Option<u64>,
}

impl ZooArgs {
    pub(crate) fn options(&self) -> ZooOptions {
        let ZooOptions { width, seed, .. } = ZooOptions::default();
        let (width, seed) = (self.width.unwrap_or(width), self.seed.unwrap_or(seed));
        ZooOptions { width, input_size: self.input_size, classes: self.classes, seed }
    }
}

impl ModelArgs {
    /// Reads the model, or writes it where it is of the zoo.
    pub(crate) fn load(&self) -> Result<ModelFile, Failure> {
        let model = match self.model.strip_prefix("zoo:") {
            Some(name) => network(name, &self.zoo)?,
            None if self.zoo.width.is_some() || self.zoo.input_size.is_some() || self.zoo.classes.is_some() => {
                return Err(Failure::Usage("--width, --input-size and --classes go with `zoo:NAME` only".to_owned()));
            }
            None => ModelFile::read(Path::new(&self.model))?,
        };
        working_on(model.hash());
        Ok(model)
    }

    pub(crate) fn options(&self) -> &Options {
        &self.compile.options
    }

    /// The options of a command that runs code on this computer: for such a target, unless one is named.
    pub(crate) fn options_here(&self, target: Target, output: &Output) -> Options {
        let options = self.options().clone();
        if self.compile.given.iter().any(|(flag, _)| *flag == "target") {
            return options;
        }
        let here = Options { target, ..options.clone() };
        // A class that was asked for may be one that only the portable target has.
        let is_possible = options.numeric.is_none_or(|class| target.classes().contains(&class));
        let options = if is_possible { here } else { options };
        output.detail(format_args!("for {}, as no --target is given", options.target));
        options
    }

    /// `options` with the flags that were given set in them.
    pub(crate) fn given_over(&self, options: &Options) -> Result<Options, Failure> {
        let mut options = options.clone();
        // Outputs that are given stand in place of others, not behind them.
        if self.compile.given.iter().any(|(flag, _)| *flag == "output") {
            options.output_names.clear();
        }
        for (flag, value) in &self.compile.given {
            options.set(flag, value).map_err(Error::from)?;
        }
        Ok(options)
    }

    /// Seed of inputs that are made up.
    pub(crate) fn seed(&self) -> u64 {
        self.zoo.options().seed
    }

    /// The folder of the file.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        if self.model.starts_with("zoo:") {
            return None;
        }
        let parent = Path::new(&self.model).parent()?;
        Some(if parent == Path::new("") { PathBuf::from(".") } else { parent.to_owned() })
    }
}

/// A network of the zoo; a name or a figure that does not serve is wrong usage.
pub(crate) fn network(name: &str, args: &ZooArgs) -> Result<ModelFile, Failure> {
    ModelFile::zoo(name, &args.options()).map_err(|error| match error {
        Error::Data(text) => Failure::Usage(text),
        other => other.into(),
    })
}

/// The options of the library, and the flags that were given for them.
struct CompileArgs {
    options: Options,
    given: Vec<(&'static str, String)>,
}

impl clap::Args for CompileArgs {
    fn augment_args(command: Command) -> Command {
        command.args(FLAGS.iter().map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        CompileArgs::augment_args(command)
    }
}

fn arg(flag: &Flag) -> Arg {
    let help = flag.help.trim().trim_end_matches('.');
    let arg = Arg::new(flag.name).long(flag.name).help(help).help_heading("Compilation").hide_short_help(RARE.contains(&flag.name));
    let arg = match (flag.value, flag.repeats) {
        ("", _) => return arg.action(ArgAction::SetTrue),
        (value, _) if value.starts_with('[') => {
            arg.action(ArgAction::Set).num_args(0..=1).default_missing_value("").value_name(value.trim_matches(['[', ']']))
        }
        (value, false) => arg.action(ArgAction::Set).value_name(value),
        (value, true) => arg.action(ArgAction::Append).value_name(value),
    };
    let values = (flag.values)();
    if values.is_empty() { arg } else { arg.value_parser(PossibleValuesParser::new(values)) }
}

impl clap::FromArgMatches for CompileArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let (mut options, mut given) = (Options::default(), Vec::new());
        for flag in FLAGS {
            let values: Vec<&str> = match flag.value {
                "" => matches.get_flag(flag.name).then_some("").into_iter().collect(),
                _ => matches.get_many::<String>(flag.name).into_iter().flatten().map(String::as_str).collect(),
            };
            for value in values {
                options.set(flag.name, value).map_err(|error| clap::Error::raw(ErrorKind::ValueValidation, format!("{error}\n")))?;
                given.push((flag.name, value.to_owned()));
            }
        }
        Ok(CompileArgs { options, given })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = CompileArgs::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        model: ModelArgs,
    }

    fn parsed(arguments: &[&str]) -> Result<ModelArgs, clap::Error> {
        Cli::try_parse_from([&["peleec"], arguments].concat()).map(|cli| cli.model)
    }

    #[test]
    fn every_rare_flag_is_a_flag() {
        let unknown: Vec<_> = RARE.iter().filter(|name| FLAGS.iter().all(|flag| flag.name != **name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[test]
    fn a_flag_of_the_command_line_is_one_of_the_library() {
        let args =
            parsed(&["m.onnx", "--target", "cortex-m7", "--output", "a", "--output", "b", "--input-dim", "n=2", "--detect"]).unwrap();
        let options = args.options();
        assert_eq!((options.target, &options.output_names[..]), (Target::CortexM7, &["a".to_owned(), "b".to_owned()][..]));
        assert_eq!((options.input_dims.get("n"), options.detect.is_some()), (Some(&2), true));
        for wrong in [&["--target", "z80"][..], &["--input-dim", "n"], &["--input-dim", "n=-1"], &["--ram-budget", "1Q"], &["--no-such"]] {
            assert!(parsed(&[&["m.onnx"], wrong].concat()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn flags_that_are_given_stand_in_place_of_those_that_were() {
        let before = Options { output_names: vec!["old".to_owned()], name: Some("kept".to_owned()), ..Options::default() };
        let over = |arguments: &[&str]| parsed(&[&["m.onnx"], arguments].concat()).unwrap().given_over(&before).unwrap();
        assert_eq!(over(&["--output", "a", "--output", "b"]).output_names, ["a", "b"]);
        let kept = over(&["--target", "cortex-m3"]);
        assert_eq!((kept.output_names, kept.name.as_deref(), kept.target), (before.output_names.clone(), Some("kept"), Target::CortexM3));
    }

    #[test]
    fn what_varies_is_of_the_zoo() {
        for flag in ["--width", "--input-size", "--classes"] {
            let refused = parsed(&["m.onnx", flag, "1"]).unwrap().load().unwrap_err();
            assert!(matches!(&refused, Failure::Usage(why) if why.contains("`zoo:NAME` only")), "{flag}: {}", refused.text());
        }
        let unknown = parsed(&["zoo:no-such-net"]).unwrap().load().unwrap_err();
        assert_eq!(unknown.exit_code(), 2, "{}", unknown.text());
        for (model, folder) in [("m.onnx", Some(".")), ("a/m.onnx", Some("a")), ("/m.onnx", Some("/")), ("zoo:peleenet-224", None)] {
            assert_eq!(parsed(&[model]).unwrap().folder(), folder.map(PathBuf::from), "{model}");
        }
        assert_eq!((parsed(&["m", "--seed", "7"]).unwrap().seed(), parsed(&["m"]).unwrap().seed()), (7, ZooOptions::default().seed));
    }
}
