//! Runs the network once as firmware: files of the host through semihosting.
#![no_std]
#![no_main]

mod machine;
mod network;
mod panic;
mod semihosting;
mod start;

/// Called by the start code, once.
#[unsafe(no_mangle)]
extern "C" fn firmware() -> ! {
    // SAFETY: the only thread's only use of the network's memory.
    let (model, mut inputs, mut outputs) = unsafe { (network::poisoned_model(), network::inputs(), network::outputs()) };
    for (name, values) in network::INPUT_FILES.iter().zip(&mut inputs) {
        if !semihosting::read(name, values.as_bytes_mut()) {
            semihosting::exit(2);
        }
    }
    let shared = inputs.each_ref().map(peleec_runtime::ValuesMut::values);
    if let Err(status) = network::run(model, &shared, &mut outputs) {
        semihosting::exit(status.into());
    }
    let mut checksum = 0;
    for (name, values) in network::OUTPUT_FILES.iter().zip(&outputs) {
        checksum = peleec_runtime::checksum(checksum, values.values());
        if !semihosting::write(name, values.values().as_bytes()) {
            semihosting::exit(4);
        }
    }
    semihosting::print_checksum(checksum);
    semihosting::exit(0)
}
