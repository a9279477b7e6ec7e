//! Finds things in a frame and says of which class the whole is, with two networks that take turns in one arena.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use panic_semihosting as _;
use peleec_runtime::Arena;
use static_cell::ConstStaticCell;

mod detector {
    include!(concat!(env!("OUT_DIR"), "/detector.rs"));
}

mod classifier {
    include!(concat!(env!("OUT_DIR"), "/classifier.rs"));
}

static FRAME: &[u8; detector::FRAME_BYTES] = include_bytes!("../../../models/detector-small/scenes/a-14.rgb565");

/// What the hungrier of the two needs.
const BYTES: usize = if detector::ARENA_BYTES > classifier::ARENA_BYTES { detector::ARENA_BYTES } else { classifier::ARENA_BYTES };

/// All memory that the networks work in: results are read before the next one runs, as the borrow checker sees to.
static ARENA: ConstStaticCell<Arena<BYTES>> = ConstStaticCell::new(Arena::new());

#[entry]
fn main() -> ! {
    let arena = ARENA.take();
    let mut classifier = classifier::Model::over(arena.part());
    let scores = classifier.run(FRAME).logits;
    if let Some((class, score)) = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)) {
        hprintln!("class {} {:?}", class, score);
    }
    let mut detector = detector::Model::over(arena.part());
    for seen in detector.run(FRAME).detections.iter() {
        let label = detector::LABELS[seen.class as usize];
        hprintln!("{} {:?} {:?}", label, seen.score, seen.corners);
    }
    loop {
        debug::exit(debug::EXIT_SUCCESS);
    }
}
