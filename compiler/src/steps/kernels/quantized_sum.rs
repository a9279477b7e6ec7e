//! `QuantizedSum`: a sum or a difference of two maps of integers of 8 bits, in integers alone, where that is proven to change no bit.
//!
//! The function over floats depends on two bytes, so that all of its results are a table of 65536. For two factors, each of these results
//! says between which bounds the offset must lie; where all bounds leave one, the function over integers has the very same table.

use peleec_runtime::{BinaryKind, ByteElement, Destination, Operands, Place};

use super::bound::{Plainly, of_byte};
use super::quantized_binary::operands;
use super::{Cost, Kernel, Places, QuantizedBinary, Views, Work};
use crate::diagnostics::OpError;
use crate::steps::views::View;
use crate::tensor::DType;

/// How many bytes there are.
const BYTES: usize = 256;

/// The least and the greatest sum.
const SUM: (i64, i64) = (i32::MIN as i64, i32::MAX as i64);

/// `(factors[0] * a + factors[1] * b + offset) >> shift`, limited; no sum leaves 32 bits.
#[derive(Clone, Debug)]
pub(crate) struct QuantizedSum {
    pub(super) factors: [i32; 2],
    pub(super) offset: i32,
    pub(super) shift: u32,
    /// Over floats.
    binary: QuantizedBinary,
}

impl QuantizedSum {
    /// The sum that gives for every two bytes of type `from` what `binary` gives, as bytes of type `to`; none where none was found. As
    /// halves go to the even integer there, there is none where the scales make many of these.
    pub(crate) fn proven(binary: &QuantizedBinary, from: DType, to: DType) -> Option<Self> {
        let sign = match binary.kind {
            BinaryKind::Add => 1.0,
            BinaryKind::Sub => -1.0,
            BinaryKind::Mul | BinaryKind::Div => return None,
        };
        let [left, right] = binary.from.map(|from| f64::from(from.scale) / f64::from(binary.to.scale));
        let ratios = [left, sign * right];
        let most = most_shift(binary, from, ratios)?;
        let table = table(binary, from, to)?;
        // One bit fewer, or another step of a factor, moves all results that are close to a half.
        let (shifts, steps) = ((0..=most).rev().take(3), [0, 1, -1]);
        let mut candidates = shifts.flat_map(|shift| {
            let [left, right] = ratios.map(|ratio| (ratio * f64::from(1_u32 << shift)).round() as i64);
            steps.into_iter().flat_map(move |i: i64| steps.map(|j| ([left + i, right + j], shift)))
        });
        candidates.find_map(|(factors, shift)| {
            let offset = offset(&table, from, factors, shift, binary.limits)?;
            let factors = [i32::try_from(factors[0]).ok()?, i32::try_from(factors[1]).ok()?];
            Some(QuantizedSum { factors, offset, shift, binary: binary.clone() })
        })
    }

    /// The least and the greatest result.
    pub(super) fn limits(&self) -> [i32; 2] {
        self.binary.limits
    }
}

/// The greatest shift with which no sum leaves 32 bits.
fn most_shift(binary: &QuantizedBinary, from: DType, ratios: [f64; 2]) -> Option<u32> {
    let (mut least, mut greatest) = (f64::from(binary.to.zero), f64::from(binary.to.zero));
    for (ratio, steps) in ratios.into_iter().zip(binary.from) {
        let [first, last] = ends(from).map(|end| f64::from(end - steps.zero) * ratio);
        (least, greatest) = (least + first.min(last), greatest + first.max(last));
    }
    // One for the half that is added, one for what factors are rounded by.
    let reach = least.abs().max(greatest.abs()) + 2.0;
    (0..i32::BITS - 1).rev().find(|&shift| reach * f64::from(1_u32 << shift) < f64::from(i32::MAX))
}

