#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cometd_edge_fuzz::failure::run(data));
