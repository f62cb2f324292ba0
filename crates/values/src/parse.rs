//! Reading YAML: one place, with budgets.
//!
//! *Idea.* Every YAML text of the product is read here into a [`serde_json::Value`], by the rules that Helm's and
//! Kubernetes' Go parser uses: `yes` is true, `0755` is 493, `<<` merges, the last of equal keys wins.
//!
//! *Guarantees.* Size of the text, number of nodes after aliases are expanded, and depth are bounded. Refusals are
//! [`Diagnostic`]s with a stable code, a place and a way out: `YAML_SYNTAX`, `YAML_TOO_LARGE`, `YAML_DUPLICATE_KEY`,
//! `YAML_MULTIPLE_DOCUMENTS`, `YAML_UNSUPPORTED_VALUE`, `YAML_NOT_A_MAPPING`. They never quote the text around the
//! place, which may hold a secret.
//!
//! *Caveats.* Integers beyond 64 bits become floats, as in Go. NaN and infinities have no JSON form and are refused.

use serde_json::{Map, Value};
use serde_saphyr::{Error, Spanned, budget::BudgetBreach, options::DuplicateKeyPolicy};
use strata_model::diagnostic::Diagnostic;

use crate::{lenient, resolved_keys::Resolved};

/// What a key that occurs twice in one mapping means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DuplicateKeys {
    /// The last one wins, as in Helm: for files that others wrote.
    LastWins,
    /// It is an error: for files of our own formats.
    Refuse,
}

/// How a text is read and how large it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseOptions {
    /// See [`DuplicateKeys`].
    pub duplicate_keys: DuplicateKeys,
    /// Largest text, in bytes.
    pub max_bytes: usize,
    /// Most scalars, lists and mappings in all documents, counted after aliases are expanded.
    pub max_nodes: usize,
    /// Deepest nesting of lists and mappings.
    pub max_depth: usize,
    /// Whether plain keys get the text of what they mean, as in Go: `on` is `true`, `010` is `8`. Else they stay as
    /// they were written.
    pub resolve_keys: bool,
}

impl ParseOptions {
    /// For values files: the largest of 1,316 published ones is a tenth of this.
    pub const VALUES: Self = Self {
        duplicate_keys: DuplicateKeys::LastWins,
        max_bytes: 2 * 1024 * 1024,
        max_nodes: 100_000,
        max_depth: 64,
        resolve_keys: false,
    };
    /// For files of our own formats, where a key written twice is a mistake.
    pub const STRICT: Self = Self { duplicate_keys: DuplicateKeys::Refuse, ..Self::VALUES };
    /// For rendered manifests: room for a bundle of large custom resource definitions.
    pub const MANIFESTS: Self = Self { max_bytes: 16 * 1024 * 1024, max_nodes: 1_000_000, ..Self::VALUES };
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self::VALUES
    }
}

/// One document of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its value; never null.
    pub value: Value,
    /// The line of its first node, from 1.
    pub line: u32,
}

/// Reads one document with [`ParseOptions::VALUES`]. An empty text is null. `file` names the text in diagnostics.
///
/// # Errors
/// The diagnostics named at the head of this module.
pub fn parse(text: &str, file: &str) -> Result<Value, Diagnostic> {
    parse_with(text, file, &ParseOptions::VALUES)
}

/// [`parse`] with other options.
///
/// # Errors
/// As [`parse`].
pub fn parse_with(text: &str, file: &str, options: &ParseOptions) -> Result<Value, Diagnostic> {
    bounded(text, file, options)?;
    lenient::read(text, |text| {
        if options.resolve_keys {
            serde_saphyr::from_str_with_options::<Resolved>(text, reader_options(options)).map(Resolved::into)
        } else {
            serde_saphyr::from_str_with_options(text, reader_options(options))
        }
    })
    .map_err(|error| diagnose(&error, file, options))
}

/// Reads one document that must be a mapping; an empty text is the empty mapping.
///
/// # Errors
/// As [`parse`], and `YAML_NOT_A_MAPPING`.
pub fn parse_mapping(text: &str, file: &str) -> Result<Map<String, Value>, Diagnostic> {
    parse_mapping_with(text, file, &ParseOptions::VALUES)
}

/// [`parse_mapping`] with other options.
///
/// # Errors
/// As [`parse_mapping`].
pub fn parse_mapping_with(
    text: &str,
    file: &str,
    options: &ParseOptions,
) -> Result<Map<String, Value>, Diagnostic> {
    match parse_with(text, file, options)? {
        Value::Null => Ok(Map::new()),
        Value::Object(map) => Ok(map),
        other => {
            let message = format!("expected a mapping at the top, found {}", kind_of(&other));
            Err(Diagnostic::new("YAML_NOT_A_MAPPING", message)
                .in_file(file)
                .with_help("start the file with `key: value` lines; an empty file is fine too"))
        }
    }
}

