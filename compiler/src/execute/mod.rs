//! Runs a plan inside this process, in one arena of the planned size, with the very kernels that firmware links: of convolutions under one
//! tile, as tiles change no bit.
//!
//! Invariant: has no arithmetic of its own.

use peleec_runtime::{Destination, Operands, Place, RegionError};

use crate::aligned::AlignedBytes;
use crate::plan::Group;
use crate::plan::buffer::ALIGNMENT;
use crate::steps::bind::{Layer, Memory, Region};
use crate::steps::kernels::Work;

/// What memory is filled with before the two runs that are compared: floats of the first are not numbers.
pub(crate) const FILLS: [u8; 2] = [0xff, 0x2a];

/// Everything that a run works with.
pub(crate) struct Run<'a> {
    pub(crate) layers: &'a [Layer],
    pub(crate) groups: &'a [Group],
    /// Bytes of the arena.
    pub(crate) arena: usize,
    /// Bytes of the memory for copies of weights.
    pub(crate) pinned: usize,
    /// Bytes of every output that lies with the caller; they follow the arena here, each aligned as buffers are.
    pub(crate) outputs: &'a [usize],
    pub(crate) weights: &'a [u8],
    /// One slice a graph input.
    pub(crate) inputs: &'a [&'a [u8]],
}

impl Run<'_> {
    /// Runs the layers and returns the memory. It is filled with `byte` first: what is read but never written differs between two of them.
    /// A layer that does not run is named.
    pub(crate) fn run(&self, byte: u8) -> Result<AlignedBytes, (String, RegionError)> {
        let mut memory = AlignedBytes::filled(self.output(self.outputs.len()), byte);
        let mut pinned = AlignedBytes::filled(self.pinned, byte);
        for group in self.groups {
            let layers = &self.layers[group.begin..group.end];
            self.pin(layers, &mut pinned)?;
            let weights: Vec<_> = layers.iter().map(|layer| self.weights(layer, &pinned)).collect::<Result<_, _>>()?;
            let mut call = |index: usize, row| self.layer(&layers[index], row, &mut memory, &weights[index]);
            match &group.schedule {
                None => (0..layers.len()).try_for_each(|index| call(index, None))?,
                Some(schedule) => {
                    let mut rows = vec![0; layers.len()];
                    for index in schedule.calls() {
                        call(index, Some(rows[index]))?;
                        rows[index] += 1;
                    }
                }
            }
        }
        Ok(memory)
    }

    /// Copies the weights of which a group wants copies.
    fn pin(&self, layers: &[Layer], pinned: &mut AlignedBytes) -> Result<(), (String, RegionError)> {
        layers.iter().filter_map(|layer| Some((layer, layer.pinned?))).try_for_each(|(layer, at)| {
            let copied = self.weights.get(layer.w.at..layer.w.end()).zip(pinned.get_mut(at..at + layer.w.bytes()));
            let (from, to) = copied.ok_or_else(|| (layer.name.clone(), RegionError::Outside))?;
            to.copy_from_slice(from);
            Ok(())
        })
    }

    /// The layer's weights, from their copy where there is one, as its kernel reads them here.
    fn weights(&self, layer: &Layer, pinned: &AlignedBytes) -> Result<AlignedBytes, (String, RegionError)> {
        let packed = match layer.pinned {
            Some(at) => pinned.get(at..at + layer.w.bytes()),
            None => self.weights.get(layer.w.at..layer.w.end()),
        };
        let packed = packed.ok_or_else(|| (layer.name.clone(), RegionError::Outside))?;
        let mut weights = AlignedBytes::default();
        match &layer.work {
            Work::Kernel(bound) => weights.push(&bound.weights_here(packed), 1),
            Work::Source(_) => 0..0,
        };
        Ok(weights)
    }

    /// First byte of an output that lies with the caller.
    pub(crate) fn output(&self, index: usize) -> usize {
        self.arena + self.outputs[..index].iter().map(|bytes| bytes.next_multiple_of(ALIGNMENT)).sum::<usize>()
    }

    fn layer(&self, layer: &Layer, row: Option<usize>, memory: &mut [u8], w: &[u8]) -> Result<(), (String, RegionError)> {
        let refusal = |error| (layer.name.clone(), error);
        let r = layer.r.as_ref().map_or(Place::Outside(&[]), |r| self.place(r));
        let Place::Arena(y) = self.place(&layer.y) else { return Err(refusal(RegionError::Outside)) };
        match &layer.work {
            Work::Kernel(bound) => {
                let operands = Operands { x: self.place(&layer.x), r, w, y: Destination::Arena(y), arena: memory };
                bound.run(row, operands).map_err(refusal)
            }
            Work::Source(asked) => asked.rows(row).try_for_each(|row| {
                let (copy, from, to) = asked.row(row);
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
