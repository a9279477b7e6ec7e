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
    /// The copies in `room` bytes: of what is read most often first, as long as it fits. The weights at each place in the order are `packed`
    /// bytes long.
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
