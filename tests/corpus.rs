//! The committed corpus of the fuzz targets, replayed without a fuzzer.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::Path;

#[path = "fuzz/src/lib.rs"]
mod targets;

#[test]
fn what_the_fuzzers_have_found_keeps_every_promise() {
    for (name, target) in targets::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
        let mut count = 0;
        for file in fs::read_dir(&folder).expect("a corpus for each target") {
            let path = file.expect("a file").path();
            println!("{}", path.display());
            target(&fs::read(path).expect("readable"));
            count += 1;
        }
        assert!(count > 0, "{name} has no corpus");
    }
}
