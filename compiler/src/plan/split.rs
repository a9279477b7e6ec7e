//! Concats that are not materialised: the first operand of a concat of channels stays where it is, the others get a host of their own,
//! and who reads the concat reads both.

use super::problem::{Access, CHANNELS, PlanStep, Problem, Relation, Role, TensorId};

/// Which concats are split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    Nothing,
    /// Those of two operands that no other concat reads, and that read none.
    Pairs,
    /// All that can be, but those that a reader of two places adds to, which it may not do in place: they stay whole, and start with a copy
    /// of the operand that the others would leave where it is.
    Copied,
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
    let mut heads = concats.heads(problem);
    let copies = if which == Split::Copied { concats.copies(problem, &mut heads) } else { Vec::new() };
    // The planner may not do without a step that has no relation.
    copies.into_iter().for_each(|step| result.steps[step].relation = None);
    for (tensor, head) in result.tensors.iter_mut().zip(&heads) {
        let Some(head) = *head else { continue };
        tensor.shape.0[CHANNELS] -= problem.tensors[head].shape[CHANNELS];
    }
    let channels = |id: TensorId| heads[id].map_or(0, |head| problem.tensors[head].shape[CHANNELS]);
    let mut steps = Vec::new();
    for (index, mut step) in std::mem::take(&mut result.steps).into_iter().enumerate() {
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
                    which != Split::Pairs && concats.splits[step.write.tensor] && concats.first[step.write.tensor] == Some(reader);
                goes_on || (step.splits && step.reads[0] == Access { channel: step.reads[0].channel, ..problem.whole(id) })
            });
            concats.splits[id] = served && !readers[id].is_empty() && (alone || which != Split::Pairs);
        }
        concats
    }

    /// For every concat that is split the tensor that stays where it is.
    fn heads(&self, problem: &Problem) -> Vec<Option<TensorId>> {
        let mut heads: Vec<Option<TensorId>> = vec![None; problem.tensors.len()];
        for id in 0..heads.len() {
            let Some(first) = self.first[id].filter(|_| self.splits[id]) else { continue };
            let source = problem.steps[first].reads[0].tensor;
            heads[id] = Some(heads[source].unwrap_or(source));
        }
        heads
    }

    /// Takes the heads off the concats that a step which reads them in two places adds to, and gives the moves that copy those heads.
    fn copies(&self, problem: &Problem, heads: &mut [Option<TensorId>]) -> Vec<usize> {
        let mut is_added_to = vec![false; heads.len()];
        // For every tensor the head that the step which makes it reads.
        let mut read: Vec<Option<TensorId>> = vec![None; heads.len()];
        for step in &problem.steps {
            let Some(from) = step.reads.first().map(|read| read.tensor) else { continue };
            match heads[step.write.tensor] {
                Some(head) => is_added_to[head] |= read[from] == Some(head),
                None => read[step.write.tensor] = heads[from],
            }
        }
        let mut copies = Vec::new();
        for (id, own) in heads.iter_mut().enumerate() {
            let Some(head) = own.take_if(|head| is_added_to[*head]) else { continue };
            copies.extend(self.first[id].filter(|&first| problem.steps[first].reads[0].tensor == head));
        }
        copies
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
    fn what_a_reader_of_two_places_adds_to_starts_with_a_copy() {
        let text = PAIR.replace("y: f32", "e: f32[1,2,2,2]\nd: f32[1,7,2,2]\ny: f32").replace("y@1 <- c@1; splits", "");
        let text = format!("{text}\ne@1 <- c@1; splits\nd[:,0:5,:,:] <= c\nd[:,5:7,:,:] <= e\ny@1 <- d@1; splits");
        assert_eq!(steps(&text, Split::Everything)[3], "e@1 <- a@1, c@1; split; work 4");
        let copied = steps(&text, Split::Copied);
        assert_eq!(copied[2], "c[0:1,0:2,0:2,0:2] <- a");
        assert_eq!(copied[3..], steps(&text, Split::Nothing)[3..]);
        let other = text.replace("e@1 <- c@1", "e@1 <- a@1");
        assert_eq!(steps(&other, Split::Copied), steps(&other, Split::Everything), "nobody who reads two places adds to it");
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
