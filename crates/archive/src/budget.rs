//! How much may be taken in, and the tally that holds it to that.

use std::path::{Component, Path};

use crate::{ArchiveError, Files};

/// The limits of one archive or folder.
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
        max_depth: 24,
        max_path_bytes: 512,
    };
}

impl Default for Budget {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What was taken from a budget so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    files: usize,
    bytes: u64,
}

impl Usage {
    /// What files cost that were read already.
    #[must_use]
    pub fn of(files: &Files) -> Self {
        let bytes = files.values().map(|bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Self { files: files.len(), bytes: bytes.fold(0, u64::saturating_add) }
    }
}

/// Whether a path, given by its names, is wanted at all. What is not wanted costs no budget but time.
pub type Keep = fn(&[&str]) -> bool;

/// Files taken so far, under a budget.
#[derive(Debug)]
pub struct Tally<'a> {
    budget: &'a Budget,
    usage: &'a mut Usage,
    keep: Keep,
    files: Files,
}

impl<'a> Tally<'a> {
    /// An empty one. `usage` goes on counting from what others took.
    #[must_use]
    pub fn new(budget: &'a Budget, usage: &'a mut Usage, keep: Keep) -> Self {
        Self { budget, usage, keep, files: Files::new() }
    }

    /// The limits.
    #[must_use]
    pub const fn budget(&self) -> &'a Budget {
        self.budget
    }

    /// The path as text with `/`, if it is allowed; `None` for what is left out.
    ///
    /// # Errors
    /// [`ArchiveError::ForbiddenPath`], [`ArchiveError::TooDeep`].
    pub fn admit(&self, path: &Path) -> Result<Option<String>, ArchiveError> {
        let forbidden = |reason| ArchiveError::ForbiddenPath { path: shortened(path), reason };
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
                Component::ParentDir => return Err(forbidden("`..` leads out of the folder")),
                Component::RootDir | Component::Prefix(_) => return Err(forbidden("it is absolute")),
            }
        }
        if names.len() > self.budget.max_depth + 1 {
            return Err(ArchiveError::TooDeep { path: shortened(path), limit: self.budget.max_depth });
        }
        Ok((!names.is_empty() && (self.keep)(&names)).then(|| names.join("/")))
    }

    /// How many bytes of the next file may be read before it is too large. One more tells that it is.
    #[must_use]
    pub fn allowance(&self) -> u64 {
        self.budget.max_file_bytes.min(self.budget.max_total_bytes.saturating_sub(self.usage.bytes))
    }

    /// Takes a file that was read up to one byte beyond the allowance.
    ///
    /// # Errors
    /// When it, or all together, are more than the budget has.
    pub fn take(&mut self, path: String, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if size > self.budget.max_file_bytes {
            return Err(ArchiveError::FileTooLarge { path, limit: self.budget.max_file_bytes });
        }
        let total = self.usage.bytes.saturating_add(size);
        if total > self.budget.max_total_bytes {
            return Err(ArchiveError::TooLarge { limit: self.budget.max_total_bytes });
        }
        if self.usage.files >= self.budget.max_files {
            return Err(ArchiveError::TooManyFiles { limit: self.budget.max_files });
        }
        if self.files.contains_key(&path) {
            return Err(ArchiveError::DuplicatePath { path });
        }
        self.usage.bytes = total;
        self.usage.files += 1;
        self.files.insert(path, bytes);
        Ok(())
    }

    /// What was taken.
    #[must_use]
    pub fn into_files(self) -> Files {
        self.files
    }
}

/// A path for a message: its first hundred characters.
#[must_use]
pub fn shortened(path: &Path) -> String {
    path.to_string_lossy().chars().take(100).collect()
}
