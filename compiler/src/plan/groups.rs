//! Which steps are streamed together: the order is cut into groups, each run row by row, or a step that runs whole or in parts, such that
//! the least weights are read under a cap of memory.

use super::candidate::{Buffers, Candidate};
use super::rowwise::{MOST_STEPS, Rowwise};
use super::stream::stream;

/// The most rows that are touched in all groups that are tried, so that planning takes bounded time, a second or two. Groups are tried from
/// the network's beginning on, where maps are large.
const MOST_TOUCHES: usize = 32 << 20;

/// All candidates of one order.
pub(super) struct Candidates {
    steps: usize,
    /// By their end.
    by_end: Vec<Vec<Candidate>>,
}

impl Candidates {
    pub(super) fn new(buffers: &Buffers<'_>, rowwise: &Rowwise<'_>) -> Self {
        let steps = rowwise.order.len();
        let mut by_end = vec![Vec::new(); steps + 1];
        for at in 0..steps {
            by_end[at + 1].push(buffers.whole(at, rowwise.step(at)));
            by_end[at + 1].extend(buffers.alone(at, rowwise.step(at), rowwise));
        }
        let mut candidates = Candidates { steps, by_end };
        candidates.stream(buffers, rowwise);
        candidates
    }

    /// Adds the groups that run row by row and need less than one of their steps does by itself.
    fn stream(&mut self, buffers: &Buffers<'_>, rowwise: &Rowwise<'_>) {
        let whole: Vec<usize> = (0..self.steps).map(|at| self.whole(at).live).collect();
        let mut most_from = whole.clone();
        (1..self.steps).rev().for_each(|at| most_from[at - 1] = most_from[at - 1].max(most_from[at]));
        let cuts = cuts(buffers, self.steps);
        let mut touches = 0;
        for (index, &begin) in cuts.iter().enumerate() {
            for &end in cuts[index + 1..].iter().take_while(|&&end| end - begin <= MOST_STEPS).filter(|&&end| end > begin + 1) {
                let most = whole[begin..end].iter().max().copied().unwrap_or(0);
                let (least, rings) = buffers.least(begin, end);
                touches += if least < most { rowwise.touches(begin, end) } else { end - begin };
                if touches > MOST_TOUCHES || rings >= most_from[begin] || !(begin..end).all(|at| rowwise.has_rows(at, begin)) {
                    break;
                }
                let Some(streamed) = (least < most).then(|| stream(rowwise, begin, end)).flatten() else { continue };
                let (candidate, rings) = buffers.streamed(begin, end, streamed);
                // Longer groups have no smaller rings, and whatever needs as much as its steps one by one is of no use.
                if rings >= most_from[begin] {
                    break;
                }
                if candidate.live < most {
                    self.by_end[end].push(candidate);
                }
            }
        }
    }

    /// The groups, of those that `may` be, that read the least weights with no more than `cap` bytes alive, and among those the least
    /// memory.
    pub(super) fn solve(&self, cap: usize, may: impl Fn(&Candidate) -> bool) -> Option<Vec<&Candidate>> {
        let mut best: Vec<Option<(u64, usize, usize)>> = vec![None; self.steps + 1];
        best[0] = Some((0, 0, 0));
        for end in 1..=self.steps {
            let options = self.by_end[end].iter().enumerate().filter(|(_, candidate)| candidate.live <= cap && may(candidate));
            let totals = options.filter_map(|(index, candidate)| {
                let (reads, peak, _) = best[candidate.begin]?;
                Some((reads + candidate.reads, peak.max(candidate.live), index))
            });
            best[end] = totals.min();
        }
        let mut groups = Vec::new();
        let mut end = self.steps;
        while end > 0 {
            let candidate = &self.by_end[end][best[end]?.2];
            groups.push(candidate);
            end = candidate.begin;
        }
        groups.reverse();
        Some(groups)
    }

    /// The step at `at` as it runs whole.
    pub(super) fn whole(&self, at: usize) -> &Candidate {
        &self.by_end[at + 1][0]
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.by_end.iter().map(Vec::len).sum()
    }