/// What a kernel makes of every two bytes: a row for each of the first.
fn table(kernel: &dyn Kernel, from: DType, to: DType) -> Option<Vec<i64>> {
    let view = |dtype: DType, dims: [usize; 2], strides: [usize; 2]| {
        let (dims, strides) = ([1, 1, dims[0], dims[1]].to_vec(), [BYTES * BYTES, BYTES * BYTES, strides[0], strides[1]].to_vec());
        View { dtype, dims, strides, ring: None }
    };
    let inputs = [view(from, [BYTES, 1], [1, 1]), view(from, [1, BYTES], [BYTES, 1])];
    let output = view(to, [BYTES, BYTES], [BYTES, 1]);
    let views = Views { inputs: &inputs, output: &output, relation: None, split: false, by_rows: false };
    let Ok(Work::Kernel(bound)) = kernel.bind(&views) else { return None };
    let bytes: Vec<u8> = (0..=u8::MAX).collect();
    let mut results = vec![0; BYTES * BYTES];
    let (x, r, y) = (Place::Outside(&bytes), Place::Outside(&bytes), Destination::Outside(&mut results));
    bound.run(None, Operands { arena: &mut [], x, r, w: &[], y }).ok()?;
    Some(results.into_iter().map(|byte| value(to, byte)).collect())
}

/// The middle one of the offsets with which all results are those of the table.
fn offset(table: &[i64], from: DType, factors: [i64; 2], shift: u32, [low, high]: [i32; 2]) -> Option<i32> {
    let (mut least, mut greatest) = SUM;
    let products = factors.map(|factor| ends(from).map(|end| factor * i64::from(end)));
    least = least.max(least - products.iter().map(|ends| ends[0].min(ends[1])).sum::<i64>());
    greatest = greatest.min(greatest - products.iter().map(|ends| ends[0].max(ends[1])).sum::<i64>());
    let bytes: Vec<i64> = (0..=u8::MAX).map(|byte| value(from, byte)).collect();
    for (a, row) in bytes.iter().zip(table.chunks_exact(BYTES)) {
        for (b, &result) in bytes.iter().zip(row) {
            let sum = factors[0] * a + factors[1] * b;
            // What is limited may lie beyond.
            if result > i64::from(low) {
                least = least.max((result << shift) - sum);
            }
            if result < i64::from(high) {
                greatest = greatest.min(((result + 1) << shift) - 1 - sum);
            }
        }
        if least > greatest {
            return None;
        }
    }
    i32::try_from((least + greatest) >> 1).ok()
}

/// What a byte is as an integer of a type.
fn value(dtype: DType, byte: u8) -> i64 {
    if dtype == DType::I8 { byte.cast_signed().into() } else { byte.into() }
}

/// The least and the greatest integer of a type.
fn ends(dtype: DType) -> [i32; 2] {
    if dtype == DType::I8 { i8::LIMITS } else { u8::LIMITS }
}

impl Kernel for QuantizedSum {
    fn places(&self) -> Places {
        self.binary.places()
    }

    fn cost(&self, channels: usize) -> Cost {
        self.binary.cost(channels)
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (output, [low, high]) = (views.output, self.binary.limits);
        let (input, [left, right]) = (views.inputs[0].dtype, operands(views));
        let kind = format!("QuantizedSum<{}, {}>", input.element(), output.dtype.element()).into();
        of_byte!(input, F => of_byte!(output.dtype, T => {
            let sum = peleec_runtime::QuantizedSum::<F, T>::new(left, right, output.pixels());
            let geometry = sum.factors(self.factors).offset(self.offset).shift(self.shift).low(low).high(high);
            Ok(Work::Kernel(Box::new(Plainly { geometry, name: "quantized sum", kind })))
        }))
    }
}

#[cfg(test)]
mod tests {
    use peleec_runtime::BinaryKind;

    use super::{BYTES, QuantizedSum, ends, table, value};
    use crate::steps::kernels::{QuantizedBinary, Steps};
    use crate::tensor::DType;

    fn binary(kind: BinaryKind, scales: [f32; 3], zeros: [i32; 3], limits: [i32; 2]) -> QuantizedBinary {
        let [left, right, to] = [0, 1, 2].map(|index| Steps { scale: scales[index], zero: zeros[index] });
        QuantizedBinary { kind, from: [left, right], to, limits, has_rows: true }
    }

