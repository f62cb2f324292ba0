//! The content of the demo: the example packs and its profiles, carried by the program, written out for the reader.

use std::{fs, io, path::Path};

use super::terminal::Terminal;

include!(concat!(env!("OUT_DIR"), "/packs.rs"));

/// The drafts of the demo's profiles: profile, version, text.
pub(super) const DRAFTS: [(&str, &str, &str); 4] = [
    ("web", "1.0.0", include_str!("profiles/web-1.0.0.yaml")),
    ("web", "1.1.0", include_str!("profiles/web-1.1.0.yaml")),
    ("greeting", "1.0.0", include_str!("profiles/greeting-1.0.0.yaml")),
    ("greeting", "1.1.0", include_str!("profiles/greeting-1.1.0.yaml")),
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

/// Puts the application of the add-on profile into this namespace.
pub(super) fn into_namespace(terminal: &Terminal, namespace: &str) -> io::Result<()> {
    for (profile, version, text) in DRAFTS {
        if profile == "greeting" {
            let text = format!("{}\n    namespace: {namespace}\n", text.trim_end());
            fs::write(terminal.file(&format!("{profile}-{version}.yaml")), text)?;
        }
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
