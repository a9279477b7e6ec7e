//! Which weights a streamed group copies to memory before it runs, as its steps read them once a row.

use super::Plan;
use super::buffer::aligned;

/// Bytes of the smallest memory that [`Pins::curve`] looks at.
const LEAST_ROOM: usize = 1024;

/// The copies of all groups; those of one group overwrite those of the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pins {
    /// For every place in the order the first byte of its weights' copy, if there is one.
    pub(crate) at: Vec<Option<usize>>,
    /// Size of the memory for the copies.
    pub(crate) bytes: usize,
    /// Bytes of weights that a run reads less than without copies.
    pub(crate) saved: u64,
}

impl Pins {
    /// The copies in `room` bytes: of what is read most often first, as long as it fits. The weights at each place in the order are
    /// `packed` bytes long.
    pub(crate) fn new(plan: &Plan, packed: &[usize], room: usize) -> Self {
        let mut pins = Pins { at: vec![None; plan.order.len()], bytes: 0, saved: 0 };
        for group in &plan.groups {
            let Some(schedule) = &group.schedule else { continue };
            let mut calls = vec![0u64; group.end - group.begin];
            schedule.calls().for_each(|call| calls[call] += 1);
            // Each byte of a copy saves as many reads as there are calls, but one.
            let mut steps: Vec<usize> = (0..calls.len()).filter(|&step| calls[step] > 1).collect();
            steps.sort_by_key(|&step| (std::cmp::Reverse(calls[step]), packed[group.begin + step], step));
            let mut end = 0;
            for step in steps {
                let at = group.begin + step;
                let size = aligned(packed[at]);
                if size == 0 || size > room - end {
                    continue;
                }
                pins.at[at] = Some(end);
                pins.saved += (calls[step] - 1) * plan.problem.steps[plan.order[at]].weights as u64;
                end += size;
            }
            pins.bytes = pins.bytes.max(end);
        }
        pins
    }

    /// The copies in twice the memory each time, until more saves nothing.
    pub(crate) fn curve(plan: &Plan, packed: &[usize]) -> Vec<Pins> {
        let most = Pins::new(plan, packed, packed.iter().map(|&size| aligned(size)).sum());
        let mut curve: Vec<Pins> = Vec::new();
        let rooms = (LEAST_ROOM.ilog2()..usize::BITS).map(|bits| 1 << bits);
        for pins in rooms.take_while(|&room| room < most.bytes).map(|room| Pins::new(plan, packed, room)) {
            if curve.last().map_or(0, |last| last.saved) < pins.saved {
                curve.push(pins);
            }
        }
        if most.saved > 0 {
            curve.push(most);
        }
        curve
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::problem;
    use super::super::{Budget, plan};
    use super::*;

    /// Two windows and a pool in one group, of which the second runs half as often; then steps by themselves.
    fn toy() -> Plan {
        let text = "
            x: f32[1,1,32,16] input 0
            a: f32[1,1,32,16]
            b: f32[1,1,16,16]
            c: f32[1,1,16,16]
            d: f32[16]
            y: f32[16] output 0
            a@1 <- x@1; rows y-1..+3; weights 100
            b@1 <- a@1; rows 2y..+2
            c@1 <- b@1; rows y-1..+3; weights 200
            d <- c; weights 1000
            y <- d";
        let plan = plan(&problem(text), Budget::Least).unwrap();
        assert_eq!(plan.groups.iter().map(|group| group.schedule.is_some()).collect::<Vec<_>>(), [true, false, false]);
        plan
    }

    #[test]
    fn what_is_read_most_often_is_copied_first() {
        let pins = |room| Pins::new(&toy(), &[112, 0, 212, 1012, 0], room);
        assert_eq!(pins(0), Pins { at: vec![None; 5], bytes: 0, saved: 0 });
        assert_eq!(pins(128), Pins { at: vec![Some(0), None, None, None, None], bytes: 128, saved: 31 * 100 });
        assert_eq!(pins(383).at, [Some(0), None, None, None, None]);
        assert_eq!(pins(384), Pins { at: vec![Some(0), None, Some(128), None, None], bytes: 384, saved: 31 * 100 + 15 * 200 });
        assert_eq!(pins(usize::MAX), pins(384), "a step that runs once is not copied");
    }

    #[test]
    fn what_does_not_fit_makes_way_for_what_does() {
        assert_eq!(Pins::new(&toy(), &[300, 0, 100, 1012, 0], 128).at, [None, None, Some(0), None, None]);
    }

    #[test]
    fn more_memory_is_tried_until_it_saves_nothing() {
        let curve = Pins::curve(&toy(), &[1000, 0, 2000, 4000, 0]);
        assert_eq!(curve.iter().map(|pins| (pins.bytes, pins.saved)).collect::<Vec<_>>(), [(1024, 3100), (3072, 6100)]);
    }
}
