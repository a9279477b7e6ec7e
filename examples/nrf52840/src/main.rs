//! Finds things in frames of a camera by a network of bytes, and prints them through the debug probe.
#![no_std]
#![no_main]

use cortex_m as _;
use cortex_m_rt::entry;
use panic_halt as _;
use rtt_target::{rprintln, rtt_init_print};
use static_cell::ConstStaticCell;

mod detector {
    include!(concat!(env!("OUT_DIR"), "/detector.rs"));
}

static MODEL: ConstStaticCell<detector::Model> = ConstStaticCell::new(detector::Model::new());

/// The frame to look at. Here it is always the same, from flash: put your camera's driver in its place.
fn next_frame() -> &'static [u8; detector::FRAME_BYTES] {
    include_bytes!("../../../models/detector-small/scenes/a-14.rgb565")
}

#[entry]
fn main() -> ! {
    rtt_init_print!();
    let model = MODEL.take();
    loop {
        for seen in model.run(next_frame()).detections.iter() {
            let label = detector::LABELS[seen.class as usize];
            rprintln!("{} {:?} {:?}", label, seen.score, seen.corners);
        }
    }
}
