//! Finds things in one frame of a camera by a network of bytes, and prints them through the debugger's console.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use panic_semihosting as _;
use static_cell::ConstStaticCell;

mod detector {
    include!(concat!(env!("OUT_DIR"), "/detector.rs"));
}

/// What a camera would have given.
static FRAME: &[u8; detector::FRAME_BYTES] = include_bytes!("../../../models/detector-small/scenes/a-14.rgb565");

/// The network and all the memory that it works in.
static MODEL: ConstStaticCell<detector::Model> = ConstStaticCell::new(detector::Model::new());

#[entry]
fn main() -> ! {
    let model = MODEL.take();
    for seen in model.run(FRAME).detections.iter() {
        let label = detector::LABELS[seen.class as usize];
        hprintln!("{} {:?} {:?}", label, seen.score, seen.corners);
    }
    loop {
        debug::exit(debug::EXIT_SUCCESS);
    }
}
