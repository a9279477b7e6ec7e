//! What is in memory when: figures that follow from a report.

use super::model::{BufferReport, GroupReport, LayerReport, RangeReport, Report};

impl Report {
    /// The buffers that are alive while a group of layers runs, the largest first.
    pub fn alive(&self, group: &GroupReport) -> Vec<&BufferReport> {
        let mut alive: Vec<_> = self.buffers.iter().filter(|buffer| buffer.alive(group)).collect();
        alive.sort_by_key(|buffer| std::cmp::Reverse(buffer.bytes));
        alive
    }

    /// The first of the groups while which the most bytes are alive.
    pub fn peak(&self) -> Option<&GroupReport> {
        self.groups.iter().rev().max_by_key(|group| BufferReport::covered(&self.alive(group)))
    }

    /// The most bytes that would be alive if the same layers ran one by one, with every tensor whole.
    pub fn one_by_one_bytes(&self) -> usize {
        let whole: Vec<_> = self.buffers.iter().map(|buffer| (self.life(buffer), self.whole_bytes(buffer))).collect();
        let alive =
            |layer: usize| whole.iter().filter(|((first, last), _)| (*first..=*last).contains(&layer)).map(|(_, bytes)| bytes).sum();
        (0..self.layers.len()).map(alive).max().unwrap_or(0)
    }

    /// The first and the last layer that touch a buffer; a report has it alive in the whole of their groups.
    fn life(&self, buffer: &BufferReport) -> (usize, usize) {
        let inside = |range: &RangeReport| range.memory == "arena" && buffer.holds(range);
        let written = |layer: &LayerReport| inside(&layer.writes);
        let touched = |layer: &LayerReport| written(layer) || layer.reads.iter().any(inside);
        let layers = || (buffer.first_layer..=buffer.last_layer).filter_map(|index| Some((index, self.layers.get(index)?)));
        let end = |index: usize| self.groups.iter().any(|group| group.streamed && (group.first_layer..=group.last_layer).contains(&index));
        let first = match end(buffer.first_layer) {
            true => layers().find(|(_, layer)| written(layer)).map(|(index, _)| index),
            false => None,
        };
        let last = match end(buffer.last_layer) {
            true => layers().rfind(|(_, layer)| touched(layer)).map(|(index, _)| index),
            false => None,
        };
        // What is written last and read by nobody of its group is an output, which stays.
        let stays = self.outputs.iter().any(|output| buffer.last_layer + 1 == self.layers.len() && buffer.offset == output.offset);
        let last = if stays { None } else { last };
        (first.unwrap_or(buffer.first_layer), last.unwrap_or(buffer.last_layer))
    }

    /// The size of a buffer with all rows of its tensor.
    fn whole_bytes(&self, buffer: &BufferReport) -> usize {
        let Some(rows) = buffer.ring_rows else { return buffer.bytes };
        let layers = self.layers.get(buffer.first_layer..=buffer.last_layer).unwrap_or_default();
        let mut writers = layers.iter().filter(|layer| layer.writes.memory == "arena" && buffer.holds(&layer.writes));
        let all = writers.find_map(|layer| layer.output.get(2).copied()).unwrap_or(rows);
        buffer.bytes * all.max(rows) / rows.max(1)
    }
}

impl BufferReport {
    /// Bytes of the arena that are under these buffers; what several have, as one lies over dead rows of another, or rings take turns,
    /// counts once.
    pub fn covered(buffers: &[&BufferReport]) -> usize {
        let mut ranges: Vec<_> = buffers.iter().map(|buffer| (buffer.offset, buffer.offset + buffer.bytes)).collect();
        ranges.sort_unstable();
        let (mut covered, mut end) = (0, 0);
        for (from, to) in ranges {
            covered += to.saturating_sub(from.max(end));
            end = end.max(to);
        }
        covered
    }

    /// Whether it is alive while a group of layers runs.
    pub fn alive(&self, group: &GroupReport) -> bool {
        self.first_layer <= group.last_layer && self.last_layer >= group.first_layer
    }

    fn holds(&self, range: &RangeReport) -> bool {
        range.offset >= self.offset && range.offset + range.bytes <= self.offset + self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::ZooOptions;
    use crate::{ModelFile, Options, RamBudget, compile};

    fn report(ram_budget: RamBudget) -> Report {
        let zoo = ZooOptions { width: 0.25, input_size: Some(64), ..ZooOptions::default() };
        let model = ModelFile::zoo("peleenet-224", &zoo).unwrap();
        compile(&model, &Options { ram_budget, ..Options::default() }).unwrap().report()
    }

    /// A plan that streams knows what one that does not takes.
    #[test]
    fn layers_one_by_one_need_what_they_do_in_a_plan_of_whole_layers() {
        let (least, whole) = (report(RamBudget::Least), report(RamBudget::Bytes(usize::MAX)));
        assert!(least.groups.iter().any(|group| group.streamed) && !whole.groups.iter().any(|group| group.streamed));
        let alive = |layer: usize| whole.buffers.iter().filter(move |buffer| (buffer.first_layer..=buffer.last_layer).contains(&layer));
        let most = (0..whole.layers.len()).map(|layer| alive(layer).map(|buffer| buffer.bytes).sum::<usize>()).max();
        assert_eq!([&least, &whole].map(|report| Some(report.one_by_one_bytes())), [most; 2]);
    }

    #[test]
    fn the_peak_is_where_the_most_bytes_of_the_arena_are_under_buffers() {
        for report in [RamBudget::Least, RamBudget::Bytes(usize::MAX)].map(report) {
            let marked = |group: &GroupReport| {
                let mut bytes = vec![false; report.arena_bytes];
                for buffer in &report.buffers {
                    if (group.first_layer..=group.last_layer).any(|layer| (buffer.first_layer..=buffer.last_layer).contains(&layer)) {
                        bytes[buffer.offset..buffer.offset + buffer.bytes].fill(true);
                    }
                }
                bytes.into_iter().filter(|byte| *byte).count()
            };
            let counts: Vec<usize> = report.groups.iter().map(marked).collect();
            let most = counts.iter().copied().max().unwrap();
            let first = counts.iter().position(|&count| count == most);
            assert_eq!(report.peak().map(|group| group.first_layer), first.map(|index| report.groups[index].first_layer));
            for (group, count) in report.groups.iter().zip(counts) {
                assert_eq!(BufferReport::covered(&report.alive(group)), count, "{group:?}");
            }
        }
    }

    fn buffer(offset: usize, bytes: usize, [first_layer, last_layer]: [usize; 2]) -> BufferReport {
        BufferReport { name: "x".to_owned(), offset, bytes, ring_rows: None, first_layer, last_layer }
    }

    #[test]
    fn bytes_under_two_buffers_count_once() {
        let all = [buffer(10, 10, [0, 0]), buffer(0, 4, [0, 0]), buffer(15, 10, [0, 0]), buffer(16, 2, [0, 0])];
        assert_eq!(BufferReport::covered(&all.iter().collect::<Vec<_>>()), 4 + 15);
        assert_eq!(BufferReport::covered(&[]), 0);
    }

    #[test]
    fn a_buffer_is_alive_from_its_first_layer_to_its_last() {
        let group = GroupReport { first_layer: 2, last_layer: 4, streamed: true, calls: 1, body_calls: 0, body_times: 0 };
        let lives = [[0, 1], [0, 2], [3, 3], [4, 9], [5, 9], [0, 9]];
        assert_eq!(lives.map(|life| buffer(0, 1, life).alive(&group)), [false, true, true, true, false, true]);
    }
}
