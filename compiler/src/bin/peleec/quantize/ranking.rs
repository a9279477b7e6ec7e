//! Which layers cost the results most in bytes: what these gain when one alone stays in floats, and the choice of those that do.
//!
//! The figure of a network is the mean of its results' decibels, over results of floats.

use std::path::PathBuf;

use peleec::accuracy::Likeness;
use peleec::quantization::Calibration;
use peleec::{Compilation, DType, LayerGain, ModelFile, Options, RamBudget, Tensor, compile_quantized, layer_gains, observe_quantized};
use peleec::{Observer, QuantizedObserver, Sum};
use serde_json::{Value, json};

use super::rounds::rounds;
use super::{Examples, alike};
use crate::compile::write_file;
use crate::failure::Failure;
use crate::output::Output;
use crate::table::Table;

/// The most examples on which networks are compared.
const MOST_EXAMPLES: usize = 8;

/// How many layers are measured anew for each one that is chosen.
const CANDIDATES: usize = 4;

/// The most layers that are shown.
const ROWS: usize = 15;

/// The decibels of what does not differ, about those to which floats are exact: so that there is a difference to anything.
const MOST_DECIBELS: f64 = 150.0;

/// What is asked of layers.
#[derive(clap::Args)]
pub(super) struct RankingArgs {
    /// Rank layers by what results gain by each in floats
    #[arg(long)]
    layers: bool,
    /// Rank layers, and leave those N in floats by which the results gain most
    #[arg(long, value_name = "N", hide_short_help = true)]
    auto_mixed: Option<usize>,
    /// Rank layers, and write the ranking as a picture
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    svg: Option<PathBuf>,
}

/// A network with what its layers are measured by.
pub(super) struct Measured<'a> {
    pub(super) model: &'a ModelFile,
    pub(super) options: &'a Options,
    pub(super) floats: &'a Compilation,
    pub(super) observer: &'a Observer,
    pub(super) examples: &'a Examples,
    pub(super) output: &'a Output,
}

/// Layers, the worst first, and those that were chosen to stay in floats.
pub(super) struct Ranking {
    layers: Vec<LayerGain>,
    chosen: Vec<String>,
    examples: usize,
    /// Decibels of the results with all layers in bytes, and without the chosen ones.
    decibels: [f64; 2],
}

impl RankingArgs {
    /// An error where `--auto-mixed` is for no layer, or leaves none of `layers` in bytes.
    pub(super) fn check(&self, layers: usize) -> Result<(), Failure> {
        let Some(count) = self.auto_mixed else { return Ok(()) };
        if (1..layers).contains(&count) {
            return Ok(());
        }
        let way = if layers > 1 { format!("give 1 to {}, or leave it out", layers - 1) } else { "leave it out".to_owned() };
        Err(Failure::Usage(format!("--auto-mixed {count}: {layers} layers can be sums of bytes, and one at least is to be left: {way}")))
    }

    /// Ranks the layers where that is asked for, and chooses those that are to stay in floats.
    pub(super) fn rank(&self, network: &Measured<'_>, calibration: &Calibration) -> Result<Option<Ranking>, Failure> {
        if !self.layers && self.auto_mixed.is_none() && self.svg.is_none() {
            return Ok(None);
        }
        let bytes = observe_quantized(network.model, network.options, calibration)?;
        self.check(bytes.sums().len())?;
        let examples = spread(network.examples.count());
        let own = network.own(&bytes, &examples)?;
        let trial = Trial::new(network, calibration, bytes.sums(), &examples)?;
        let before = trial.decibels(&[])?;
        let alone: Vec<Vec<usize>> = (0..bytes.sums().len()).map(|index| vec![index]).collect();
        let gains: Vec<f64> = trial.all("ranking: layer", &alone)?.into_iter().map(|decibels| decibels - before).collect();
        let chosen = choose(before, &gains, self.auto_mixed.unwrap_or(0), |sets| trial.all("choice: layer", sets))?;
        let after = chosen.last().map_or(before, |&(_, decibels)| decibels);
        let chosen: Vec<usize> = chosen.into_iter().map(|(index, _)| index).collect();
        let name = |&index: &usize| bytes.sums().get(index).map(|sum| sum.node.clone());
        Ok(Some(Ranking {
            layers: ranked(bytes.sums(), &gains, &own, &chosen),
            chosen: chosen.iter().filter_map(name).collect(),
            examples: examples.len(),
            decibels: [before, after],
        }))
    }

    /// Writes the ranking of a network's layers as a picture, where that is asked for.
    pub(super) fn draw(&self, network: &str, ranking: &Ranking) -> Result<(), Failure> {
        match &self.svg {
            Some(path) => write_file(path, layer_gains(network, &ranking.layers).into_bytes()),
            None => Ok(()),
        }
    }
}

