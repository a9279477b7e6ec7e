//! Sums of bytes at random against integers: convolutions, products of matrices, and what quantises while the network runs.

use super::read;
use crate::ir::Graph;
use crate::ir::test_build::Random;
use crate::node::Attribute;
use crate::onnx::write::ModelWriter;
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

pub(super) fn imported(model: &ModelWriter) -> Graph {
    let (graph, _) = read(model.finish()).unwrap();
    assert_eq!(graph.verify(), Vec::<String>::new());
    graph
}

/// The zero point of an element whose index along each axis is `at`, where the zero points broadcast from the right.
fn zero_at(zero: Option<&Tensor>, at: &[usize]) -> i64 {
    let Some(zero) = zero else { return 0 };
    let shape = zero.shape();
    let of = &at[at.len() - shape.rank()..];
    let index = shape.iter().zip(of).fold(0, |index, (&extent, &at)| index * extent + if extent == 1 { 0 } else { at });
    zero.to_i64s().unwrap()[index]
}

/// A convolution of integers by its definition: what is padded stands for zero.
struct Convolution {
    x: Tensor,
    w: Tensor,
    x_zero: Option<Tensor>,
    /// One, or one for each filter.
    w_zero: Option<Tensor>,
    group: usize,
    strides: [usize; 2],
    dilations: [usize; 2],
    /// Top, left, bottom, right.
    pads: [usize; 4],
}

impl Convolution {
    fn random(random: &mut Random) -> Option<Self> {
        let (group, depth, filters) = (1 + random.index(2), 1 + random.index(2), 1 + random.index(2));
        let [height, width, kernel_height, kernel_width] = [2, 2, 1, 1].map(|least| least + random.index(3));
        let [x_type, w_type] = [random.byte_type(), random.byte_type()];
        let x = random.bytes(x_type, &[1, group * depth, height, width]);
        let w = random.bytes(w_type, &[group * filters, depth, kernel_height, kernel_width]);
        let x_zero = [None, Some(random.bytes(x_type, &[])), Some(random.bytes(x_type, &[1]))][random.index(3)].take();
        let w_zero = [None, Some(random.bytes(w_type, &[])), Some(random.bytes(w_type, &[group * filters]))][random.index(3)].take();
        let [strides, dilations] = [(); 2].map(|()| [1 + random.index(2), 1 + random.index(2)]);
        let pads = [(); 4].map(|()| random.index(2));
        let conv = Convolution { x, w, x_zero, w_zero, group, strides, dilations, pads };
        conv.outputs().iter().all(|&extent| extent > 0).then_some(conv)
    }

    /// Rows and columns of the result.
    fn outputs(&self) -> [usize; 2] {
        [0, 1].map(|axis| {
            let reach = (self.w.shape()[2 + axis] - 1) * self.dilations[axis] + 1;
            let padded = self.x.shape()[2 + axis] + self.pads[axis] + self.pads[2 + axis];
            padded.checked_sub(reach).map_or(0, |rest| rest / self.strides[axis] + 1)
        })
    }

    fn sums(&self) -> Vec<i64> {
        let (x, w) = (self.x.to_i64s().unwrap(), self.w.to_i64s().unwrap());
        let (&[_, channels, height, width], &[filters, depth, rows, columns]) = (&self.x.shape()[..], &self.w.shape()[..]) else {
            panic!()
        };
        let x_zero = self.x_zero.as_ref().map_or(0, |zero| zero.to_i64s().unwrap()[0]);
        let [out_rows, out_columns] = self.outputs();
        let mut sums = Vec::new();
        for (m, oy, ox) in (0..filters).flat_map(|m| (0..out_rows).flat_map(move |y| (0..out_columns).map(move |x| (m, y, x)))) {
            let first = m / (filters / self.group) * (channels / self.group);
            let w_zero = zero_at(self.w_zero.as_ref(), &[m]);
            let mut sum = 0;
            for (c, ky, kx) in (0..depth).flat_map(|c| (0..rows).flat_map(move |y| (0..columns).map(move |x| (c, y, x)))) {
                let iy = (oy * self.strides[0] + ky * self.dilations[0]).checked_sub(self.pads[0]).filter(|&iy| iy < height);
                let ix = (ox * self.strides[1] + kx * self.dilations[1]).checked_sub(self.pads[1]).filter(|&ix| ix < width);
                if let (Some(iy), Some(ix)) = (iy, ix) {
                    let weight = w[((m * depth + c) * rows + ky) * columns + kx] - w_zero;
                    sum += (x[((first + c) * height + iy) * width + ix] - x_zero) * weight;
                }
            }
            sums.push(sum);
        }
        sums
    }

