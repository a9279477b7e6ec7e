//! Mean average precision of a detector, as COCO defines it (Lin et al. 2014, and its tool `pycocotools`): for boxes of all areas, at most 100
//! detections a picture, precision at 101 points of recall.

use peleec_runtime::Detection;

use super::Object;

/// The overlaps, as intersection over union, from which on a detection is right.
pub const OVERLAPS: [f64; 10] = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95];

/// Most detections of a class in a picture that count.
const MOST: usize = 100;

/// Points of recall, from 0 to 1.
const POINTS: usize = 101;

/// A detection, and at which overlaps it is right.
#[derive(Clone, Debug)]
struct Scored {
    score: f32,
    is_right: [bool; OVERLAPS.len()],
}

/// What was seen of a class in all pictures.
#[derive(Clone, Debug, Default)]
struct Class {
    seen: Vec<Scored>,
    objects: usize,
}

/// Collects what was seen, picture by picture.
#[derive(Clone, Debug)]
pub struct Precision {
    classes: Vec<Class>,
}

/// Average precision of a class.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassPrecision {
    /// The class.
    pub class: usize,
    /// How many objects there are.
    pub objects: usize,
    /// At each of [`OVERLAPS`].
    pub at: [f64; OVERLAPS.len()],
}

/// The result.
#[derive(Clone, Debug, PartialEq)]
pub struct PrecisionTable {
    /// Every class of which there is an object.
    pub classes: Vec<ClassPrecision>,
}

impl Precision {
    /// Nothing seen yet, of so many classes.
    pub fn new(classes: usize) -> Self {
        Precision { classes: vec![Class::default(); classes] }
    }

    /// Adds a picture. Classes that there are not are left out.
    pub fn add(&mut self, objects: &[Object], detections: &[Detection]) {
        for (number, class) in self.classes.iter_mut().enumerate() {
            let truth: Vec<&[f64; 4]> = objects.iter().filter(|object| object.class == number).map(|object| &object.corners).collect();
            let mut seen: Vec<&Detection> = detections.iter().filter(|seen| seen.class as usize == number).collect();
            seen.sort_by(|a, b| b.score.total_cmp(&a.score));
            seen.truncate(MOST);
            class.objects += truth.len();
            class.seen.extend(matched(&truth, &seen));
        }
    }

    /// The precision of all that was added.
    pub fn table(&self) -> PrecisionTable {
        let classes = self.classes.iter().enumerate().filter(|(_, class)| class.objects > 0);
        let precision = |(number, class): (usize, &Class)| ClassPrecision { class: number, objects: class.objects, at: class.precisions() };
        PrecisionTable { classes: classes.map(precision).collect() }
    }
}

impl PrecisionTable {
    /// The mean over classes at the overlap of 0.5; none where there was no object.
    pub fn at_half(&self) -> Option<f64> {
        mean(self.classes.iter().map(|class| class.at[0]))
    }

    /// The mean over classes and overlaps; none where there was no object.
    pub fn mean(&self) -> Option<f64> {
        mean(self.classes.iter().flat_map(|class| class.at))
    }
}

impl ClassPrecision {
    /// The mean over overlaps.
    pub fn mean(&self) -> f64 {
        self.at.iter().sum::<f64>() / OVERLAPS.len() as f64
    }
}

impl Class {
    fn precisions(&self) -> [f64; OVERLAPS.len()] {
        let mut seen: Vec<&Scored> = self.seen.iter().collect();
        seen.sort_by(|a, b| b.score.total_cmp(&a.score));
        std::array::from_fn(|overlap| average(seen.iter().map(|scored| scored.is_right[overlap]), self.objects))
    }
}

/// Which detections of a picture, the best first, are right: each takes the object that it overlaps most of those that none before has, the
/// last of several.
fn matched(truth: &[&[f64; 4]], seen: &[&Detection]) -> Vec<Scored> {
    let mut taken = vec![[false; OVERLAPS.len()]; truth.len()];
    let mut scored = Vec::new();
    for detection in seen {
        let corners = detection.corners.map(f64::from);
        let shares: Vec<f64> = truth.iter().map(|object| overlap(&corners, object)).collect();
        let is_right = std::array::from_fn(|index| {
            let free = shares.iter().enumerate().filter(|&(object, &share)| !taken[object][index] && share >= OVERLAPS[index]);
            let best = free.max_by(|a, b| a.1.total_cmp(b.1)).map(|(object, _)| object);
            best.inspect(|&object| taken[object][index] = true).is_some()
        });
        scored.push(Scored { score: detection.score, is_right });
    }
    scored
}

/// The mean, over points of recall, of the best precision at that recall or a higher one.
fn average(seen: impl Iterator<Item = bool>, objects: usize) -> f64 {
    let (mut right, mut curve) = (0, Vec::new());
    for (before, is_right) in seen.enumerate() {
        right += usize::from(is_right);
        curve.push((right as f64 / objects as f64, right as f64 / (before + 1) as f64));
    }
    let mut best = 0.0;
    for (_, precision) in curve.iter_mut().rev() {
        best = f64::max(best, *precision);
        *precision = best;
    }
    let at = |point: usize| {
        let recall = point as f64 * 0.01;
        let place = curve.partition_point(|(reached, _)| *reached < recall);
        curve.get(place).map_or(0.0, |(_, precision)| *precision)
    };
    (0..POINTS).map(at).sum::<f64>() / POINTS as f64
}

/// Intersection over union.
fn overlap(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let side = |low: usize, high: usize| (a[high].min(b[high]) - a[low].max(b[low])).max(0.0);
    let area = |corners: &[f64; 4]| (corners[2] - corners[0]) * (corners[3] - corners[1]);
    let common = side(0, 2) * side(1, 3);
    if common > 0.0 { common / (area(a) + area(b) - common) } else { 0.0 }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(class: u32, score: f32, corners: [f32; 4]) -> Detection {
        Detection { class, prior: 0, score, corners }
    }

    #[test]
    fn one_miss_of_two_halves_the_recall() {
        let object = |left: f64| Object { class: 1, corners: [left, 0.0, left + 10.0, 10.0] };
        let mut precision = Precision::new(2);
        // Right, wrong, and right again but already taken.
        let seen = [
            detection(1, 0.9, [0.0, 0.0, 10.0, 10.0]),
            detection(1, 0.8, [50.0, 0.0, 60.0, 10.0]),
            detection(1, 0.7, [0.0, 0.0, 10.0, 9.0]),
        ];
        precision.add(&[object(0.0), object(20.0)], &seen);
        let table = precision.table();
        assert_eq!(table.classes.iter().map(|class| (class.class, class.objects)).collect::<Vec<_>>(), [(1, 2)]);
        // Points 0 to 0.5 of recall have a precision of 1.
        let is_wanted = |found: Option<f64>| found.is_some_and(|found| (found - 51.0 / 101.0).abs() < 1e-12);
        assert!(is_wanted(table.at_half()) && is_wanted(table.mean()), "{table:?}");
        assert_eq!(Precision::new(3).table().mean(), None);
    }
}
