//! The programs of a control plane, in the folder that `KUBEBUILDER_ASSETS` names.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The environment variable that names the folder; `tests/control-plane/build.sh` prints its value.
pub const VARIABLE: &str = "KUBEBUILDER_ASSETS";

const FILES: [&str; 6] =
    ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "kwok-stages.yaml"];

/// A folder in which all of them were found.
#[derive(Debug, Clone)]
pub struct Assets {
    folder: PathBuf,
}

/// Why there are no programs to start.
#[derive(Debug, thiserror::Error)]
pub enum MissingAssets {
    /// Nobody says where they are; tests are left out then.
    #[error("{VARIABLE} is not set")]
    NotSet,
    /// Somebody says where they are, and it is not so; that is a mistake, and tests fail then.
    #[error(
        "{VARIABLE} names {folder}, which has no {file}; tests/control-plane/build.sh makes a complete folder"
    )]
    Incomplete {
        /// The folder that was looked into.
        folder: PathBuf,
        /// The first file that it lacks.
        file: &'static str,
    },
}

impl Assets {
    /// Looks for the programs.
    ///
    /// # Errors
    /// When the folder is not named or not complete.
    pub fn find() -> Result<Self, MissingAssets> {
        match env::var_os(VARIABLE) {
            Some(folder) if !folder.is_empty() => Self::within(folder.into()),
            _ => Err(MissingAssets::NotSet),
        }
    }

    fn within(folder: PathBuf) -> Result<Self, MissingAssets> {
        match FILES.into_iter().find(|file| !folder.join(file).is_file()) {
            Some(file) => Err(MissingAssets::Incomplete { folder, file }),
            None => Ok(Self { folder }),
        }
    }

    /// The path of one of the files.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// The folder itself.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The version that the folder was built with, by its name in `versions.env`, e.g. `KUBERNETES_VERSION`.
    #[must_use]
    pub fn version(&self, name: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.path("versions.env")).ok()?;
        text.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key == name).then(|| value.to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incomplete_folder_names_the_missing_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("etcd"), "").unwrap();
        let missing = Assets::within(folder.path().to_path_buf()).unwrap_err();
        assert!(matches!(missing, MissingAssets::Incomplete { file: "kube-apiserver", .. }), "{missing}");
    }
}
