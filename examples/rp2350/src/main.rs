//! Finds things in frames of a camera, and prints them through the debug probe.
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

/// Tells the boot ROM that this is a program for an Arm core in its secure state (RP2350 datasheet, section 5.9, image definitions).
#[unsafe(link_section = ".start_block")]
#[used]
static IMAGE: [u32; 5] = [0xffff_ded3, 0x1021_0142, 0x0000_01ff, 0, 0xab12_3579];

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
