//! Runs every case in its folder: `input_J.bin` to `output_J.bin`.

mod cases;

use std::fs;
use std::path::Path;

use peleec_runtime::{ElementType, Model, TensorInfo, Values, ValuesError, ValuesMut};

fn main() {
    cases::run();
}

macro_rules! elements {
    ($($kind:ident $element:ident)+) => {
        /// The elements of an input or an output.
        enum Elements {
            $($kind(Vec<$element>),)+
        }

        impl Elements {
            fn zeros(info: &TensorInfo) -> Self {
                match info.element {
                    $(ElementType::$kind => Elements::$kind(vec![$element::default(); info.len()]),)+
                    other => panic!("`{}` has elements of type {other:?}", info.name),
                }
            }

            fn values_mut(&mut self) -> ValuesMut<'_> {
                match self {
                    $(Elements::$kind(elements) => elements.as_mut_slice().into(),)+
                }
            }
        }
    };
}

elements! { F32 f32 I8 i8 U8 u8 I16 i16 I32 i32 I64 i64 }

/// How a model is run on inputs, to write outputs.
type Run<'a> = &'a mut dyn FnMut(&[Values<'_>], &mut [ValuesMut<'_>]) -> Result<(), ValuesError>;

/// The part that there is of every case.
fn run<M: Model>(mut model: M, folder: &str) {
    compute(folder, M::INPUTS, M::OUTPUTS, &mut |inputs, outputs| model.run_slices(inputs, outputs));
}

fn compute(folder: &str, inputs: &[TensorInfo], outputs: &[TensorInfo], run: Run<'_>) {
    let path = |kind: &str, index: usize| Path::new(folder).join(format!("{kind}_{index}.bin"));
    let mut inputs: Vec<Elements> = inputs.iter().map(Elements::zeros).collect();
    let mut outputs: Vec<Elements> = outputs.iter().map(Elements::zeros).collect();
    let mut inputs: Vec<ValuesMut<'_>> = inputs.iter_mut().map(Elements::values_mut).collect();
    for (index, values) in inputs.iter_mut().enumerate() {
        let path = path("input", index);
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        values.as_bytes_mut().copy_from_slice(&bytes);
    }
    let inputs: Vec<Values<'_>> = inputs.iter().map(ValuesMut::values).collect();
    let mut outputs: Vec<ValuesMut<'_>> = outputs.iter_mut().map(Elements::values_mut).collect();
    run(&inputs, &mut outputs).unwrap_or_else(|error| panic!("{folder}: {error}"));
    for (index, values) in outputs.iter().enumerate() {
        let path = path("output", index);
        fs::write(&path, values.values().as_bytes()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}
