//! Concats that are not materialised: the first operand of a concat of channels stays where it is, the others get a host of their own,
//! and who reads the concat reads both.

use super::problem::{Access, CHANNELS, PlanStep, Problem, Relation, Role, TensorId};

/// Which concats are split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    Nothing,
    /// Those of two operands that no other concat reads, and that read none.
    Pairs,
    /// All that can be.
    Everything,
}

/// The problem with concats split. The tensor of a split concat becomes that of all operands but the first.
pub(crate) fn split(problem: &Problem, which: Split) -> Problem {
    let mut result = problem.clone();
    if which == Split::Nothing {
        return result;
    }
    let concats = Concats::new(problem, which);
    let mut heads: Vec<Option<TensorId>> = vec![None; problem.tensors.len()];
    for id in 0..problem.tensors.len() {
        let Some(first) = concats.first[id].filter(|_| concats.splits[id]) else { continue };
        let source = problem.steps[first].reads[0].tensor;
        let head = heads[source].unwrap_or(source);
        heads[id] = Some(head);
        result.tensors[id].shape.0[CHANNELS] -= problem.tensors[head].shape[CHANNELS];
    }
    let channels = |id: TensorId| heads[id].map_or(0, |head| problem.tensors[head].shape[CHANNELS]);
    let mut steps = Vec::new();
    for (index, step) in problem.steps.iter().enumerate() {
        let mut step = step.clone();
        let Some(from) = step.reads.first().map(|read| read.tensor) else {
            steps.push(step);
            continue;
        };
        let to = step.write.tensor;
        if heads[to].is_some() {
            // A first operand that is itself split gives what it has behind its own.
            if concats.first[to] == Some(index) {
                if heads[from].is_none() {
                    continue;
                }
                (step.reads[0], step.write.dims) = (result.whole(from), result.tensors[from].shape.0.clone());
            } else {
                step.write.start[CHANNELS] -= channels(to);
            }
        } else if let Some(head) = heads[from] {
            let part = |tensor| Access { channel: Some(CHANNELS), ..result.whole(tensor) };
            (step.reads, step.split) = (vec![part(head), part(from)], true);
            (step.splits, step.interleaves) = (false, false);
        }
        steps.push(step);
    }
    result.steps = steps;
    result
}

struct Concats {
    /// For every concat of channels the move of its first operand.
    first: Vec<Option<usize>>,
    splits: Vec<bool>,
}

impl Concats {
    fn new(problem: &Problem, which: Split) -> Self {
        let mut writers = vec![Vec::new(); problem.tensors.len()];
        let mut readers = vec![Vec::new(); problem.tensors.len()];
        for (index, step) in problem.steps.iter().enumerate() {
            writers[step.write.tensor].push(index);
            step.reads.iter().for_each(|read| readers[read.tensor].push(index));
        }
        let first = (0..writers.len()).map(|id| first_operand(problem, id, &writers[id])).collect();
        let mut concats = Concats { first, splits: vec![false; writers.len()] };
        // Readers have higher numbers, so that what they can do is known.
        for id in (0..writers.len()).rev() {
            let Some(first) = concats.first[id] else { continue };
            let alone = writers[id].len() == 2 && concats.first[problem.steps[first].reads[0].tensor].is_none();
            let served = readers[id].iter().all(|&reader| {
                let step = &problem.steps[reader];
                let goes_on =
                    which == Split::Everything && concats.splits[step.write.tensor] && concats.first[step.write.tensor] == Some(reader);
                goes_on || (step.splits && step.reads[0] == Access { channel: step.reads[0].channel, ..problem.whole(id) })
            });
            concats.splits[id] = served && !readers[id].is_empty() && (alone || which == Split::Everything);
        }
        concats
    }
}

/// The move that writes the first channels of `id`, if it is an intermediate map that moves of whole maps make up.
fn first_operand(problem: &Problem, id: TensorId, writers: &[usize]) -> Option<usize> {
    let tensor = &problem.tensors[id];
    let joins = |step: &PlanStep| {
        let whole = step.reads[0] == Access { channel: step.reads[0].channel, ..problem.whole(step.reads[0].tensor) };
        let beside = (0..4).all(|axis| axis == CHANNELS || (step.write.start[axis] == 0 && step.write.dims[axis] == tensor.shape[axis]));
        step.relation == Some(Relation::Same) && whole && beside
    };
    let is_concat = tensor.role == Role::Intermediate && tensor.shape.rank() == 4 && tensor.shape[0] == 1 && writers.len() > 1;
    if !is_concat || !writers.iter().all(|&writer| joins(&problem.steps[writer])) {
        return None;
    }
    let first = writers.iter().copied().find(|&writer| problem.steps[writer].write.start[CHANNELS] == 0)?;
    // The same map twice, or one that lies elsewhere, stays a copy.
    let source = problem.steps[first].reads[0].tensor;
    let once = writers.iter().filter(|&&writer| problem.steps[writer].reads[0].tensor == source).count() == 1;
    (once && problem.tensors[source].role == Role::Intermediate).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::super::text::problem as parse;
    use super::*;

    const PAIR: &str = "
        x: f32[1,2,2,2] input 0
        a: f32[1,2,2,2]
        b: f32[1,3,2,2]
        c: f32[1,5,2,2]
        y: f32[1,4,2,2] output 0
        a@1 <- x@1
        b@1 <- x@1
        c[:,0:2,:,:] <= a
        c[:,2:5,:,:] <= b
        y@1 <- c@1; splits";

    fn steps(text: &str, which: Split) -> Vec<String> {
        let text = split(&parse(text), which).to_string();
        text.lines().filter(|line| line.contains(" <")).map(str::to_owned).collect()
    }

    #[test]
    fn the_reader_of_a_split_concat_reads_two_places() {
        assert_eq!(steps(PAIR, Split::Pairs)[2..], ["c <= b; work 3", "y@1 <- a@1, c@1; split; work 4"]);
        assert_eq!(steps(PAIR, Split::Nothing)[2..], ["c[0:1,0:2,0:2,0:2] <= a", "c[0:1,2:5,0:2,0:2] <= b", "y@1 <- c@1; splits"]);
    }

    #[test]
    fn a_concat_of_a_concat_is_split_only_where_all_are() {
        let text = format!(
            "{}\n{}",
            PAIR.replace("y: f32", "d: f32[1,7,2,2]\ny: f32"),
            "d[:,0:5,:,:] <= c\nd[:,5:7,:,:] <= a\ny@1 <- d@1; splits"
        );
        let text = text.replace("y@1 <- c@1; splits\n", "");
        assert_eq!(steps(&text, Split::Pairs).len(), 7, "nothing is split");
        let all = steps(&text, Split::Everything);
        assert_eq!(all[3..], ["d[0:1,0:3,0:2,0:2] <= c; work 4", "d[0:1,3:5,0:2,0:2] <= a; work 5", "y@1 <- a@1, d@1; split; work 6"]);
    }

    #[test]
    fn a_concat_stays_whole_where_a_reader_can_read_one_place_only() {
        for other in
            [PAIR.replace("; splits", ""), PAIR.replace("y@1 <- c@1", "y@1 <- c[:,0:4,:,:]@1"), PAIR.replace("<= b", "<= a[:,0:2,:,:]")]
        {
            assert!(steps(&other, Split::Everything).iter().all(|step| !step.contains("split;")), "{other}");
        }
    }
}
