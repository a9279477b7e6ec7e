//! `eval`: how often a model is right, over pictures whose content is known.

use std::path::{Path, PathBuf};

use peleec::accuracy::{Annotations, ClassPrecision, Precision, PrecisionTable};
use peleec::{Description, DetectorSettings, Error};
use serde_json::{Value, json};

use crate::failure::{Answer, Failure};
use crate::model::ModelArgs;
use crate::output::Output;
use crate::picture::{self, Picture};
use crate::progress::Progress;
use crate::table::Table;
use crate::viewer::{Seen, Viewer, label};

/// What a score must exceed to count for average precision, and how many detections of a picture do: recall is had with doubtful ones, too.
const THRESHOLD: f32 = 0.01;
const DETECTIONS: usize = 100;

/// How many guesses the second figure of a classifier allows.
const GUESSES: usize = 5;

/// Measure a model on pictures whose content is known: average precision of a detector, top-1 of a classifier
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// A folder with annotations.json or a JSON file, in COCO's form or peleec's; for a classifier a folder of folders named for classes
    data: PathBuf,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Answer, Failure> {
    let viewer = Viewer::new(&args.model, output)?;
    match viewer.description().detector.clone() {
        Some(detector) => boxes(viewer, detector, &args.data, output),
        None => classes(&viewer, &args.data, output),
    }
}

/// Average precision of a detector.
fn boxes(viewer: Viewer, detector: DetectorSettings, data: &Path, output: &Output) -> Result<Answer, Failure> {
    let detector = DetectorSettings { threshold: detector.threshold.min(THRESHOLD), detections: DETECTIONS, ..detector };
    let description = Description { detector: Some(detector), ..viewer.description().clone() };
    let viewer = viewer.described(description);
    let annotations = Annotations::read(data)?.by_labels(&viewer.description().labels)?;
    let mut precision = Precision::new(annotations.labels.len());
    for (index, annotated) in annotations.pictures.iter().enumerate() {
        let _progress = Progress::start(output, format!("picture {} of {}", index + 1, annotations.pictures.len()));
        if let Seen::Boxes { detections, .. } = viewer.look(&Picture::open(&annotated.file)?)? {
            precision.add(&annotated.objects, &detections);
        }
    }
    let table = precision.table();
    show(&table, viewer.description(), annotations.pictures.len(), output);
    output.document(document(&table, viewer.description(), annotations.pictures.len()));
    Ok(Answer::Yes)
}

fn show(precision: &PrecisionTable, description: &Description, pictures: usize, output: &Output) {
    let mut table = Table::new(&["class", "objects", "AP@0.5", "AP@0.5:0.95"], &[1, 2, 3]);
    for class in &precision.classes {
        let ClassPrecision { at, objects, .. } = class;
        table.row([label(description, class.class), objects.to_string(), format!("{:.3}", at[0]), format!("{:.3}", class.mean())]);
    }
    output.table(&table);
    if let (Some(half), Some(mean)) = (precision.at_half(), precision.mean()) {
        output.say(format_args!("mAP@0.5 {half:.3}, mAP@0.5:0.95 {mean:.3} on {pictures} pictures"));
    }
}

fn document(precision: &PrecisionTable, description: &Description, pictures: usize) -> Value {
    let class = |class: &ClassPrecision| {
        let ClassPrecision { objects, at, .. } = class;
        json!({ "label": label(description, class.class), "objects": objects, "ap_50": at[0], "ap": class.mean() })
    };
    let classes: Vec<_> = precision.classes.iter().map(class).collect();
    json!({ "pictures": pictures, "map_50": precision.at_half(), "map": precision.mean(), "classes": classes })
}

/// How often a classifier's first guess is right, and how often one of its first five.
fn classes(viewer: &Viewer, data: &Path, output: &Output) -> Result<Answer, Failure> {
    let (mut first, mut early, mut all) = (0_u32, 0_u32, 0_u32);
    for (class, folder) in folders(data, viewer.description())? {
        for path in picture::files(&[folder])? {
            let _progress = Progress::start(output, format!("picture {}", all + 1));
            if let Seen::Classes(classes) = viewer.look(&Picture::open(&path)?)? {
                if class >= classes.len() {
                    let why = format!("{} is of class {class}, and the model has {}, from 0 on", path.display(), classes.len());
                    return Err(Error::Data(why).into());
                }
                let place = classes.iter().position(|(guess, _)| *guess == class);
                first += u32::from(place == Some(0));
                early += u32::from(place.is_some_and(|place| place < GUESSES));
                all += 1;
            }
        }
    }
    let share = |right: u32| f64::from(right) / f64::from(all.max(1));
    output.say(format_args!("top-1 {:.3}, top-5 {:.3} on {all} pictures", share(first), share(early)));
    output.document(json!({ "pictures": all, "top_1": share(first), "top_5": share(early) }));
    Ok(Answer::Yes)
}

/// The folders of a folder with their classes: by label, or by number.
fn folders(data: &Path, description: &Description) -> Result<Vec<(usize, PathBuf)>, Failure> {
    let io = |source| Error::Io { path: data.display().to_string(), source };
    let entries = std::fs::read_dir(data).map_err(io)?.collect::<Result<Vec<_>, _>>().map_err(io)?;
    let mut folders: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    let class = |folder: PathBuf| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let class = description.labels.iter().position(|label| *label == name).or_else(|| name.parse().ok());
        class.map(|class| (class, folder)).ok_or_else(|| Error::Data(format!("`{name}` is neither a label of the model nor a number")))
    };
    let classes = folders.into_iter().map(class).collect::<Result<Vec<_>, _>>()?;
    if classes.is_empty() {
        return Err(Error::Data(format!("{} has no folders, one for each class", data.display())).into());
    }
    Ok(classes)
}
