//! Fleet previews.

use std::collections::BTreeMap;

use async_graphql::{ComplexObject, Description, ID, Json, Object, SimpleObject};
use strata_engine::{FleetSurvey, PageOf, Session};
use strata_model::{
    error::{Refusal, RefusalCode},
    fleet_preview,
    id::PlanId,
};

use super::{
    connection::{self, Total, connection, nodes},
    global_id,
    plan::Plan,
    scalar::{DateTime, DigestText, KeyValue},
    state::{FleetOutcome, RepaveScope, Severity},
};
use crate::{
    cost::{LARGEST_PAGE, list},
    error::{answer, refused},
};

connection! {
    FleetGroupConnection, FleetGroupEdge of FleetGroup;
    FleetMemberConnection, FleetMemberEdge of FleetMember;
}

/// What one target would do to many clusters, grouped by what happens. Stored, with an expiry.
#[derive(Debug, Clone, Description)]
pub struct FleetPreview {
    session: Session,
    preview: fleet_preview::FleetPreview,
}

/// How many clusters have one thing in common.
#[derive(Debug, Clone, SimpleObject)]
pub struct OutcomeCount {
    /// What comes of it.
    pub outcome: FleetOutcome,
    /// How many clusters.
    pub clusters: u32,
    /// In how many groups.
    pub groups: u32,
}

/// Of how many clusters which nodes are replaced.
#[derive(Debug, Clone, SimpleObject)]
pub struct RepaveCount {
    /// Which nodes.
    pub scope: RepaveScope,
    /// How many clusters.
    pub clusters: u32,
}

/// On how many clusters a finding is.
#[derive(Debug, Clone, SimpleObject)]
pub struct FindingCount {
    /// Stable code.
    pub code: &'static str,
    /// What it asks for.
    pub severity: Severity,
    /// How many clusters.
    pub clusters: u32,
}

impl FleetPreview {
    /// Shows a stored fleet preview.
    pub fn new(session: Session, preview: fleet_preview::FleetPreview) -> Self {
        Self { session, preview }
    }
}

fn count<'a, K: Ord>(
    groups: impl Iterator<Item = &'a fleet_preview::FleetGroup>,
    key: impl Fn(&fleet_preview::FleetGroup) -> Vec<K>,
) -> BTreeMap<K, (u32, u32)> {
    let mut counts = BTreeMap::new();
    for group in groups {
        for key in key(group) {
            let (clusters, groups) = counts.entry(key).or_insert((0, 0));
            *clusters += group.clusters;
            *groups += 1;
        }
    }
    counts
}

fn outcomes<'a>(groups: impl Iterator<Item = &'a fleet_preview::FleetGroup>) -> Vec<OutcomeCount> {
    let counts = count(groups, |group| vec![group.outcome]).into_iter();
    counts
        .map(|(outcome, (clusters, groups))| OutcomeCount { outcome: outcome.into(), clusters, groups })
        .collect()
}

fn repaves<'a>(groups: impl Iterator<Item = &'a fleet_preview::FleetGroup>) -> Vec<RepaveCount> {
    let counts = count(groups, |group| vec![group.repave.clone()]).into_iter();
    counts
        .filter(|(scope, _)| *scope != strata_model::plan::RepaveScope::None)
        .map(|(scope, (clusters, _))| RepaveCount { scope: scope.into(), clusters })
        .collect()
}

fn findings<'a>(groups: impl Iterator<Item = &'a fleet_preview::FleetGroup>) -> Vec<FindingCount> {
    let counts = count(groups, |group| {
        group.findings.iter().map(|(code, severity)| (std::cmp::Reverse(*severity), *code)).collect()
    });
    counts
        .into_iter()
        .map(|((severity, code), (clusters, _))| FindingCount {
            code: code.as_str(),
            severity: severity.0.into(),
            clusters,
        })
        .collect()
}

#[Object(use_type_description)]
impl FleetPreview {
    /// The global id.
    pub async fn id(&self) -> ID {
        global_id::encode(strata_model::id::FleetPreviewId::NOUN, self.preview.id.uuid())
    }

    /// The revision that clusters would be brought to.
    async fn to(&self) -> String {
        self.preview.to.to_string()
    }

    /// How many clusters were looked at.
    async fn looked_at(&self) -> u32 {
        self.preview.looked_at
    }

