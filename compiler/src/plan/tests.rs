//! Plans of the networks: what they take, and that nothing stale is read.

use super::{Budget, plan, replay};
use crate::lower::{Steps, lower};
use crate::{ModelFile, Options, import, passes};

/// The steps of a network of the zoo, for portable code.
fn steps(network: &str) -> Steps {
    let options = Options::default();
    let model = ModelFile::zoo(network, &crate::zoo::ZooOptions::default()).unwrap();
    let mut graph = import(&model, &options).map_err(|_| ()).unwrap().graph;
    passes::run(&mut graph, |_, _| {});
    lower(&graph, options.profile().unwrap()).map_err(|_| ()).unwrap()
}

fn kib(elements: usize) -> f64 {
    elements as f64 / 256.0
}

#[test]
fn figures() {
    for network in ["pelee-304", "peleenet-224"] {
        for outside in [false, true] {
            let mut problem = steps(network).problem;
            problem.outputs_outside = outside;
            for budget in [Budget::Elements(usize::MAX), Budget::Thrifty, Budget::Least] {
                let start = std::time::Instant::now();
                let plan = plan(&problem, budget).unwrap();
                let one: usize = plan.order.iter().map(|&s| plan.problem.steps[s].weights).sum();
                println!(
                    "{network} outside={outside} {budget:?}: {} bound {} reads {:.2} time {:?}",
                    kib(plan.cost.arena),
                    kib(plan.bound),
                    plan.cost.reads as f64 / one as f64,
                    start.elapsed()
                );
                for g in &plan.groups {
                    if let Some(s) = &g.schedule {
                        println!("   [{}, {}) {}+{}x{}+{}", g.begin, g.end, s.prologue.len(), s.body.len(), s.times, s.epilogue.len());
                    }
                }
                if budget == Budget::Least {
                    for v in super::variants(&problem) {
                        if let Some(c) = v.choose(budget) {
                            println!("  variant {} {}", kib(c.cost.arena), kib(c.bound));
                            let mut g: Vec<_> = c
                                .groups
                                .iter()
                                .map(|g| {
                                    (
                                        g.live,
                                        g.begin,
                                        g.end,
                                        g.saved(),
                                        g.stream.is_some(),
                                        v.problem.tensors[v.problem.steps[v.order[g.begin]].write.tensor].name.clone(),
                                        g.reads as f64 / one as f64,
                                    )
                                })
                                .collect();
                            g.sort_by(|a, b| b.0.cmp(&a.0));
                            for g in &g[..7] {
                                println!("     {} {:?}", kib(g.0), g);
                            }
                        }
                    }
                }
                assert_eq!(replay(&problem, &plan), Ok(()));
            }
        }
    }
}
