//! What `bench` measured, as a table and as JSON. Times and instructions never share a name: one says nothing of the other.

use std::time::Duration;

use clap::ValueEnum;
use peleec::Report;
use peleec::harness::{Counts, Times};
use serde_json::{Value, json};

use crate::numbers::macs;
use crate::output::Output;
use crate::table::Table;

/// Characters of the longest bar.
const BAR: f64 = 16.0;

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Order {
    /// The most expensive
    Cost,
    /// The first to run
    Run,
}

/// What was measured: nanoseconds on this computer, or instructions under QEMU.
pub(super) enum Profile {
    Times(Times),
    Counts(Counts),
}

impl Profile {
    fn run(&self) -> f64 {
        match self {
            Profile::Times(times) => nanos(times.run),
            Profile::Counts(counts) => counts.run as f64,
        }
    }

    fn layers(&self) -> Vec<f64> {
        match self {
            Profile::Times(times) => times.layers.iter().copied().map(nanos).collect(),
            Profile::Counts(counts) => counts.layers.iter().map(|&count| count as f64).collect(),
        }
    }

    /// Adds what was measured to the document.
    pub(super) fn describe(&self, report: &Report, body: &mut Value) {
        match self {
            Profile::Times(times) => {
                body["run_ns"] = (times.run.as_nanos() as u64).into();
                body["roof_gflops"] = times.roof.into();
                body["rounds"] = times.rounds.into();
            }
            Profile::Counts(counts) => body["run_instructions"] = counts.run.into(),
        }
        let sum: f64 = self.layers().iter().sum();
        let layers = report.calls().into_iter().zip(self.layers()).map(|(layer, cost)| {
            let mut entry =
                json!({ "name": layer.name, "op": layer.op, "kernel": layer.kernel, "output": layer.output, "macs": layer.macs });
            entry["share"] = share(cost, sum).into();
            match self {
                Profile::Times(times) => {
                    entry["ns"] = (cost as u64).into();
                    let rate = rate(layer.macs, cost);
                    entry["gflops"] = rate.into();
                    entry["roof_share"] = rate.map(|rate| rate / times.roof).into();
                }
                Profile::Counts(_) => {
                    entry["instructions"] = (cost as u64).into();
                    entry["instructions_per_mac"] = per_mac(layer.macs, cost).into();
                }
            }
            entry
        });
        body["layers"] = layers.collect();
    }

    fn columns(&self) -> Vec<&'static str> {
        match self {
            Profile::Times(_) => vec!["layer", "kernel", "MAC", "time us", "share", "", "GFLOP/s", "of roof"],
            Profile::Counts(_) => vec!["layer", "kernel", "MAC", "instructions", "share", "", "per MAC"],
        }
    }

    /// The last columns: how well the cost is used.
    fn efficiency(&self, macs: u64, cost: f64) -> Vec<String> {
        let text = |value: Option<f64>, digits: usize, unit: &str| value.map_or("-".to_owned(), |value| format!("{value:.digits$}{unit}"));
        match self {
            Profile::Times(times) => {
                let rate = rate(macs, cost);
                vec![text(rate, 1, ""), text(rate.map(|rate| 100.0 * rate / times.roof), 0, " %")]
            }
            Profile::Counts(_) => vec![text(per_mac(macs, cost), 2, "")],
        }
    }

    fn cost(&self, cost: f64) -> String {
        match self {
            Profile::Times(_) => format!("{:.1}", cost / 1000.0),
            Profile::Counts(_) => format!("{cost}"),
        }
    }

    fn summary(&self, report: &Report, machine: &str) -> String {
        let (run, macs) = (self.run(), macs(report.macs));
        match (self, &self.efficiency(report.macs, run)[..]) {
            (Profile::Times(times), [rate, share]) => format!(
                "{:.3} ms a run of {macs}: {rate} GFLOP/s, {share} of the {:.1} that the core reaches in f32\n\
                 {:.3} ms the layers one by one; the least times of {} rounds on {machine}",
                run / 1e6,
                times.roof,
                self.layers().iter().sum::<f64>() / 1e6,
                times.rounds,
            ),
            (_, efficiency) => {
                format!("{run} instructions a run of {macs}: {} a MAC\ninstructions, not time: counted on {machine}", efficiency.concat())
            }
        }
    }
}

fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}

/// A part of a whole, which a clock may have found too short to see.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// Floating-point operations in a nanosecond; none where nothing is multiplied.
fn rate(macs: u64, nanos: f64) -> Option<f64> {
    (macs > 0 && nanos > 0.0).then(|| 2.0 * macs as f64 / nanos)
}

fn per_mac(macs: u64, instructions: f64) -> Option<f64> {
    (macs > 0).then(|| instructions / macs as f64)
}

/// One line a layer, and what the whole takes. Shares are of the layers' sum.
pub(super) fn show(profile: &Profile, report: &Report, order: Order, machine: &str, output: &Output) {
    let mut table = Table::new(&profile.columns(), &[2, 3, 4, 6, 7]);
    let mut layers: Vec<_> = report.calls().into_iter().zip(profile.layers()).collect();
    if let Order::Cost = order {
        layers.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    }
    let sum: f64 = layers.iter().map(|(_, cost)| cost).sum();
    let most = layers.iter().map(|(_, cost)| *cost).fold(0.0, f64::max);
    for (layer, cost) in layers {
        let mut row = vec![layer.name.clone(), layer.kernel.clone(), layer.macs.to_string(), profile.cost(cost)];
        row.extend([format!("{:.1} %", 100.0 * share(cost, sum)), bar(share(cost, most))]);
        row.extend(profile.efficiency(layer.macs, cost));
        table.row(row);
    }
    output.table(&table);
    profile.summary(report, machine).lines().for_each(|line| output.say(line));
}

/// A bar of whole characters and a last one in eighths.
fn bar(share: f64) -> String {
    let eighths = (8.0 * BAR * share).round() as usize;
    let last = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    format!("{}{last}", "█".repeat(eighths / 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_end_in_eighths() {
        assert_eq!((bar(0.0), bar(1.0 / 128.0), bar(9.0 / 128.0)), (String::new(), "▏".to_owned(), "█▏".to_owned()));
        assert_eq!(bar(1.0).chars().count(), 16);
    }

    #[test]
    fn what_takes_no_time_has_no_share() {
        assert_eq!((share(0.0, 0.0), share(1.0, 4.0)), (0.0, 0.25));
    }

    #[test]
    fn what_multiplies_nothing_has_no_rate() {
        assert_eq!((rate(0, 5.0), per_mac(0, 5.0)), (None, None));
        assert_eq!((rate(10, 5.0), per_mac(10, 5.0)), (Some(4.0), Some(0.5)));
    }
}
