//! Graph to steps.

/// Where an operator emits its steps.
pub(crate) struct Lowering<'a>(std::marker::PhantomData<&'a ()>);
impl Lowering<'_> {
    pub(crate) fn conv(&mut self, _conv: &crate::ops::Conv) -> Result<(), crate::ops::OpError> {
        Ok(())
    }
}
