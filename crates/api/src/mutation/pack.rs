//! Packs: published.

use async_graphql::{Context, InputObject, Object, SimpleObject};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use strata_engine::{Adopted, EngineError};
use strata_model::{
    error::{Refusal, RefusalCode},
    pack::PackFiles,
};

use strata_registry::RegistryError;

use crate::{
    context::session,
    error::{Diagnostic, UserError, user_errors},
    types::pack::Pack,
};

/// A pack to publish: either its files, or an archive of them. A Helm chart, or plain manifests, become a pack.
#[derive(Debug, InputObject)]
pub struct PublishPackInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// Its files.
    files: Option<Vec<PackFileInput>>,
    /// A `.tgz` of its folder, in base64.
    archive_base64: Option<String>,
    /// The name of the pack; for plain manifests, which have none, and for a chart that is to have another one.
    name: Option<String>,
    /// The version of the pack; as `name`.
    version: Option<String>,
}

/// One file of a pack.
#[derive(Debug, InputObject)]
pub struct PackFileInput {
    /// Its path in the pack, e.g. `values.yaml`.
    path: String,
    /// Its content, in base64.
    content_base64: String,
}

/// What `publishPack` did.
#[derive(Debug, SimpleObject)]
pub struct PublishPackPayload {
    /// The pack; none when there are errors.
    pack: Option<Pack>,
    /// What is odd in it, and was let through.
    warnings: Vec<Diagnostic>,
    /// What the caller has to mend.
    errors: Vec<UserError>,
}

fn files(input: PublishPackInput) -> Result<PackFiles, Refusal> {
    match (input.files, input.archive_base64) {
        (Some(files), None) => {
            let mut sent = Vec::with_capacity(files.len());
            for (index, file) in files.into_iter().enumerate() {
                let at = |refusal: Refusal| refusal.at("contentBase64").at(index.to_string()).at("files");
                sent.push((file.path, decode(&file.content_base64).map_err(at)?));
            }
            strata_registry::take_files(sent).map_err(|error| unfit(&error).at("files"))
        }
        (None, Some(archive)) => {
            let bytes = decode(&archive).map_err(|refusal| refusal.at("archiveBase64"))?;
            strata_registry::read_archive(&bytes).map_err(|error| unfit(&error).at("archiveBase64"))
        }
        _ => Err(Refusal::new(
            RefusalCode::InvalidInput,
            "a pack is sent either as `files` or as `archiveBase64`",
            "give exactly one of the two",
        )),
    }
}

fn unfit(error: &RegistryError) -> Refusal {
    Refusal::new(RefusalCode::InvalidPack, error.to_string(), error.help())
}

fn decode(text: &str) -> Result<Vec<u8>, Refusal> {
    STANDARD.decode(text).map_err(|error| {
        Refusal::new(
            RefusalCode::InvalidInput,
            format!("not base64: {error}"),
            "encode it with the standard alphabet",
        )
    })
}

async fn publish(ctx: &Context<'_>, input: PublishPackInput) -> Result<(Pack, Vec<Diagnostic>), EngineError> {
    let session = session(ctx, input.project.as_deref())?;
    // Reading an archive is work for the processor: not for a thread that serves others.
    let said = Adopted { name: input.name.clone(), version: input.version.clone() };
    let read = tokio::task::spawn_blocking(move || files(input));
    let files = read.await.map_err(EngineError::internal)??;
    let (record, warnings) = session.publish_pack(files, said).await?;
    Ok((Pack::new(session, record), warnings.into_iter().map(Diagnostic::from).collect()))
}

/// Mutations of packs.
#[derive(Debug, Default)]
pub struct PackMutation;

#[Object]
impl PackMutation {
    /// Publishes a version of a pack. It never changes after that.
    async fn publish_pack(
        &self,
        ctx: &Context<'_>,
        input: PublishPackInput,
    ) -> async_graphql::Result<PublishPackPayload> {
        Ok(match publish(ctx, input).await {
            Ok((pack, warnings)) => PublishPackPayload { pack: Some(pack), warnings, errors: Vec::new() },
            Err(error) => {
                PublishPackPayload { pack: None, warnings: Vec::new(), errors: user_errors(error, None)? }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(files: Option<Vec<(&str, &str)>>, archive: Option<&str>) -> PublishPackInput {
        let file = |(path, content): (&str, &str)| PackFileInput {
            path: path.to_owned(),
            content_base64: content.to_owned(),
        };
        PublishPackInput {
            project: None,
            files: files.map(|files| files.into_iter().map(file).collect()),
            archive_base64: archive.map(str::to_owned),
            name: None,
            version: None,
        }
    }

    #[test]
    fn files_are_decoded_and_wrong_ones_named() {
        let pack = files(input(Some(vec![("pack.json", "e30="), ("values.yaml", "")]), None)).unwrap();
        assert_eq!(pack["pack.json"], b"{}");
        assert_eq!(
            files(input(Some(vec![("a", "?")]), None)).unwrap_err().path,
            ["files", "0", "contentBase64"]
        );
        assert!(files(input(Some(vec![("a", ""), ("a", "")]), None)).unwrap_err().message.contains("twice"));
        assert_eq!(files(input(None, Some("AAAA"))).unwrap_err().code, RefusalCode::InvalidPack);
        assert!(files(input(None, None)).is_err() && files(input(Some(vec![]), Some(""))).is_err());
    }
}
