//! The pack format: any `pack.json`, `values.yaml`, `presets.yaml` and `schema.yaml` load, or every problem is told with the
//! file that it is in. The files stand in one input, with a line of `===` between them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strata_model::{pack::PackFiles, profile::PresetChoice};
use strata_render::{load_pack, preset};

fuzz_target!(|bytes: &[u8]| {
    let mut files = PackFiles::new();
    let mut rest = bytes;
    for name in ["pack.json", "values.yaml", "presets.yaml", "schema.yaml"] {
        let separator = b"\n===\n";
        let end = rest.windows(separator.len()).position(|window| window == separator);
        files.insert(name.to_owned(), rest.get(..end.unwrap_or(rest.len())).unwrap_or_default().to_vec());
        let Some(end) = end else { break };
        rest = rest.get(end + separator.len()..).unwrap_or_default();
    }
    files.entry("values.yaml".to_owned()).or_default();
    match load_pack(&files) {
        Ok(loaded) => {
            let pack = loaded.pack;
            let text = serde_json::to_string(&pack).expect("a pack can be written");
            let again = serde_json::from_str(&text).expect("and be read");
            assert_eq!(pack, again, "a pack that was stored is another one");
            assert_eq!(pack.digest(), again.digest(), "with another digest");
            for choice in &pack.presets {
                let choice = PresetChoice { group: choice.group.clone(), name: choice.name.clone() };
                let _ = preset::choose(&pack.values, &pack.presets, &[choice]);
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a reason");
            for problem in problems {
                assert!(problem.file.is_some() && !problem.code.is_empty(), "{problem:?}");
            }
        }
    }
});
