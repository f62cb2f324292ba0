//! `strata profile …`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `strata profile …`
#[derive(Debug, Clone, Subcommand)]
pub enum ProfileCommand {
    /// Create a profile
    Create {
        /// Its name.
        name: String,
        /// What it covers.
        #[arg(long = "type", value_enum, default_value_t = ProfileKind::Full)]
        kind: ProfileKind,
    },
    /// Make a draft version, or change one; says what keeps it from being published
    Draft {
        /// The profile.
        name: String,
        /// The version.
        version: String,
        /// A YAML file with `layers` and `variables`; `-` is standard input.
        #[arg(long, short)]
        file: Option<PathBuf>,
        /// Start from this version's content.
        #[arg(long)]
        from: Option<String>,
    },
    /// Edit a draft in your editor ($VISUAL, else $EDITOR); what you typed is kept until it is saved
    Edit {
        /// The profile.
        name: String,
        /// The version.
        version: String,
        /// Edit a published version in place, and say why: clusters on it get a pending update. Discouraged
        #[arg(long)]
        reason: Option<String>,
    },
    /// Name every problem of a version, at its place
    Validate {
        /// The profile.
        name: String,
        /// The version.
        version: String,
        /// The revision; the draft or the newest when left out.
        #[arg(long)]
        revision: Option<u32>,
    },
    /// Publish a draft: it never changes again
    Publish {
        /// The profile.
        name: String,
        /// The version.
        version: String,
    },
    /// Add a revision to a published version; clusters on it get a pending update. Discouraged: better make a new version
    Revise(ReviseArguments),
    /// Show what is different between two versions: `web@1.0.0 web@1.1.0`, `web@1.1.0#1 web@1.1.0#2`
    Diff {
        /// The one before.
        from: String,
        /// The one after.
        to: String,
        /// The Kubernetes version to render for, where no layer says one.
        #[arg(long)]
        kube_version: Option<String>,
        /// What the cluster serves besides: `group/version` or `group/version/Kind`.
        #[arg(long, value_delimiter = ',')]
        api_versions: Vec<String>,
    },
    /// Write a version as one YAML text, or as a folder fit for git
    Export {
        /// The profile.
        name: String,
        /// The version.
        version: String,
        /// The revision; the newest when left out.
        #[arg(long)]
        revision: Option<u32>,
        /// Write it into this folder, one file a layer.
        #[arg(long)]
        folder: Option<PathBuf>,
    },
    /// Make a version from what was exported: a file, `-`, or a folder; or a profile that Palette exported
    Import {
        /// The file or folder.
        path: PathBuf,
        /// Another name than it has.
        #[arg(long)]
        name: Option<String>,
        /// Another version than it has.
        #[arg(long)]
        version: Option<String>,
        /// Publish it at once.
        #[arg(long)]
        publish: bool,
        /// A YAML file with the secret for each mask in it; else they are asked for.
        #[arg(long)]
        secrets: Option<PathBuf>,
    },
    /// Discourage a published version
    Deprecate {
        /// The profile.
        name: String,
        /// The version.
        version: String,
        /// What to use instead.
        #[arg(long)]
        successor: Option<String>,
        /// From when on it should not be used any more, RFC 3339.
        #[arg(long)]
        sunset: Option<String>,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Delete a version that nothing uses; its name is never used again
    Delete {
        /// The profile.
        name: String,
        /// The version.
        version: String,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
    /// List profiles
    List,
    /// Show a profile, or one version of it
    Show {
        /// The profile.
        name: String,
        /// The version.
        version: Option<String>,
        /// The revision; the newest when left out.
        #[arg(long)]
        revision: Option<u32>,
    },
}

/// `strata profile revise …`
#[derive(Debug, Clone, Args)]
pub struct ReviseArguments {
    /// The profile.
    pub name: String,
    /// The version.
    pub version: String,
    /// A YAML file with `layers` and `variables`; `-` is standard input.
    #[arg(long, short)]
    pub file: PathBuf,
    /// Why; everybody can read it later.
    #[arg(long)]
    pub reason: String,
    /// Make a rollout of this name to all clusters that run the version; start it with `strata rollout start`.
    #[arg(long)]
    pub rollout: Option<String>,
}

/// What a profile covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProfileKind {
    /// Infrastructure and add-ons.
    Full,
    /// Infrastructure only.
    Infra,
    /// Add-ons only.
    Addon,
}

impl ProfileKind {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Infra => "INFRA",
            Self::Addon => "ADDON",
        }
    }
}
