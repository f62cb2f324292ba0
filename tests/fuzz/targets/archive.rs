//! The archive reader: any bytes give files within the budget, under plain relative paths, or a refusal.
//!
//! Random bytes are no gzip stream; so that what is inside is reached too, an input that begins with `T` is packed first.

#![no_main]

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use strata_archive::{Budget, Tally, Usage, read_tgz};
use strata_render::chart::Chart;

const BUDGET: Budget = Budget {
    max_files: 50,
    max_file_bytes: 16 << 10,
    max_total_bytes: 64 << 10,
    max_depth: 4,
    max_path_bytes: 128,
};

fuzz_target!(|bytes: &[u8]| {
    let packed = match bytes.strip_prefix(b"T") {
        Some(tar) => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
            // Writing to memory does not fail.
            let _ = encoder.write_all(tar);
            encoder.finish().unwrap_or_default()
        }
        None => bytes.to_vec(),
    };
    let mut usage = Usage::default();
    if let Ok(files) = read_tgz(&packed, Tally::new(&BUDGET, &mut usage, |_| true)) {
        assert!(files.len() <= BUDGET.max_files, "more files than the budget has");
        let total: usize = files.values().map(Vec::len).sum();
        assert!(total as u64 <= BUDGET.max_total_bytes, "more bytes than the budget has");
        for path in files.keys() {
            let plain = |name: &str| !name.is_empty() && name != "." && name != ".." && !name.contains('\\');
            assert!(path.len() <= BUDGET.max_path_bytes && path.split('/').all(plain), "the path {path:?}");
        }
        assert_eq!(usage, Usage::of(&files), "the tally counts something else");
    }
    // A chart's own budget is larger, and more is looked at.
    let _ = Chart::from_archive(&packed);
});
