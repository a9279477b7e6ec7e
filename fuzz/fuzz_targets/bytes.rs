#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    assert_eq!(codegen_tests::fuzzing::bytes(data), Ok(()));
});