impl Measured<'_> {
    /// How alike the values of each sum are to what they are in floats.
    fn own(&self, bytes: &QuantizedObserver, examples: &[usize]) -> Result<Vec<Likeness>, Failure> {
        let of_example = |index: usize| -> Result<Vec<Likeness>, Failure> {
            let [floats, bytes] = bytes.values(self.observer, &self.examples.get(examples[index])?)?;
            Ok(alike(&floats, &bytes))
        };
        let mut all = vec![Likeness::default(); bytes.sums().len()];
        for of_example in rounds(examples.len(), "layers: example", self.output, of_example)? {
            all.iter_mut().zip(&of_example).for_each(|(all, more)| all.merge(more));
        }
        Ok(all)
    }
}

/// Compiles a network with some layers in floats, and compares its results.
struct Trial<'a> {
    network: &'a Measured<'a>,
    options: Options,
    calibration: &'a Calibration,
    layers: &'a [Sum],
    /// Inputs, and what becomes of them in floats.
    examples: Vec<(Vec<Tensor>, Vec<Tensor>)>,
}

impl<'a> Trial<'a> {
    fn new(network: &'a Measured<'a>, calibration: &'a Calibration, layers: &'a [Sum], examples: &[usize]) -> Result<Self, Failure> {
        let with_results = |index: usize| -> Result<(Vec<Tensor>, Vec<Tensor>), Failure> {
            let inputs = network.examples.get(examples[index])?;
            let results = network.floats.execute(&inputs)?;
            Ok((inputs, results))
        };
        let examples = rounds(examples.len(), "floats: example", network.output, with_results)?;
        // No plan changes a result, and one without a budget is soon made.
        let options = Options { ram_budget: RamBudget::Bytes(usize::MAX), ..network.options.clone() };
        Ok(Trial { network, options, calibration, layers, examples })
    }

    /// The decibels for each set of layers in floats.
    fn all(&self, what: &str, sets: &[Vec<usize>]) -> Result<Vec<f64>, Failure> {
        rounds(sets.len(), what, self.network.output, |index| self.decibels(&sets[index]))
    }

    /// The mean of the results' decibels with these layers in floats.
    fn decibels(&self, layers: &[usize]) -> Result<f64, Failure> {
        if layers.len() >= self.layers.len() {
            return Ok(MOST_DECIBELS);
        }
        let mut calibration = self.calibration.clone();
        calibration.keep_float.extend(layers.iter().filter_map(|&index| Some(self.layers.get(index)?.node.clone())));
        let bytes = compile_quantized(self.network.model, &self.options, &calibration)?;
        let types = self.network.floats.output_types();
        let mut all = vec![Likeness::default(); types.len()];
        for (inputs, results) in &self.examples {
            all.iter_mut().zip(&alike(results, &bytes.execute(inputs)?)).for_each(|(all, more)| all.merge(more));
        }
        let of_floats = types.iter().zip(&all).filter(|((_, ty), _)| ty.dtype == DType::F32);
        let each: Vec<f64> = of_floats.map(|(_, likeness)| bounded(likeness.decibels())).collect();
        Ok(each.iter().sum::<f64>() / each.len().max(1) as f64)
    }
}

/// What is no number is as bad as can be.
fn bounded(decibels: f64) -> f64 {
    if decibels.is_nan() { -MOST_DECIBELS } else { decibels.clamp(-MOST_DECIBELS, MOST_DECIBELS) }
}

/// Some examples of so many, in equal steps.
fn spread(count: usize) -> Vec<usize> {
    let most = count.min(MOST_EXAMPLES);
    (0..most).map(|at| at * count / most).collect()
}

/// Chooses layers one by one, each time that by which most is gained, with the decibels that all so far give. `gains` is what each gains
/// alone; with some chosen, `measure` gives the decibels of these with each of the next best: layers hide what others cost.
fn choose(
    before: f64,
    gains: &[f64],
    count: usize,
    mut measure: impl FnMut(&[Vec<usize>]) -> Result<Vec<f64>, Failure>,
) -> Result<Vec<(usize, f64)>, Failure> {
    let (mut left, mut decibels): (Vec<(usize, f64)>, f64) = (gains.iter().copied().enumerate().collect(), before);
    let mut chosen: Vec<(usize, f64)> = Vec::new();
    while chosen.len() < count && !left.is_empty() {
        best_first(&mut left);
        if !chosen.is_empty() {
            let kept = || chosen.iter().map(|&(index, _)| index);
            let sets: Vec<Vec<usize>> = left.iter().take(CANDIDATES).map(|&(index, _)| kept().chain([index]).collect()).collect();
            for ((_, gain), found) in left.iter_mut().zip(measure(&sets)?) {
                *gain = found - decibels;
            }
            let measured = sets.len();
            best_first(&mut left[..measured]);
        }
        let (index, gain) = left.remove(0);
        decibels += gain;
        chosen.push((index, decibels));
    }
    Ok(chosen)
}

/// Sorts by gain; of equal ones the earlier layer comes first.
fn best_first(layers: &mut [(usize, f64)]) {
    layers.sort_by(|(a, gain_a), (b, gain_b)| gain_b.total_cmp(gain_a).then(a.cmp(b)));
}

