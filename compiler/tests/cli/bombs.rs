//! Files that ask for much: each is refused soon, in little memory, and nothing is written, or taken where it turns out to be little.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use super::{entries, folder, text};

/// KiB of address space, of which the program itself takes some tens of MiB.
const MEMORY: u32 = 200 << 10;

/// Longer than any takes under a debug build on a busy computer.
const SOON: Duration = Duration::from_secs(5);

const FLOAT: u64 = 1;
const INT64: u64 = 7;

fn varint(mut value: u64, to: &mut Vec<u8>) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// A field that is a number.
fn number(field: u64, value: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint(field << 3, &mut bytes);
    varint(value.cast_unsigned(), &mut bytes);
    bytes
}

/// A field that is text, bytes or a message.
fn framed(field: u64, content: impl AsRef<[u8]>) -> Vec<u8> {
    let (mut bytes, content) = (Vec::new(), content.as_ref());
    varint(field << 3 | 2, &mut bytes);
    varint(content.len() as u64, &mut bytes);
    bytes.extend(content);
    bytes
}

fn node(op_type: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|name| framed(1, name)).collect();
    let attributes: Vec<u8> = attributes.iter().flat_map(|attribute| framed(5, attribute)).collect();
    framed(1, [inputs, framed(2, output), framed(4, op_type), attributes].concat())
}

/// An attribute of integers.
fn ints(name: &str, values: &[i64]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|&value| number(8, value)).collect();
    [framed(1, name), values, number(20, 7)].concat()
}

/// An attribute that is a graph.
fn graph(name: &str, graph: &[u8]) -> Vec<u8> {
    [framed(1, name), framed(6, graph), number(20, 5)].concat()
}

fn tensor(name: &str, data_type: u64, dims: &[i64], raw: &[u8]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&dim| number(1, dim)).collect();
    [dims, number(2, data_type as i64), framed(8, name), framed(9, raw)].concat()
}

/// An initializer of integers.
fn shape(name: &str, values: &[i64]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    framed(5, tensor(name, INT64, &[values.len() as i64], &raw))
}

/// Input `x` of floats.
fn input(dims: &[i64]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&dim| framed(1, number(1, dim))).collect();
    let ty = framed(1, [number(1, FLOAT as i64), framed(2, dims)].concat());
    framed(11, [framed(1, "x"), framed(2, ty)].concat())
}

fn output(name: &str) -> Vec<u8> {
    framed(12, framed(1, name))
}

fn model(graph: &[Vec<u8>]) -> Vec<u8> {
    [number(1, 8), framed(8, number(2, 17)), framed(7, graph.concat())].concat()
}

/// One operator with input `x` and a list of integers.
fn listed(op_type: &str, slots: &[&str], list: &[i64]) -> Vec<u8> {
    model(&[input(&[1, 1, 4, 4]), shape("s", list), node(op_type, slots, "y", &[]), output("y")])
}

const COMMANDS: [&str; 2] = ["check bomb.onnx", "compile bomb.onnx -o generated"];

/// What a command says, soon and in little memory.
fn limited(name: &str, command: &str, folder: &Path) -> Output {
    let limited = format!("ulimit -v {MEMORY}; exec \"$0\" {command}");
    let start = Instant::now();
    let mut shell = Command::new("sh");
    shell.args(["-c", &limited, env!("CARGO_BIN_EXE_peleec")]).current_dir(folder);
    let output = shell.output().expect("a shell starts");
    assert!(start.elapsed() < SOON, "{name}: {command} took {:?}", start.elapsed());
    output
}

/// The file is refused or taken, which is not the question.
fn soon(name: &str, file: &[u8]) {
    let folder = folder();
    std::fs::write(folder.path().join("bomb.onnx"), file).expect("a file is written");
    for command in COMMANDS {
        let output = limited(name, command, folder.path());
        assert!(matches!(output.status.code(), Some(0 | 3 | 4)), "{name}: {command}: {:?}\n{}", output.status, text(&output.stderr));
    }
}

/// The file is refused with one of the codes for files.
fn refused(name: &str, file: &[u8]) {
    let folder = folder();
    std::fs::write(folder.path().join("bomb.onnx"), file).expect("a file is written");
    for command in COMMANDS {
        let output = limited(name, command, folder.path());
        let said = text(&output.stderr);
        assert!(matches!(output.status.code(), Some(3 | 4)), "{name}: {command}: {:?}\n{said}", output.status);
        assert!(said.starts_with("error[PL0") || said.starts_with("note[PL0"), "{name}: {said}");
        assert!(said.len() < 32 << 10, "{name}: {} bytes are said", said.len());
        assert_eq!(entries(folder.path()), ["bomb.onnx"], "{name}: {command} wrote something");
    }
}

