//! The objects that templates find in their root: `.Capabilities`, `.Files`.
//!
//! *Idea.* `.Capabilities` asks the [`FactReader`] only when a template asks it, so a reader that records knows what a
//! render depends on.

use std::{collections::BTreeMap, rc::Rc};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{paths, strings, yaml_emit};
use crate::template::{FactReader, Object, Text, Value};

/// `.Capabilities`
#[must_use]
pub fn capabilities(facts: Rc<dyn FactReader>) -> Value {
    Value::Object(Rc::new(Capabilities { facts }))
}

/// `.Files`: bytes by path.
#[must_use]
pub fn files(files: BTreeMap<String, Vec<u8>>) -> Value {
    let files = files.into_iter().map(|(path, bytes)| (path, Text::from(bytes))).collect();
    Value::Object(Rc::new(Files { files }))
}

#[derive(Debug)]
struct Capabilities {
    facts: Rc<dyn FactReader>,
}

impl Object for Capabilities {
    fn type_name(&self) -> &'static str {
        "*chartutil.Capabilities"
    }

    fn kind_name(&self) -> &'static str {
        "ptr"
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "APIVersions" => Some(Value::Object(Rc::new(ApiVersions { facts: Rc::clone(&self.facts) }))),
            "KubeVersion" => Some(Value::Object(Rc::new(Version { facts: Rc::clone(&self.facts) }))),
            "HelmVersion" => Some(Value::map([
                ("Version", Value::from("v3.21.0")),
                ("GitCommit", Value::from("")),
                ("GitTreeState", Value::from("")),
                ("GoVersion", Value::from("")),
            ])),
            _ => None,
        }
    }

    fn text(&self) -> String {
        "capabilities".to_owned()
    }
}

#[derive(Debug)]
struct ApiVersions {
    facts: Rc<dyn FactReader>,
}

impl Object for ApiVersions {
    fn type_name(&self) -> &'static str {
        "chartutil.VersionSet"
    }

    fn kind_name(&self) -> &'static str {
        "slice"
    }

    fn call_method(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        (name == "Has").then(|| match arguments {
            [Value::Text(api)] => Ok(Value::Bool(self.facts.api_versions_has(&api.to_str()))),
            [other] => {
                Err(format!("wrong type for value; expected string; got {}", other.static_type_name()))
            }
            _ => Err(format!("wrong number of args for Has: want 1 got {}", arguments.len())),
        })
    }

    fn text(&self) -> String {
        format!("[{}]", self.facts.api_versions().join(" "))
    }

    fn entries(&self) -> Option<Vec<(Value, Value)>> {
        let versions = self.facts.api_versions().into_iter().enumerate();
        Some(
            versions
                .map(|(index, api)| (Value::int(crate::template::value::length(index)), Value::from(api)))
                .collect(),
        )
    }

    fn encoded(&self) -> Value {
        Value::texts(self.facts.api_versions())
    }
}

#[derive(Debug)]
struct Version {
    facts: Rc<dyn FactReader>,
}

impl Object for Version {
    fn type_name(&self) -> &'static str {
        "chartutil.KubeVersion"
    }

    fn field(&self, name: &str) -> Option<Value> {
        let version = self.facts.kube_version();
        match name {
            "Version" => Some(Value::from(version.version)),
            "Major" => Some(Value::from(version.major)),
            "Minor" => Some(Value::from(version.minor)),
            _ => None,
        }
    }

    fn call_method(&self, name: &str, _: &[Value]) -> Option<Result<Value, String>> {
        matches!(name, "GitVersion" | "String").then(|| Ok(Value::from(self.facts.kube_version().version)))
    }

    fn text(&self) -> String {
        self.facts.kube_version().version
    }

    fn formatted(&self) -> String {
        let version = self.facts.kube_version();
        format!("{{{} {} {}}}", version.version, version.major, version.minor)
    }

    fn encoded(&self) -> Value {
        let version = self.facts.kube_version();
        Value::map([
            ("Major", Value::from(version.major)),
            ("Minor", Value::from(version.minor)),
            ("Version", Value::from(version.version)),
        ])
    }
}

#[derive(Debug)]
struct Files {
    files: BTreeMap<String, Text>,
}