    fn model(&self, is_zero_known: bool) -> ModelWriter {
        let ints = |values: &[usize]| Attribute::Ints(values.iter().map(|&value| value as i64).collect());
        let mut model = ModelWriter::new("g", 10);
        model.input("x", &self.x.ty()).initializer("w", &self.w).output("y", &TensorType::new(DType::I32, [1]));
        let mut names = ["x", "w", "", ""];
        if let Some(zero) = &self.x_zero {
            names[2] = "x_zero";
            if is_zero_known {
                model.initializer("x_zero", zero)
            } else {
                model.input("x_zero", &zero.ty())
            };
        }
        if let Some(zero) = &self.w_zero {
            names[3] = "w_zero";
            model.initializer("w_zero", zero);
        }
        let attributes = [
            ("group", Attribute::Int(self.group as i64)),
            ("strides", ints(&self.strides)),
            ("dilations", ints(&self.dilations)),
            ("pads", ints(&self.pads)),
        ];
        model.node("ConvInteger", "n", &names, &["y"], &attributes);
        model
    }
}

#[test]
fn convolutions_of_integers() {
    let (mut random, mut tried) = (Random(1), 0);
    for conv in (0..300).filter_map(|_| Convolution::random(&mut random)) {
        for is_zero_known in [true, false] {
            let inputs = [Some(&conv.x), conv.x_zero.as_ref().filter(|_| !is_zero_known)];
            let inputs: Vec<Tensor> = inputs.into_iter().flatten().cloned().collect();
            let result = imported(&conv.model(is_zero_known)).evaluate(&inputs).unwrap().remove(0);
            let [rows, columns] = conv.outputs();
            assert_eq!(result.ty(), TensorType::new(DType::I32, [1, conv.w.shape()[0], rows, columns]));
            assert_eq!(result.to_i64s().unwrap(), conv.sums(), "{:?} {:?} {:?}", conv.x, conv.w, conv.pads);
            tried += 1;
        }
    }
    assert!(tried > 400, "{tried}");
}

/// A product of matrices of integers by its definition, where batches broadcast and zero points may be of rows of the left and of columns
/// of the right one.
fn products([a, b]: [&Tensor; 2], [a_zero, b_zero]: [Option<&Tensor>; 2]) -> Vec<i64> {
    let (a_values, b_values) = (a.to_i64s().unwrap(), b.to_i64s().unwrap());
    let (&[.., m, k], &[.., n]) = (&a.shape()[..], &b.shape()[..]) else { panic!() };
    let batches = [a, b].map(|matrix| if matrix.shape().rank() == 3 { matrix.shape()[0] } else { 1 });
    let mut all = Vec::new();
    for (batch, row, column) in (0..batches[0].max(batches[1])).flat_map(|d| (0..m).flat_map(move |i| (0..n).map(move |j| (d, i, j)))) {
        let [of_a, of_b] = batches.map(|count| batch % count);
        let of_row = a_zero.map(|zero| if *zero.shape() == Shape(vec![m]) { vec![row] } else { vec![of_a, row, 0] });
        let a_zero = of_row.map_or(0, |at| zero_at(a_zero, &at));
        let b_zero = zero_at(b_zero, &[of_b, 0, column]);
        let product = |at: usize| (a_values[(of_a * m + row) * k + at] - a_zero) * (b_values[(of_b * k + at) * n + column] - b_zero);
        all.push((0..k).map(product).sum());
    }
    all
}

#[test]
fn products_of_integers() {
    let mut random = Random(2);
    for round in 0..300 {
        let [m, k, n] = [(); 3].map(|()| 1 + random.index(3));
        let batches = [[None, None], [Some(2), None], [Some(2), Some(2)], [Some(1), Some(3)], [Some(2), Some(1)]][round % 5];
        let [a_type, b_type] = [random.byte_type(), random.byte_type()];
        let of = |batch: Option<usize>, rest: [usize; 2]| batch.into_iter().chain(rest).collect::<Vec<_>>();
        let (a, b) = (random.bytes(a_type, &of(batches[0], [m, k])), random.bytes(b_type, &of(batches[1], [k, n])));
        // A vector of several zero points is of rows where they can be told from columns.
        let rows = if batches[0].is_some() { of(batches[0], [m, 1]) } else { vec![m] };
        let columns = if batches[1].is_some() { of(batches[1], [1, n]) } else { vec![n] };
        let a_zero = [None, Some(random.bytes(a_type, &[])), Some(random.bytes(a_type, &rows))][random.index(3)].take();
        let b_zero = [None, Some(random.bytes(b_type, &[1])), Some(random.bytes(b_type, &columns))][random.index(3)].take();
        let mut model = ModelWriter::new("g", 10);
        model.input("a", &a.ty()).initializer("b", &b).output("y", &TensorType::new(DType::I32, [1]));
        for (name, zero) in [("a_zero", &a_zero), ("b_zero", &b_zero)] {
            zero.iter().for_each(|zero| _ = model.initializer(name, zero));
        }
        let name = |zero: &Option<Tensor>, name: &'static str| if zero.is_some() { name } else { "" };
        model.node("MatMulInteger", "n", &["a", "b", name(&a_zero, "a_zero"), name(&b_zero, "b_zero")], &["y"], &[]);
        let found = imported(&model).evaluate(std::slice::from_ref(&a)).unwrap().remove(0);
        let wanted = products([&a, &b], [a_zero.as_ref(), b_zero.as_ref()]);
        assert_eq!(found.to_i64s().unwrap(), wanted, "{:?} {:?} {a_zero:?} {b_zero:?}", a.ty(), b.ty());
    }
}

