//! Runs a plan inside this process, in one arena of the planned size, with the very kernels that firmware links.
//!
//! Invariant: has no arithmetic of its own.

use peleec_runtime::{Destination, Operands, Place, RegionError};

use crate::lower::bind::Layer;

/// Runs the layers over `inputs`, one slice a graph input, and returns the arena. It is filled with NaN first, so that a read of
/// what was never written shows in the results. A layer that does not run is named.
pub(crate) fn execute(layers: &[Layer], arena: usize, weights: &[f32], inputs: &[&[f32]]) -> Result<Vec<f32>, (String, RegionError)> {
    let mut arena = vec![f32::NAN; arena];
    for layer in layers {
        let refusal = |error| (layer.name.clone(), error);
        let w = weights.get(layer.w.clone()).ok_or_else(|| refusal(RegionError::Outside))?;
        let r = layer.r.as_ref().map_or(Place::Outside(&[]), |r| r.place(inputs, weights));
        let operands = Operands { x: layer.x.place(inputs, weights), r, w, y: Destination::Arena(layer.y.at), arena: &mut arena };
        layer.geometry.run(operands).map_err(refusal)?;
    }
    Ok(arena)
}
