//! The schema's text is kept beside the code, and every operation that clients send fits it.
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{fs, path::PathBuf};

use apollo_compiler::{ExecutableDocument, Schema, schema::ExtendedType, validation::Valid};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../graphql")
}

fn schema() -> Valid<Schema> {
    Schema::parse_and_validate(strata_api::sdl(), "schema.graphql")
        .unwrap_or_else(|error| panic!("{}", error.errors))
}

/// Run with `UPDATE_SCHEMA=1` to write the file anew.
#[test]
fn the_file_says_what_the_code_does() {
    let path = folder().join("schema.graphql");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, strata_api::sdl()).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == strata_api::sdl(),
        "graphql/schema.graphql is old: run this test with UPDATE_SCHEMA=1 and look at the difference"
    );
}

#[test]
fn every_operation_fits_the_schema() {
    let schema = schema();
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder().join("operations")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 50, "the operations are there");
    let mut wrong = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        if let Err(error) = ExecutableDocument::parse_and_validate(&schema, text, &path) {
            wrong.push(error.errors.to_string());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn everything_says_what_it_is() {
    let schema = schema();
    let mut silent: Vec<String> = Vec::new();
    for (name, kind) in &schema.types {
        if kind.is_built_in() {
            continue;
        }
        if kind.description().is_none() {
            silent.push(name.to_string());
        }
        let mut note = |field: &str, is_described: bool| {
            if !is_described {
                silent.push(format!("{name}.{field}"));
            }
        };
        match kind {
            ExtendedType::Object(object) => {
                for (field, definition) in &object.fields {
                    note(field, definition.description.is_some());
                    // The one `input` of a mutation is described by its type.
                    for argument in definition.arguments.iter().filter(|_| name != "Mutation") {
                        note(&format!("{field}({})", argument.name), argument.description.is_some());
                    }
                }
            }
            ExtendedType::Interface(interface) => {
                interface
                    .fields
                    .iter()
                    .for_each(|(field, definition)| note(field, definition.description.is_some()));
            }
            ExtendedType::InputObject(input) => {
                input
                    .fields
                    .iter()
                    .for_each(|(field, definition)| note(field, definition.description.is_some()));
            }
            ExtendedType::Enum(values) => {
                values
                    .values
                    .iter()
                    .for_each(|(value, definition)| note(value, definition.description.is_some()));
            }
            ExtendedType::Scalar(_) | ExtendedType::Union(_) => {}
        }
    }
    assert!(silent.is_empty(), "without a description: {silent:#?}");
}

/// GitHub's manner: one `input`, and a payload with `errors`.
#[test]
fn every_mutation_takes_one_input_and_answers_with_errors() {
    let schema = schema();
    let mutation = schema.get_object("Mutation").unwrap();
    assert!(mutation.fields.len() > 35);
    for (name, field) in &mutation.fields {
        let arguments: Vec<&str> = field.arguments.iter().map(|argument| argument.name.as_str()).collect();
        assert_eq!(arguments, ["input"], "{name}");
        let mut payload = name.to_string();
        payload[..1].make_ascii_uppercase();
        assert_eq!(field.ty.to_string(), format!("{payload}Payload!"), "{name}");
        let payload = schema.get_object(field.ty.inner_named_type()).unwrap();
        assert_eq!(payload.fields["errors"].ty.to_string(), "[UserError!]!", "{name}");
    }
}