/// By ONNX's text: the scale is the range with zero by 255, the zero point what stands for zero, rounded to the even one of two and limited.
#[test]
fn what_is_quantised_while_the_network_runs() {
    let mut random = Random(3);
    for round in 0..200 {
        let shape = [vec![7], vec![2, 3], vec![1, 2, 2, 2], vec![1], vec![]][round % 5].clone();
        let spread = [1.0, 1e-3, 1e20, 255.0, 1e-30][round / 5 % 5];
        let shift = [0.0, 1.0, -1.0, 0.5][round % 4];
        let values: Vec<f32> =
            (0..Shape(shape.clone()).elements()).map(|_| (random.index(2001) as f32 / 1000.0 - 1.0 + shift) * spread).collect();
        let x = Tensor::f32(shape.clone(), values.clone()).unwrap();
        let mut model = ModelWriter::new("g", 11);
        model.input("x", &x.ty()).node("DynamicQuantizeLinear", "n", &["x"], &["q", "s", "z"], &[]);
        model.output("q", &TensorType::new(DType::U8, shape.clone())).output("s", &TensorType::f32([]));
        model.output("z", &TensorType::new(DType::U8, []));
        let found = imported(&model).evaluate(&[x]).unwrap();
        let least = values.iter().copied().fold(0.0, f32::min);
        let most = values.iter().copied().fold(0.0, f32::max);
        let scale = if most - least == 0.0 { 1.0 } else { (most - least) / 255.0 };
        let zero = (0.0 - least / scale).clamp(0.0, 255.0).round_ties_even();
        let bytes: Vec<u8> = values.iter().map(|x| ((x / scale).round_ties_even() + zero).clamp(0.0, 255.0) as u8).collect();
        assert_eq!((found[1].ty(), found[1].as_f32()), (TensorType::f32([]), Some(&[scale][..])), "{values:?}");
        assert!(*found[2].data() == Data::U8([zero as u8].into()) && *found[0].data() == Data::U8(bytes.into()), "{values:?} {found:?}");
    }
}

/// What cannot be a sum, by node; and a node whose second result alone is wanted.
#[test]
fn sums_that_lack_something_are_told() {
    let refusal = |op_type: &str, inputs: &[&str]| {
        let mut model = ModelWriter::new("g", 11);
        model.input("x", &TensorType::new(DType::U8, [1, 1, 2, 2])).input("f", &TensorType::f32([0]));
        model.initializer("w", &Tensor::from_low_bytes(&TensorType::new(DType::U8, [1, 1, 3, 3]), |_| 1));
        model.initializer("floats", &Tensor::f32([1, 1, 1, 1], [1.0]).unwrap());
        model.initializer("none", &Tensor::from_low_bytes(&TensorType::new(DType::U8, [0, 1, 1, 1]), |_| 1));
        model.node(op_type, "n", inputs, &["y"], &[]).output("y", &TensorType::new(DType::I32, [1]));
        read(model.finish()).unwrap_err().0.last().unwrap().found.clone().unwrap_or_default()
    };
    assert_eq!(refusal("ConvInteger", &["x"]), "input 1 is missing");
    assert_eq!(refusal("ConvInteger", &["", "w"]), "input 0 is missing");
    assert_eq!(refusal("DynamicQuantizeLinear", &[]), "input 0 is missing");
    assert_eq!(refusal("DynamicQuantizeLinear", &["x"]), "input `x` is u8[1,1,2,2]");
    assert_eq!(refusal("ConvInteger", &["x", "floats"]), "input `floats` is f32[1,1,1,1]");
    for window in ["w", "none"] {
        assert!(!refusal("ConvInteger", &["x", window]).is_empty(), "{window}");
    }
    let mut model = ModelWriter::new("g", 11);
    model.input("x", &TensorType::f32([3])).node("DynamicQuantizeLinear", "n", &["x"], &["", "s", ""], &[]);
    let graph = imported(model.output("s", &TensorType::f32([])));
    assert_eq!(graph.evaluate(&[Tensor::f32([3], [-51.0, 0.0, 204.0]).unwrap()]).unwrap()[0].as_f32(), Some(&[1.0][..]));
}
