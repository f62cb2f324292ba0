//! Variables: whether they are well defined, whether anything refers to them, and what to try them with.

use std::{borrow::Cow, collections::BTreeSet};

use strata_model::{
    diagnostic::Diagnostic,
    problem::Problem,
    profile::ProfileContent,
    variable::{VariableDefinition, VariableFormat, VariableValue},
};
use strata_render::{Given, InvalidVariableValue, judge_value};

use crate::compose::ResolvedLayer;

/// Where problems of variables stand.
const FILE: &str = "variables";

/// What is tried for a secret, if it fits.
const MADE_UP_SECRET: &str = "made-up-for-validation-3f9c";

/// What may fit a text without a pattern, and with most patterns that people write.
const TEXTS: [&str; 12] = [
    "example",
    "a",
    "example.com",
    "1",
    "10",
    "a1",
    "A1",
    "true",
    "https://example.com",
    "user@example.com",
    "10.0.0.1",
    "1.0.0",
];

pub(super) fn problems(variables: &[VariableDefinition]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let (mut names, mut shown) = (BTreeSet::new(), BTreeSet::new());
    for variable in variables {
        let name = &variable.name;
        let mut tell = |code: &str, message: String, help: &str| {
            let problem = Diagnostic::new(code, message).in_file(format!("{FILE} `{name}`"));
            problems.push(Problem::error(None, problem.with_help(help)));
        };
        if !is_name(name) {
            tell(
                "VARIABLE_NAME",
                format!("`{name}` cannot name a variable"),
                "use letters, digits, `-` and `_`, beginning and ending with a letter or digit, at most 63",
            );
        }
        if !names.insert(name.as_str()) {
            tell("DUPLICATE_VARIABLE", format!("the variable `{name}` is there twice"), "rename one of them");
        }
        if let Some(display) = variable.display_name.as_deref().filter(|text| !text.is_empty())
            && !shown.insert(display)
        {
            let message = format!("two variables are shown as `{display}`");
            tell("DUPLICATE_VARIABLE", message, "give one of them another display name");
        }
        definition(variable, &mut tell);
    }
    problems
}

/// What is wrong with one definition by itself.
fn definition(variable: &VariableDefinition, tell: &mut impl FnMut(&str, String, &str)) {
    let name = &variable.name;
    if let Err(InvalidVariableValue::Expression { .. }) = judge_value(&plain(variable), "") {
        let message = format!("the regular expression of `{name}` cannot be read");
        tell(
            "VARIABLE_PATTERN",
            message,
            "write one of the kind RE2, e.g. `[a-z]+`; it must match the whole value",
        );
        return;
    }
    let mut options = BTreeSet::new();
    for option in variable.values() {
        if !options.insert(option) {
            tell(
                "VARIABLE_OPTION",
                format!("the option `{option}` of `{name}` is there twice"),
                "keep one of them",
            );
        }
        if let Err(reason) =
            judge_value(&VariableDefinition { options: Vec::new(), ..variable.clone() }, option)
        {
            let message = format!("the option `{option}` of `{name}` can never be chosen: {reason}");
            tell("VARIABLE_OPTION", message, "change the option, or the format and pattern");
        }
    }
    match &variable.default_value {
        Some(_) if variable.sensitive => tell(
            "VARIABLE_DEFAULT",
            format!("the sensitive variable `{name}` has a default that everybody could read"),
            "leave the default out, and give each cluster its own value, or refer to a sensitive macro",
        ),
        Some(default) => {
            if let Err(reason) = judge_value(variable, default) {
                let message = format!("the default of `{name}`: {reason}");
                tell("VARIABLE_DEFAULT", message, "give it a default that it would take from a cluster");
            }
            if strata_render::has_reference(default) {
                let message = format!("the default of `{name}` holds a reference");
                tell("NESTED_REFERENCE", message, "references do not nest: write out what is meant");
            }
        }
        None if variable.immutable => tell(
            "VARIABLE_DEFAULT",
            format!("no cluster may set the variable `{name}`, and it has no default"),
            "give it a default, or let clusters set it",
        ),
        None if variable.hidden && variable.required => tell(
            "VARIABLE_DEFAULT",
            format!("the variable `{name}` is required and hidden, and has no default"),
            "give it a default, or show it",
        ),
        None => {}
    }
}

