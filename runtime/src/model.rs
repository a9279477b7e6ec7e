//! What every generated model offers to code that does not know it by type.

use crate::element::ElementType;
use crate::executor::{Executor, OneCore};
use crate::values::{Values, ValuesMut};

/// Name, element type and shape of a model's input or output, in ONNX's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// The ONNX name.
    pub name: &'static str,
    /// The type of the elements; truth is a byte, 0 or 1.
    pub element: ElementType,
    /// Extents, outermost first.
    pub shape: &'static [usize],
}

impl TensorInfo {
    /// The number of elements.
    pub const fn len(&self) -> usize {
        let (mut product, mut axis) = (1, 0);
        while axis < self.shape.len() {
            product *= self.shape[axis];
            axis += 1;
        }
        product
    }

    /// Whether there are no elements.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An input or output is missing, or has another length or element type than the model's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValuesError;

impl core::fmt::Display for ValuesError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("an input or output is missing, or has another length or element type than the model's")
    }
}

impl core::error::Error for ValuesError {}

/// A compiled network behind one interface.
pub trait Model {
    /// The inputs, in the order of `run`'s arguments.
    const INPUTS: &'static [TensorInfo];
    /// The outputs, in the order of the fields of `Outputs`.
    const OUTPUTS: &'static [TensorInfo];

    /// Runs once: reads `inputs` and copies the results to `outputs`, both in the order of the constants above.
    ///
    /// # Errors
    /// [`ValuesError`] where one is missing or does not serve; nothing is computed then.
    fn run_slices(&mut self, inputs: &[Values<'_>], outputs: &mut [ValuesMut<'_>]) -> Result<(), ValuesError> {
        self.run_slices_with(&OneCore, inputs, outputs)
    }

    /// As [`run_slices`](Self::run_slices), on the executor's cores: the same bits.
    ///
    /// # Errors
    /// As there.
    fn run_slices_with(
        &mut self,
        executor: &impl Executor,
        inputs: &[Values<'_>],
        outputs: &mut [ValuesMut<'_>],
    ) -> Result<(), ValuesError>;
}

/// Implements [`Model`] for a generated module's `Network` over any memory of its size, whose `run_with` takes one array an input and gives one field an output, or whose
/// `run_into_with` takes one array an input and one an output. Of an input that is asked for row by row the array goes through the function
/// that it is said to come by.
#[macro_export]
macro_rules! impl_model {
    (
        $network:ident in $bytes:ident, $run:ident,
        inputs {
            $($input:ident: $input_name:literal $input_type:ident $input_shape:tt [$input_len:literal]
                $(by $rows:ident::<$width:literal, $channels:literal>)?;)*
        }
        outputs { $($output:ident: $output_name:literal $output_type:ident $output_shape:tt [$output_len:literal];)* }
    ) => {
        impl<M: AsMut<$crate::Arena<$bytes>>> $crate::Model for $network<M> {
            const INPUTS: &'static [$crate::TensorInfo] = &[$($crate::TensorInfo {
                name: $input_name,
                element: <$input_type as $crate::Element>::TYPE,
                shape: &$input_shape,
            },)*];
            const OUTPUTS: &'static [$crate::TensorInfo] = &[$($crate::TensorInfo {
                name: $output_name,
                element: <$output_type as $crate::Element>::TYPE,
                shape: &$output_shape,
            },)*];

            fn run_slices_with(
                &mut self,
                executor: &impl $crate::Executor,
                inputs: &[$crate::Values<'_>],
                outputs: &mut [$crate::ValuesMut<'_>],
            ) -> Result<(), $crate::ValuesError> {
                // An output may go by an input's name, so each goes by its name in a scope of its own.
                {
                    let [$($output),*] = &*outputs else { return Err($crate::ValuesError) };
                    $($output.values().array::<$output_type, $output_len>().ok_or($crate::ValuesError)?;)*
                }
                let [$($input),*] = inputs else { return Err($crate::ValuesError) };
                $(let $input = $input.array::<$input_type, $input_len>().ok_or($crate::ValuesError)?;
                $(let $input = &mut $crate::$rows::<_, $width, $channels>($input);)?)*
                $crate::impl_model!(@ $run self, executor, ($($input),*), outputs, $($output $output_type [$output_len])*)
            }
        }
    };
    // A model that is given frames has a run for the rows of its input, too.
    (@ run_with $($rest:tt)*) => { $crate::impl_model!(@ gives run_with $($rest)*) };
    (@ run_rows_with $($rest:tt)*) => { $crate::impl_model!(@ gives run_rows_with $($rest)*) };
    (@ run_into_with $($rest:tt)*) => { $crate::impl_model!(@ fills run_into_with $($rest)*) };
    (@ run_rows_into_with $($rest:tt)*) => { $crate::impl_model!(@ fills run_rows_into_with $($rest)*) };
    (@ gives $run:ident $model:ident, $executor:ident, ($($input:ident),*), $outputs:ident, $($output:ident $type:ident [$len:literal])*) => {{
        let results = $model.$run($executor, $($input),*);
        let [$($output),*] = $outputs else { return Err($crate::ValuesError) };
        $(*$output.reborrow().array_mut::<$type, $len>().ok_or($crate::ValuesError)? = *results.$output;)*
        Ok(())
    }};
    (@ fills $run:ident $model:ident, $executor:ident, ($($input:ident),*), $outputs:ident, $($output:ident $type:ident [$len:literal])*) => {{
        let [$($output),*] = $outputs else { return Err($crate::ValuesError) };
        $(let $output = $output.reborrow().array_mut::<$type, $len>().ok_or($crate::ValuesError)?;)*
        let _ = $model.$run($executor, $($input,)* $($output),*);
        Ok(())
    }};
}
