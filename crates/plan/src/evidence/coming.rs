//! What comes with the same change, and decides about objects after it.
//!
//! A namespace, a definition, a webhook or a policy that is not there yet is not there for a dry run either. Where the answer
//! would be another once it is there, the object is not asked for, and what it waits for is named.

use serde_json::Value;
use strata_model::{
    evidence::{LiveOutcome, ObjectEvidence},
    object::{Destination, ObjectKey},
    plan::Action,
};

use super::question::Question;

/// What comes with the change, by what it decides about.
#[derive(Debug, Default)]
pub struct Coming {
    things: Vec<Thing>,
    /// What the change sends for the first time: where and which.
    created: Vec<(usize, Destination, ObjectKey)>,
}

#[derive(Debug)]
struct Thing {
    place: usize,
    destination: Destination,
    key: ObjectKey,
    decides: Decides,
}

#[derive(Debug)]
enum Decides {
    /// Whether anything can be in it.
    Namespace,
    /// Whether there is such a kind, and which fields it has.
    Kind { group: String, kind: String },
    /// Whether a group is served.
    Group(String),
    /// Whether objects are admitted, or how.
    Admission(Vec<Rule>),
    /// How many Pods and claims a namespace may have, and of which size.
    Limits { namespace: Option<String> },
}

/// Which objects a webhook or a policy is asked about.
#[derive(Debug)]
struct Rule {
    groups: Vec<String>,
    versions: Vec<String>,
    resources: Vec<String>,
    scope: Option<String>,
}

impl Coming {
    /// From what was found out about the foundations. `asked` holds questions with what was found.
    pub fn new<'a>(
        all: &[Question<'a>],
        asked: impl IntoIterator<Item = (&'a Question<'a>, &'a ObjectEvidence)>,
    ) -> Self {
        let things = asked.into_iter().filter_map(|(question, found)| {
            let comes = match found.outcome {
                LiveOutcome::Created | LiveOutcome::Replaced | LiveOutcome::NotKnownYet => true,
                // Labels and annotations decide nothing.
                LiveOutcome::Changed => {
                    found.changes.iter().any(|change| !change.path.starts_with("metadata."))
                        && question.key.kind != "Namespace"
                }
                _ => false,
            };
            let decides = decides(question.key, &question.object?.body)?;
            let thing = Thing {
                place: question.place,
                destination: question.destination,
                key: question.key.clone(),
                decides,
            };
            comes.then_some(thing)
        });
        let created = all.iter().filter(|question| question.action == Some(Action::Create));
        Self {
            things: things.collect(),
            created: created.map(|it| (it.place, it.destination, it.key.clone())).collect(),
        }
    }

    /// What comes before this object and decides about it, and why, in words.
    #[must_use]
    pub fn before(&self, question: &Question<'_>) -> Option<(&ObjectKey, &'static str)> {
        let mut earlier = self
            .things
            .iter()
            .filter(|thing| thing.place < question.place && thing.destination == question.destination);
        earlier.find_map(|thing| {
            let why = match &thing.decides {
                Decides::Namespace if question.key.namespace.as_deref() == Some(thing.key.name.as_str()) => {
                    "its namespace comes with the same change"
                }
                Decides::Kind { group, kind }
                    if question.key.group == *group && question.key.kind == *kind =>
                {
                    "the definition of its kind comes or changes with the same change"
                }
                Decides::Group(group) if question.key.group == *group => {
                    "what serves its kind comes with the same change"
                }
                Decides::Admission(rules) if rules.iter().any(|rule| rule.covers(question)) => {
                    "what admits it comes or changes with the same change"
                }
                Decides::Limits { namespace }
                    if question.key.namespace == *namespace
                        && matches!(question.key.kind.as_str(), "Pod" | "PersistentVolumeClaim") =>
                {
                    "limits of its namespace come or change with the same change"
                }
                _ => return None,
            };
            Some((&thing.key, why))
        })
    }

    /// What was found out about an object before it was known what comes: that it is not known, if something decides about it.
    #[must_use]
    pub fn reconsidered(&self, question: &Question<'_>, found: ObjectEvidence) -> ObjectEvidence {
        let sent = matches!(
            found.outcome,
            LiveOutcome::Created | LiveOutcome::Changed | LiveOutcome::Unchanged | LiveOutcome::Refused
        ) && question.action.is_some();
        match self.before(question).filter(|_| sent) {
            Some((key, why)) => ObjectEvidence {
                message: Some(why.to_owned()),
                waits_for: Some(key.clone()),
                drift: found.drift,
                ..question.says(LiveOutcome::NotKnownYet)
            },
            None => found,
        }
    }

    /// Something that comes with the change before this object and that a refusal says is missing.
    #[must_use]
    pub fn missed(&self, question: &Question<'_>, refusal: &str) -> Option<&ObjectKey> {
        let refusal = refusal.to_lowercase();
        if !refusal.contains("not found") && !refusal.contains("was found") {
            return None;
        }
        let mut earlier = self.created.iter().filter(|(place, destination, key)| {
            *place < question.place && *destination == question.destination && key != question.key
        });
        earlier.find_map(|(_, _, key)| {
            let word = |text: &str| {
                refusal
                    .split(|letter: char| !(letter.is_alphanumeric() || "-.:".contains(letter)))
                    .any(|word| word.trim_matches(['.', ':']) == text)
            };
            let kind = key.kind.to_lowercase();
            ((word(&kind) || word(&plural(&key.kind))) && word(&key.name.to_lowercase())).then_some(key)
        })
    }

    /// The namespace of an object, if the change brings it before.
    #[must_use]
    pub fn namespace(&self, question: &Question<'_>) -> Option<&ObjectKey> {
        let name = question.key.namespace.as_deref()?;
        self.created.iter().find_map(|(place, destination, key)| {
            let is = *place < question.place
                && *destination == question.destination
                && key.group.is_empty()
                && key.kind == "Namespace"
                && key.name == name;
            is.then_some(key)
        })
    }
}

/// What an object decides about, once it is there.
fn decides(key: &ObjectKey, body: &Value) -> Option<Decides> {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    match (key.group.as_str(), key.kind.as_str()) {
        ("", "Namespace") => Some(Decides::Namespace),
        ("", "LimitRange" | "ResourceQuota") => Some(Decides::Limits { namespace: key.namespace.clone() }),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            Some(Decides::Kind { group: text("/spec/group")?, kind: text("/spec/names/kind")? })
        }
        ("apiregistration.k8s.io", "APIService") => Some(Decides::Group(text("/spec/group")?)),
        ("admissionregistration.k8s.io", _) => Some(Decides::Admission(rules(body))),
        _ => None,
    }
}