    /// How many of them were planned by themselves; the plans of the others followed from theirs, their inputs being equal.
    async fn planned(&self) -> u32 {
        self.preview.planned
    }

    /// How many were not, because time or the limit was over.
    async fn left_out(&self) -> u64 {
        self.preview.left_out
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.preview.created_at.into()
    }

    /// When it is forgotten.
    async fn expires_at(&self) -> DateTime {
        self.preview.expires_at.into()
    }

    /// What comes of it, counted.
    async fn outcomes(&self) -> Vec<OutcomeCount> {
        outcomes(self.preview.groups.iter())
    }

    /// Which nodes are replaced, counted; clusters where none is are left out.
    async fn repaves(&self) -> Vec<RepaveCount> {
        repaves(self.preview.groups.iter())
    }

    /// What the plans say about themselves, counted; the gravest first.
    async fn findings(&self) -> Vec<FindingCount> {
        findings(self.preview.groups.iter())
    }

    /// Clusters to which the same happens; the gravest first, and of these the largest.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn groups(
        &self,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<FleetGroupConnection> {
        let page = connection::page(first, after).map_err(refused)?;
        let from = match &page.after {
            None => 0,
            Some(cursor) => match cursor.parse::<usize>() {
                Ok(index) => index.saturating_add(1),
                Err(_) => return Err(refused(no_cursor())),
            },
        };
        let groups = &self.preview.groups;
        let size = usize::try_from(page.first).unwrap_or(usize::MAX);
        let items: Vec<_> = groups
            .iter()
            .enumerate()
            .skip(from)
            .take(size)
            .map(|(index, group)| (index.to_string(), group.clone()))
            .collect();
        let has_next = from.saturating_add(items.len()) < groups.len();
        let group = |group| FleetGroup { session: self.session.clone(), preview: self.preview.id, group };
        let total = u64::try_from(groups.len()).unwrap_or(u64::MAX);
        let total = Total::new(move || async move { Ok(total) });
        Ok(FleetGroupConnection::new(nodes(PageOf { items, has_next }, group), total))
    }
}

fn no_cursor() -> Refusal {
    Refusal::new(
        RefusalCode::InvalidInput,
        "this cursor is of another list",
        "take it from `pageInfo.endCursor`",
    )
    .at("after")
}

/// Clusters to which the same happens.
#[derive(Debug, Clone, Description)]
pub struct FleetGroup {
    session: Session,
    preview: strata_model::id::FleetPreviewId,
    group: fleet_preview::FleetGroup,
}

#[Object(use_type_description)]
impl FleetGroup {
    /// What comes of it.
    async fn outcome(&self) -> FleetOutcome {
        self.group.outcome.into()
    }

    /// Names what happens, without what is a cluster's own.
    async fn effect(&self) -> DigestText {
        (&self.group.effect).into()
    }

    /// How many clusters.
    async fn clusters(&self) -> u32 {
        self.group.clusters
    }

    /// The plan of the first of them: what happens to all, with what is that cluster's own. None where there is no plan, or
    /// where a preview has very many groups; then preview one of its clusters.
    #[graphql(complexity = "50 + child_complexity")]
    async fn example(&self) -> async_graphql::Result<Option<Plan>> {
        example(&self.session, self.group.example).await
    }

    /// Why there is no plan.
    async fn reason(&self) -> Option<&str> {
        self.group.reason.as_deref()
    }

    /// Which nodes are replaced.
    async fn repave(&self) -> RepaveScope {
        self.group.repave.clone().into()
    }

    /// Its clusters, by name.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn members(
        &self,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<FleetMemberConnection> {
        let page = connection::page(first, after).map_err(refused)?;
        let found = self.session.fleet_preview_members(self.preview, &self.group.effect, page);
        let found = found.await.map_err(answer)?;
        let total = u64::from(self.group.clusters);
        let total = Total::new(move || async move { Ok(total) });
        Ok(FleetMemberConnection::new(nodes(found, FleetMember::from), total))
    }
}

/// One cluster of a group, with what is its own.
#[derive(Debug, Clone, SimpleObject)]
pub struct FleetMember {
    /// Its name.
    pub cluster: String,
    /// The digest of its very plan: give it as `expectedPlanDigest` to `requestUpgrade`.
    pub plan_digest: Option<DigestText>,
    /// Its values of variables; secrets masked.
    pub variables: Vec<KeyValue>,
    /// The layers that it overrides.
    pub overridden: Vec<String>,
    /// What its overrides say where they disagree with the new revision; secrets masked.
    pub disagrees: Vec<OwnValue>,
}

