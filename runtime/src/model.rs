//! What every generated model offers to code that does not know it by type.

use crate::executor::{Executor, OneCore};

/// Name and shape of a model's input or output, in ONNX's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// The ONNX name.
    pub name: &'static str,
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

/// An input or output slice is missing or has another length than the model's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthError;

impl core::fmt::Display for LengthError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("an input or output has another length than the model's")
    }
}

impl core::error::Error for LengthError {}

/// A compiled network behind one interface.
pub trait Model {
    /// The inputs, in the order of `run`'s arguments.
    const INPUTS: &'static [TensorInfo];
    /// The outputs, in the order of the fields of `Outputs`.
    const OUTPUTS: &'static [TensorInfo];

    /// Runs once: reads `inputs` and copies the results to `outputs`, both in the order of the constants above.
    ///
    /// # Errors
    /// [`LengthError`] where a slice is missing or has another length; nothing is computed then.
    fn run_slices(&mut self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) -> Result<(), LengthError> {
        self.run_slices_with(&OneCore, inputs, outputs)
    }

    /// As [`run_slices`](Self::run_slices), on the executor's cores: the same bits.
    ///
    /// # Errors
    /// As there.
    fn run_slices_with(&mut self, executor: &impl Executor, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) -> Result<(), LengthError>;
}

/// Implements [`Model`] for a generated module's `Model`, whose `run_with` takes one array an input and gives one field an output, or whose
/// `run_into_with` takes one array an input and one an output. Of an input that is asked for row by row the array goes through the function
/// that it is said to come by.
#[macro_export]
macro_rules! impl_model {
    (
        $model:ty, $run:ident,
        inputs { $($input:ident: $input_name:literal $input_shape:tt [$input_len:literal] $(by $rows:ident::<$width:literal, $channels:literal>)?;)* }
        outputs { $($output:ident: $output_name:literal $output_shape:tt [$output_len:literal];)* }
    ) => {
        impl $crate::Model for $model {
            const INPUTS: &'static [$crate::TensorInfo] = &[$($crate::TensorInfo { name: $input_name, shape: &$input_shape },)*];
            const OUTPUTS: &'static [$crate::TensorInfo] = &[$($crate::TensorInfo { name: $output_name, shape: &$output_shape },)*];

            fn run_slices_with(
                &mut self,
                executor: &impl $crate::Executor,
                inputs: &[&[f32]],
                outputs: &mut [&mut [f32]],
            ) -> Result<(), $crate::LengthError> {
                // An output may go by an input's name, so each goes by its name in a scope of its own.
                {
                    let [$($output),*] = &*outputs else { return Err($crate::LengthError) };
                    $(if $output.len() != $output_len {
                        return Err($crate::LengthError);
                    })*
                }
                let [$($input),*] = inputs else { return Err($crate::LengthError) };
                $(let $input = <&[f32; $input_len] as ::core::convert::TryFrom<&[f32]>>::try_from(*$input).map_err(|_| $crate::LengthError)?;
                $(let $input = &mut $crate::$rows::<$width, $channels>($input);)?)*
                $crate::impl_model!(@ $run self, executor, ($($input),*), outputs, $($output [$output_len])*)
            }
        }
    };
    (@ run_with $model:ident, $executor:ident, ($($input:ident),*), $outputs:ident, $($output:ident [$output_len:literal])*) => {{
        let results = $model.run_with($executor, $($input),*);
        let [$($output),*] = $outputs else { return Err($crate::LengthError) };
        $(let $output = <&mut [f32; $output_len] as ::core::convert::TryFrom<&mut [f32]>>::try_from(&mut **$output).map_err(|_| $crate::LengthError)?;
        *$output = *results.$output;)*
        Ok(())
    }};
    (@ run_into_with $model:ident, $executor:ident, ($($input:ident),*), $outputs:ident, $($output:ident [$output_len:literal])*) => {{
        let [$($output),*] = $outputs else { return Err($crate::LengthError) };
        $(let $output = <&mut [f32; $output_len] as ::core::convert::TryFrom<&mut [f32]>>::try_from(&mut **$output).map_err(|_| $crate::LengthError)?;)*
        $model.run_into_with($executor, $($input,)* $($output),*);
        Ok(())
    }};
}

/// Folds the bits of `values` into `seed` (FNV-1a over 32-bit words): equal on every machine that computes the same bits.
pub fn checksum(seed: u32, values: &[f32]) -> u32 {
    values.iter().fold(seed ^ 0x811c_9dc5, |hash, value| (hash ^ value.to_bits()).wrapping_mul(0x0100_0193))
}
