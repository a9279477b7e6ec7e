//! The offsets of the buffers in the arena.

use super::buffer::{Lifetime, Over};
use super::problem::TensorId;
use super::taken::Taken;

/// Buffers that are placed as one, each at a distance from the first byte of all.
struct Item {
    members: Vec<(usize, usize)>,
}

impl Item {
    /// A buffer by itself, or those that lie over each other.
    fn all(lifetimes: &[Lifetime], overs: &[Over]) -> Vec<Item> {
        let index = |root: TensorId| lifetimes.binary_search_by_key(&root, |life| life.root).ok();
        let mut items: Vec<Item> = (0..lifetimes.len()).map(|index| Item { members: vec![(index, 0)] }).collect();
        // The item that holds each buffer.
        let mut holds: Vec<usize> = (0..lifetimes.len()).collect();
        for over in overs {
            let (Some(input), Some(output)) = (index(over.input), index(over.output)) else { continue };
            let (a, b) = (holds[input], holds[output]);
            if a == b {
                continue;
            }
            let distance = |item: &Item, index: usize| item.members.iter().find(|member| member.0 == index).map_or(0, |member| member.1);
            let (above, below) = (distance(&items[a], input), distance(&items[b], output) + over.lead);
            let (raise, shift) = (below.saturating_sub(above), above.saturating_sub(below));
            items[a].members.iter_mut().for_each(|member| member.1 += raise);
            for (index, at) in std::mem::take(&mut items[b].members) {
                holds[index] = a;
                items[a].members.push((index, at + shift));
            }
        }
        items.retain(|item| !item.members.is_empty());
        items
    }

    /// Its extent, and how long any of it is alive.
    fn measure(&self, lifetimes: &[Lifetime]) -> Lifetime {
        let lives = self.members.iter().map(|&(index, at)| (&lifetimes[index], at));
        let first = lives.clone().map(|(life, _)| life.first).min().unwrap_or(0);
        let last = lives.clone().map(|(life, _)| life.last).max().unwrap_or(0);
        let size = lives.map(|(life, at)| at + life.size).max().unwrap_or(0);
        Lifetime { root: 0, size, first, last, ring: None }
    }
}

/// What a greedy placement sorts by; the largest comes first.
type Key = fn(&Lifetime) -> (usize, usize);

/// How often what reaches the end of the arena is placed first instead, under each key. The best placement is kept, and one that needs
/// no more than is alive at once ends the search.
const RAISES: usize = 16;

/// How many items are placed so again under each key: of a network with more than some hundred buffers less is raised.
const MOST_PLACED: usize = 1 << 13;

/// An offset for every buffer, and the size of the arena, which is `bound` at best. Greedy under several keys, the best kept.
pub(crate) fn place(lifetimes: &[Lifetime], overs: &[Over], bound: usize) -> (Vec<usize>, usize) {
    let keys: [Key; 4] = [
        |life| (life.size, life.length()),
        |life| (life.length(), life.size),
        |life| (life.size.saturating_mul(life.length()), life.size),
        |life| (usize::MAX - life.first, life.size),
    ];
    let items = Item::all(lifetimes, overs);
    let measures: Vec<Lifetime> = items.iter().map(|item| item.measure(lifetimes)).collect();
    let steps = lifetimes.iter().map(|life| life.last + 1).max().unwrap_or(0);
    let raises = RAISES.min(MOST_PLACED / items.len().max(1));
    let mut best: Option<(Vec<usize>, usize)> = None;
    for key in keys {
        let mut turns: Vec<usize> = (0..items.len()).collect();
        turns.sort_by_key(|&index| (std::cmp::Reverse(key(&measures[index])), index));
        for _ in 0..=raises {
            if best.as_ref().is_some_and(|(_, size)| *size <= bound) {
                break;
            }
            let (offsets, size) = greedy(lifetimes, steps, turns.iter().map(|&turn| &items[turn]));
            let ends = |turn: &usize| items[*turn].members.iter().any(|&(index, _)| offsets[index] + lifetimes[index].size == size);
            let last = turns.iter().position(ends).unwrap_or(0);
            if let Some(turns) = turns.get_mut(..=last) {
                turns.rotate_right(1);
            }
            if best.as_ref().is_none_or(|(_, least)| size < *least) {
                best = Some((offsets, size));
            }
        }
    }
    best.unwrap_or_default()
}

