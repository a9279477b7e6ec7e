//! Graph inputs that the caller gives row by row.

use std::sync::Arc;

use crate::diagnostics::{Code, Diagnostic, Problems};
use crate::plan::problem::{CHANNELS, PlanStep, Problem, Relation, Role, TensorId};
use crate::steps::kernels::{Kernel, Move, Source};
use crate::steps::{Step, Steps};
use crate::tensor::Shape;

/// From `[n, height, width, channels]` to `[n, channels, height, width]`.
const CHANNELS_FIRST: [usize; 4] = [0, 3, 1, 2];
/// The way back.
const CHANNELS_LAST: [usize; 4] = [0, 2, 3, 1];

/// Makes every graph input one whose rows a step asks for; an input that is no map of one image is named.
pub(crate) fn ask_for_rows(steps: &mut Steps) -> Result<(), Problems> {
    let refused: Vec<_> = inputs(&steps.problem).filter_map(|id| refusal(&steps.problem, id)).collect();
    if !refused.is_empty() {
        return Err(Problems(refused));
    }
    loop {
        let Some(id) = inputs(&steps.problem).next() else { return Ok(()) };
        source(steps, id);
    }
}

/// Channels, height and width of the map whose pixels the first input is asked for; none where it is not.
pub(crate) fn map_asked_for(steps: &Steps) -> Option<[usize; 3]> {
    let first = steps.problem.tensors.iter().find(|tensor| tensor.role == Role::Rows(0));
    first.filter(|rows| rows.shape.rank() == 4).map(|rows| [rows.shape[1], rows.shape[2], rows.shape[3]])
}

/// The graph inputs that anything reads.
fn inputs(problem: &Problem) -> impl Iterator<Item = TensorId> {
    let is_read = |id: TensorId| problem.steps.iter().flat_map(|step| &step.reads).any(|read| read.tensor == id);
    (0..problem.tensors.len()).filter(move |&id| matches!(problem.tensors[id].role, Role::Input(_)) && is_read(id))
}

fn refusal(problem: &Problem, id: TensorId) -> Option<Diagnostic> {
    let tensor = &problem.tensors[id];
    if tensor.shape.rank() == 4 && tensor.shape[0] == 1 {
        return None;
    }
    let diagnostic = Diagnostic::unsupported(Code::NO_ROWS, format!("input `{}` has no rows to ask for", tensor.name));
    let diagnostic = diagnostic.found(format!("`{}` is {}{}", tensor.name, tensor.dtype, tensor.shape));
    Some(diagnostic.supported("maps of one image, [1, C, H, W] or [1, H, W, C]").help("leave `--input rows` out"))
}

/// Puts what asks for the rows of `id` in front of the tensor that the graph reads.
fn source(steps: &mut Steps, id: TensorId) {
    let problem = &mut steps.problem;
    let Role::Input(input) = problem.tensors[id].role else { return };
    transpose_one_channel(problem, id);
    let is_transposed = |step: &PlanStep| step.relation == Some(Relation::Permute(CHANNELS_FIRST.to_vec()));
    let channels_last = problem.steps.iter().filter(|step| step.reads.iter().any(|read| read.tensor == id)).all(is_transposed);
    let name = problem.tensors[id].name.clone();
    // The rows come first of all tensors: what follows is numbered anew.
    renumber(problem);
    problem.tensors.insert(0, problem.tensors[id].clone());
    let graph = id + 1;
    problem.tensors[graph].role = Role::Intermediate;
    problem.tensors[0].role = Role::Rows(input);
    let relation = match channels_last {
        true => {
            let shape = CHANNELS_FIRST.map(|axis| problem.tensors[graph].shape[axis]);
            problem.tensors[0].shape = Shape(shape.to_vec());
            Relation::Permute(CHANNELS_LAST.to_vec())
        }
        false => Relation::Same,
    };
    let mut rows = problem.whole(0);
    rows.channel = Some(CHANNELS);
    let (given, moved) = (problem.whole(0), problem.whole(graph));
    let work = steps.steps.len();
    let source = Source { input, channels_last };
    let asking = PlanStep { rows: source.places().rows, ..PlanStep::computing(work, Vec::new(), rows) };
    problem.steps.splice(0..0, [asking, PlanStep::moving(work + 1, given, moved, relation)]);
    let step = |kernel: Arc<dyn Kernel>| Step { name: name.clone(), label: vec!["Input".to_owned()], kernel, weights: 0..0, macs: 0 };
    steps.steps.extend([step(Arc::new(source)), step(Arc::new(Move))]);
}

