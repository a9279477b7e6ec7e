//! How close two results must be, and inputs that are the same in every run.

use peleec::{DType, Tensor, TensorType};

/// What two results may differ by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Closeness {
    /// Nothing: the same bits (any two NaNs are equal).
    Bits,
    /// `|a - b| <= absolute + relative * |b|`.
    Within {
        /// Times the expected value.
        relative: f32,
        /// Whatever the expected value.
        absolute: f32,
    },
    /// `|a - b| <= fraction * (1 + largest |b| of the tensor)`: for another order of the same sums.
    Scaled(f32),
}

/// Whether `found` is what was `expected`; the first difference in words.
pub fn compare(found: &[Tensor], expected: &[Tensor], closeness: Closeness) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{} outputs instead of {}", found.len(), expected.len()));
    }
    found.iter().zip(expected).enumerate().try_for_each(|(index, (found, expected))| {
        compare_tensor(found, expected, closeness).map_err(|difference| format!("output {index}: {difference}"))
    })
}

fn compare_tensor(found: &Tensor, expected: &Tensor, closeness: Closeness) -> Result<(), String> {
    if found.ty() != expected.ty() {
        return Err(format!("{} instead of {}", found.ty(), expected.ty()));
    }
    let (Some(a), Some(b)) = (found.as_f32(), expected.as_f32()) else {
        return if found == expected { Ok(()) } else { Err(format!("{found:?} instead of {expected:?}")) };
    };
    let largest = b.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let equal = |a: f32, b: f32| match closeness {
        _ if a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) => true,
        Closeness::Bits => false,
        Closeness::Within { relative, absolute } => (a - b).abs() <= absolute + relative * b.abs(),
        Closeness::Scaled(fraction) => (a - b).abs() <= fraction * (1.0 + largest),
    };
    match a.iter().zip(b).position(|(&a, &b)| !equal(a, b)) {
        None => Ok(()),
        Some(at) => Err(format!("element {at} of {} is {} instead of {} ({closeness:?})", found.shape(), a[at], b[at])),
    }
}

/// A tensor of values that follow from `seed`: floats between -1 and 1, bytes, or truth.
pub fn seeded(ty: &TensorType, seed: u32) -> Tensor {
    let mut state = seed.wrapping_mul(0x9e37_79b9) ^ 0x2545_f491;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    let mut element = || match ty.dtype {
        DType::F32 => (next() as f32 / u32::MAX as f32 * 2.0 - 1.0).to_le_bytes().to_vec(),
        DType::Bool => vec![(next() >> 31) as u8],
        integer => (0..integer.bytes()).map(|_| (next() >> 24) as u8).collect(),
    };
    let bytes: Vec<u8> = (0..ty.shape.elements()).flat_map(|_| element()).collect();
    Tensor::from_le_bytes(ty, &bytes).expect("as many values as elements")
}

/// Seeded inputs for a model's types.
pub fn inputs(types: &[(String, TensorType)]) -> Vec<Tensor> {
    types.iter().zip(1..).map(|((_, ty), seed)| seeded(ty, seed)).collect()
}
