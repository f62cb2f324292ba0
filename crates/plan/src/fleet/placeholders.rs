//! Placeholders: what takes the place of what is a cluster's own when effects are compared.
//!
//! *Idea.* What a variable makes of a plan is found by giving it another value: everything that then differs came from the
//! variable. So it is with the name of a cluster and with the seed of its generated values. Two plans are made, each with other
//! placeholders; where they say the same, nothing of the cluster's own is in it, and the real plan must say it too. See
//! [`super::Effect::told_of`].
//!
//! *Caveats.* Switches (`BOOLEAN`) and secrets keep their values: the first decide what is rendered, the others are masked. So do those with options or a
//! regular expression that a placeholder is not one of. One that a template or a schema refuses leaves the whole effect with the cluster's own in it.

use std::collections::BTreeMap;

use strata_model::{
    Timestamp,
    cluster::{Cluster, Infrastructure},
    object::ObjectKey,
    profile::ClusterName,
    variable::VariableDefinition,
};
use strata_render::{LayerSeed, stand_in_value};

/// The two sets of placeholders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The effect is named by this one.
    First,
    /// What differs from the first is a cluster's own.
    Second,
}

impl Turn {
    const fn number(self) -> u8 {
        match self {
            Self::First => 0,
            Self::Second => 1,
        }
    }

    /// What stands for the name of a cluster. None is a part of another, and all are of one length.
    const fn name(self) -> &'static str {
        match self {
            Self::First => "this-cluster-by-name",
            Self::Second => "some-other-name-here",
        }
    }

    /// What stands for the name of the Cluster API object that provides it.
    const fn api_name(self) -> &'static str {
        match self {
            Self::First => "its-cluster-api-name",
            Self::Second => "what-cluster-api-say",
        }
    }
}

/// Placeholders and what they stand for, of one cluster and in one turn.
#[derive(Debug, Clone)]
pub struct Placeholders {
    turn: Turn,
    /// Placeholder and what is really there, the longest placeholder first.
    pairs: Vec<(String, String)>,
}

impl Placeholders {
    /// For the cluster's names, if they are replaced, and for these variables: placeholder and real value of each.
    #[must_use]
    pub fn new(
        turn: Turn,
        names_of: Option<&Cluster>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut pairs: Vec<(String, String)> = variables.into_iter().collect();
        if let Some(cluster) = names_of {
            pairs.push((turn.name().to_owned(), cluster.name.to_string()));
            if let Infrastructure::ClusterApi { name, .. } = &cluster.infrastructure {
                pairs.push((turn.api_name().to_owned(), name.clone()));
            }
        }
        pairs.sort_by(|(one, _), (other, _)| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        Self { turn, pairs }
    }

    /// Which turn it is.
    #[must_use]
    pub const fn turn(&self) -> Turn {
        self.turn
    }

    /// A text with the real values.
    #[must_use]
    pub fn put_real(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (placeholder, real) in &self.pairs {
            if text.contains(placeholder) {
                text = text.replace(placeholder, real);
            }
        }
        text
    }

    /// An object of a cluster with placeholders, as it is really called.
    #[must_use]
    pub fn real_key(&self, key: &ObjectKey) -> ObjectKey {
        ObjectKey {
            namespace: key.namespace.as_deref().map(|namespace| self.put_real(namespace)),
            name: self.put_real(&key.name),
            ..key.clone()
        }
    }
}

/// What takes the place of the value of each variable. Only its name and format decide which: it is the same beside other
/// variables. Those without one in either turn are left out.
#[must_use]
pub fn variable_placeholders<'a>(
    definitions: impl IntoIterator<Item = &'a VariableDefinition>,
    turn: Turn,
) -> BTreeMap<String, String> {
    let open = definitions.into_iter().filter(|definition| !definition.sensitive);
    open.filter_map(|definition| {
        let [first, second] = [0, 1].map(|turn| stand_in_value(definition, turn));
        let placeholder = match (turn, first?, second?) {
            (Turn::First, first, _) => first,
            (Turn::Second, _, second) => second,
        };
        Some((definition.name.clone(), placeholder))
    })
    .collect()
}

/// The cluster with placeholders for its names.
#[must_use]
pub fn unnamed(cluster: &Cluster, turn: Turn) -> Option<Cluster> {
    let mut unnamed = Cluster { name: turn.name().parse::<ClusterName>().ok()?, ..cluster.clone() };
    if let Infrastructure::ClusterApi { name, .. } = &mut unnamed.infrastructure {
        turn.api_name().clone_into(name);
    }
    Some(unnamed)
}

/// The seed that stands for that of a generation. `first` is the generation that the cluster runs: how often it has drawn
/// before is its own, too.
#[must_use]
pub fn placeholder_seed(generation: u32, first: u32, turn: Turn) -> LayerSeed {
    let mut seed = [turn.number(); 32];
    let drawn = generation.wrapping_sub(first).to_le_bytes();
    seed.iter_mut().zip(drawn).for_each(|(byte, drawn)| *byte = drawn);
    // These differ in every part of a date and of a time.
    let instant = match turn {
        Turn::First => Timestamp::UNIX_EPOCH,
        Turn::Second => Timestamp::constant(987_654_321, 0),
    };
    LayerSeed { seed, instant }
}

#[cfg(test)]
mod tests {
    use strata_model::variable::{VariableFormat, VariableOption};
    use strata_render::judge_value;

    use super::*;

    fn definition(name: &str, format: VariableFormat) -> VariableDefinition {
        VariableDefinition {
            name: name.to_owned(),
            display_name: None,
            description: None,
            format,
            default_value: None,
            regex: None,
            required: false,
            immutable: false,
            hidden: false,
            sensitive: false,
            multiline: false,
            options: Vec::new(),
        }
    }

    #[test]
    fn each_placeholder_has_the_format_of_its_variable() {
        use VariableFormat::{Base64, Ipv4, Ipv4cidr, Ipv6, Number, String, Version};
        let mut definitions: Vec<VariableDefinition> =
            [String, Number, Ipv4, Ipv4cidr, Ipv6, Version, Base64]
                .into_iter()
                .enumerate()
                .map(|(number, format)| definition(&format!("v{number}"), format))
                .collect();
        definitions.push(definition("switch", VariableFormat::Boolean));
        definitions.push(VariableDefinition { sensitive: true, ..definition("secret", String) });
        let options = vec![VariableOption { value: "small".to_owned(), label: None, description: None }];
        definitions.push(VariableDefinition { options, ..definition("size", String) });
        let first = variable_placeholders(&definitions, Turn::First);
        let second = variable_placeholders(&definitions, Turn::Second);
        assert_eq!(first.len(), 7, "{first:?}");
        for definition in definitions.iter().take(7) {
            let (one, other) = (&first[&definition.name], &second[&definition.name]);
            assert_eq!((judge_value(definition, one), judge_value(definition, other)), (Ok(()), Ok(())));
            assert!(!one.contains(other.as_str()) && !other.contains(one.as_str()), "{one} {other}");
        }
        definitions.reverse();
        assert_eq!(variable_placeholders(&definitions, Turn::First), first);
    }
}
