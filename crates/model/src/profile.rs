//! Profiles: a name plus its versions; layers; revisions.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{digest::Digest, pack::PackReference, variable::VariableDefinition, version::Version};

/// What a profile covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProfileType {
    /// Infrastructure and add-on layers.
    Full,
    /// Infrastructure layers only.
    Infra,
    /// Add-on layers only.
    Addon,
}

/// The kind of a layer. The database does not close the set; the code that decides does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LayerKind {
    /// Operating system.
    Os,
    /// Kubernetes distribution.
    Kubernetes,
    /// Network.
    Cni,
    /// Storage.
    Csi,
    /// Anything on top.
    Addon,
}

impl LayerKind {
    /// Whether it is one of the four infrastructure kinds.
    #[must_use]
    pub const fn is_infrastructure(self) -> bool {
        !matches!(self, Self::Addon)
    }

    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Os => "OS",
            Self::Kubernetes => "KUBERNETES",
            Self::Cni => "CNI",
            Self::Csi => "CSI",
            Self::Addon => "ADDON",
        }
    }
}

impl fmt::Display for LayerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $noun:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                if is_dns_label(text) { Ok(Self(text.to_owned())) }
                else { Err(InvalidName { noun: $noun, text: text.chars().take(100).collect() }) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> { text.parse() }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self { name.0 }
        }
    };
}

/// A text that cannot name such a thing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` cannot name a {noun}: use 1 to 63 lower-case letters, digits and `-`, beginning and ending with a letter or digit"
)]
pub struct InvalidName {
    /// What was to be named.
    pub noun: &'static str,
    /// The text as given.
    pub text: String,
}

/// Whether a text is an RFC 1123 label, as Kubernetes asks of most names.
#[must_use]
pub fn is_dns_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

name!(
    /// The name of a profile, unique in its project.
    ProfileName, "profile"
);
name!(
    /// The name of a layer, unique over all profiles of a cluster.
    LayerName, "layer"
);
name!(
    /// The name of a cluster, unique in its project.
    ClusterName, "cluster"
);

/// What to do when Kubernetes says that another field manager holds a field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConflictPolicy {
    /// Stop the step and name manager and field.
    #[default]
    Fail,
    /// Leave the field to the other manager.
    Yield,
    /// Take the field.
    Force,
}

/// What to do when a change cannot be made in place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ImmutablePolicy {
    /// Block the change.
    #[default]
    Block,
    /// Delete and create the object; the plan lists it and an approval covers it.
    Replace,
}

/// What becomes of an object that is no longer rendered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrphanPolicy {
    /// It stays until somebody decides.
    #[default]
    Keep,
    /// It is scaled to zero, restorably.
    ScaleToZero,
    /// It is deleted.
    Delete,
}

/// A chosen preset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresetChoice {
    /// Its group.
    pub group: String,
    /// Its name.
    pub name: String,
}

/// A manifest of a profile's own, beside those of a layer's pack. Its references are resolved; it is no template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttachedManifest {
    /// Unique in its layer.
    pub name: String,
    /// Kubernetes objects in YAML, as their author wrote them.
    pub text: String,
}

/// One pack in a profile, with the profile's own values for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// Unique over all profiles of a cluster.
    pub name: LayerName,
    /// What it is.
    pub kind: LayerKind,
    /// The pack, pinned by digest.
    pub pack: PackReference,
    /// The profile's own values as their author wrote them: merged over the pack's.
    #[serde(default)]
    pub values: String,
    /// Chosen presets, at most one of a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub presets: Vec<PresetChoice>,
    /// Manifests of the profile's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<AttachedManifest>,
    /// Overrides the pack's install priority; lowest first, equal numbers together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install_priority: Option<i32>,
    /// Overrides the pack's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// When another manager holds a field.
    #[serde(default)]
    pub on_conflict: ConflictPolicy,
    /// When a change cannot be made in place.
    #[serde(default)]
    pub on_immutable: ImmutablePolicy,
    /// When an object is no longer rendered.
    #[serde(default)]
    pub orphan_policy: OrphanPolicy,
}

/// The content of a profile version: what a revision freezes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileContent {
    /// In order.
    #[serde(default)]
    pub layers: Vec<Layer>,
    /// By name.
    #[serde(default)]
    pub variables: Vec<VariableDefinition>,
}

impl ProfileContent {
    /// The digest of this content. Layers pin packs by digest, so it covers all that the revision renders.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // Serialising plain data with string keys cannot fail.
        Digest::of_document(&serde_json::to_value(self).unwrap_or_default())
    }
}

/// The state of a profile version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VersionState {
    /// May be edited; no cluster may run it.
    Draft,
    /// Frozen.
    Published,
    /// Frozen, and discouraged.
    Deprecated,
    /// Gone, but for its tombstone.
    Deleted,
}

impl VersionState {
    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Published => "PUBLISHED",
            Self::Deprecated => "DEPRECATED",
            Self::Deleted => "DELETED",
        }
    }
}

/// Which frozen content: profile, version and revision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RevisionReference {
    /// The profile's name.
    pub profile: ProfileName,
    /// The version.
    pub version: Version,
    /// The revision, from 1.
    pub revision: u32,
}

impl fmt::Display for RevisionReference {
    /// `web@1.1.0`, with `#2` for later revisions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.profile, self.version)?;
        if self.revision > 1 {
            write!(f, "#{}", self.revision)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels() {
        assert!("hello-universe".parse::<LayerName>().is_ok());
        for text in ["", "-a", "a-", "A", "a.b", "a_b", &"x".repeat(64)] {
            assert!(text.parse::<LayerName>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_empty_content_has_a_digest() {
        assert!(ProfileContent::default().digest().as_str().starts_with("sha256-v1:"));
    }
}