/// Layers with their figures, the worst first.
fn ranked(sums: &[Sum], gains: &[f64], own: &[Likeness], chosen: &[usize]) -> Vec<LayerGain> {
    let layers = sums.iter().zip(gains).zip(own).enumerate();
    let layer = |(index, ((sum, &gain_db), own)): (usize, ((&Sum, &f64), &Likeness))| LayerGain {
        node: sum.node.clone(),
        operator: sum.operator.clone(),
        gain_db,
        sqnr_db: own.decibels(),
        cosine: own.cosine(),
        kept: chosen.contains(&index),
    };
    let mut layers: Vec<LayerGain> = layers.map(layer).collect();
    layers.sort_by(|a, b| b.gain_db.total_cmp(&a.gain_db));
    layers
}

impl Ranking {
    /// The nodes that were chosen to stay in floats.
    pub(super) fn chosen(&self) -> &[String] {
        &self.chosen
    }

    /// The worst layers, and what was chosen.
    pub(super) fn show(&self, output: &Output) {
        let mut table = Table::new(&["layer", "operator", "gain dB", "SQNR dB", "cosine", ""], &[2, 3, 4]);
        for layer in self.layers.iter().take(ROWS) {
            table.row([
                layer.node.clone(),
                layer.operator.clone(),
                format!("{:.2}", layer.gain_db),
                format!("{:.1}", layer.sqnr_db),
                format!("{:.5}", layer.cosine),
                if layer.kept { "stays in floats" } else { "" }.to_owned(),
            ]);
        }
        output.say("");
        output.say(format_args!("what the outputs gain when one layer alone stays in floats, on {} examples", self.examples));
        output.table(&table);
        if self.layers.len() > ROWS {
            output.say(format_args!("and {} layers that cost less; --format json has all", self.layers.len() - ROWS));
        }
        if !self.chosen.is_empty() {
            let names: Vec<String> = self.chosen.iter().map(|name| format!("`{name}`")).collect();
            let [before, after] = self.decibels;
            output.say(format_args!("in floats stay {}: outputs at {before:.1} -> {after:.1} dB", names.join(", ")));
        }
    }

    /// Adds the ranking to a command's document.
    pub(super) fn describe(&self, body: &mut Value) {
        body["layers"] = json!(self.layers);
        body["ranked_examples"] = self.examples.into();
        body["auto_mixed"] = json!(self.chosen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Layers 0 and 1 cost the same thing, so that one of them in floats mends what both would.
    fn together(kept: &[usize]) -> f64 {
        let is_kept = |index: usize| kept.contains(&index);
        let shared = if is_kept(0) {
            5.0
        } else if is_kept(1) {
            4.0
        } else {
            0.0
        };
        20.0 + shared + if is_kept(2) { 3.0 } else { 0.0 } + if is_kept(3) { -1.0 } else { 0.0 }
    }

    #[test]
    fn a_choice_regards_what_was_chosen_before() {
        let gains: Vec<f64> = (0..6).map(|index| together(&[index]) - 20.0).collect();
        let mut measured = Vec::new();
        let mut run = |count: usize| {
            choose(20.0, &gains, count, |sets| {
                measured.push(sets.len());
                Ok(sets.iter().map(|set| together(set)).collect())
            })
        };
        assert!(run(0).unwrap().is_empty());
        assert_eq!(run(1).unwrap(), [(0, 25.0)]);
        assert_eq!(run(2).unwrap(), [(0, 25.0), (2, 28.0)]);
        assert_eq!(run(9).unwrap().len(), 6);
        assert!(measured.iter().all(|&sets| sets <= CANDIDATES), "{measured:?}");
        assert_eq!(measured.len(), 1 + 5);
    }

    #[test]
    fn what_cannot_be_measured_is_an_error() {
        let failing = |_: &[Vec<usize>]| Err(Failure::Usage("no".to_owned()));
        assert!(choose(0.0, &[1.0, 2.0], 2, failing).is_err());
    }

    #[test]
    fn one_layer_at_least_is_left_in_bytes() {
        let asked = |count: usize| RankingArgs { layers: false, auto_mixed: Some(count), svg: None };
        assert!(asked(1).check(2).is_ok() && asked(6).check(7).is_ok());
        for (count, layers, way) in [(0, 7, "give 1 to 6"), (7, 7, "give 1 to 6"), (1, 1, "leave it out")] {
            let refusal = asked(count).check(layers).unwrap_err();
            assert!(refusal.to_string().contains(way) && refusal.exit_code() == 2, "{refusal}");
        }
    }

    #[test]
    fn examples_are_taken_from_all_over() {
        assert_eq!(spread(3), [0, 1, 2]);
        assert_eq!(spread(80), [0, 10, 20, 30, 40, 50, 60, 70]);
        assert!(spread(0).is_empty());
    }

    #[test]
    fn decibels_can_be_subtracted() {
        assert_eq!([f64::NAN, f64::INFINITY, 12.5].map(bounded), [-MOST_DECIBELS, MOST_DECIBELS, 12.5]);
    }
}
