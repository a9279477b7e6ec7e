//! `Map`: an element-wise function, and the copies that are left of moves.

use peleec_runtime::Activation;

use super::bound::{Plainly, copied};
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::plan::layout::{backward, common_dims, refined};
use crate::plan::problem::Relation;
use crate::steps::views::{Common, View};

/// An element-wise function.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    pub(crate) activation: Activation,
}

impl Kernel for Map {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: true, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (input, output) = (&views.inputs[0], views.output);
        let common = Common::new(&output.dims, [&input.strides, &output.strides], usize::MAX)?;
        let map = peleec_runtime::Map::new(common.dims(), common.strides(0), common.strides(1));
        Ok(Work::Kernel(Box::new(Plainly { geometry: map.activation(self.activation), name: "map", kind: "Map".into() })))
    }
}

/// Copies elements where the planner could not do without.
#[derive(Clone, Debug)]
pub(crate) struct Move;

impl Kernel for Move {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (input, output) = (&views.inputs[0], views.output);
        let (input, output) = match views.relation.unwrap_or(&Relation::Same) {
            Relation::Same => (input.clone(), output.clone()),
            Relation::Permute(perm) => {
                let strides = perm.iter().map(|&from| input.strides[from]).collect();
                (View { dims: output.dims.clone(), strides, ring: None, ..*input }, output.clone())
            }
            Relation::Reshape => nested(input, output)?,
        };
        let common = Common::new(&output.dims, [&input.strides, &output.strides], usize::MAX)?;
        Ok(Work::Kernel(copied(output.dtype, common.dims(), common.strides(0), common.strides(1))))
    }
}

/// Both sides of a reshape under common dimensions.
fn nested(input: &View, output: &View) -> Result<(View, View), OpError> {
    if let Some(dims) = common_dims(&input.dims, &output.dims) {
        let fine = |view: &View| View { dims: dims.clone(), strides: refined(&view.dims, &view.strides, &dims), ring: None, ..*view };
        return Ok((fine(input), fine(output)));
    }
    if let Some(strides) = backward(&Relation::Reshape, &input.dims, &output.dims, &output.strides) {
        return Ok((input.clone(), View { dims: input.dims.clone(), strides, ring: None, ..*output }));
    }
    if let Some(strides) = backward(&Relation::Reshape, &output.dims, &input.dims, &input.strides) {
        return Ok((View { dims: output.dims.clone(), strides, ring: None, ..*input }, output.clone()));
    }
    Err(OpError::unsupported(format!("reshapes {:?} to {:?} between layouts that share no dimensions", input.dims, output.dims))
        .supported("reshapes that split or join dimensions"))
}
