//! Profiles.

use async_graphql::{Context, Object};
use strata_model::{
    error::{Refusal, RefusalCode},
    version::{KubernetesVersion, Version},
};

use crate::{
    context::session,
    cost::list,
    error::{answer, refused},
    types::{
        comparison::ProfileComparison,
        connection::{self, Total},
        export::ProfileExport,
        profile::{Profile, ProfileConnection, ProfileVersion, page},
        scalar::SemVerText,
        wish::RevisionInput,
    },
};

/// Profiles.
#[derive(Debug, Default)]
pub struct ProfileQuery;

#[Object]
impl ProfileQuery {
    /// The profiles of a project.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn profiles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<ProfileConnection> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let found =
            session.profiles(connection::page(first, after).map_err(refused)?).await.map_err(answer)?;
        let counted = session.clone();
        let total = Total::new(move || {
            let session = counted.clone();
            async move { session.profiles_count().await.map_err(answer) }
        });
        Ok(page(&session, found, total))
    }

    /// A profile by its name.
    async fn profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "Its name.")] name: String,
    ) -> async_graphql::Result<Option<Profile>> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let record = session.profile(&name).await.map_err(answer)?;
        Ok(record.map(|record| Profile::new(session, record)))
    }

    /// A version of a profile: of the revision that is named, else of its newest one. The answer says which.
    async fn profile_version(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "The profile's name.")] profile: String,
        #[graphql(desc = "The version.")] version: SemVerText,
        #[graphql(desc = "The revision; the newest when left out.")] revision: Option<u32>,
    ) -> async_graphql::Result<Option<ProfileVersion>> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        if let Err(error) = version.0.parse::<Version>() {
            let help = "write it like `1.2.0`";
            return Err(refused(
                Refusal::new(RefusalCode::InvalidVersion, error.to_string(), help).at("version"),
            ));
        }
        let Some(record) = session.profile_version(&profile, &version.0).await.map_err(answer)? else {
            return Ok(None);
        };
        if revision
            .is_some_and(|wanted| record.newest_revision.is_none_or(|newest| wanted < 1 || wanted > newest))
        {
            return Ok(None);
        }
        Ok(Some(ProfileVersion::new(session, record, revision)))
    }

    /// What is different between two versions, drafts or revisions, of whatever profiles.
    #[graphql(complexity = "200 + child_complexity")]
    async fn compare_profile_versions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "The one before; the newest revision when none is named.")] from: RevisionInput,
        #[graphql(desc = "The one after.")] to: RevisionInput,
        #[graphql(desc = "The Kubernetes version to render for, where no layer says one.")]
        kubernetes_version: Option<String>,
        #[graphql(desc = "What the cluster serves besides: `group/version` or `group/version/Kind`.")]
        api_versions: Option<Vec<String>>,
    ) -> async_graphql::Result<ProfileComparison> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let version = kubernetes_version.map(|text| {
            text.parse::<KubernetesVersion>().map_err(|error| {
                let refusal =
                    Refusal::new(RefusalCode::InvalidInput, error.to_string(), "write it like `1.33.2`");
                refused(refusal.at("kubernetesVersion"))
            })
        });
        let (from, to) = (from.wish(), to.wish());
        let found = session
            .compare_profile_versions(&from, &to, version.transpose()?, api_versions.unwrap_or_default())
            .await;
        Ok(found.map_err(answer)?.into())
    }

    /// A draft or revision as people keep it: one text, or a folder fit for git. Passwords are masked.
    #[graphql(complexity = "50 + child_complexity")]
    async fn export_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "The profile's name.")] profile: String,
        #[graphql(desc = "The version.")] version: SemVerText,
        #[graphql(desc = "The revision; the newest when left out.")] revision: Option<u32>,
    ) -> async_graphql::Result<ProfileExport> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let wish = RevisionInput { profile, version, revision }.wish();
        Ok(ProfileExport::new(session.export_profile(&wish).await.map_err(answer)?))
    }
}
