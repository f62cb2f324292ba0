//! How much a pack may hold, and the tally that holds it to that.

use std::path::{Component, Path};

use strata_model::pack::PackFiles;

use crate::RegistryError;

/// The limits of one pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Most files.
    pub max_files: usize,
    /// Largest file, in bytes.
    pub max_file_bytes: u64,
    /// All files together, in bytes after decompression.
    pub max_total_bytes: u64,
    /// Most folders above a file.
    pub max_depth: usize,
    /// Longest path, in bytes.
    pub max_path_bytes: usize,
}

impl Budget {
    /// What packs get unless said otherwise; the largest published ones hold a few charts of some hundred KiB.
    pub const DEFAULT: Self = Self {
        max_files: 2_000,
        max_file_bytes: 8 * 1024 * 1024,
        max_total_bytes: 32 * 1024 * 1024,
        max_depth: 8,
        max_path_bytes: 512,
    };
}

impl Default for Budget {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Files taken so far, under a budget.
#[derive(Debug)]
pub(crate) struct Tally<'a> {
    budget: &'a Budget,
    files: PackFiles,
    bytes: u64,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(budget: &'a Budget) -> Self {
        Self { budget, files: PackFiles::new(), bytes: 0 }
    }

    /// The path as text with `/`, if it is allowed; `None` for what is left out.
    pub(crate) fn admit(&self, path: &Path) -> Result<Option<String>, RegistryError> {
        let forbidden = |reason| RegistryError::ForbiddenPath { path: shortened(path), reason };
        if path.as_os_str().len() > self.budget.max_path_bytes {
            return Err(forbidden("it is too long"));
        }
        let mut names = Vec::new();
        for component in path.components() {
            match component {
                Component::CurDir => {}
                Component::Normal(name) => {
                    let name = name.to_str().ok_or_else(|| forbidden("it is not UTF-8"))?;
                    if name.chars().any(|c| c.is_control() || c == '\\') {
                        return Err(forbidden("it has a control character or a backslash"));
                    }
                    names.push(name);
                }
                Component::ParentDir => return Err(forbidden("`..` leads out of the pack")),
                Component::RootDir | Component::Prefix(_) => return Err(forbidden("it is absolute")),
            }
        }
        if names.len() > self.budget.max_depth + 1 {
            return Err(RegistryError::TooDeep { path: shortened(path), limit: self.budget.max_depth });
        }
        let left_out =
            names.is_empty() || names.iter().any(|name| name.starts_with('.')) || names == ["logo.png"];
        Ok((!left_out).then(|| names.join("/")))
    }

    /// How many bytes of the next file may be read before it is too large. One more tells that it is.
    pub(crate) fn allowance(&self) -> u64 {
        self.budget.max_file_bytes.min(self.budget.max_total_bytes.saturating_sub(self.bytes))
    }

    /// Takes a file that was read up to one byte beyond the allowance.
    pub(crate) fn take(&mut self, path: String, bytes: Vec<u8>) -> Result<(), RegistryError> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if size > self.budget.max_file_bytes {
            return Err(RegistryError::FileTooLarge { path, limit: self.budget.max_file_bytes });
        }
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > self.budget.max_total_bytes {
            return Err(RegistryError::TooLarge { limit: self.budget.max_total_bytes });
        }
        if self.files.len() >= self.budget.max_files {
            return Err(RegistryError::TooManyFiles { limit: self.budget.max_files });
        }
        if self.files.contains_key(&path) {
            return Err(RegistryError::DuplicatePath { path });
        }
        self.files.insert(path, bytes);
        Ok(())
    }

    pub(crate) fn into_files(self) -> PackFiles {
        self.files
    }
}

/// A path for a message: its first hundred characters.
pub(crate) fn shortened(path: &Path) -> String {
    path.to_string_lossy().chars().take(100).collect()
}
