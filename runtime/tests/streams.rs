//! Layers behind each other that compute their rows as they are asked for, over rings of the least height, in an order that a schedule
//! repeats: the bits of whole maps.

use peleec_runtime::{
    Activation, Conv2d, ConvTranspose2d, DepthwiseConv2d, Fused, Kernel, Lrn, PRelu, Pixels, Plain, Pool2d, PoolKind, Resample,
    RowCounters, RowWindow, Schedule, run_checked, run_row_checked,
};

mod maps;

use maps::{Random, at, dense, indices, outside};

/// The most layers of a stream, the first of which gives the rows of the input.
const MOST: usize = 6;

/// A layer's output, of its input.
type Run = dyn Fn(&[f32]) -> Vec<f32>;

/// A row of a layer's output: its number, both rings, the ring that is read, and the one that is written.
type RunRow = dyn Fn(u32, [Pixels; 2], &[f32], &mut [f32]);

/// A layer.
struct Stage {
    input: Pixels,
    output: Pixels,
    window: RowWindow,
    whole: Box<Run>,
    row: Box<RunRow>,
}

impl Stage {
    /// One of the kernel that `make` makes over two maps.
    fn new<K: Kernel>(
        input: Pixels,
        output: Pixels,
        window: RowWindow,
        w: Vec<f32>,
        make: impl Fn(Pixels, Pixels) -> K + Copy + 'static,
    ) -> Self {
        let other = w.clone();
        let whole = move |x: &[f32]| {
            let mut y = vec![f32::NAN; output.extent().expect("a map has elements")];
            run_checked(&make(input, output), outside(x, &x[..0], &w, &mut y)).expect("the operands serve");
            y
        };
        let row = move |row: u32, [from, to]: [Pixels; 2], x: &[f32], y: &mut [f32]| {
            run_row_checked(&make(from, to), row as usize, outside(x, &x[..0], &other, y)).expect("the operands serve");
        };
        Stage { input, output, window, whole: Box::new(whole), row: Box::new(row) }
    }

    /// The last row of the input that a row of the output is made of, by what the window's documentation says.
    fn last(&self, row: u32) -> Option<u32> {
        let RowWindow { kernel, stride, divisor, dilation, pad } = self.window;
        let rows = (0..kernel).filter_map(|k| (row * stride / divisor + k * dilation).checked_sub(pad));
        rows.filter(|&y| y < self.input.height).max()
    }

    /// A ring of the input that holds one window, and no row more.
    fn ring(&self) -> Pixels {
        let RowWindow { kernel, dilation, .. } = self.window;
        self.input.ring(((kernel - 1) * dilation + 1).min(self.input.height))
    }
}

/// A layer behind a map of this size; none where it would have no rows.
fn stage(random: &mut Random, [height, width, channels]: [u32; 3]) -> Option<Stage> {
    let input = dense(height, width, channels);
    let mut two = |least, n| [0, 1].map(|_| least + random.below(n));
    let (kernel, strides, dilations, pads) = (two(1, 3), two(1, 2), two(1, 2), two(0, 2));
    let reach = [0, 1].map(|axis| (kernel[axis] - 1) * dilations[axis] + 1);
    let sized = |axis: usize, extent: u32| Some((extent + 2 * pads[axis]).checked_sub(reach[axis])? / strides[axis] + 1);
    let [rows, columns] = [sized(0, height)?, sized(1, width)?];
    match random.below(7) {
        0 => {
            let make = move |x, y| DepthwiseConv2d::<Plain>::new(x, y).kernel(kernel).strides(strides).dilations(dilations).pads(pads);
            let (output, w) = (dense(rows, columns, channels), random.values((channels * (1 + kernel[0] * kernel[1])) as usize));
            Some(Stage::new(input, output, make(input, output).row_window(), w, make))
        }
        1 | 2 => {
            let output = dense(rows, columns, 1 + random.below(9));
            let make = move |x, y| {
                let conv = Conv2d::<Fused, 4, 8>::new(x, y).kernel(kernel).strides(strides).dilations(dilations).pads(pads);
                conv.epilogue(Activation::LeakyRelu(0.5)).general(true)
            };
            let w = random.values(make(input, output).extent()?.w);
            Some(Stage::new(input, output, make(input, output).row_window(), w, make))
        }
        3 => {
            let output = dense(rows, columns, channels);
            // A maximum of padding alone is infinite, and makes what is no number.
            let kind = if pads == [0, 0] { PoolKind::Max } else { PoolKind::AveragePadded };
            let pads = [pads[0], pads[1], pads[0], pads[1]];
            let make = move |x, y| Pool2d::new(x, y, kind).kernel(kernel).strides(strides).dilations(dilations).pads(pads);
            Some(Stage::new(input, output, make(input, output).row_window(), Vec::new(), make))
        }
        4 => {
            let output = dense(2 * height, width, 1 + random.below(4));
            let make = move |x, y| ConvTranspose2d::new(x, y).kernel([3, 1]).strides([2, 1]).pads([1, 0]);
            let w = random.values(make(input, output).extent()?.w);
            Some(Stage::new(input, output, make(input, output).row_window(), w, make))
        }
        5 => {
            // Each row twice, and columns from the end.
            let output = dense(2 * height, width, channels);
            let make = move |x, y| Resample::new(x, y).reads([1, 2, 0, 1]);
            let entry = |first: u32| [f32::from_bits(first), 1.0];
            let w = (0..2 * height).map(|row| row / 2).chain((0..width).rev()).flat_map(entry).collect();
            Some(Stage::new(input, output, make(input, output).row_window(), w, make))
        }
        _ if random.below(2) == 0 => {
            let make = move |x, y| Lrn::new(x, y, [1, 1]);
            Some(Stage::new(input, input, make(input, input).row_window(), Vec::new(), make))
        }
        _ => Some(Stage::new(input, input, PRelu::new(input, input).row_window(), random.values(channels as usize), PRelu::new)),
    }
}

