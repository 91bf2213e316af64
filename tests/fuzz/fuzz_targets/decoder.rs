#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cometd_edge_fuzz::decoder::run(data));
