//! Profiles and their versions: drafted, published, deprecated.

use async_graphql::{Context, InputObject, Object};
use strata_engine::{EngineError, ImportProfile, Session, VersionRecord};
use strata_model::{error::RefusalCode, secret::SecretText};

use super::payload::payloads;
use crate::{
    context::session,
    types::{
        draft::ProfileContentInput,
        export::{MaskedSecretInput, ProfileFileInput},
        profile::{Profile, ProfileVersion},
        scalar::{DateTime, SemVerText},
        state::ProfileType,
    },
};

payloads! {
    /// What `createProfile` did.
    CreateProfilePayload { profile: Profile };
    /// What `createProfileVersion` did.
    CreateProfileVersionPayload { profile_version: ProfileVersion };
    /// What `updateDraft` did.
    UpdateDraftPayload { profile_version: ProfileVersion };
    /// What `publishProfileVersion` did.
    PublishProfileVersionPayload { profile_version: ProfileVersion };
    /// What `deprecateProfileVersion` did.
    DeprecateProfileVersionPayload { profile_version: ProfileVersion };
    /// What `reviseProfileVersion` did.
    ReviseProfileVersionPayload { profile_version: ProfileVersion };
    /// What `deleteProfileVersion` did.
    DeleteProfileVersionPayload { profile_version: ProfileVersion };
    /// What `importProfile` did.
    ImportProfilePayload { profile_version: ProfileVersion };
}

/// A profile to make.
#[derive(Debug, InputObject)]
pub struct CreateProfileInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// Its name, unique in the project.
    name: String,
    /// What it covers.
    #[graphql(name = "type")]
    profile_type: ProfileType,
}

/// A version to make, as a draft.
#[derive(Debug, InputObject)]
pub struct CreateProfileVersionInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// The profile's name.
    profile: String,
    /// The version; never one that was used before.
    version: SemVerText,
    /// The version whose content it starts from; an empty one when left out.
    from_version: Option<SemVerText>,
}

/// New content of a draft.
#[derive(Debug, InputObject)]
pub struct UpdateDraftInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// The profile's name.
    profile: String,
    /// The version.
    version: SemVerText,
    /// The `generation` of the draft that you edited; refused when somebody else was faster.
    expected_generation: Option<i64>,
    /// All of its content.
    content: ProfileContentInput,
}

/// A draft to freeze.
#[derive(Debug, InputObject)]
pub struct PublishProfileVersionInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// The profile's name.
    profile: String,
    /// The version.
    version: SemVerText,
}

/// A version to discourage.
#[derive(Debug, InputObject)]
pub struct DeprecateProfileVersionInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// The profile's name.
    profile: String,
    /// The version.
    version: SemVerText,
    /// Until when it is looked after.
    sunset: Option<DateTime>,
    /// The version to go to.
    successor: Option<SemVerText>,
    /// Why; everybody can read it later.
    reason: Option<String>,
}

/// New content of a published version.
#[derive(Debug, InputObject)]
pub struct ReviseProfileVersionInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// The profile's name.
    profile: String,
    /// The version.
    version: SemVerText,
    /// All of its content.
    content: ProfileContentInput,
    /// The revision that was read: refused when there is a newer one. Whatever it is when left out.
    expected_revision: Option<u32>,
    /// Why; everybody can read it later.
    reason: Option<String>,
}

/// A version to delete.
#[derive(Debug, InputObject)]
pub struct DeleteProfileVersionInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// The profile's name.
    profile: String,
    /// The version.
    version: SemVerText,
    /// Why; everybody can read it later.
    reason: Option<String>,
}

fn shown(session: Session, record: VersionRecord) -> Result<ProfileVersion, EngineError> {
    Ok(ProfileVersion::new(session, record, None))
}

/// A profile version to make from a document: either one text, or the files of a folder. What Palette exports is read as well.
#[derive(Debug, InputObject)]
pub struct ImportProfileInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// One text.
    text: Option<String>,
    /// The files of a folder.
    files: Option<Vec<ProfileFileInput>>,
    /// Another name than the document's.
    name: Option<String>,
    /// Another version than the document's.
    version: Option<SemVerText>,
    /// Whether it is published at once.
    #[graphql(default)]
    publish: bool,
    /// What the masks in it stand for.
    secrets: Option<Vec<MaskedSecretInput>>,
}

impl ImportProfileInput {
    fn read(self) -> Result<ImportProfile, EngineError> {
        let unread = |problems| {
            EngineError::diagnostics(RefusalCode::InvalidProfile, "the document cannot be read", problems)
        };
        let document = match (self.text, self.files) {
            (Some(text), None) => strata_document::read_text(&text, "document").map_err(unread)?,
            (None, Some(files)) => {
                let files = files.into_iter().map(|file| (file.path, file.content)).collect();
                strata_document::read_files(&files).map_err(unread)?
            }
            _ => {
                return Err(EngineError::refuse(
                    RefusalCode::InvalidInput,
                    "a profile is imported either from `text` or from `files`",
                    "give exactly one of the two",
                ));
            }
        };
        let secrets = self.secrets.unwrap_or_default().into_iter();
        Ok(ImportProfile {
            document,
            name: self.name,
            version: self.version.map(|version| version.0),
            publish: self.publish,
            secrets: secrets.map(|secret| (secret.mask, SecretText::new(secret.value))).collect(),
        })
    }
}

