//! Says of which class a camera's frame is, through the debug probe.
#![no_std]
#![no_main]

use cortex_m as _;
use cortex_m_rt::entry;
use panic_halt as _;
use rtt_target::{rprintln, rtt_init_print};
use static_cell::ConstStaticCell;

mod classifier {
    include!(concat!(env!("OUT_DIR"), "/classifier.rs"));
}

static MODEL: ConstStaticCell<classifier::Model> = ConstStaticCell::new(classifier::Model::new());

/// The frame to look at. Here it is always the same, from flash: put your camera's driver in its place.
fn next_frame() -> &'static [u8; classifier::FRAME_BYTES] {
    include_bytes!("../../../models/detector-small/scenes/a-14.rgb565")
}

#[entry]
fn main() -> ! {
    rtt_init_print!();
    let model = MODEL.take();
    loop {
        let scores = model.run(next_frame()).logits;
        if let Some((class, score)) = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)) {
            rprintln!("class {} {:?}", class, score);
        }
    }
}