    /// What the candidates need, each figure once, the least first; nothing for no steps.
    pub(super) fn sizes(&self) -> Vec<usize> {
        let nothing = (self.steps == 0).then_some(0);
        let mut sizes: Vec<usize> = self.by_end.iter().flatten().map(|candidate| candidate.live).chain(nothing).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }
}

/// Where groups may begin and end: in front of a step where no more buffers are alive on both sides than in front of its neighbours.
/// Whatever crosses a cut is whole on both sides of it, where within a group it may be a ring: of two cuts beside each other the one that
/// fewer cross is hardly ever the worse. The fewer cuts, the fewer groups to try, by the square.
fn cuts(buffers: &Buffers<'_>, steps: usize) -> Vec<usize> {
    let crossing: Vec<usize> = (0..=steps).map(|at| buffers.crossing(at)).collect();
    let no_more =
        |at: usize, beside: Option<usize>| beside.and_then(|beside| crossing.get(beside)).is_none_or(|&beside| crossing[at] <= beside);
    let least = |at: usize| no_more(at, at.checked_sub(1)) && no_more(at, Some(at + 1));
    (0..=steps).filter(|&at| at == 0 || at == steps || least(at)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::buffer::lifetimes;
    use super::super::host::host;
    use super::super::text::problem;
    use super::*;

    /// Two pools and a window between.
    const TOY: &str = "
        x: f32[1,1,32,16] input 0
        a: f32[1,1,32,16]
        b: f32[1,1,16,16]
        c: f32[1,1,16,16]
        y: f32[1,1,8,16] output 0
        a@1 <- x@1; rows y-1..+3; weights 36
        b@1 <- a@1; rows 2y..+2
        c@1 <- b@1; rows y-1..+3; weights 36
        y@1 <- c@1; rows 2y..+2";

    fn candidates<T>(text: &str, ask: impl Fn(&Candidates, &Buffers<'_>) -> T) -> T {
        let problem = problem(text);
        let (hosting, order) = (host(&problem), (0..problem.steps.len()).collect::<Vec<_>>());
        let lives = lifetimes(&problem, &hosting, &order);
        let buffers = Buffers::new(&problem, &hosting, &lives, &order);
        ask(&Candidates::new(&buffers, &Rowwise::new(&problem, &hosting.layouts, &order)), &buffers)
    }

    /// Begin, end and bytes alive of the groups that read the least weights under a cap.
    fn solved(cap: usize) -> Option<Vec<(usize, usize, usize)>> {
        candidates(TOY, |candidates, _| {
            let groups = candidates.solve(cap, |_| true)?;
            Some(groups.into_iter().map(|group| (group.begin, group.end, group.live)).collect())
        })
    }

    #[test]
    fn the_fewest_weights_are_read_under_a_cap() {
        assert_eq!(solved(usize::MAX).unwrap(), [(0, 1, 2048), (1, 2, 2112), (2, 3, 2048), (3, 4, 1536)]);
        assert_eq!(solved(2048).unwrap(), [(0, 2, 1152), (2, 3, 2048), (3, 4, 1536)], "only the first window by rows");
        assert_eq!(solved(1000).unwrap(), [(0, 4, 1024 - 64)]);
        assert_eq!(solved(900), None);
    }

    #[test]
    fn groups_end_where_the_fewest_buffers_cross() {
        let chain = "
            x: f32[16] input 0
            a: f32[16]
            b: f32[16]
            c: f32[16]
            d: f32[16]
            e: f32[16]
            y: f32[16] output 0
            a <- x
            b <- a
            c <- b
            d <- c
            e <- d
            y <- e";
        let cuts = |text: &str| candidates(text, |_, buffers| cuts(buffers, 6));
        assert_eq!(cuts(chain), [0, 2, 3, 4, 6], "and not behind the first step, as an input is no buffer");
        assert_eq!(cuts(&chain.replace("d <- c", "d <- c, b")), [0, 2, 4, 6], "not where `b` waits");
    }

    #[test]
    fn every_figure_is_a_cap_once() {
        let sizes = candidates(TOY, |candidates, _| candidates.sizes());
        assert!(sizes.is_sorted() && sizes.contains(&2112) && sizes.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(candidates("x: f32[1] input 0", |candidates, _| candidates.sizes()), [0], "nothing to do");
    }
}
