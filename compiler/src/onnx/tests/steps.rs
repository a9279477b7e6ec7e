//! Quantised operators at random against sums of integers. All scales are powers of two, so that floats are exact, and a result is right to
//! the bit.

use super::sums::imported;
use crate::ir::test_build::Random;
use crate::node::Attribute;
use crate::onnx::write::ModelWriter;
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

/// Bytes, their steps and what stands for zero, one or one a channel.
struct Bytes {
    values: Tensor,
    scales: Vec<f32>,
    zeros: Tensor,
}

impl Bytes {
    /// With `count` steps; of a type of its own.
    fn random(random: &mut Random, shape: &[usize], count: Option<usize>) -> Self {
        let dtype = random.byte_type();
        let scales = (0..count.unwrap_or(1)).map(|_| [0.25, 0.5, 1.0, 2.0][random.index(4)]).collect();
        let zeros: Vec<usize> = count.into_iter().collect();
        Bytes { values: random.bytes(dtype, shape), scales, zeros: random.bytes(dtype, &zeros) }
    }

    /// What an element stands for, by its channel.
    fn value(&self, index: usize, channel: usize) -> f64 {
        let of = |tensor: &Tensor, at: usize| tensor.to_i64s().unwrap()[at];
        let channel = channel % self.scales.len();
        (of(&self.values, index) - of(&self.zeros, channel)) as f64 * f64::from(self.scales[channel])
    }

    /// Adds the tensor, known or as an input, with what goes with it; their three names.
    fn add(&self, model: &mut ModelWriter, name: &'static str, is_input: bool) -> [String; 3] {
        let names = [name.to_owned(), format!("{name}.scale"), format!("{name}.zero")];
        if is_input {
            model.input(name, &self.values.ty())
        } else {
            model.initializer(name, &self.values)
        };
        model.initializer(&names[1], &Tensor::f32(self.zeros.shape().clone(), self.scales.clone()).unwrap());
        model.initializer(&names[2], &self.zeros);
        names
    }
}

/// What the bytes of a result are.
struct Outcome {
    dtype: DType,
    scale: f32,
    zero: Tensor,
}

impl Outcome {
    fn random(random: &mut Random) -> Self {
        let dtype = random.byte_type();
        Outcome { dtype, scale: [1.0, 16.0, 256.0][random.index(3)], zero: random.bytes(dtype, &[]) }
    }

    /// Adds its scale and zero point; their names.
    fn add(&self, model: &mut ModelWriter) -> [String; 2] {
        model.initializer("y.scale", &Tensor::f32([], [self.scale]).unwrap()).initializer("y.zero", &self.zero);
        model.output("y", &TensorType::new(self.dtype, [1]));
        ["y.scale".to_owned(), "y.zero".to_owned()]
    }

    /// The byte of a value: to the nearest, the even one of two, and saturating.
    fn byte(&self, value: f64) -> i64 {
        let [low, high] = if self.dtype == DType::I8 { [-128, 127] } else { [0, 255] };
        ((value / f64::from(self.scale)).round_ties_even() as i64 + self.zero.to_i64s().unwrap()[0]).clamp(low, high)
    }
}

fn run(
    model: &mut ModelWriter,
    (op_type, domain): (&str, &str),
    inputs: &[String],
    attributes: &[(&str, Attribute)],
    x: &[&Bytes],
) -> Tensor {
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    model.node(op_type, "n", &inputs, &["y"], attributes);
    if !domain.is_empty() {
        model.domain(domain);
    }
    let x: Vec<Tensor> = x.iter().map(|x| x.values.clone()).collect();
    imported(model).evaluate(&x).unwrap().remove(0)
}

fn i32s(shape: &[usize], values: Vec<i32>) -> Tensor {
    Tensor::new(Shape(shape.to_vec()), Data::I32(values.into())).unwrap()
}