/// Reads a stream of documents with [`ParseOptions::MANIFESTS`]; empty ones are left out.
///
/// # Errors
/// As [`parse`]; the budgets hold for the whole stream.
pub fn parse_documents(text: &str, file: &str) -> Result<Vec<Document>, Diagnostic> {
    parse_documents_with(text, file, &ParseOptions::MANIFESTS)
}

/// [`parse_documents`] with other options.
///
/// # Errors
/// As [`parse_documents`].
pub fn parse_documents_with(
    text: &str,
    file: &str,
    options: &ParseOptions,
) -> Result<Vec<Document>, Diagnostic> {
    bounded(text, file, options)?;
    let documents = lenient::read(text, |text| {
        let place = |line| to_u32(line);
        Ok(if options.resolve_keys {
            let read: Vec<Spanned<Resolved>> =
                serde_saphyr::from_multiple_with_options(text, reader_options(options))?;
            read.into_iter().map(|one| (place(one.referenced.line()), one.value.into())).collect()
        } else {
            let read: Vec<Spanned<Value>> =
                serde_saphyr::from_multiple_with_options(text, reader_options(options))?;
            read.into_iter().map(|one| (place(one.referenced.line()), one.value)).collect::<Vec<_>>()
        })
    })
    .map_err(|error| diagnose(&error, file, options))?;
    Ok(documents
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(line, value)| Document { line, value })
        .collect())
}

/// What a value is called in a sentence.
#[must_use]
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn reader_options(options: &ParseOptions) -> serde_saphyr::Options {
    serde_saphyr::options! {
        // With comments on, 32 of them in a row are refused, and real values files have more.
        emit_comments: false,
        legacy_octal_numbers: true,
        with_snippet: false,
        duplicate_keys: match options.duplicate_keys {
            DuplicateKeys::LastWins => DuplicateKeyPolicy::LastWins,
            DuplicateKeys::Refuse => DuplicateKeyPolicy::Error,
        },
        budget: serde_saphyr::budget! {
            max_nodes: options.max_nodes,
            max_depth: options.max_depth,
            max_events: options.max_nodes.saturating_mul(4),
            // Aliases may repeat a long text; four times the file is more than an honest one needs.
            max_total_scalar_bytes: options.max_bytes.saturating_mul(4),
        },
    }
}

fn bounded(text: &str, file: &str, options: &ParseOptions) -> Result<(), Diagnostic> {
    if text.len() <= options.max_bytes {
        return Ok(());
    }
    let message = format!("the text has {} bytes; at most {} are read", text.len(), options.max_bytes);
    Err(Diagnostic::new("YAML_TOO_LARGE", message).in_file(file).with_help("split the file"))
}

fn diagnose(error: &Error, file: &str, options: &ParseOptions) -> Diagnostic {
    let mut error = error.without_snippet();
    // A limit that is reached while an alias is expanded comes wrapped, with two places.
    let location = error.location();
    while let Error::AliasError { error: inner, .. } = error {
        error = inner;
    }
    let text = error.to_string();
    let too_large = || {
        let nodes = options.max_nodes;
        ("YAML_TOO_LARGE", format!("at most {nodes} nodes are read, aliases expanded; split the file"))
    };
    let mut message = without_place(&text).to_owned();
    let (code, help) = match error {
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => {
            message = format!("the text is nested deeper than {} levels", options.max_depth);
            ("YAML_TOO_LARGE", "flatten it; nothing that Kubernetes reads is nested this deep".to_owned())
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => {
            message = "the text grows beyond what is read here".to_owned();
            too_large()
        }
        // The scanner's own guards, met before the budget.
        Error::ExternalMessage { msg, .. } if msg.contains("limit exceeded") => too_large(),
        // What the library says of these is advice to who calls it.
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_ref().map(|key| format!(": {key}")).unwrap_or_default();
            message = format!("duplicate mapping key{key}");
            ("YAML_DUPLICATE_KEY", "keep one of the two; only one can count".to_owned())
        }
        Error::MultipleDocuments { .. } => {
            message = "a second document begins here, where one is expected".to_owned();
            ("YAML_MULTIPLE_DOCUMENTS", "put one document into the file, without `---` in between".to_owned())
        }
        Error::NonFiniteFloat { .. } => {
            message = "the number is not finite".to_owned();
            let help = "JSON has no such number; put the value in quotes if a text is meant";
            ("YAML_UNSUPPORTED_VALUE", help.to_owned())
        }
        Error::BinaryNotUtf8 { .. } => {
            message = "the bytes of `!!binary` are no text".to_owned();
            ("YAML_UNSUPPORTED_VALUE", "leave the tag out and keep the value as Base64".to_owned())
        }
        Error::TaggedScalarCannotDeserializeIntoString { .. } => {
            message = "the tag of this value is not supported".to_owned();
            ("YAML_UNSUPPORTED_VALUE", "leave the tag out, with the value in quotes".to_owned())
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            message = "an alias stands inside of what it stands for".to_owned();
            ("YAML_UNSUPPORTED_VALUE", "write out what is meant instead of the alias".to_owned())
        }
        Error::NullIntoString { .. } => {
            message = "a key is null".to_owned();
            ("YAML_UNSUPPORTED_VALUE", "keys must be texts; put quotes around this one".to_owned())
        }
        _ => {
            let help =
                "check the indentation, colons and quotes here; quote texts with `: `, ` #`, `{` or `*`";
            ("YAML_SYNTAX", help.to_owned())
        }
    };
    let diagnostic = Diagnostic::new(code, message).in_file(file).with_help(help);
    match location {
        Some(location) if location.line() > 0 => {
            diagnostic.at(to_u32(location.line()), to_u32(location.column()))
        }
        _ => diagnostic,
    }
}