/// What an override of a cluster says at a place.
#[derive(Debug, Clone, SimpleObject)]
pub struct OwnValue {
    /// The layer.
    pub layer: String,
    /// The path in its values.
    pub path: String,
    /// The value; none where it is taken away.
    pub value: Option<Json<serde_json::Value>>,
}

impl From<fleet_preview::FleetMember> for FleetMember {
    fn from(member: fleet_preview::FleetMember) -> Self {
        let variables = member.variables.into_iter().map(|(key, value)| KeyValue { key, value });
        Self {
            cluster: member.name.to_string(),
            plan_digest: member.plan_digest.as_ref().map(DigestText::from),
            variables: variables.collect(),
            overridden: member.overridden,
            disagrees: member.disagrees.into_iter().map(OwnValue::from).collect(),
        }
    }
}

/// How far a fleet preview has come.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct FleetPreviewProgress {
    /// How many clusters the filter lets through.
    pub clusters: u64,
    /// How many were looked at so far.
    pub looked_at: u32,
    /// How many of them were planned by themselves; the plans of the others followed from theirs, their inputs being equal.
    pub planned: u32,
    /// What comes of it so far, counted.
    pub outcomes: Vec<OutcomeCount>,
    /// Which nodes are replaced, counted; clusters where none is are left out.
    pub repaves: Vec<RepaveCount>,
    /// What the plans say about themselves so far, counted; the gravest first.
    pub findings: Vec<FindingCount>,
    #[graphql(skip)]
    found: Vec<FoundGroup>,
    /// The preview, with the last item only.
    pub preview: Option<FleetPreview>,
}

#[ComplexObject]
impl FleetPreviewProgress {
    /// What happens to a cluster and to none that was looked at before; in the order in which it was found.
    #[graphql(complexity = "list(Some(LARGEST_PAGE), child_complexity)")]
    async fn found(&self) -> &[FoundGroup] {
        &self.found
    }
}

/// What happens to a cluster, found while a fleet preview is made.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct FoundGroup {
    /// What comes of it.
    pub outcome: FleetOutcome,
    /// Names what happens, without what is a cluster's own.
    pub effect: DigestText,
    /// The name of the first cluster that it happens to.
    pub cluster: String,
    /// Why there is no plan.
    pub reason: Option<String>,
    /// Which nodes are replaced.
    pub repave: RepaveScope,
    #[graphql(skip)]
    example: Option<PlanId>,
    #[graphql(skip)]
    session: Session,
}

#[ComplexObject]
impl FoundGroup {
    /// The plan of that cluster. None where there is no plan, or where there are very many groups; then preview the cluster.
    #[graphql(complexity = "50 + child_complexity")]
    async fn example(&self) -> async_graphql::Result<Option<Plan>> {
        example(&self.session, self.example).await
    }
}

async fn example(session: &Session, id: Option<PlanId>) -> async_graphql::Result<Option<Plan>> {
    let Some(id) = id else { return Ok(None) };
    let found = session.plan(id).await.map_err(answer)?;
    Ok(found.map(|record| Plan::new(session.clone(), record)))
}

impl FleetPreviewProgress {
    /// How far a survey has come.
    pub fn of(survey: &FleetSurvey, session: &Session) -> Self {
        let found = survey.found().iter().map(|(group, cluster)| FoundGroup {
            outcome: group.outcome.into(),
            effect: (&group.effect).into(),
            cluster: cluster.to_string(),
            reason: group.reason.clone(),
            repave: group.repave.clone().into(),
            example: group.example,
            session: session.clone(),
        });
        Self {
            clusters: survey.all(),
            looked_at: survey.looked_at(),
            planned: survey.planned(),
            outcomes: outcomes(survey.groups()),
            repaves: repaves(survey.groups()),
            findings: findings(survey.groups()),
            found: found.collect(),
            preview: None,
        }
    }
}

impl From<fleet_preview::OwnValue> for OwnValue {
    fn from(own: fleet_preview::OwnValue) -> Self {
        Self { layer: own.layer.to_string(), path: own.path, value: own.value.map(Json) }
    }
}
