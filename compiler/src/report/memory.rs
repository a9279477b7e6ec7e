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
    /// Bytes of the arena that are under these buffers; where one lies over dead rows of another, these count once.
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
