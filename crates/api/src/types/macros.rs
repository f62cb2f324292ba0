//! Macros: named values of a project.

use async_graphql::{Description, ID, Object, SimpleObject};
use strata_engine::{MacroRecord, PageOf, Session};

use super::{
    connection::{Total, connection, nodes},
    global_id,
    scalar::{DateTime, SemVerText},
    state::VersionState,
};
use crate::error::answer;

connection! { MacroConnection, MacroEdge of Macro; }

/// A named value that the values of any profile may refer to: `{{.strata.macro.NAME}}`.
#[derive(Debug, Clone, Description)]
pub struct Macro {
    session: Session,
    record: MacroRecord,
}

impl Macro {
    /// Shows a macro.
    pub fn new(session: Session, record: MacroRecord) -> Self {
        Self { session, record }
    }
}

#[Object(use_type_description)]
impl Macro {
    /// The global id.
    pub async fn id(&self) -> ID {
        global_id::encode("macro", self.record.id.uuid())
    }

    /// Its name.
    async fn name(&self) -> &str {
        self.record.name.as_str()
    }

    /// What it stands for; masked when it is a secret.
    async fn value(&self) -> &str {
        &self.record.value
    }

    /// Whether its value is a secret.
    async fn sensitive(&self) -> bool {
        self.record.sensitive
    }

    /// What it is for.
    async fn description(&self) -> &str {
        &self.record.description
    }

    /// Whether it belongs to the shared project; one of the project itself wins over it.
    async fn shared(&self) -> bool {
        self.record.shared
    }

    /// Grows with each edit; to be given back when it is edited.
    async fn generation(&self) -> i64 {
        self.record.generation
    }

    /// When it was edited last.
    async fn updated_at(&self) -> DateTime {
        self.record.updated_at.into()
    }

    /// By whom.
    async fn updated_by(&self) -> &str {
        &self.record.updated_by
    }

    /// The drafts and revisions whose values name it, at most 100. Clusters are found by `clusters(filter: {macro: …})`.
    #[graphql(complexity = "5 + child_complexity")]
    async fn used_by(&self) -> async_graphql::Result<Vec<ProfileUse>> {
        let users = self.session.profiles_using_macro(&self.record.name).await.map_err(answer)?;
        Ok(users.into_iter().map(ProfileUse::from).collect())
    }
}

/// A draft or revision that uses something.
#[derive(Debug, SimpleObject)]
pub struct ProfileUse {
    /// The profile's name.
    pub profile: String,
    /// The version.
    pub version: SemVerText,
    /// Where the version stands.
    pub state: VersionState,
    /// Which of its revisions; none for the draft.
    pub revision: Option<u32>,
}

impl From<strata_engine::ProfileUse> for ProfileUse {
    fn from(user: strata_engine::ProfileUse) -> Self {
        Self {
            profile: user.profile.to_string(),
            version: (&user.version).into(),
            state: user.state.into(),
            revision: user.revision,
        }
    }
}

/// A page of macros.
pub fn page(session: &Session, page: PageOf<MacroRecord>, total: Total) -> MacroConnection {
    MacroConnection::new(nodes(page, |record| Macro::new(session.clone(), record)), total)
}