#[test]
fn convolutions_with_steps_of_filters() {
    let mut random = Random(4);
    for round in 0..150 {
        let (channels, filters, side) = (1 + random.index(2), 1 + random.index(3), 2 + random.index(2));
        let kernel = 1 + random.index(2);
        let x = Bytes::random(&mut random, &[1, channels, side, side], None);
        let of_filters = [None, Some(filters), Some(1)][round % 3];
        let w = Bytes::random(&mut random, &[filters, channels, kernel, kernel], of_filters);
        let biases: Vec<i32> = (0..filters).map(|_| random.index(4001) as i32 - 2000).collect();
        let (result, has_bias) = (Outcome::random(&mut random), random.index(2) == 1);
        let mut model = ModelWriter::new("g", 13);
        let names = x.add(&mut model, "x", true).into_iter().chain(w.add(&mut model, "w", false)).chain(result.add(&mut model));
        let names: Vec<String> = names.chain(has_bias.then(|| "b".to_owned())).collect();
        if has_bias {
            model.initializer("b", &i32s(&[filters], biases.clone()));
        }
        let found = run(&mut model, ("QLinearConv", ""), &names, &[("pads", Attribute::Ints(vec![1, 0, 0, 1]))], &[&x]);
        // Padded above and to the right.
        let out = side + 2 - kernel;
        let mut wanted = Vec::new();
        for (m, oy, ox) in (0..filters).flat_map(|m| (0..out).flat_map(move |y| (0..out).map(move |x| (m, y, x)))) {
            let scale = f64::from(x.scales[0]) * f64::from(w.scales[m % w.scales.len()]);
            let mut sum = if has_bias { f64::from(biases[m]) * scale } else { 0.0 };
            for (c, ky, kx) in (0..channels).flat_map(|c| (0..kernel).flat_map(move |y| (0..kernel).map(move |x| (c, y, x)))) {
                let (iy, ix) = ((oy + ky).checked_sub(1), ox + kx);
                if let Some(iy) = iy.filter(|&iy| iy < side && ix < side) {
                    sum += x.value((c * side + iy) * side + ix, 0) * w.value(((m * channels + c) * kernel + ky) * kernel + kx, m);
                }
            }
            wanted.push(result.byte(sum));
        }
        assert_eq!(found.to_i64s().unwrap(), wanted, "{:?} {:?} of {:?}", w.scales, w.zeros, w.values.ty());
    }
}

/// `Y = A' B' + C`, where C has the product of both steps, and broadcasts.
#[test]
fn products_with_steps_of_columns_and_an_addend_of_columns() {
    let mut random = Random(5);
    for round in 0..200 {
        let [m, k, n] = [[2, 3, 2], [1, 2, 3], [3, 1, 3], [2, 2, 1]][round % 4];
        let [trans_a, trans_b] = [(); 2].map(|()| random.index(2) == 1);
        let a = Bytes::random(&mut random, &if trans_a { [k, m] } else { [m, k] }, None);
        let of_columns = [None, Some(n)][random.index(2)];
        let b = Bytes::random(&mut random, &if trans_b { [n, k] } else { [k, n] }, of_columns);
        let c_shape = [None, Some(vec![n]), Some(vec![1, n]), Some(vec![m, n])][round / 4 % 4].clone();
        let c: Vec<i32> = (0..m * n).map(|_| random.index(4001) as i32 - 2000).collect();
        let result = Outcome::random(&mut random);
        let mut model = ModelWriter::new("g", 13);
        let mut names: Vec<String> = a.add(&mut model, "a", true).into_iter().chain(b.add(&mut model, "b", false)).collect();
        names.push(c_shape.as_ref().map_or(String::new(), |_| "c".to_owned()));
        let c = c_shape.as_ref().map(|shape| i32s(shape, c[..shape.iter().product()].to_vec()));
        c.iter().for_each(|c| _ = model.initializer("c", c));
        names.extend(result.add(&mut model));
        let attributes = [("transA", Attribute::Int(trans_a.into())), ("transB", Attribute::Int(trans_b.into()))];
        let found = run(&mut model, ("QGemm", "com.microsoft"), &names, &attributes, &[&a]);
        let value = |row: usize, column: usize| {
            let of_a = |at: usize| a.value(if trans_a { at * m + row } else { row * k + at }, 0);
            let of_b = |at: usize| b.value(if trans_b { column * k + at } else { at * n + column }, column);
            let scale = f64::from(a.scales[0]) * f64::from(b.scales[column % b.scales.len()]);
            let of_c = c.as_ref().map_or(0, |c| c.to_i64s().unwrap()[if c.shape().elements() == n { column } else { row * n + column }]);
            (0..k).map(|at| of_a(at) * of_b(at)).sum::<f64>() + of_c as f64 * scale
        };
        let wanted: Vec<i64> = (0..m * n).map(|at| result.byte(value(at / n, at % n))).collect();
        assert_eq!(found.to_i64s().unwrap(), wanted, "{m}x{k}x{n} {trans_a} {trans_b} {c_shape:?} {:?}", b.scales);
    }
}

