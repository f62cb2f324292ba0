//! The content of the demo: the example packs and its profiles, carried by the program, written out for the reader.

use std::{fs, io, path::Path};

use strata_model::version::KubernetesVersion;

use super::terminal::Terminal;

include!(concat!(env!("OUT_DIR"), "/packs.rs"));

/// The drafts of the demo's profiles: profile, version, text.
pub(super) const DRAFTS: [(&str, &str, &str); 6] = [
    ("web", "1.0.0", include_str!("profiles/web-1.0.0.yaml")),
    ("web", "1.1.0", include_str!("profiles/web-1.1.0.yaml")),
    ("greeting", "1.0.0", include_str!("profiles/greeting-1.0.0.yaml")),
    ("greeting", "1.1.0", include_str!("profiles/greeting-1.1.0.yaml")),
    ("machines", "1.0.0", include_str!("profiles/machines-1.0.0.yaml")),
    ("machines", "1.1.0", include_str!("profiles/machines-1.1.0.yaml")),
];

/// Writes packs and drafts into a folder: `packs/…` and `<profile>-<version>.yaml`.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    for (path, content) in PACKS {
        let path = folder.join("packs").join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, content)?;
    }
    for (profile, version, text) in DRAFTS {
        fs::write(folder.join(format!("{profile}-{version}.yaml")), text)?;
    }
    Ok(())
}

/// Fits the profiles to real clusters: the application goes into this namespace, machines come from this provider.
pub(super) fn into_namespace(
    terminal: &Terminal,
    namespace: &str,
    provider: Option<&str>,
    (first, next): &(KubernetesVersion, KubernetesVersion),
) -> io::Result<()> {
    for (profile, version, text) in DRAFTS {
        // Each of these files ends with the layer that is told something.
        let more = match (profile, provider) {
            ("greeting", _) => format!("    namespace: {namespace}\n"),
            ("machines", Some(provider)) => {
                let kubernetes = if version == "1.0.0" { first } else { next };
                let kubernetes = kubernetes.to_string();
                let kubernetes = kubernetes.trim_start_matches('v');
                format!(
                    "    values: |\n      pack:\n        kubernetesVersion: \"{kubernetes}\"\n      \
                     infrastructure:\n        provider: {provider}\n"
                )
            }
            _ => continue,
        };
        fs::write(
            terminal.file(&format!("{profile}-{version}.yaml")),
            format!("{}\n{more}", text.trim_end()),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_name_packs_that_are_there() {
        let described: Vec<serde_json::Value> = PACKS
            .iter()
            .filter(|(path, _)| path.ends_with("/pack.json"))
            .map(|(_, content)| serde_json::from_slice(content).unwrap())
            .collect();
        for (profile, version, text) in DRAFTS {
            let draft = strata_values::parse(text, "draft").unwrap();
            for layer in draft["layers"].as_array().unwrap() {
                let pack = &layer["pack"];
                let there = described
                    .iter()
                    .any(|known| known["name"] == pack["name"] && known["version"] == pack["version"]);
                assert!(there, "{profile} {version}: {pack}");
            }
        }
    }
}
