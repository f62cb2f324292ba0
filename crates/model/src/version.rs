//! Versions of profiles and packs (SemVer 2.0), and of Kubernetes.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A SemVer 2.0 version, e.g. `1.2.3-rc.1`. Ordered by precedence; build metadata does not count in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(semver::Version);

/// A text that is no SemVer 2.0 version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a SemVer 2.0 version: {reason}")]
pub struct InvalidVersion {
    /// The text as given.
    pub text: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl Version {
    /// Major, minor and patch number.
    #[must_use]
    pub const fn numbers(&self) -> (u64, u64, u64) {
        (self.0.major, self.0.minor, self.0.patch)
    }

    /// The pre-release part, empty for a release.
    #[must_use]
    pub fn pre_release(&self) -> &str {
        self.0.pre.as_str()
    }

    /// The text without build metadata: what must be unique among the versions of a name.
    #[must_use]
    pub fn without_build(&self) -> String {
        semver::Version { build: semver::BuildMetadata::EMPTY, ..self.0.clone() }.to_string()
    }

    /// The parsed version, for range checks.
    #[must_use]
    pub const fn semver(&self) -> &semver::Version {
        &self.0
    }

    /// A text whose byte order is SemVer precedence, for `ORDER BY` on either database.
    ///
    /// Numbers are written as their length and digits; a release sorts after its pre-releases.
    #[must_use]
    pub fn sort_key(&self) -> String {
        let number = |n: u64| {
            let digits = n.to_string();
            format!("{:02}{digits}", digits.len())
        };
        let mut key = format!("{}.{}.{}", number(self.0.major), number(self.0.minor), number(self.0.patch));
        if self.0.pre.is_empty() {
            key.push_str(".~");
            return key;
        }
        for identifier in self.0.pre.as_str().split('.') {
            // Numeric identifiers sort below textual ones; fewer identifiers below more.
            if identifier.bytes().all(|byte| byte.is_ascii_digit()) {
                key.push_str(&format!(".0{:04}{identifier}", identifier.len()));
            } else {
                key.push_str(&format!(".1{identifier}"));
            }
            key.push(' ');
        }
        key
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        // Precedence first; build metadata only breaks ties so that `Ord` agrees with `Eq`.
        self.0.cmp_precedence(&other.0).then_with(|| self.0.build.cmp(&other.0.build))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        semver::Version::parse(text).map(Self).map_err(|error| {
            let reason = match text.strip_prefix(['v', 'V']) {
                Some(rest) if semver::Version::parse(rest).is_ok() => {
                    format!("write `{rest}`, without the `v`")
                }
                _ => format!(
                    "{error}; write MAJOR.MINOR.PATCH, with an optional pre-release such as `1.2.3-rc.1`"
                ),
            };
            InvalidVersion { text: text.to_owned(), reason }
        })
    }
}

/// A Kubernetes version, e.g. `v1.33.2+k3s1`; what follows the patch number is kept and does not count.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KubernetesVersion {
    major: u32,
    minor: u32,
    patch: u32,
    suffix: String,
}

/// A text that is no Kubernetes version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a Kubernetes version: write it like `1.33.2` or `v1.33.2`")]
pub struct InvalidKubernetesVersion(pub String);

impl KubernetesVersion {
    /// Major number.
    #[must_use]
    pub const fn major(&self) -> u32 {
        self.major
    }

    /// Minor number.
    #[must_use]
    pub const fn minor(&self) -> u32 {
        self.minor
    }

    /// Patch number.
    #[must_use]
    pub const fn patch(&self) -> u32 {
        self.patch
    }

    /// Major and minor number: `1.33`. What APIs look like is the same in all patches of it.
    #[must_use]
    pub fn series(&self) -> String {
        format!("{}.{}", self.major, self.minor)
    }

    /// How many minor versions `self` is ahead of `other`; negative when behind.
    #[must_use]
    pub fn minors_ahead_of(&self, other: &Self) -> i64 {
        i64::from(self.minor) - i64::from(other.minor)
            + 1000 * (i64::from(self.major) - i64::from(other.major))
    }

    /// Orders by major, minor and patch.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch).cmp(&(other.major, other.minor, other.patch))
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}{}", self.major, self.minor, self.patch, self.suffix)
    }
}

impl FromStr for KubernetesVersion {
    type Err = InvalidKubernetesVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidKubernetesVersion(text.chars().take(60).collect());
        let bare = text.strip_prefix('v').unwrap_or(text);
        let end = bare.find(['-', '+']).unwrap_or(bare.len());
        let (numbers, suffix) = bare.split_at(end);
        let mut parts = numbers.split('.').map(str::parse::<u32>);
        let mut next = || parts.next().and_then(Result::ok);
        let (major, minor) = (next().ok_or_else(invalid)?, next().ok_or_else(invalid)?);
        let patch = match parts.next() {
            None => 0,
            Some(patch) => patch.map_err(|_| invalid())?,
        };
        if parts.next().is_some() {
            return Err(invalid());
        }
        Ok(Self { major, minor, patch, suffix: suffix.to_owned() })
    }
}

impl TryFrom<String> for KubernetesVersion {
    type Error = InvalidKubernetesVersion;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<KubernetesVersion> for String {
    fn from(version: KubernetesVersion) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_mistype_is_refused_with_the_reason() {
        assert!(
            "v1.2.3".parse::<Version>().unwrap_err().to_string().contains("write `1.2.3`, without the `v`")
        );
        for text in ["v1.2", "2.2.2.develop", "b0.0.1", "1", ""] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_sort_key_orders_as_precedence_does() {
        // The example of SemVer 2.0 §11, with neighbours that text order gets wrong.
        let ordered = [
            "0.9.0",
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-alpha-x",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.2.0",
            "1.10.0",
            "10.0.0",
        ];
        let parse = |text: &str| text.parse::<Version>().unwrap();
        for pair in ordered.windows(2) {
            assert!(parse(pair[0]) < parse(pair[1]), "{pair:?}");
            assert!(parse(pair[0]).sort_key() < parse(pair[1]).sort_key(), "{pair:?}");
        }
        assert_eq!(parse("1.0.0+a").sort_key(), parse("1.0.0+b").sort_key());
    }

    #[test]
    fn kubernetes_versions() {
        let version: KubernetesVersion = "1.33.2+k3s1".parse().unwrap();
        assert_eq!(version.to_string(), "v1.33.2+k3s1");
        assert_eq!("v1.34.0".parse::<KubernetesVersion>().unwrap().minors_ahead_of(&version), 1);
        for text in ["", "1", "1.x", "1.2.3.4", "latest"] {
            assert!(text.parse::<KubernetesVersion>().is_err(), "{text}");
        }
    }
}
