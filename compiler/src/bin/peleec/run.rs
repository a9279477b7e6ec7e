//! `run`: what a model says of pictures, in this process: boxes of a detector, the best classes of a classifier.

use std::path::{Path, PathBuf};

use peleec::{Compilation, Description, Error, FrameSettings, Options, Tensor, compile};
use peleec_runtime::{Detection, Frame};
use serde_json::{Value, json};

use crate::failure::{Answer, Failure};
use crate::model::ModelArgs;
use crate::output::Output;
use crate::progress::Progress;
use crate::table::Table;

mod picture;

use picture::Picture;

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

/// What was said of a picture.
enum Said {
    Boxes { detections: Vec<Detection>, truncated: bool },
    Classes(Vec<(usize, f32)>),
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Answer, Failure> {
    let model = args.model.load()?;
    let description = match args.model.options().detect.as_ref().filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => Some(Description::read(path)?),
        None => model.description()?,
    };
    let missing = || {
        let place = model.description_path().map_or_else(|| "a file".to_owned(), |path| path.display().to_string());
        Failure::Usage(format!(
            "nothing says how a picture becomes the input: describe the [frame] in {place}, or name a file with --detect"
        ))
    };
    let description = description.filter(|description| description.frame.is_some()).ok_or_else(missing)?;
    // Boxes are made of the outputs here, whatever the description says of them.
    let compilation = compile(&model, &Options { detect: None, ..args.model.options_here(output) })?;
    output.advice(compilation.notes(), output.verbose);
    let pictures = picture::files(&args.images)?;
    if args.draw.is_some() && description.detector.is_none() {
        return Err(Failure::Usage("--draw draws boxes, and the model's description has no [detector]".to_owned()));
    }
    let mut images = Vec::new();
    for (index, path) in pictures.iter().enumerate() {
        let _progress = Progress::start(output, format!("picture {} of {}", index + 1, pictures.len()));
        let mut picture = Picture::open(path)?;
        let said = say(&compilation, &description, &picture)?;
        show(path, &said, &description, pictures.len() > 1, output);
        if let (Some(out), Said::Boxes { detections, .. }) = (&args.draw, &said) {
            picture.draw(detections, |class| label(&description, class));
            picture.save(&drawn(out, path, pictures.len() > 1))?;
        }
        images.push(json(path, &said, &description));
    }
    output.document(json!({ "images": images }));
    Ok(Answer::Yes)
}

/// Prepares the picture, runs the plan, and reads the outputs.
fn say(compilation: &Compilation, description: &Description, picture: &Picture) -> Result<Said, Failure> {
    let data = |why: String| Failure::from(Error::Data(why));
    let (inputs, frame) = (compilation.inputs(), description.frame.as_ref());
    let ([(name, ty)], Some(settings)) = (inputs.as_slice(), frame) else {
        return Err(data(format!("the model has {} inputs where a picture is one", inputs.len())));
    };
    let [width, height] = picture.size();
    let frame = Frame::rgb888(picture.bytes(), width as usize, height as usize);
    let frame = frame.ok_or_else(|| data(format!("a picture of {width}x{height} is too large")))?;
    let FrameSettings { size: [w, h], .. } = settings;
    let wrong = || data(format!("input `{name}` is {ty}, and the description's [frame] gives f32[1,3,{h},{w}]"));
    let outputs = compilation.execute(&[settings.input(&frame, ty).ok_or_else(wrong)?])?;
    if description.detector.is_some() {
        let names = compilation.output_types().into_iter().map(|(name, _)| name);
        let outputs: Vec<(String, Tensor)> = names.zip(outputs).collect();
        let seen = description.detect(&outputs, [width, height]).map_err(Error::from)?;
        return Ok(Said::Boxes { detections: seen.detections, truncated: seen.truncated });
    }
    let scores = outputs.first().and_then(Tensor::as_f32).ok_or_else(|| data("the model gives no f32 scores".to_owned()))?;
    let mut classes: Vec<_> = scores.iter().copied().enumerate().collect();
    classes.sort_by(|a, b| b.1.total_cmp(&a.1));
    classes.truncate(BEST);
    Ok(Said::Classes(classes))
}

/// The name of a class, or its number.
fn label(description: &Description, class: usize) -> String {
    description.labels.get(class).cloned().unwrap_or_else(|| format!("class {class}"))
}

fn show(path: &Path, said: &Said, description: &Description, named: bool, output: &Output) {
    if named {
        output.say(path.display());
    }
    match said {
        Said::Boxes { detections, .. } if detections.is_empty() => output.say("nothing was seen"),
        Said::Boxes { detections, truncated } => {
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
        Said::Classes(classes) => {
            let mut table = Table::new(&["label", "score"], &[1]);
            for (class, score) in classes {
                table.row([label(description, *class), format!("{score:.4}")]);
            }
            output.table(&table);
        }
    }
}

fn json(path: &Path, said: &Said, description: &Description) -> Value {
    match said {
        Said::Boxes { detections, truncated } => {
            let detection = |Detection { class, score, corners, .. }: &Detection| json!({ "class": class, "label": label(description, *class as usize), "score": score, "box": corners });
            let detections: Vec<_> = detections.iter().map(detection).collect();
            json!({ "file": path, "detections": detections, "truncated": truncated })
        }
        Said::Classes(classes) => {
            let class = |(class, score): &(usize, f32)| json!({ "class": class, "label": label(description, *class), "score": score });
            json!({ "file": path, "classes": classes.iter().map(class).collect::<Vec<_>>() })
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