#[test]
fn extents_and_counts_beyond_all_bounds() {
    for size in [1 << 31, (1 << 31) - 1, i64::MAX, 1 << 20] {
        refused("an input", &model(&[input(&[1, size, size]), node("Relu", &["x"], "y", &[]), output("y")]));
        refused("Pad", &listed("Pad", &["x", "s"], &[0, 0, size, size, 0, 0, size, size]));
        refused("Tile", &listed("Tile", &["x", "s"], &[size, 1, size, 1]));
        refused("Expand", &listed("Expand", &["x", "s"], &[size, size, 4, 4]));
        refused("Resize", &listed("Resize", &["x", "", "", "s"], &[1, 1, size, size]));
        refused("Reshape", &listed("Reshape", &["x", "s"], &[size, size]));
        refused("Unsqueeze", &listed("Unsqueeze", &["x", "s"], &[size]));
        refused("Gather", &listed("Gather", &["x", "s"], &[size]));
        refused("ConstantOfShape", &listed("ConstantOfShape", &["s"], &[size, size]));
        let range = ["0", "n", "1"].map(|name| {
            let value = name.parse().unwrap_or(size);
            framed(5, tensor(name, INT64, &[], &i64::to_le_bytes(value)))
        });
        let whole = [range.concat(), node("Range", &["0", "n", "1"], "r", &[]), node("Relu", &["r"], "y", &[]), output("y")];
        // A million numbers are no more than many a file holds.
        if size > 1 << 20 {
            refused("Range", &model(&whole));
        }
        let weights = framed(5, tensor("w", FLOAT, &[size, size], &[0; 16]));
        refused("an initializer", &model(&[input(&[4]), weights, node("Add", &["x", "w"], "y", &[]), output("y")]));
    }
    for size in [1 << 31, i64::MAX, i64::MIN, -1] {
        let weights = framed(5, tensor("w", FLOAT, &[1, 1, 3, 3], &[0; 36]));
        for attribute in ["strides", "dilations"] {
            let conv = node("ConvTranspose", &["x", "w"], "y", &[ints(attribute, &[size, size])]);
            refused(attribute, &model(&[input(&[1, 1, 4, 4]), weights.clone(), conv, output("y")]));
        }
        let pool = node("MaxPool", &["x"], "y", &[ints("kernel_shape", &[size, size])]);
        refused("kernel_shape", &model(&[input(&[1, 1, 4, 4]), pool, output("y")]));
    }
    refused("a rank", &model(&[input(&[1; 10_000]), node("Relu", &["x"], "y", &[]), output("y")]));
    refused("a shape", &listed("Reshape", &["x", "s"], &[1; 100_000]));
}

#[test]
fn doubled_until_nothing_holds_it() {
    let nodes = (0..60).flat_map(|index| {
        let before = if index == 0 { "x".to_owned() } else { format!("d{}", index - 1) };
        node("Add", &[&before, &before], &format!("e{index}"), &[]).into_iter().chain(node(
            "Concat",
            &[&format!("e{index}"), &before],
            &format!("d{index}"),
            &[[framed(1, "axis"), number(3, 0), number(20, 2)].concat()],
        ))
    });
    refused("Concat", &model(&[input(&[1, 4]), nodes.collect(), output("d59")]));
}

#[test]
fn graphs_of_very_many_nodes_and_cycles() {
    let chain = |count: usize, closed: bool| -> Vec<u8> {
        let name = |index: usize| if index == 0 && !closed { "x".to_owned() } else { format!("v{}", index % count) };
        (0..count).flat_map(|index| node("Relu", &[&name(index)], &name(index + 1), &[])).collect()
    };
    refused("a million nodes", &model(&[input(&[4]), chain(1_000_000, false), output("v7")]));
    refused("a cycle", &model(&[input(&[4]), chain(40_000, true), output("v7")]));
}

