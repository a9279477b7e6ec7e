//! Runs a plan inside this process, in one arena of the planned size, with the very kernels that firmware links.
//!
//! Invariant: has no arithmetic of its own.

use peleec_runtime::{Destination, Operands, Place, RegionError};

use crate::aligned::AlignedBytes;
use crate::lower::bind::{Layer, Memory, Region, Work};
use crate::plan::Group;

/// A float of these bytes is not a number.
const NAN: u8 = 0xff;

/// Everything that a run works with.
pub(crate) struct Run<'a> {
    pub(crate) layers: &'a [Layer],
    pub(crate) groups: &'a [Group],
    /// Bytes of the arena.
    pub(crate) arena: usize,
    /// Bytes of the memory for copies of weights.
    pub(crate) pinned: usize,
    /// Bytes of every output that lies with the caller, which has its memory behind the arena here.
    pub(crate) outputs: &'a [usize],
    pub(crate) weights: &'a [u8],
    /// One slice a graph input.
    pub(crate) inputs: &'a [&'a [u8]],
}

impl Run<'_> {
    /// Runs the layers and returns the memory. It is filled with NaN first, so that a read of what was never written shows in the results.
    /// A layer that does not run is named.
    pub(crate) fn run(&self) -> Result<AlignedBytes, (String, RegionError)> {
        let mut memory = AlignedBytes::filled(self.arena + self.outputs.iter().sum::<usize>(), NAN);
        let mut pinned = AlignedBytes::filled(self.pinned, NAN);
        for group in self.groups {
            let layers = &self.layers[group.begin..group.end];
            match &group.schedule {
                None => layers.iter().try_for_each(|layer| self.layer(layer, None, &mut memory, &pinned))?,
                Some(schedule) => {
                    for (layer, at) in layers.iter().filter_map(|layer| Some((layer, layer.pinned?))) {
                        let copied = self.weights.get(layer.w.at..layer.w.end()).zip(pinned.get_mut(at..at + layer.w.bytes()));
                        let (from, to) = copied.ok_or_else(|| (layer.name.clone(), RegionError::Outside))?;
                        to.copy_from_slice(from);
                    }
                    let mut rows = vec![0; layers.len()];
                    for call in schedule.calls() {
                        self.layer(&layers[call], Some(rows[call]), &mut memory, &pinned)?;
                        rows[call] += 1;
                    }
                }
            }
        }
        Ok(memory)
    }

    /// First byte of an output that lies with the caller.
    pub(crate) fn output(&self, index: usize) -> usize {
        self.arena + self.outputs[..index].iter().sum::<usize>()
    }

    fn layer(&self, layer: &Layer, row: Option<usize>, memory: &mut [u8], pinned: &[u8]) -> Result<(), (String, RegionError)> {
        let refusal = |error| (layer.name.clone(), error);
        let w = match layer.pinned {
            Some(at) => pinned.get(at..at + layer.w.bytes()),
            None => self.weights.get(layer.w.at..layer.w.end()),
        };
        let w = w.ok_or_else(|| refusal(RegionError::Outside))?;
        let r = layer.r.as_ref().map_or(Place::Outside(&[]), |r| self.place(r));
        let Place::Arena(y) = self.place(&layer.y) else { return Err(refusal(RegionError::Outside)) };
        match &layer.work {
            Work::Kernel(geometry) => {
                let operands = Operands { x: self.place(&layer.x), r, w, y: Destination::Arena(y), arena: memory };
                geometry.run(row, operands).map_err(refusal)
            }
            Work::Source(source) => source.rows(row).try_for_each(|row| {
                let (copy, from, to) = source.row(row);
                let x = self.place(&Region { at: layer.x.dtype.bytes() * from, ..layer.x });
                let operands = Operands { x, r, w, y: Destination::Arena(y + layer.y.dtype.bytes() * to), arena: memory };
                copy.run(None, operands).map_err(refusal)
            }),
        }
    }

    fn place(&self, region: &Region) -> Place<'_> {
        match region.memory {
            Memory::Arena => Place::Arena(region.at),
            Memory::Output(index) => Place::Arena(self.output(index) + region.at),
            Memory::Input(index) => Place::Outside(self.inputs.get(index).and_then(|slice| slice.get(region.at..)).unwrap_or(&[])),
            Memory::Weights => Place::Outside(self.weights.get(region.at..).unwrap_or(&[])),
        }
    }
}
