//! `run`: what a model says of pictures, in this process: boxes of a detector, the best classes of a classifier.

use std::path::{Path, PathBuf};

use peleec::Description;
use peleec_runtime::Detection;
use serde_json::{Value, json};

use crate::failure::{Answer, Failure};
use crate::model::ModelArgs;
use crate::output::Output;
use crate::picture::{self, Picture};
use crate::progress::Progress;
use crate::table::Table;
use crate::viewer::{Seen, Viewer, label};

/// How many classes are told of a classifier.
const BEST: usize = 5;

/// Run a model on pictures: the boxes of a detector, the best classes of a classifier
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// PNG, JPEG or PPM files, or folders of them
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Draw the boxes on the picture: a file, or a folder where there are several pictures
    #[arg(long, value_name = "OUT")]
    draw: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Answer, Failure> {
    let viewer = Viewer::new(&args.model, output)?;
    let description = viewer.description();
    let pictures = picture::files(&args.images)?;
    if args.draw.is_some() && description.detector.is_none() {
        return Err(Failure::Usage("--draw draws boxes, and the model's description has no [detector]".to_owned()));
    }
    let mut images = Vec::new();
    for (index, path) in pictures.iter().enumerate() {
        let _progress = Progress::start(output, format!("picture {} of {}", index + 1, pictures.len()));
        let mut picture = Picture::open(path)?;
        let seen = viewer.look(&picture)?;
        show(path, &seen, description, pictures.len() > 1, output);
        if let (Some(out), Seen::Boxes { detections, .. }) = (&args.draw, &seen) {
            picture.draw(detections, |class| label(description, class));
            picture.save(&drawn(out, path, pictures.len() > 1))?;
        }
        images.push(json(path, &seen, description));
    }
    output.document(json!({ "images": images }));
    Ok(Answer::Yes)
}

fn show(path: &Path, seen: &Seen, description: &Description, named: bool, output: &Output) {
    if named {
        output.say(path.display());
    }
    match seen {
        Seen::Boxes { detections, .. } if detections.is_empty() => output.say("nothing was seen"),
        Seen::Boxes { detections, truncated } => {
            let mut table = Table::new(&["label", "score", "left", "top", "right", "bottom"], &[1, 2, 3, 4, 5]);
            for Detection { class, score, corners, .. } in detections {
                let corners = corners.map(|corner| format!("{corner:.1}"));
                table.row([label(description, *class as usize), format!("{score:.3}")].into_iter().chain(corners));
            }
            output.table(&table);
            if *truncated {
                output.say("there were more: a limit of the description left them out");
            }
        }
        Seen::Classes(classes) => {
            let mut table = Table::new(&["label", "score"], &[1]);
            for (class, score) in classes.iter().take(BEST) {
                table.row([label(description, *class), format!("{score:.4}")]);
            }
            output.table(&table);
        }
    }
}

fn json(path: &Path, seen: &Seen, description: &Description) -> Value {
    match seen {
        Seen::Boxes { detections, truncated } => {
            let detection = |Detection { class, score, corners, .. }: &Detection| json!({ "class": class, "label": label(description, *class as usize), "score": score, "box": corners });
            let detections: Vec<_> = detections.iter().map(detection).collect();
            json!({ "file": path.display().to_string(), "detections": detections, "truncated": truncated })
        }
        Seen::Classes(classes) => {
            let class = |(class, score): &(usize, f32)| json!({ "class": class, "label": label(description, *class), "score": score });
            json!({ "file": path.display().to_string(), "classes": classes.iter().take(BEST).map(class).collect::<Vec<_>>() })
        }
    }
}

/// Where a picture with boxes goes.
fn drawn(out: &Path, path: &Path, several: bool) -> PathBuf {
    match path.file_name().filter(|_| several || out.is_dir()) {
        Some(name) => out.join(name),
        None => out.to_owned(),
    }
}
