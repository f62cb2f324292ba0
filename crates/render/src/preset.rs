//! Presets: stored choices of a layer, applied to the pack's values.
//!
//! *Guarantees.* The pack's text is never changed, so unchoosing gives it back; choosing another preset of the group
//! starts from the pack's text again and follows that preset's `remove` and `add`.

use strata_model::{
    diagnostic::Diagnostic,
    overrides::{Patch, PatchOperation},
    pack::Preset,
    profile::PresetChoice,
    value_path::ValuePath,
};
use strata_values::{edit, merge};

/// Values with presets chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// The text, comments kept where possible.
    pub text: String,
    /// The value of that text.
    pub value: serde_json::Value,
    /// Whether all comments are still there.
    pub comments_kept: bool,
}

/// The presets that the choices name, in the order of the choices.
///
/// # Errors
/// `PRESET_UNKNOWN` for a choice that the pack does not offer, `PRESET_GROUP_TWICE` for two choices of one group.
pub fn chosen<'p>(
    presets: &'p [Preset],
    choices: &[PresetChoice],
) -> Result<Vec<&'p Preset>, Vec<Diagnostic>> {
    let (mut found, mut problems): (Vec<&Preset>, Vec<Diagnostic>) = (Vec::new(), Vec::new());
    for choice in choices {
        if found.iter().any(|preset| preset.group == choice.group) {
            let message = format!("two presets of the group `{}` are chosen", choice.group);
            problems.push(Diagnostic::new("PRESET_GROUP_TWICE", message).with_help("choose one of them"));
            continue;
        }
        match presets.iter().find(|preset| preset.group == choice.group && preset.name == choice.name) {
            Some(preset) => found.push(preset),
            None => {
                let offered: Vec<String> =
                    presets.iter().map(|preset| format!("{}:{}", preset.group, preset.name)).collect();
                let help = if offered.is_empty() {
                    "the pack has no presets; take the choice away".to_owned()
                } else {
                    format!("the pack offers {}", offered.join(", "))
                };
                let message =
                    format!("the pack has no preset `{}` in a group `{}`", choice.name, choice.group);
                problems.push(Diagnostic::new("PRESET_UNKNOWN", message).with_help(help));
            }
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

/// What a preset takes away, as a patch.
///
/// # Errors
/// `PRESET_PATH_INVALID`; packs that were loaded by [`crate::pack::load_pack`] have none.
pub(crate) fn removal(preset: &Preset) -> Result<Patch, Diagnostic> {
    let mut operations = Vec::with_capacity(preset.remove.len());
    for text in &preset.remove {
        let path: ValuePath =
            text.parse().map_err(|error| Diagnostic::new("PRESET_PATH_INVALID", format!("{error}")))?;
        operations.push(PatchOperation::Remove { path });
    }
    Ok(Patch(operations))
}

/// What a preset adds, as a value.
///
/// # Errors
/// Those of `strata_values::parse`; packs that were loaded by [`crate::pack::load_pack`] have none.
pub(crate) fn addition(preset: &Preset) -> Result<serde_json::Value, Diagnostic> {
    let file = format!("preset {}:{}", preset.group, preset.name);
    strata_values::parse_mapping(&preset.add, &file).map(serde_json::Value::Object)
}

/// Applies choices to a values text: for a person who looks what a choice would give.
///
/// # Errors
/// Those of [`chosen`], and those of `strata_values::parse` for the text.
pub fn choose(values: &str, presets: &[Preset], choices: &[PresetChoice]) -> Result<Chosen, Vec<Diagnostic>> {
    let presets = chosen(presets, choices)?;
    let one = |diagnostic| vec![diagnostic];
    let mut value =
        serde_json::Value::Object(strata_values::parse_mapping(values, "values.yaml").map_err(one)?);
    for preset in presets {
        let unfit = |error| vec![Diagnostic::new("PRESET_DOES_NOT_FIT", format!("{error}"))];
        value = strata_values::apply(&removal(preset).map_err(one)?, &value).map_err(unfit)?;
        merge(&mut value, &addition(preset).map_err(one)?);
    }
    rewritten(values, value).map_err(one)
}

/// A text made to read as a value, comments kept where possible.
pub(crate) fn rewritten(text: &str, value: serde_json::Value) -> Result<Chosen, Diagnostic> {
    match edit::rewrite(text, &value) {
        Ok(edited) => Ok(Chosen { text: edited.text, value, comments_kept: edited.comments_kept }),
        Err(edit::EditError::Text(diagnostic)) => Err(diagnostic),
        // A derived patch always fits; writing the value anew is right in any case.
        Err(edit::EditError::Patch(_)) => {
            Ok(Chosen { text: strata_values::emit(&value), value, comments_kept: !text.contains('#') })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const VALUES: &str = "# who we are\nname: web # shown\napi:\n  enabled: false\nreplicas: 1\n";

    fn presets() -> Vec<Preset> {
        let preset = |name: &str, remove: &[&str], add: &str| Preset {
            name: name.to_owned(),
            display_name: name.to_owned(),
            group: "Backend".to_owned(),
            remove: remove.iter().map(|path| (*path).to_owned()).collect(),
            add: add.to_owned(),
        };
        vec![preset("on", &["replicas"], "api:\n  enabled: true\n  replicas: 2\n"), preset("off", &[], "")]
    }

    fn choice(name: &str) -> PresetChoice {
        PresetChoice { group: "Backend".to_owned(), name: name.to_owned() }
    }

    #[test]
    fn choosing_follows_remove_and_add_and_keeps_comments() {
        let chosen = choose(VALUES, &presets(), &[choice("on")]).unwrap();
        assert_eq!(chosen.value, json!({"name": "web", "api": {"enabled": true, "replicas": 2}}));
        assert!(chosen.comments_kept && chosen.text.contains("# who we are"), "{}", chosen.text);
        assert_eq!(strata_values::parse(&chosen.text, "v").unwrap(), chosen.value);
        assert_eq!(choose(VALUES, &presets(), &[]).unwrap().text, VALUES);
        assert_eq!(choose(VALUES, &presets(), &[choice("off")]).unwrap().text, VALUES);
    }

    #[test]
    fn a_choice_must_be_offered_and_single() {
        let problems = choose(VALUES, &presets(), &[choice("maybe")]).unwrap_err();
        assert_eq!(problems[0].code, "PRESET_UNKNOWN");
        assert!(problems[0].help.as_deref().unwrap().contains("Backend:on"));
        let problems = choose(VALUES, &presets(), &[choice("on"), choice("off")]).unwrap_err();
        assert_eq!(problems[0].code, "PRESET_GROUP_TWICE");
    }
}