impl Object for Files {
    fn type_name(&self) -> &'static str {
        "engine.files"
    }

    fn kind_name(&self) -> &'static str {
        "map"
    }

    fn field(&self, name: &str) -> Option<Value> {
        // A map of Go answers any name, with nil for what it does not hold.
        Some(Value::Bytes(self.files.get(name).cloned().unwrap_or_else(|| Text::from(""))))
    }

    fn call_method(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let path = || match arguments {
            [Value::Text(path)] => Ok(path.to_str().into_owned()),
            [other] => {
                Err(format!("wrong type for value; expected string; got {}", other.static_type_name()))
            }
            _ => Err(format!("wrong number of args for {name}: want 1 got {}", arguments.len())),
        };
        let file = |path: String| self.files.get(&path).cloned().unwrap_or_else(|| Text::from(""));
        Some(match name {
            "Get" => path().map(|path| Value::Text(file(path))),
            "GetBytes" => path().map(|path| Value::Bytes(file(path))),
            "Glob" => path().map(|pattern| {
                let matches = |path: &str| glob(&pattern, path);
                let files = self.files.iter().filter(|(path, _)| matches(path));
                Value::Object(Rc::new(Self {
                    files: files.map(|(path, bytes)| (path.clone(), bytes.clone())).collect(),
                }))
            }),
            "Lines" => path().map(|path| {
                let bytes = file(path);
                let text = bytes.as_bytes();
                let text = text.strip_suffix(b"\n").unwrap_or(text);
                if bytes.is_empty() {
                    Value::texts([] as [&str; 0])
                } else {
                    Value::texts(strings::split(text, b"\n", None))
                }
            }),
            "AsConfig" => self.as_yaml(|bytes| Value::from(bytes.to_str().into_owned())),
            "AsSecrets" => self.as_yaml(|bytes| Value::from(STANDARD.encode(bytes.as_bytes()))),
            _ => return None,
        })
    }

    fn text(&self) -> String {
        let shown = self.files.iter().map(|(path, bytes)| {
            let numbers: Vec<String> = bytes.as_bytes().iter().map(u8::to_string).collect();
            format!("{path}:[{}]", numbers.join(" "))
        });
        format!("map[{}]", shown.collect::<Vec<_>>().join(" "))
    }

    fn entries(&self) -> Option<Vec<(Value, Value)>> {
        let files = self.files.iter();
        Some(files.map(|(path, bytes)| (Value::from(path.as_str()), Value::Bytes(bytes.clone()))).collect())
    }

    fn encoded(&self) -> Value {
        Value::map(self.files.iter().map(|(path, bytes)| (path.as_str(), Value::Bytes(bytes.clone()))))
    }
}

impl Files {
    /// The files by their base names, as the data of a `ConfigMap` or Secret.
    fn as_yaml(&self, value: impl Fn(&Text) -> Value) -> Result<Value, String> {
        if self.files.is_empty() {
            return Ok(Value::from(""));
        }
        let map = Value::map(self.files.iter().map(|(path, bytes)| (paths::base(path), value(bytes))));
        match yaml_emit::emit(&map, 64 << 20) {
            Ok(text) => Ok(Value::from(text.strip_suffix('\n').unwrap_or(&text))),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Whether a path matches a pattern: `*` and `?` stop at `/`, `**` does not, `[a-z]` and `{a,b}` as usual.
fn glob(pattern: &str, path: &str) -> bool {
    let mut expression = String::from("^");
    let mut characters = pattern.chars().peekable();
    let mut braces = 0_usize;
    while let Some(character) = characters.next() {
        match character {
            '*' if characters.peek() == Some(&'*') => {
                characters.next();
                expression.push_str(".*");
            }
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            '{' => {
                braces += 1;
                expression.push_str("(?:");
            }
            '}' if braces > 0 => {
                braces -= 1;
                expression.push(')');
            }
            ',' if braces > 0 => expression.push('|'),
            '[' => {
                expression.push('[');
                if characters.peek() == Some(&'!') {
                    characters.next();
                    expression.push('^');
                }
                for next in characters.by_ref() {
                    expression.push(next);
                    if next == ']' {
                        break;
                    }
                }
            }
            '\\' => {
                expression.push_str(&regex::escape(&characters.next().map(String::from).unwrap_or_default()))
            }
            other => expression.push_str(&regex::escape(&other.to_string())),
        }
    }
    expression.push('$');
    regex::RegexBuilder::new(&expression)
        .dot_matches_new_line(true)
        .build()
        .is_ok_and(|expression| expression.is_match(path))
}