    /// What `DequantizeLinear`, the function and `QuantizeLinear` make of every two bytes.
    fn naive(binary: &QuantizedBinary, from: DType) -> Vec<i64> {
        let floats = binary.from.map(|steps| (0..=u8::MAX).map(move |byte| (value(from, byte) as i32 - steps.zero) as f32 * steps.scale));
        let [left, right] = floats.map(Iterator::collect::<Vec<f32>>);
        let result = |a: f32, b: f32| {
            let joined = if binary.kind == BinaryKind::Add { a + b } else { a - b };
            let rounded = (joined / binary.to.scale).round_ties_even() as i64 + i64::from(binary.to.zero);
            rounded.clamp(binary.limits[0].into(), binary.limits[1].into())
        };
        left.iter().flat_map(|&a| right.iter().map(move |&b| (a, b))).map(|(a, b)| result(a, b)).collect()
    }

    /// Whether a sum was proven; if so, it has the results of the definition.
    fn goes(binary: &QuantizedBinary, from: DType, to: DType) -> bool {
        let Some(sum) = QuantizedSum::proven(binary, from, to) else { return false };
        let found = table(&sum, from, to).unwrap();
        assert!(found == naive(binary, from), "{sum:?}");
        true
    }

    #[test]
    fn sums_of_scales_at_random_are_proven() {
        let mut state = 1_u32;
        let mut below = |n: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % n
        };
        let mut proven = 0;
        for round in 0..200_usize {
            let [from, to] = [[DType::I8, DType::I8], [DType::U8, DType::I8], [DType::I8, DType::U8], [DType::U8, DType::U8]][round % 4];
            let [left, right] = [0, 1].map(|_| (5_000 + below(195_000)) as f32 * 1e-6);
            let scale = (left + right) * ((300 + below(800)) as f32 * 1e-3);
            let zeros = [from, from, to].map(|dtype| value(dtype, below(256) as u8) as i32);
            let limits = if below(2) == 0 { ends(to) } else { [zeros[2], ends(to)[1]] };
            let kind = if below(3) == 0 { BinaryKind::Sub } else { BinaryKind::Add };
            proven += usize::from(goes(&binary(kind, [left, right, scale], zeros, limits), from, to));
        }
        assert!(proven > 190, "{proven}");
    }

    /// Halves go to the even integer, up or down, which no sum does; powers of two without halves are proven.
    #[test]
    fn halves_are_left_to_floats() {
        let limits = ends(DType::I8);
        let goes = |kind, scales| goes(&binary(kind, scales, [3, -5, 7], limits), DType::I8, DType::I8);
        for kind in [BinaryKind::Add, BinaryKind::Sub] {
            assert!(goes(kind, [0.25, 0.25, 0.25]) && goes(kind, [0.5, 0.25, 0.25]));
            assert!(!goes(kind, [0.25, 0.25, 0.5]) && !goes(kind, [0.25, 0.125, 0.25]));
        }
        assert!(!goes(BinaryKind::Mul, [0.25, 0.25, 0.25]) && !goes(BinaryKind::Div, [0.25, 0.25, 0.25]));
    }

    /// What is small goes; of what is large no sum fits 32 bits.
    #[test]
    fn scales_far_from_each_other() {
        let limits = ends(DType::I8);
        let goes = |scales| goes(&binary(BinaryKind::Add, scales, [0, 0, -128], limits), DType::I8, DType::I8);
        assert!(goes([1e-30, 1e-20, 1.0]) && goes([1e-38, 1e-38, 1e-38]));
        assert!(!goes([1e30, 1.0, 1e-8]) && !goes([f32::MAX, f32::MAX, f32::MIN_POSITIVE]));
    }

    #[test]
    fn every_two_bytes_are_in_the_table() {
        let binary = binary(BinaryKind::Sub, [0.07, 0.03, 0.05], [3, -5, 7], [-100, 90]);
        let floats = table(&binary, DType::I8, DType::I8).unwrap();
        assert!(floats.len() == BYTES * BYTES && floats == naive(&binary, DType::I8));
    }
}