#[test]
fn graphs_in_graphs() {
    let mut body = [node("Identity", &["x"], "y", &[]), output("y")].concat();
    for _ in 0..12 {
        body = [node("If", &["c"], "y", &[graph("then_branch", &body), graph("else_branch", &body)]), output("y")].concat();
    }
    let condition = framed(5, tensor("c", 9, &[], &[1]));
    refused("If", &model(&[input(&[4]), condition.clone(), body]));
    let mut deep = [node("Identity", &["x"], "y", &[]), output("y")].concat();
    for _ in 0..2000 {
        deep = [node("Loop", &["n", "c"], "y", &[graph("body", &deep)]), output("y")].concat();
    }
    let count = framed(5, tensor("n", INT64, &[], &i64::MAX.to_le_bytes()));
    refused("Loop", &model(&[input(&[4]), condition, count, deep]));
}

/// A few bytes a node, of which each asks for megabytes.
#[test]
fn constants_made_of_nothing() {
    let scalars = |limit: i64| -> Vec<u8> {
        [("start", 0), ("limit", limit), ("delta", 1)]
            .iter()
            .flat_map(|&(name, value): &(&str, i64)| framed(5, tensor(name, INT64, &[], &value.to_le_bytes())))
            .collect()
    };
    let range = |name: &str| node("Range", &["start", "limit", "delta"], name, &[]);
    let ranges = (0..200).flat_map(|index| [range(&format!("r{index}")), output(&format!("r{index}"))].concat());
    refused("Range", &model(&[scalars(1 << 22), ranges.collect()]));
    for limit in [1 << 16, 1 << 22] {
        let found = (0..300).flat_map(|index| {
            let name = format!("n{index}");
            [node("NonZero", &["r"], &name, &[]), output(&name)].concat()
        });
        refused("NonZero", &model(&[scalars(limit), range("r"), found.collect()]));
    }
    let half = framed(5, tensor("half", FLOAT, &[1], &0.5_f32.to_le_bytes()));
    let expanded = (0..300).flat_map(|index| {
        let [large, name] = ["e", "y"].map(|name| format!("{name}{index}"));
        [node("Expand", &["half", "s"], &large, &[]), node("ReduceMax", &[&large], &name, &[]), output(&name)].concat()
    });
    soon("Expand", &model(&[half.clone(), shape("s", &[1 << 20]), expanded.collect()]));
    for [rank, extent] in [[4, 1 << 18], [16, 2]] {
        let moved = (0..70).flat_map(|index| {
            let order: Vec<i64> = (0..rank).rev().collect();
            let before = format!("t{index}");
            node("Transpose", &[&before], &format!("t{}", index + 1), &[ints("perm", &order)])
        });
        let mut dims = vec![extent; rank as usize];
        if rank == 4 {
            dims[1..].fill(1);
        }
        let start = node("Expand", &["half", "s"], "t0", &[]);
        soon("Transpose", &model(&[half.clone(), shape("s", &dims), start, moved.collect(), output("t70")]));
    }
}

#[test]
fn data_that_lies_elsewhere_or_has_another_length() {
    for place in ["../../etc/passwd", "/dev/zero", "/etc/passwd", "bomb.onnx/../bomb.onnx", "."] {
        let entry = framed(13, [framed(1, "location"), framed(2, place)].concat());
        let weights = framed(5, [number(1, 4), number(2, FLOAT as i64), framed(8, "w"), entry, number(14, 1)].concat());
        refused(place, &model(&[input(&[4]), weights, node("Add", &["x", "w"], "y", &[]), output("y")]));
    }
    for (bytes, dims) in [(15, [4]), (17, [4]), (0, [4]), (16, [-4]), (16, [i64::MIN]), (16, [1 << 62])] {
        let weights = framed(5, tensor("w", FLOAT, &dims, &vec![0; bytes]));
        refused("raw data", &model(&[input(&[4]), weights, node("Add", &["x", "w"], "y", &[]), output("y")]));
    }
}

#[test]
fn names_of_ten_megabytes() {
    let long = "n".repeat(10 << 20);
    refused("an operator", &model(&[input(&[4]), node(&long, &["x"], "y", &[]), output("y")]));
    refused("a value", &model(&[input(&[4]), node("Relu", &[&long], "y", &[]), output("y")]));
    refused("an output", &model(&[input(&[4]), node("Relu", &["x"], &long, &[]), output(&long)]));
    let nested = [framed(1, "value"), framed(5, tensor(&long, FLOAT, &[i64::MAX], &[])), number(20, 4)].concat();
    refused("a constant", &model(&[node("Constant", &[], "k", &[nested]), node("Relu", &["k"], "y", &[]), output("y")]));
}
