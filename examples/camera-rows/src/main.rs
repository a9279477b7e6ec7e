//! Takes a picture line by line, as a camera interface hands lines over, so that no frame is stored.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use panic_semihosting as _;
use peleec_runtime::{Frame, FrameLayout, OneCore, Preparation};
use static_cell::ConstStaticCell;

mod detector {
    include!(concat!(env!("OUT_DIR"), "/detector.rs"));
}

/// Bytes of a line of the camera.
const LINE_BYTES: usize = 2 * detector::FRAME.width;

/// A line is a picture of one row, and as wide as the input: nothing is resized.
const LINE: FrameLayout = FrameLayout { height: 1, ..detector::FRAME };
const _: () = assert!(detector::FRAME.width == detector::PREPARATION.size[0] && detector::FRAME.height == detector::PREPARATION.size[1]);
const LINE_PREPARATION: Preparation = Preparation { size: [detector::FRAME.width, 1], ..detector::PREPARATION };

static MODEL: ConstStaticCell<detector::Model> = ConstStaticCell::new(detector::Model::new());

/// Waits for a line of the camera. Here it comes from flash; a real one's interrupt would have filled the buffer.
fn wait_for_line(y: usize, line: &mut [u8; LINE_BYTES]) {
    static FRAME: &[u8; detector::FRAME_BYTES] = include_bytes!("../../../models/detector-small/scenes/a-14.rgb565");
    line.copy_from_slice(&FRAME[y * LINE_BYTES..][..LINE_BYTES]);
}

#[entry]
fn main() -> ! {
    let model = MODEL.take();
    let mut line = [0; LINE_BYTES];
    let seen = model.run_rows_with(&OneCore, &mut |y, row| {
        wait_for_line(y, &mut line);
        LINE_PREPARATION.row(&Frame::new(LINE, &line), 0, row);
    });
    for seen in seen.detections.iter() {
        let label = detector::LABELS[seen.class as usize];
        hprintln!("{} {:?} {:?}", label, seen.score, seen.corners);
    }
    loop {
        debug::exit(debug::EXIT_SUCCESS);
    }
}
