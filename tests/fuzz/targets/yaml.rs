//! The YAML reader: any text is read or refused with a place, and what was read is written so that it reads the same.

#![no_main]

use std::str;

use libfuzzer_sys::fuzz_target;
use strata_values::{emit, parse, parse_documents, parse_mapping};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match parse(text, "fuzz.yaml") {
        Ok(value) => {
            let written = emit(&value);
            let again = parse(&written, "written.yaml");
            assert_eq!(again.as_ref(), Ok(&value), "written as\n{written}");
        }
        Err(problem) => assert!(!problem.message.is_empty() && problem.help.is_some(), "{problem:?}"),
    }
    let _ = parse_mapping(text, "fuzz.yaml");
    if let Ok(documents) = parse_documents(text, "fuzz.yaml") {
        assert!(documents.iter().all(|document| document.line >= 1), "a document without a line");
    }
});
