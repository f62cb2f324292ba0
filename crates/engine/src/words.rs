//! Words of clusters: what an API server, a condition or a Job says, made fit to be kept and shown.
//!
//! *Idea.* Such a text may quote anything that was ever sent to the cluster, or that it is reached with. It is masked
//! with all that Strata knows to be secret there: of what the cluster runs and is to run, of what was last sent to it,
//! and of its credentials.
//!
//! *Guarantees.* Where the secrets of what runs cannot be known, the words are withheld rather than kept in the clear.
//!
//! *Caveats.* What others keep secret in a cluster is not known to Strata.

use strata_cluster::Kubeconfig;
use strata_model::{
    cluster::{Cluster, ConnectionKind},
    id::CompositionId,
    secret::SecretText,
};
use strata_store::Optional as _;
use strata_values::Redactor;

use crate::{error::EngineError, session::Session};

/// What stands in place of words that may hold secrets.
pub(crate) const WITHHELD: &str = "the cluster's words are withheld, for they may hold secrets";

impl Session {
    /// A text that comes from a cluster, as it may be kept and shown.
    pub(crate) async fn words_of(&self, cluster: &Cluster, text: &str) -> String {
        match self.words_redactor(cluster, &[]).await {
            Ok(redactor) => redactor.mask_text(text),
            Err(error) => {
                tracing::warn!(cluster = %cluster.name, %error, "what the cluster says is withheld: its secrets are not known");
                WITHHELD.to_owned()
            }
        }
    }

    /// A redactor that knows the secrets of a cluster, and of compositions that a change under way sends to it.
    pub(crate) async fn words_redactor(
        &self,
        cluster: &Cluster,
        sent: &[CompositionId],
    ) -> Result<Redactor, EngineError> {
        let mut secrets = self.credentials_of(cluster).await?;
        let mut certain: Vec<CompositionId> = sent.iter().copied().chain(cluster.applied).collect();
        certain.extend(cluster.wanted.filter(|_| cluster.change.is_some()));
        certain.sort_unstable();
        certain.dedup();
        for id in &certain {
            let composition = self.rows().composition_get(*id).await?.composition;
            secrets.extend(self.secrets_of(cluster.id, &composition).await?);
        }
        // A first composition that is being edited need not render yet; what was sent of it is in the inventory.
        if let Some(id) = cluster.wanted.filter(|id| !certain.contains(id)) {
            let composition = self.rows().composition_get(id).await?.composition;
            secrets.extend(self.contents_of([&composition], &[], &[]).await?.secrets.into_values());
            secrets.extend(self.secrets_of(cluster.id, &composition).await.unwrap_or_default());
        }
        for entry in self.rows().inventory_list(cluster.id).await? {
            secrets.extend(strata_values::secret_object::secret_values(&entry.body));
        }
        Ok(Redactor::new(self.engine.store().digest_key(), secrets))
    }

    /// What a cluster is reached with. Credentials that lie in its management cluster are not kept, and not known here.
    async fn credentials_of(&self, cluster: &Cluster) -> Result<Vec<SecretText>, EngineError> {
        if cluster.connection != ConnectionKind::Kubeconfig {
            return Ok(Vec::new());
        }
        let Some(text) = self.rows().connection_get(cluster.id).await.optional()? else {
            return Ok(Vec::new());
        };
        let policy = &self.engine.options().connect.policy;
        Ok(Kubeconfig::parse(&text, policy).map_or_else(|_| Vec::new(), |it| vec![it.secret().clone()]))
    }
}