/// The definition without what a value must be besides its pattern.
fn plain(variable: &VariableDefinition) -> VariableDefinition {
    VariableDefinition { format: VariableFormat::String, options: Vec::new(), ..variable.clone() }
}

fn is_name(name: &str) -> bool {
    // Whatever can be referred to as a macro can be referred to as a variable.
    name.parse::<strata_model::macros::MacroName>().is_ok()
}

/// Variables that no text of the profile mentions.
pub(super) fn unused(content: &ProfileContent, layers: &[ResolvedLayer<'_>]) -> Vec<Problem> {
    let mentioned = |name: &str| {
        let reference = format!(".var.{name}");
        layers.iter().any(|layer| {
            let presets = layer.pack.presets.iter().map(|preset| &preset.add);
            [&layer.pack.values, &layer.layer.values]
                .into_iter()
                .chain(presets)
                .chain(layer.layer.manifests.iter().map(|manifest| &manifest.text))
                .any(|text| text.contains(&reference))
        })
    };
    let unused = content.variables.iter().filter(|it| is_name(&it.name) && !mentioned(&it.name));
    unused
        .map(|variable| {
            let message = format!("nothing refers to the variable `{}`", variable.name);
            let problem = Diagnostic::new("UNUSED_VARIABLE", message)
                .in_file(format!("{FILE} `{}`", variable.name))
                .with_help(format!("refer to it as `{{{{.strata.var.{}}}}}`, or take it out", variable.name));
            Problem::warning(None, problem)
        })
        .collect()
}

/// The content with defaults that do not fit replaced, so that what else is wrong can be told along with them.
pub(super) fn mended(content: &ProfileContent) -> Cow<'_, ProfileContent> {
    let broken = |variable: &VariableDefinition| {
        variable.default_value.as_deref().is_some_and(|default| judge_value(variable, default).is_err())
    };
    if !content.variables.iter().any(broken) {
        return Cow::Borrowed(content);
    }
    let mut mended = content.clone();
    for variable in mended.variables.iter_mut().filter(|variable| broken(variable)) {
        variable.default_value = made_up(variable);
    }
    Cow::Owned(mended)
}

/// What is known of the clusters, with a value for each variable that they must set.
pub(crate) fn tried(content: &ProfileContent, given: &Given) -> Result<Given, Problem> {
    let mut given = given.clone();
    for variable in &content.variables {
        let wanted = variable.required && variable.default_value.is_none();
        if !wanted || given.variables.contains_key(&variable.name) {
            continue;
        }
        let Some(value) = made_up(variable) else {
            let message = format!(
                "the profile was not rendered: no value of the variable `{}` is known that fits its pattern",
                variable.name
            );
            let problem =
                Diagnostic::new("NOT_TRIED", message).in_file(format!("{FILE} `{}`", variable.name));
            return Err(Problem::warning(
                None,
                problem.with_help("give it a default, if there is a sensible one"),
            ));
        };
        given.variables.insert(variable.name.clone(), VariableValue::Plain(value));
    }
    Ok(given)
}

/// A value that the variable would take from a cluster.
fn made_up(variable: &VariableDefinition) -> Option<String> {
    let of_format: &[&str] = match variable.format {
        VariableFormat::String => &TEXTS,
        VariableFormat::Number => &["1", "10", "100", "1000", "0", "0.5"],
        VariableFormat::Boolean => &["true", "false"],
        VariableFormat::Ipv4 => &["192.0.2.1", "10.0.0.1"],
        VariableFormat::Ipv4cidr => &["192.0.2.0/24", "10.0.0.0/8"],
        VariableFormat::Ipv6 => &["2001:db8::1"],
        VariableFormat::Version => &["1.0.0", "1.33.0"],
        VariableFormat::Base64 => &["YWJj"],
    };
    // What is made up for a secret is masked wherever it stands: it must be no word that stands there anyhow.
    let secret = variable.sensitive.then_some(MADE_UP_SECRET);
    secret
        .into_iter()
        .chain(variable.values())
        .chain(of_format.iter().copied())
        .find(|text| judge_value(variable, text).is_ok())
        .map(str::to_owned)
}