/// Lets reshapes of `id` that move its only channel to the front be the transposes that they are: pixels of the one are pixels of the other.
fn transpose_one_channel(problem: &mut Problem, id: TensorId) {
    let Problem { tensors, steps, .. } = problem;
    let &[n, height, width, 1] = &tensors[id].shape.0[..] else { return };
    let (all, moved) = ([n, height, width, 1], [n, 1, height, width]);
    for step in steps.iter_mut().filter(|step| step.relation == Some(Relation::Reshape)) {
        let reads_all = matches!(&step.reads[..], [read] if read.tensor == id && read.dims[..] == all);
        if reads_all && tensors[step.write.tensor].shape.0[..] == moved && step.write.dims[..] == moved {
            step.relation = Some(Relation::Permute(CHANNELS_FIRST.to_vec()));
        }
    }
}

/// Makes room for a tensor in front of all others.
fn renumber(problem: &mut Problem) {
    for step in &mut problem.steps {
        for access in step.reads.iter_mut().chain([&mut step.write]) {
            access.tensor += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::DType;

    /// A move of an input to a result.
    fn moved(from: &[usize], to: &[usize], relation: Relation) -> Steps {
        let mut steps = Steps::default();
        let x = steps.add_tensor("x", Shape(from.to_vec()), DType::F32, Role::Input(0));
        let y = steps.add_tensor("y", Shape(to.to_vec()), DType::F32, Role::Output(0));
        steps.push_move("move", &[], x, y, relation);
        steps
    }

    #[test]
    fn rows_are_asked_for_in_front_of_what_reads_them() {
        let permuted = |axes: [usize; 4]| Relation::Permute(axes.to_vec());
        for (from, to, relation, given, read) in [
            ([1, 3, 4, 5], [1, 3, 4, 5], Relation::Same, Relation::Same, Relation::Same),
            // Pixels whose channels come last are pixels of rows.
            ([1, 4, 5, 3], [1, 3, 4, 5], permuted(CHANNELS_FIRST), permuted(CHANNELS_LAST), permuted(CHANNELS_FIRST)),
            ([1, 4, 5, 1], [1, 1, 4, 5], Relation::Reshape, permuted(CHANNELS_LAST), permuted(CHANNELS_FIRST)),
            ([1, 4, 5, 1], [1, 1, 5, 4], Relation::Reshape, Relation::Same, Relation::Reshape),
        ] {
            let mut steps = moved(&from, &to, relation);
            assert!(ask_for_rows(&mut steps).is_ok());
            let rows = if given == Relation::Same { [from[1], from[2], from[3]] } else { [from[3], from[1], from[2]] };
            assert_eq!(map_asked_for(&steps), Some(rows));
            let roles: Vec<_> = steps.problem.tensors.iter().map(|tensor| tensor.role).collect();
            assert_eq!(roles, [Role::Rows(0), Role::Intermediate, Role::Output(0)]);
            let places = |step: &PlanStep| (step.work, step.reads.first().map(|read| read.tensor), step.write.tensor);
            let found: Vec<_> = steps.problem.steps.iter().map(places).collect();
            assert_eq!(found, [(1, None, 0), (2, Some(0), 1), (0, Some(1), 2)]);
            let relations: Vec<_> = steps.problem.steps.iter().map(|step| step.relation.clone()).collect();
            assert_eq!(relations, [None, Some(given), Some(read)]);
        }
    }

    #[test]
    fn only_maps_of_one_image_have_rows() {
        for shape in [&[2, 3][..], &[2, 3, 4, 5]] {
            let refused = ask_for_rows(&mut moved(shape, shape, Relation::Same)).err().map_or(Vec::new(), |problems| problems.0);
            let titles: Vec<_> = refused.iter().map(|problem| problem.title.as_str()).collect();
            assert_eq!(titles, ["input `x` has no rows to ask for"]);
        }
        let mut unread = Steps::default();
        unread.add_tensor("x", Shape(vec![2, 3]), DType::F32, Role::Input(0));
        assert!(ask_for_rows(&mut unread).is_ok() && map_asked_for(&unread).is_none());
    }
}