/// Places the items in turn, each as low as it goes.
fn greedy<'a>(lifetimes: &[Lifetime], steps: usize, items: impl Iterator<Item = &'a Item>) -> (Vec<usize>, usize) {
    let mut offsets = vec![0; lifetimes.len()];
    let mut taken = Taken::new(steps);
    let mut size = 0;
    for item in items {
        let mut base = 0;
        // Above whatever a member would meet, until none meets anything.
        while let Some(above) = item.members.iter().find_map(|&(index, at)| {
            let life = &lifetimes[index];
            let free = taken.free(life.first..life.last + 1, base + at, life.size);
            (free > base + at).then(|| free - at)
        }) {
            base = above;
        }
        for &(index, at) in &item.members {
            let life = &lifetimes[index];
            offsets[index] = base + at;
            size = size.max(base + at + life.size);
            taken.take(life.first..life.last + 1, offsets[index]..offsets[index] + life.size);
        }
    }
    (offsets, size)
}

#[cfg(test)]
mod tests {
    use super::super::buffer::live_bound;
    use super::*;
    use crate::ir::test_build::Random;

    fn life(size: usize, first: usize, last: usize) -> Lifetime {
        Lifetime { root: 0, size, first, last, ring: None }
    }

    #[test]
    fn a_chain_reuses_its_memory() {
        let lives = [life(128, 0, 1), life(128, 1, 2), life(128, 2, 3)];
        assert_eq!((place(&lives, &[], 256).1, live_bound(&lives)), (256, 256));
    }

    #[test]
    fn no_buffers_need_no_memory() {
        assert_eq!(place(&[], &[], 1), (vec![], 0));
    }

    #[test]
    fn buffers_alive_together_lie_apart() {
        let lives = [life(64, 0, 5), life(256, 1, 2), life(128, 2, 4), life(192, 3, 6), life(64, 4, 6)];
        let (offsets, size) = place(&lives, &[], 0);
        assert!(size >= live_bound(&lives));
        for (a, x) in lives.iter().enumerate() {
            for (b, y) in lives.iter().enumerate().skip(a + 1) {
                assert!(!x.meets(y) || offsets[a] + x.size <= offsets[b] || offsets[b] + y.size <= offsets[a]);
            }
        }
    }

    #[test]
    fn a_map_over_another_lies_before_it() {
        let named = |root, size, first, last| Lifetime { root, ..life(size, first, last) };
        let lives = [named(1, 1024, 0, 2), named(2, 512, 2, 3), named(5, 64, 1, 2)];
        let over = Over { input: 1, output: 2, lead: 128 };
        let (offsets, size) = place(&lives, &[over], 1216);
        assert_eq!((offsets[0] - offsets[1], size), (128, 1152 + 64));
        assert!(place(&lives, &[], 1600).1 == 1600);
    }

    #[test]
    fn maps_over_maps_lie_in_a_row() {
        let named = |root| Lifetime { root, ..life(256, root, root + 1) };
        let over = |input| Over { input, output: input + 1, lead: 64 };
        for overs in [[over(0), over(1)], [over(1), over(0)]] {
            assert_eq!(place(&[named(0), named(1), named(2)], &overs, 0), (vec![128, 64, 0], 384));
        }
    }

    #[test]
    fn what_ends_highest_is_placed_first_where_that_is_lower() {
        let lives = [life(192, 0, 1), life(128, 1, 2), life(128, 2, 3), life(192, 3, 4), life(64, 0, 3)];
        assert_eq!(place(&lives, &[], live_bound(&lives)).1, live_bound(&lives));
    }

    #[test]
    fn random_buffers_lie_apart_and_maps_over_maps_at_their_distance() {
        let mut random = Random(9);
        for _ in 0..150 {
            // A chain of maps, each over the one before where it says so, among other buffers.
            let chain = 2 + random.index(5);
            let mut lives: Vec<Lifetime> =
                (0..chain).map(|at| Lifetime { root: at, size: 64 * (1 + random.index(8)), first: at, last: at + 1, ring: None }).collect();
            let over = |at| (random.index(2) == 0).then(|| Over { input: at - 1, output: at, lead: 64 * random.index(4) });
            let overs: Vec<Over> = (1..chain).filter_map(over).collect();
            for root in chain..chain + random.index(8) {
                let first = random.index(chain);
                lives.push(Lifetime {
                    root,
                    size: 64 * (1 + random.index(8)),
                    first,
                    last: first + random.index(chain + 1 - first),
                    ring: None,
                });
            }
            let (offsets, size) = place(&lives, &overs, live_bound(&lives));
            assert_eq!(lives.iter().zip(&offsets).map(|(life, at)| at + life.size).max(), Some(size));
            for over in &overs {
                assert_eq!(offsets[over.input], offsets[over.output] + over.lead, "{over:?}");
            }
            for (a, b) in (0..lives.len()).flat_map(|a| (0..a).map(move |b| (a, b))) {
                let is_over = overs.iter().any(|over| (over.input, over.output) == (b, a));
                let is_apart = offsets[a] + lives[a].size <= offsets[b] || offsets[b] + lives[b].size <= offsets[a];
                assert!(is_over || is_apart || !lives[a].meets(&lives[b]), "{lives:?} at {offsets:?}");
            }
        }
    }
}
