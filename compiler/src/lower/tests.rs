//! What lowering gives of graphs, and what it refuses.

use super::*;
use crate::ir::test_build::Build;
use crate::ops::Op;
use crate::ops::test_case::Case;
use crate::target::{NumericClass, Target};

const PROFILE: Profile = Profile { target: Target::Generic, numeric: NumericClass::Plain };

fn conv(batch: usize) -> Op {
    Case::new("Conv", 17).input(&[batch, 2, 4, 4]).input(&[3, 2, 1, 1]).parse().unwrap()
}

fn relu() -> Op {
    Case::new("Relu", 17).input(&[1, 3, 4, 4]).parse().unwrap()
}

#[test]
fn every_operator_without_a_kernel_is_named_and_what_reads_it_is_not() {
    let mut b = Build::new();
    let (x, w) = (b.input("x", &[1, 2, 4, 4]), b.input("w", &[3, 2, 1, 1]));
    let [first, second] = ["first", "second"].map(|name| b.op(name, conv(1), &[x, w]));
    let behind = b.op("behind", relu(), &[first]);
    let known = b.seeded("known", &[3, 2, 1, 1]);
    let good = b.op("good", conv(1), &[x, known]);
    for source in [second, behind, good] {
        b.output(source);
    }
    let refused = lower(&b.graph, PROFILE).unwrap_err();
    let found: Vec<_> = problems(&b.graph, refused).0.into_iter().map(|problem| (problem.title, problem.found.unwrap())).collect();
    let title = "this use of operator `Conv` is not supported".to_owned();
    let why = ["first", "second"].map(|name| (title.clone(), format!("node `{name}`: `W` is computed at run time")));
    assert_eq!(found, why);
}

/// One value that is two results, an input that is one, and a constant.
#[test]
fn every_result_is_a_tensor_of_its_own() {
    let mut b = Build::new();
    let x = b.input("x", &[1, 3, 4, 4]);
    let y = b.op("y", relu(), &[x]);
    let known = b.constant("known", &[2], &[1.0, 2.0]);
    for (name, source) in [("a", y), ("b", y), ("c", x), ("d", known)] {
        b.graph.add_output(name, source);
    }
    let steps = lower(&b.graph, PROFILE).unwrap();
    let names: Vec<_> = steps.outputs().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    let tensors = &steps.problem.tensors;
    let moves: Vec<_> = steps.problem.steps.iter().filter(|step| step.relation == Some(Relation::Same)).collect();
    let read: Vec<_> = moves.iter().map(|step| tensors[step.reads[0].tensor].role).collect();
    assert_eq!(read, [Role::Intermediate, Role::Intermediate, Role::Input(0), Role::Constant(0)]);
    assert_eq!(moves[0].reads[0].tensor, moves[1].reads[0].tensor);
    let written: Vec<_> = moves.iter().map(|step| tensors[step.write.tensor].role).collect();
    assert_eq!(written, [0, 1, 2, 3].map(Role::Output));
}

#[test]
fn images_have_steps_of_their_own_and_weights_in_common() {
    let mut b = Build::new();
    let x = b.input("x", &[3, 2, 4, 4]);
    let known = b.seeded("known", &[3, 2, 1, 1]);
    let y = b.op("y", conv(3), &[x, known]);
    b.output(y);
    let steps = lower(&b.graph, PROFILE).unwrap();
    let convs = || steps.problem.steps.iter().filter(|step| step.relation.is_none()).map(|step| (step, &steps.steps[step.work]));
    let names: Vec<_> = convs().map(|(_, step)| step.name.as_str()).collect();
    assert_eq!(names, ["y_image_0", "y_image_1", "y_image_2"]);
    for (image, (planned, step)) in convs().enumerate() {
        let (read, write) = (&planned.reads[0], &planned.write);
        assert_eq!([&read.start, &write.start], [&vec![image, 0, 0, 0]; 2]);
        assert_eq!((&read.dims, &write.dims), (&vec![1, 2, 4, 4], &vec![1, 3, 4, 4]));
        // Rows of several images are no rows of one map.
        assert_eq!((planned.rows, step.weights.clone(), step.macs), (None, 0..steps.weights.len(), 3 * 2 * 16));
    }
}
