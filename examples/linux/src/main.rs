//! Finds things in pictures, on all cores: `linux PICTURE...`.

use std::error::Error;

use peleec_runtime::{Detections, Frame, FrameLayout, PixelFormat, Threads};

mod detector {
    include!(concat!(env!("OUT_DIR"), "/detector.rs"));
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut model = Box::new(detector::Model::new());
    let threads = Threads::new(std::thread::available_parallelism()?.get())?;
    let (mut candidates, mut detections) = (Detections::<{ detector::CANDIDATES }>::new(), Detections::<{ detector::DETECTIONS }>::new());
    for path in std::env::args().skip(1) {
        let picture = image::open(&path)?.into_rgb8();
        let [width, height] = [picture.width(), picture.height()].map(|side| side as usize);
        let frame = Frame::new(FrameLayout { format: PixelFormat::Rgb888, width, height }, picture.as_raw());
        let outputs = model.run_with(&threads, &mut |y, row| detector::PREPARATION.row(&frame, y, row));
        // The module's own detections are in pixels of its input.
        let in_picture = detector::DETECTOR.in_picture([width, height], &detector::PREPARATION);
        in_picture.detect(outputs.loc, outputs.conf, &mut candidates, &mut detections);
        for seen in detections.iter() {
            let label = detector::LABELS[seen.class as usize];
            println!("{label} {:?} {:?}", seen.score, seen.corners);
        }
    }
    Ok(())
}