/// Of the left factor steps may be of rows, of the right one of columns.
#[test]
fn products_of_matrices_with_steps_of_rows_and_columns() {
    let mut random = Random(6);
    for _ in 0..100 {
        let [m, k, n] = [(); 3].map(|()| 1 + random.index(3));
        let (rows, columns) = ([None, Some(m)][random.index(2)], [None, Some(n)][random.index(2)]);
        let (a, b) = (Bytes::random(&mut random, &[m, k], rows), Bytes::random(&mut random, &[k, n], columns));
        let result = Outcome::random(&mut random);
        let mut model = ModelWriter::new("g", 13);
        let names = a.add(&mut model, "a", true).into_iter().chain(b.add(&mut model, "b", false)).chain(result.add(&mut model));
        let found = run(&mut model, ("QLinearMatMul", ""), &names.collect::<Vec<_>>(), &[], &[&a]);
        let value = |row: usize, column: usize| (0..k).map(|at| a.value(row * k + at, row) * b.value(at * n + column, column)).sum::<f64>();
        let wanted: Vec<i64> = (0..m * n).map(|at| result.byte(value(at / n, at % n))).collect();
        assert_eq!(found.to_i64s().unwrap(), wanted, "{rows:?} {columns:?}");
    }
}

/// Sums and products of two, which broadcast, and a concat of three.
#[test]
fn element_by_element_and_side_by_side() {
    let mut random = Random(7);
    for round in 0..60 {
        let [a, b] = [[2, 3], if round % 2 == 0 { [2, 3] } else { [1, 3] }].map(|shape| Bytes::random(&mut random, &shape, None));
        let (result, op_type) = (Outcome::random(&mut random), ["QLinearAdd", "QLinearMul"][round / 2 % 2]);
        let mut model = ModelWriter::new("g", 13);
        let names = a.add(&mut model, "a", true).into_iter().chain(b.add(&mut model, "b", true)).chain(result.add(&mut model));
        let found = run(&mut model, (op_type, "com.microsoft"), &names.collect::<Vec<_>>(), &[], &[&a, &b]);
        let value = |at: usize| {
            let (a, b) = (a.value(at, 0), b.value(at % b.values.shape().elements(), 0));
            if op_type == "QLinearAdd" { a + b } else { a * b }
        };
        assert_eq!(found.to_i64s().unwrap(), (0..6).map(|at| result.byte(value(at))).collect::<Vec<_>>(), "{op_type}");
        let mut model = ModelWriter::new("g", 13);
        let parts = [[1, 3], [2, 3], [1, 3]].map(|shape| Bytes::random(&mut random, &shape, None));
        let mut names = result.add(&mut model).to_vec();
        parts.iter().zip(["a", "b", "c"]).for_each(|(part, name)| names.extend(part.add(&mut model, name, true)));
        let [a, b, c] = &parts;
        let found = run(&mut model, ("QLinearConcat", "com.microsoft"), &names, &[("axis", Attribute::Int(0))], &[a, b, c]);
        let values = parts.iter().flat_map(|part| (0..part.values.shape().elements()).map(|at| part.value(at, 0)));
        assert_eq!(found.to_i64s().unwrap(), values.map(|value| result.byte(value)).collect::<Vec<_>>());
    }
}