/// Mutations of profiles.
#[derive(Debug, Default)]
pub struct ProfileMutation;

#[Object]
impl ProfileMutation {
    /// Makes a profile.
    async fn create_profile(
        &self,
        ctx: &Context<'_>,
        input: CreateProfileInput,
    ) -> async_graphql::Result<CreateProfilePayload> {
        let outcome = async {
            let session = session(ctx, input.project.as_deref())?;
            let record = session.create_profile(input.name, input.profile_type.into()).await?;
            Ok(Profile::new(session, record))
        };
        CreateProfilePayload::of(outcome.await)
    }

    /// Makes a version of a profile, as a draft.
    async fn create_profile_version(
        &self,
        ctx: &Context<'_>,
        input: CreateProfileVersionInput,
    ) -> async_graphql::Result<CreateProfileVersionPayload> {
        let outcome = async {
            let session = session(ctx, input.project.as_deref())?;
            let from = input.from_version.map(|from| from.0);
            let record = session.create_profile_version(input.profile, input.version.0, from).await?;
            shown(session, record)
        };
        CreateProfileVersionPayload::of(outcome.await)
    }

    /// Replaces the content of a draft.
    async fn update_draft(
        &self,
        ctx: &Context<'_>,
        input: UpdateDraftInput,
    ) -> async_graphql::Result<UpdateDraftPayload> {
        let outcome = async {
            let session = session(ctx, input.project.as_deref())?;
            let content = input.content.content()?;
            let (profile, version) = (input.profile, input.version.0);
            let record = session.update_draft(profile, version, input.expected_generation, content).await?;
            shown(session, record)
        };
        UpdateDraftPayload::of(outcome.await)
    }

    /// Freezes a draft: its first revision, that clusters may run.
    async fn publish_profile_version(
        &self,
        ctx: &Context<'_>,
        input: PublishProfileVersionInput,
    ) -> async_graphql::Result<PublishProfileVersionPayload> {
        let outcome = async {
            let session = session(ctx, input.project.as_deref())?;
            let record = session.publish_profile_version(input.profile, input.version.0).await?;
            shown(session, record)
        };
        PublishProfileVersionPayload::of(outcome.await)
    }

    /// Discourages a version, and names what comes after it.
    async fn deprecate_profile_version(
        &self,
        ctx: &Context<'_>,
        input: DeprecateProfileVersionInput,
    ) -> async_graphql::Result<DeprecateProfileVersionPayload> {
        let outcome = async {
            let session = session(ctx, input.project.as_deref())?;
            let record = session
                .deprecate_profile_version(
                    input.profile,
                    input.version.0,
                    input.sunset.map(|at| at.0),
                    input.successor.map(|version| version.0),
                    input.reason,
                )
                .await?;
            shown(session, record)
        };
        DeprecateProfileVersionPayload::of(outcome.await)
    }

    /// Adds a revision to a published version, the former ones kept. Discouraged: better make a new version.
    async fn revise_profile_version(
        &self,
        ctx: &Context<'_>,
        input: ReviseProfileVersionInput,
    ) -> async_graphql::Result<ReviseProfileVersionPayload> {
        let outcome = async {
            let session = session(ctx, input.project.as_deref())?;
            let content = input.content.content()?;
            let reason = input.reason.unwrap_or_default();
            let record = session
                .revise_profile_version(
                    input.profile,
                    input.version.0,
                    content,
                    reason,
                    input.expected_revision,
                )
                .await?;
            shown(session, record)
        };
        ReviseProfileVersionPayload::of(outcome.await)
    }

    /// Deletes a version that no cluster uses. Its tombstone stays: the version is never used again.
    async fn delete_profile_version(
        &self,
        ctx: &Context<'_>,
        input: DeleteProfileVersionInput,
    ) -> async_graphql::Result<DeleteProfileVersionPayload> {
        let outcome = async {
            let session = session(ctx, input.project.as_deref())?;
            let record = session.delete_profile_version(input.profile, input.version.0, input.reason).await?;
            shown(session, record)
        };
        DeleteProfileVersionPayload::of(outcome.await)
    }

    /// Makes a version, and its profile where there is none, from a document.
    async fn import_profile(
        &self,
        ctx: &Context<'_>,
        input: ImportProfileInput,
    ) -> async_graphql::Result<ImportProfilePayload> {
        let outcome = async {
            let session = session(ctx, input.project.as_deref())?;
            let record = session.import_profile(input.read()?).await?;
            shown(session, record)
        };
        ImportProfilePayload::of(outcome.await)
    }
}