fn rules(body: &Value) -> Vec<Rule> {
    let lists = |value: &Value, key: &str| -> Vec<String> {
        let items = value.get(key).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let of_webhooks = body.get("webhooks").and_then(Value::as_array).into_iter().flatten();
    let of_webhooks = of_webhooks.filter_map(|hook| hook.get("rules"));
    let of_policy = body.pointer("/spec/matchConstraints/resourceRules");
    let of_binding = body.pointer("/spec/matchResources/resourceRules");
    let found = of_webhooks.chain(of_policy).chain(of_binding).filter_map(Value::as_array).flatten();
    let writes = |rule: &&Value| {
        lists(rule, "operations").iter().any(|it| matches!(it.as_str(), "*" | "CREATE" | "UPDATE"))
    };
    let rules: Vec<Rule> = found
        .filter(writes)
        .map(|rule| Rule {
            groups: lists(rule, "apiGroups"),
            versions: lists(rule, "apiVersions"),
            resources: lists(rule, "resources"),
            scope: rule.get("scope").and_then(Value::as_str).map(str::to_owned),
        })
        .collect();
    let any = || vec!["*".to_owned()];
    // The binding of a policy without words of its own: the policy decides, and stands elsewhere.
    if rules.is_empty() && body.pointer("/spec/policyName").is_some() {
        return vec![Rule { groups: any(), versions: any(), resources: any(), scope: None }];
    }
    rules
}

impl Rule {
    /// Whether it covers an object. Selectors are not looked at: what they select may change with the same change, too.
    fn covers(&self, question: &Question<'_>) -> bool {
        let (_, version) = strata_model::object::split_api_version(question.api_version);
        let names = |list: &[String], wanted: &str| list.iter().any(|it| it == "*" || it == wanted);
        let plural = plural(&question.key.kind);
        let scope = match self.scope.as_deref() {
            Some("Cluster") => question.key.namespace.is_none(),
            Some("Namespaced") => question.key.namespace.is_some(),
            _ => true,
        };
        scope
            && names(&self.groups, &question.key.group)
            && names(&self.versions, version)
            && self
                .resources
                .iter()
                .any(|resource| resource == "*" || resource == "*/*" || *resource == plural)
    }
}

/// The plural of a kind: as Kubernetes guesses it (`UnsafeGuessKindToResource` of apimachinery), but for `gateways`, which every
/// definition writes so.
fn plural(kind: &str) -> String {
    let lower = kind.to_lowercase();
    let [rest @ .., last] = lower.as_bytes() else { return lower };
    let after_vowel = rest.last().is_some_and(|letter| b"aeiou".contains(letter));
    match last {
        _ if lower == "endpoints" => lower,
        b's' => format!("{lower}es"),
        b'y' if !after_vowel => format!("{}ies", lower.trim_end_matches('y')),
        _ => format!("{lower}s"),
    }
}
