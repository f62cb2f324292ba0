//! Authoring profiles: drafts, publishing, revisions, the end of a version's life.

mod content;
mod import;

use strata_model::{
    Timestamp,
    access::Permission,
    error::{Refusal, RefusalCode},
    profile::{ProfileContent, ProfileName, ProfileType, VersionState},
    version::Version,
};
use strata_store::{LifecycleNote, Optional as _, Profile, ProfileVersion, StoreError, Tx};

pub use content::{DraftContent, DraftLayer, DraftPack};
pub use import::ImportProfile;

use crate::{
    error::EngineError,
    reads::{ProfileRecord, VersionRecord},
    session::Session,
};

/// How many clusters a refusal names at most.
const NAMED_CLUSTERS: u64 = 20;

impl Session {
    /// Makes a profile without versions.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT`, `DUPLICATE_NAME`.
    pub async fn create_profile(
        &self,
        name: String,
        kind: ProfileType,
    ) -> Result<ProfileRecord, EngineError> {
        let session = self.clone();
        let subject = format!("profile/{name}");
        self.audited(Permission::Author, "createProfile", subject.clone(), async move {
            let name: ProfileName = name.parse().map_err(|error: strata_model::profile::InvalidName| {
                EngineError::from(
                    Refusal::new(RefusalCode::InvalidInput, error.to_string(), "choose such a name")
                        .at("name"),
                )
            })?;
            if let Some(there) = session.rows().profile_by_name(&name).await.optional()? {
                session.refuse_name_of_shared(&there)?;
            }
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let profile = tx.profile_insert(session.project, &name, kind, "").await?;
                        session.note(tx, "createProfile", subject, None).await?;
                        Ok(profile.into())
                    })
                })
                .await
        })
        .await
    }

    /// Makes a draft version: empty, or with the content of another version.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `INVALID_VERSION`, `DUPLICATE_NAME` (a version string is never used again).
    pub async fn create_profile_version(
        &self,
        profile: String,
        version: String,
        from: Option<String>,
    ) -> Result<VersionRecord, EngineError> {
        let session = self.clone();
        let subject = format!("profile/{profile}@{version}");
        self.audited(Permission::Author, "createProfileVersion", subject.clone(), async move {
            let found = session.profile_named(&profile).await?;
            let number = parse_version(&version, "version")?;
            let content = match from {
                None => ProfileContent::default(),
                Some(from) => {
                    let from = parse_version(&from, "fromVersion")?;
                    let missing =
                        || Refusal::not_found("profile", format!("{profile}@{from}")).at("fromVersion");
                    let there = session.version_content(&found.name, &from, None).await?;
                    there.ok_or_else(missing)?.content
                }
            };
            let uses = session.uses_of(&content).await?;
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let made = tx
                            .profile_version_insert(&found, &number, &content, &uses, &session.caller.actor)
                            .await?;
                        session.note(tx, "createProfileVersion", subject, None).await?;
                        session.version_record(tx, &found, made.id).await
                    })
                })
                .await
        })
        .await
    }

    /// Replaces the content of a draft. What can be read is saved; what keeps it from being published is told by
    /// [`Session::profile_problems`]. What cannot be read is refused, with every problem.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `FROZEN`, `CONFLICT` when somebody else edited it, `INVALID_PROFILE`.
    pub async fn update_draft(
        &self,
        profile: String,
        version: String,
        expected_generation: Option<i64>,
        content: DraftContent,
    ) -> Result<VersionRecord, EngineError> {
        let session = self.clone();
        let subject = format!("profile/{profile}@{version}");
        self.audited(Permission::Author, "updateDraft", subject.clone(), async move {
            let (found, there) = session.version_named(&profile, &version).await?;
            refuse_frozen(&there)?;
            let former = session.rows().draft_get(there.id).await.optional()?.map(|draft| draft.content);
            let content =
                session.resolve_content(found.profile_type, content, &former.unwrap_or_default()).await?;
            let uses = session.uses_of(&content).await?;
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let draft = tx.project(session.project).draft_get(there.id).await?;
                        let expected = expected_generation.unwrap_or(draft.generation);
                        if expected != draft.generation {
                            return Err(content::edited_meanwhile(&draft, &content).into());
                        }
                        tx.draft_update(
                            session.project,
                            there.id,
                            expected,
                            &content,
                            &uses,
                            &session.caller.actor,
                        )
                        .await?;
                        session.note(tx, "updateDraft", subject, None).await?;
                        session.version_record(tx, &found, there.id).await
                    })
                })
                .await
        })
        .await
    }

    /// Publishes a draft: its content becomes revision 1 and never changes. Publishing again changes nothing.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `INVALID_PROFILE`, `ILLEGAL_STATE` for a deleted version.
    pub async fn publish_profile_version(
        &self,
        profile: String,
        version: String,
    ) -> Result<VersionRecord, EngineError> {
        let session = self.clone();
        let subject = format!("profile/{profile}@{version}");
        self.audited(Permission::Author, "publishProfileVersion", subject.clone(), async move {
            let (found, there) = session.version_named(&profile, &version).await?;
            // Gone when somebody else publishes it meanwhile.
            let draft = match session.rows().draft_get(there.id).await.optional()? {
                Some(draft) => {
                    session.refuse_problems(found.profile_type, &draft.content).await?;
                    let digest = session.digest_of(&draft.content).await?;
                    Some((draft, digest))
                }
                None => None,
            };
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let now = tx.project(session.project).profile_version_get(there.id).await?;
                        match (now.state, &draft) {
                            (VersionState::Deleted, _) => return Err(deleted(&now)),
                            // Exactly what was found to have no problems.
                            (VersionState::Draft, Some((draft, digest))) => {
                                tx.profile_version_publish(
                                    session.project,
                                    there.id,
                                    draft.generation,
                                    digest,
                                    &session.caller.actor,
                                    &LifecycleNote::default(),
                                )
                                .await?;
                            }
                            (VersionState::Draft, None) => {
                                return Err(StoreError::stale("draft", there.id).into());
                            }
                            (VersionState::Published | VersionState::Deprecated, _) => {}
                        }
                        session.note(tx, "publishProfileVersion", subject, None).await?;
                        session.version_record(tx, &found, there.id).await
                    })
                })
                .await
        })
        .await
    }

    /// Adds a revision to a published version. Discouraged: clusters on the former one get a pending update.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `ILLEGAL_STATE` for a draft, `INVALID_PROFILE`, `CONFLICT`.
    pub async fn revise_profile_version(
        &self,
        profile: String,
        version: String,
        content: DraftContent,
        reason: String,
        expected_revision: Option<u32>,
    ) -> Result<VersionRecord, EngineError> {
        let session = self.clone();
        let subject = format!("profile/{profile}@{version}");
        self.audited(Permission::Author, "reviseProfileVersion", subject.clone(), async move {
            let (found, there) = session.version_named(&profile, &version).await?;
            if !matches!(there.state, VersionState::Published | VersionState::Deprecated) {
                return Err(EngineError::refuse(
                    RefusalCode::IllegalState,
                    format!("{profile}@{version} is {}", there.state.as_str()),
                    "only a published version has revisions; edit a draft with updateDraft",
                ));
            }
            let former = session.rows().revision_find(&found.name, &there.version, None).await?;
            // What is added follows what was read.
            let after = former.record.number;
            if expected_revision.is_some_and(|expected| expected != after) {
                return Err(Refusal::new(
                    RefusalCode::Conflict,
                    format!("{} made revision {after} meanwhile", former.record.created_by.name),
                    "look at what it says now and put yours into it: nothing of it was saved or lost",
                )
                .at("expectedRevision")
                .into());
            }
            let content = session.resolve_content(found.profile_type, content, &former.content).await?;
            session.refuse_problems(found.profile_type, &content).await?;
            let uses = session.uses_of(&content).await?;
            let digest = session.digest_of(&content).await?;
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let now = tx.project(session.project).profile_version_get(there.id).await?;
                        if now.state == VersionState::Deleted {
                            return Err(deleted(&now));
                        }
                        tx.profile_version_revise(
                            session.project,
                            there.id,
                            after,
                            &content,
                            &uses,
                            &digest,
                            &session.caller.actor,
                            &reason,
                        )
                        .await?;
                        session.note(tx, "reviseProfileVersion", subject, Some(reason)).await?;
                        session.version_record(tx, &found, there.id).await
                    })
                })
                .await
        })
        .await
    }

    /// Discourages a published version.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `INVALID_VERSION`, `ILLEGAL_STATE`.
    pub async fn deprecate_profile_version(
        &self,
        profile: String,
        version: String,
        sunset: Option<Timestamp>,
        successor: Option<String>,
        reason: Option<String>,
    ) -> Result<VersionRecord, EngineError> {
        let successor = successor.map(|text| parse_version(&text, "successor")).transpose()?;
        let note = LifecycleNote { sunset, successor, reason: reason.unwrap_or_default() };
        self.end_version("deprecateProfileVersion", profile, version, VersionState::Deprecated, note).await
    }

    /// Deletes a version that nothing uses. A tombstone stays: the version string is never used again.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `IN_USE` with the names of clusters.
    pub async fn delete_profile_version(
        &self,
        profile: String,
        version: String,
        reason: Option<String>,
    ) -> Result<VersionRecord, EngineError> {
        let note = LifecycleNote { reason: reason.unwrap_or_default(), ..LifecycleNote::default() };
        self.end_version("deleteProfileVersion", profile, version, VersionState::Deleted, note).await
    }

    async fn end_version(
        &self,
        operation: &'static str,
        profile: String,
        version: String,
        to: VersionState,
        note: LifecycleNote,
    ) -> Result<VersionRecord, EngineError> {
        let session = self.clone();
        let subject = format!("profile/{profile}@{version}");
        self.audited(Permission::Author, operation, subject.clone(), async move {
            let (found, there) = session.version_named(&profile, &version).await?;
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        if there.state == to {
                            return session.version_record(tx, &found, there.id).await;
                        }
                        match (there.state, to) {
                            (VersionState::Deleted, _) => return Err(deleted(&there)),
                            (VersionState::Draft, VersionState::Deprecated) => {
                                return Err(EngineError::refuse(
                                    RefusalCode::IllegalState,
                                    format!("{profile}@{version} is a draft"),
                                    "delete it, or publish it first",
                                ));
                            }
                            _ => {}
                        }
                        let reason = Some(note.reason.clone()).filter(|reason| !reason.is_empty());
                        tx.lifecycle_append(
                            session.project,
                            there.id,
                            there.state,
                            to,
                            &session.caller.actor,
                            &note,
                        )
                        .await?;
                        // After the row is held: who attached it meanwhile is seen, and who will finds it deleted.
                        if to == VersionState::Deleted {
                            session.refuse_in_use(tx, &found, &there).await?;
                        }
                        session.note(tx, operation, subject, reason).await?;
                        session.version_record(tx, &found, there.id).await
                    })
                })
                .await
        })
        .await
    }

    async fn refuse_in_use(
        &self,
        tx: &Tx,
        profile: &Profile,
        version: &ProfileVersion,
    ) -> Result<(), EngineError> {
        let users = tx
            .project(self.project)
            .clusters_using(profile.id, Some(&version.version), None, NAMED_CLUSTERS)
            .await?;
        let mut names: Vec<String> = users.iter().map(|cluster| cluster.value.name.to_string()).collect();
        let elsewhere =
            tx.project(self.project).clusters_using_elsewhere(profile.id, &version.version).await?;
        if elsewhere > 0 {
            names.push(format!("{elsewhere} clusters of other projects"));
        }
        if names.is_empty() {
            return Ok(());
        }
        Err(EngineError::refuse(
            RefusalCode::InUse,
            format!("{}@{} is in use on {}", profile.name, version.version, names.join(", ")),
            "bring these clusters to another version first, or deprecate this one",
        ))
    }

    /// A profile of the shared project keeps its name: one of the same name would take its place on clusters that run it.
    fn refuse_name_of_shared(&self, there: &Profile) -> Result<(), EngineError> {
        if there.project == self.project {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalCode::DuplicateName,
            format!("the shared project has a profile `{}`", there.name),
            "choose another name",
        )
        .at("name")
        .into())
    }

    async fn profile_named(&self, name: &str) -> Result<Profile, EngineError> {
        let missing = || EngineError::from(Refusal::not_found("profile", name).at("profile"));
        let parsed: ProfileName = name.parse().map_err(|_| missing())?;
        let found = self.rows().profile_by_name(&parsed).await.optional()?.ok_or_else(missing)?;
        if found.project != self.project {
            return Err(EngineError::refuse(
                RefusalCode::Forbidden,
                format!("the profile `{name}` belongs to the shared project"),
                "change it there, or make one of your own",
            ));
        }
        Ok(found)
    }

    async fn version_named(
        &self,
        profile: &str,
        version: &str,
    ) -> Result<(Profile, ProfileVersion), EngineError> {
        let found = self.profile_named(profile).await?;
        let number = parse_version(version, "version")?;
        let there =
            self.rows().profile_version_find(found.id, &number).await.optional()?.ok_or_else(|| {
                Refusal::new(
                    RefusalCode::NotFound,
                    format!("there is no {profile}@{version}"),
                    format!("list its versions with `strata profile show {profile}`"),
                )
                .at("version")
            })?;
        Ok((found, there))
    }

    /// What the API shows of a version.
    pub(crate) async fn version_record(
        &self,
        tx: &Tx,
        profile: &Profile,
        id: strata_model::id::ProfileVersionId,
    ) -> Result<VersionRecord, EngineError> {
        let scope = tx.project(self.project);
        let version = scope.profile_version_get(id).await?;
        let generation = scope.draft_get(id).await.optional()?.map(|draft| draft.generation);
        let newest = scope.revision_list(id).await?.last().map(|revision| revision.number);
        Ok(VersionRecord::new(profile.name.clone(), version, newest, generation))
    }
}

fn refuse_frozen(version: &ProfileVersion) -> Result<(), EngineError> {
    if version.state == VersionState::Draft {
        return Ok(());
    }
    Err(EngineError::refuse(
        RefusalCode::Frozen,
        format!("the version {} is {} and never changes", version.version, version.state.as_str()),
        "make a new version from it: `strata profile draft NAME NEW-VERSION --from OLD-VERSION`",
    ))
}

fn deleted(version: &ProfileVersion) -> EngineError {
    EngineError::refuse(
        RefusalCode::IllegalState,
        format!("the version {} was deleted", version.version),
        "a version string is never used again: choose another",
    )
}

fn parse_version(text: &str, field: &str) -> Result<Version, EngineError> {
    text.parse().map_err(|error: strata_model::version::InvalidVersion| {
        Refusal::new(RefusalCode::InvalidVersion, error.to_string(), "see https://semver.org")
            .at(field)
            .into()
    })
}