/// The diagnostic has the place in fields of its own.
fn without_place(message: &str) -> &str {
    let first = message.lines().next().unwrap_or_default();
    first.split(" at line ").next().unwrap_or(first)
}

fn to_u32(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn code(text: &str) -> String {
        parse(text, "values.yaml").unwrap_err().code
    }

    #[test]
    fn reads_what_helms_parser_reads() {
        let text = "a: yes\nb: 0755\nc: 1.10\nd: ~\ne: 0x1F\nbase: &b {x: 1}\nf:\n  <<: *b\n  y: 2\n";
        let expected = json!({"a": true, "b": 493, "c": 1.1, "d": null, "e": 31,
            "base": {"x": 1}, "f": {"x": 1, "y": 2}});
        assert_eq!(parse(text, "v").unwrap(), expected);
    }

    #[test]
    fn many_comments_in_a_row_are_no_trouble() {
        let text = format!("{}a: 1\n", "# a line\n".repeat(500));
        assert_eq!(parse(&text, "v").unwrap(), json!({"a": 1}));
    }

    #[test]
    fn a_duplicate_key_is_the_last_one_or_refused() {
        assert_eq!(parse("a: 1\na: 2\n", "v").unwrap(), json!({"a": 2}));
        let error = parse_with("a: 1\na: 2\n", "pack.yaml", &ParseOptions::STRICT).unwrap_err();
        assert_eq!((error.code.as_str(), error.line), ("YAML_DUPLICATE_KEY", Some(2)));
    }

    #[test]
    fn an_alias_bomb_stops_early() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let items = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
        }
        let error = parse(&text, "bomb.yaml").unwrap_err();
        assert_eq!(error.code, "YAML_TOO_LARGE");
        assert!(error.line.is_some() && error.help.is_some());
    }

    #[test]
    fn depth_and_size_are_bounded() {
        assert_eq!(code(&"[".repeat(10_000)), "YAML_TOO_LARGE");
        assert_eq!(code(&format!("{}1{}", "[".repeat(65), "]".repeat(65))), "YAML_TOO_LARGE");
        assert!(parse(&format!("{}1{}", "[".repeat(60), "]".repeat(60)), "v").is_ok());
        let nested: String = (0..100).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        assert_eq!(code(&nested), "YAML_TOO_LARGE");
        assert_eq!(code(&" ".repeat(3 * 1024 * 1024)), "YAML_TOO_LARGE");
        assert_eq!(code(&format!("[{}]", "1,".repeat(200_000))), "YAML_TOO_LARGE");
    }

    #[test]
    fn syntax_errors_have_a_place_and_a_way_out() {
        let error = parse("a: 1\nb: 'x\n", "values.yaml").unwrap_err();
        assert_eq!(error.place(), "values.yaml:3:1");
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("YAML_SYNTAX", "invalid indentation in multiline quoted scalar")
        );
        assert!(error.help.is_some());
        assert_eq!(code("a:\n\t- b"), "YAML_SYNTAX");
        assert_eq!(code("a: *nowhere"), "YAML_SYNTAX");
    }

    #[test]
    fn odd_numbers_do_not_panic() {
        assert_eq!(parse("18446744073709551615", "v").unwrap(), json!(u64::MAX));
        assert_eq!(parse("18446744073709551616", "v").unwrap(), json!(18_446_744_073_709_551_616.0));
        for text in [".nan", "-.inf", "1e400"] {
            assert_eq!(code(text), "YAML_UNSUPPORTED_VALUE", "{text}");
        }
    }

    #[test]
    fn an_error_does_not_quote_its_surroundings() {
        let error = parse("password: hunter2\nb: {", "v").unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn the_root_of_values_is_a_mapping() {
        assert!(parse_mapping("# nothing\n", "v").unwrap().is_empty());
        let error = parse_mapping("- a\n", "v").unwrap_err();
        assert_eq!(error.code, "YAML_NOT_A_MAPPING");
        assert!(error.message.contains("a list"));
        assert_eq!(code("a: 1\n---\nb: 1\n"), "YAML_MULTIPLE_DOCUMENTS");
    }

    #[test]
    fn a_stream_knows_its_lines() {
        let documents = parse_documents("# head\n---\na: 1\n---\n# empty\n---\n\n- x\n", "m.yaml").unwrap();
        assert_eq!(
            documents,
            [Document { value: json!({"a": 1}), line: 3 }, Document { value: json!(["x"]), line: 8 }]
        );
    }
}
