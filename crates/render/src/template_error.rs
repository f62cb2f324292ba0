//! Errors of templates as diagnostics.

use strata_model::diagnostic::Diagnostic;

use crate::template::{ErrorKind, TemplateError};

/// A diagnostic for a template error. `file` turns the template's name into what the reader knows it by.
pub(crate) fn diagnose(error: &TemplateError, code: &str, file: impl Fn(&str) -> String) -> Diagnostic {
    let (code, help) = match &error.kind {
        ErrorKind::Parse => {
            ("TEMPLATE_SYNTAX", "check that braces, quotes and `end`s match, and that functions exist")
        }
        ErrorKind::UnknownTemplate => {
            (code, "define it in a file beside the others whose name begins with `_`")
        }
        ErrorKind::Execute => (code, "check that the value exists, or give it a `default`"),
        ErrorKind::Function { .. } => (code, "check the kinds and the order of the arguments"),
        ErrorKind::Refused => (code, "the template asks for other values; see its message"),
        ErrorKind::Budget(_) => ("TEMPLATE_BUDGET", "shorten loops and texts, or split the manifest"),
    };
    let place = &error.place;
    let to_u32 = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    // Columns are counted from 0 there, and from 1 here.
    let column = place.column.map_or(1, |column| column.saturating_add(1));
    let mut message = error.message.clone();
    if !place.action.is_empty() {
        message = format!("{message} (at `{}`)", place.action);
    }
    Diagnostic::new(code, message)
        .in_file(file(&place.file))
        .at(to_u32(place.line), to_u32(column))
        .with_help(help)
}