/// In which order rows are computed, if each is when the last layer first needs it: layer 0 gives the rows of the input.
struct Order<'a> {
    stages: &'a [Stage],
    next: [u32; MOST],
    steps: Vec<u8>,
}

impl Order<'_> {
    fn of(stages: &[Stage]) -> Vec<u8> {
        let mut order = Order { stages, next: [0; MOST], steps: Vec::new() };
        order.need(stages.len(), stages[stages.len() - 1].output.height - 1);
        order.steps
    }

    fn need(&mut self, layer: usize, row: u32) {
        while self.next[layer] <= row {
            if let Some(last) = layer.checked_sub(1).and_then(|stage| self.stages[stage].last(self.next[layer])) {
                self.need(layer - 1, last);
            }
            self.steps.push(layer as u8);
            self.next[layer] += 1;
        }
    }
}

/// As a schedule with the part that saves most.
fn compressed(steps: &[u8]) -> Schedule {
    let times = |first: usize, len: usize| steps[first..].chunks(len).take_while(|part| *part == &steps[first..][..len]).count();
    let parts = (0..steps.len()).flat_map(|first| (1..=(steps.len() - first) / 2).map(move |len| (first, len)));
    let best = parts.map(|(first, len)| ((times(first, len) - 1) * len, first, len)).max().unwrap_or((0, 0, steps.len()));
    let (_, first, len) = best;
    let leaked = |part: &[u8]| &*part.to_vec().leak();
    let times = times(first, len);
    let (prologue, body, epilogue) = (leaked(&steps[..first]), leaked(&steps[first..][..len]), leaked(&steps[first + times * len..]));
    Schedule { prologue, body, times: times as u32, epilogue }
}

/// Runs the stages row by row; what the last one gives, whole.
fn streamed(stages: &[Stage], schedule: Schedule, x: &[f32]) -> Vec<f32> {
    let last = stages[stages.len() - 1].output;
    let maps: Vec<Pixels> = stages.iter().map(Stage::ring).chain([last]).collect();
    // What was never written is no number, and makes none of what it is in.
    let mut rings: Vec<Vec<f32>> = maps.iter().map(|map| vec![f32::NAN; map.extent().expect("a map has elements")]).collect();
    let mut counters = RowCounters::<MOST>::new();
    for step in schedule.steps() {
        let (layer, row) = (usize::from(step), counters.next(step) as u32);
        let (before, from) = rings.split_at_mut(layer);
        let Some(previous) = layer.checked_sub(1) else {
            for [column, c] in indices([maps[0].width, maps[0].channels]) {
                from[0][at(&maps[0], row, column, c)] = x[at(&stages[0].input, row, column, c)];
            }
            continue;
        };
        (stages[previous].row)(row, [maps[previous], maps[layer]], &before[previous], &mut from[0]);
    }
    rings.pop().expect("the last is the output")
}

#[test]
fn streams_give_the_bits_of_whole_maps() {
    let mut random = Random(1);
    let (mut rows, mut repeated) = (0, 0);
    for _ in 0..120 {
        let mut size = [2 + random.below(12), 1 + random.below(7), 1 + random.below(6)];
        let input = dense(size[0], size[1], size[2]);
        let mut stages: Vec<Stage> = Vec::new();
        let depth = 1 + random.below(MOST as u32 - 1) as usize;
        while stages.len() < depth {
            if let Some(stage) = stage(&mut random, size).filter(|stage| stage.output.height <= 40) {
                size = [stage.output.height, stage.output.width, stage.output.channels];
                stages.push(stage);
            } else if stages.is_empty() {
                continue;
            } else {
                break;
            }
        }
        let x = random.values(input.extent().expect("a map has elements"));
        let wanted = stages.iter().fold(x.clone(), |x, stage| (stage.whole)(&x));
        assert!(wanted.iter().all(|value| !value.is_nan()));
        let order = Order::of(&stages);
        let schedule = compressed(&order);
        assert!(schedule.steps().eq(order.iter().copied()), "{schedule:?} is not {order:?}");
        let found = streamed(&stages, schedule, &x);
        let bits = |all: &[f32]| all.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let windows: Vec<_> = stages.iter().map(|stage| (stage.input, stage.window)).collect();
        assert_eq!(bits(&found), bits(&wanted), "{windows:?} by {schedule:?}");
        rows += order.len();
        repeated += schedule.body.len() * schedule.times as usize;
    }
    assert!(rows > 1500 && repeated > rows / 3, "{rows} {repeated}");
}
