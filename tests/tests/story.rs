//! The main job from end to end: the same story on simulated clusters with both databases, and on real control planes.
//!
//! - Packs are loaded, a profile version is published, clusters are registered, and it is applied.
//! - One cluster gets an override; the next version is published and previewed.
//! - It is refused without approval, approved, applied, and followed.
//! - What it left behind is scaled to zero, stays so, and is brought back. The history tells of it all.
//! - The others follow in a rollout of two stages.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Namespace, Pod, Service},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams},
    runtime::wait::await_condition,
};
use serde_json::{Value, json};
use strata_cli::operations;
use strata_tests::{
    Database, Fleet, Postgres, Server, control_plane, program,
    scenario::{Person, admin, application, codes, describe, example_packs, refused_with, web},
};

const NAMESPACE: &str = "hello-universe";
const OLD: &str = "hello-universe-deployment";
const OLD_SERVICE: &str = "hello-universe-service";
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(90);

/// The clusters of the story: one that goes ahead, a canary, and production.
const CLUSTERS: [(&str, &str); 3] = [("pilot-1", "pilot"), ("canary-1", "canary"), ("prod-1", "prod")];
/// Those that follow in stages.
const FOLLOWERS: usize = CLUSTERS.len() - 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_simulated_clusters_and_sqlite() -> Result<()> {
    let fleet = Fleet::simulated(&CLUSTERS.map(|(name, _)| name)).await?;
    Box::pin(story(Server::start(program!(), Database::Sqlite).await?, fleet)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_simulated_clusters_and_postgres() -> Result<()> {
    let Some(postgres) = Postgres::shared_or_leave_out().await else { return Ok(()) };
    let fleet = Fleet::simulated(&CLUSTERS.map(|(name, _)| name)).await?;
    let database = Database::Postgres(postgres.fresh_database().await?);
    Box::pin(story(Server::start(program!(), database).await?, fleet)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_real_control_planes_and_sqlite() -> Result<()> {
    let Some(fleet) = Box::pin(Fleet::real_or_leave_out(&CLUSTERS.map(|(name, _)| name))).await? else {
        return Ok(());
    };
    Box::pin(story(Server::start(program!(), Database::Sqlite).await?, fleet)).await
}

/// Who plays, and where.
struct Stage {
    fleet: Fleet,
    alice: Person,
    bob: Person,
    viewer: Person,
    /// Into the cluster that goes ahead.
    first: Client,
}

async fn story(server: Server, fleet: Fleet) -> Result<()> {
    let admin = admin(&server)?;
    let stage = Stage {
        first: control_plane::client(fleet.kubeconfig(CLUSTERS[0].0)?).await?,
        alice: admin.hire(&server, "alice", &["AUTHOR", "OPERATOR"]).await?,
        bob: admin.hire(&server, "bob", &["APPROVER"]).await?,
        viewer: admin.hire(&server, "vera", &["VIEWER"]).await?,
        fleet,
    };
    stage.packs_and_first_version().await.context("packs and first version")?;
    stage.registration().await.context("registration")?;
    stage.first_apply().await.context("first apply")?;
    let change = stage.override_and_preview().await.context("override and preview")?;
    stage.approval(&change).await.context("approval")?;
    stage.progress(&change).await.context("progress")?;
    stage.orphans().await.context("orphans")?;
    stage.scaling().await.context("scaling")?;
    stage.restoring().await.context("restoring")?;
    stage.history(&change).await.context("history")?;
    Box::pin(stage.rollout()).await.context("rollout")
}

fn attach(profile: &str, version: &str) -> Value {
    json!([{"profile": profile, "version": version}])
}

fn named<'a>(list: &'a Value, key: &str, name: &str) -> Result<&'a Value> {
    let found = list.as_array().into_iter().flatten().find(|item| item[key] == name);
    found.with_context(|| format!("nothing with {key} {name} in {list:#}"))
}

fn texts<'a>(list: &'a Value, pointer: &str) -> Vec<&'a str> {
    list.as_array().into_iter().flatten().filter_map(|item| item.pointer(pointer)?.as_str()).collect()
}

impl Stage {
    async fn packs_and_first_version(&self) -> Result<()> {
        self.alice.publish_packs(&example_packs()).await?;
        refused_with(
            self.viewer
                .client
                .mutate(operations::PROFILE_CREATE, "createProfile", json!({"name": "x", "type": "FULL"}))
                .await,
            "FORBIDDEN",
        )?;
        self.alice.create_profile("web", "FULL").await?;
        self.alice.create_profile("greeting", "ADDON").await?;
        let duplicate = json!({"name": "web", "type": "FULL"});
        refused_with(
            self.alice.client.mutate(operations::PROFILE_CREATE, "createProfile", duplicate).await,
            "DUPLICATE_NAME",
        )?;
        let provider = self.fleet.provider();
        let published = self
            .alice
            .publish_version("web", "1.0.0", web("1.33.4", self.fleet.versions()[0], provider, "disable-api"))
            .await
            .map_err(describe)?;
        assert_eq!(published["profileVersion"]["state"], "PUBLISHED");
        assert_eq!(published["profileVersion"]["revision"], 1);
        let greeting = json!({"layers": [application("disable-api")]});
        self.alice.publish_version("greeting", "1.0.0", greeting).await.map_err(describe)?;
        let again = json!({"profile": "web", "version": "1.0.0"});
        refused_with(
            self.alice.client.mutate(operations::PROFILE_VERSION_CREATE, "createProfileVersion", again).await,
            "DUPLICATE_NAME",
        )
    }

    async fn registration(&self) -> Result<()> {
        let management =
            self.alice.import("management", self.fleet.management(), "management").await.map_err(describe)?;
        assert_eq!(management["cluster"]["connectivity"]["value"], "ONLINE");
        for (name, stage) in CLUSTERS {
            self.alice.register(name, self.fleet.namespace(), stage).await.map_err(describe)?;
        }
        self.alice.import("branch-1", self.fleet.imported(), "branch").await.map_err(describe)?;
        let broken = self.fleet.imported().replace("current-context", "exec-context");
        let broken =
            broken.replace("token:", "exec: {command: id, apiVersion: client.authentication.k8s.io/v1} #");
        let broken = broken.replace("client-key-data:", "exec: {command: id} #");
        refused_with(self.alice.import("broken", &broken, "branch").await, "INVALID_KUBECONFIG")
    }

    async fn first_apply(&self) -> Result<()> {
        for (name, _) in CLUSTERS {
            let input = json!({
                "cluster": name, "attach": attach("web", "1.0.0"), "reason": "first version",
                "controlPlane": {"replicas": 1, "attributes": []},
                "nodePools": [{"name": "workers", "replicas": 2, "attributes": []}],
            });
            self.alice.apply(input.clone()).await.with_context(|| format!("the first apply of {name}"))?;
            let cluster = self.alice.cluster(name).await.map_err(describe)?;
            assert_eq!(cluster["phase"]["value"], "RUNNING", "{cluster:#}");
            assert_eq!(cluster["health"]["value"], "HEALTHY", "{cluster:#}");
            self.until_version(name, self.fleet.versions()[0]).await?;
            let again = self.alice.preview(input).await.map_err(describe)?;
            ensure!(
                again["isEmpty"] == true,
                "planning again after an apply gives changes: {:#}",
                again["actions"]
            );
        }
        let input =
            json!({"cluster": "branch-1", "attach": attach("greeting", "1.0.0"), "reason": "first version"});
        self.alice.apply(input.clone()).await.context("the first apply of branch-1")?;
        let again = self.alice.preview(input).await.map_err(describe)?;
        ensure!(
            again["isEmpty"] == true,
            "planning again after an apply gives changes: {:#}",
            again["actions"]
        );
        let infrastructure = json!({"cluster": "branch-1", "attach": attach("web", "1.0.0")});
        let refused = match self.alice.preview(infrastructure).await {
            Ok(plan) => texts(&plan["findings"], "/code").contains(&"INFRASTRUCTURE_ON_IMPORTED"),
            Err(error) => !codes(&error).is_empty(),
        };
        ensure!(refused, "an infrastructure profile fits an imported cluster");

        let deployments = Api::<Deployment>::namespaced(self.first.clone(), NAMESPACE);
        let deployment = deployments.get(OLD).await?;
        assert_eq!(deployment.status.and_then(|status| status.ready_replicas), Some(1));
        let labels = deployment.metadata.labels.unwrap_or_default();
        ensure!(!labels.is_empty(), "the object carries no marks");
        Ok(())
    }

    async fn override_and_preview(&self) -> Result<Value> {
        let patch = json!([{"set": {"path": "manifests.hello-universe.replicas", "value": 3}}]);
        let overrides = json!([{"layer": "hello-universe", "patch": patch}]);
        self.alice
            .apply(json!({"cluster": "pilot-1", "overrides": overrides, "reason": "more visitors"}))
            .await?;
        self.until_replicas(OLD, 3).await?;

        let provider = self.fleet.provider();
        self.alice
            .publish_version("web", "1.1.0", web("1.34.1", self.fleet.versions()[1], provider, "enable-api"))
            .await
            .map_err(describe)?;
        let wish = json!({"cluster": "pilot-1", "attach": attach("web", "1.1.0")});
        let plan = self.alice.preview(wish.clone()).await.map_err(describe)?;
        ensure!(plan["isEmpty"] == false);
        let layer = named(&plan["layers"], "layer", "hello-universe")?;
        ensure!(
            layer["current"].as_str().is_some_and(|text| text.contains("apiEnabled: false")),
            "{layer:#}"
        );
        ensure!(layer["pending"].as_str().is_some_and(|text| text.contains("apiEnabled: true")), "{layer:#}");
        ensure!(layer["diff"].as_str().is_some_and(|text| text.contains("+")), "{layer:#}");
        for side in ["current", "pending"] {
            ensure!(
                layer[side].as_str().is_some_and(|text| text.contains("replicas: 3")),
                "the override is lost: {layer:#}"
            );
            ensure!(
                layer[side].as_str().is_some_and(|text| text.contains('#')),
                "comments are lost: {layer:#}"
            );
        }
        let kubernetes = named(&plan["layers"], "layer", "kubernetes")?;
        assert_eq!(kubernetes["currentRevision"], "web@1.0.0", "{kubernetes:#}");
        assert_eq!(kubernetes["pendingRevision"], "web@1.1.0", "{kubernetes:#}");

        assert_eq!(plan["repave"]["required"], true, "{:#}", plan["repave"]);
        assert_eq!(plan["repave"]["scope"], "FULL", "{:#}", plan["repave"]);
        let reasons = texts(&plan["repave"]["reasons"], "/message");
        ensure!(reasons.iter().any(|reason| reason.contains(self.fleet.versions()[1])), "{reasons:?}");
        assert_eq!(texts(&plan["requirements"], "/kind"), ["REPAVE"]);
        assert_eq!(plan["reversible"], false, "a Kubernetes minor cannot go back");

        let actions = |kind: &str| -> BTreeSet<String> {
            let all =
                plan["actions"].as_array().into_iter().flatten().filter(|action| action["action"] == kind);
            all.map(|action| {
                format!("{}/{}", action["object"]["kind"], action["object"]["name"]).replace('"', "")
            })
            .collect()
        };
        let created = actions("CREATE");
        for object in [
            "Deployment/ui",
            "Deployment/api",
            "Deployment/postgres",
            "Secret/postgres",
            "ServiceAccount/api",
        ] {
            ensure!(created.contains(object), "{object} is not in {created:?}");
        }
        let left = actions("ORPHAN");
        for object in [format!("Deployment/{OLD}"), format!("Service/{OLD_SERVICE}")] {
            ensure!(left.contains(&object), "{object} is not in {left:?}");
        }
        // Secrets are not in view.
        let whole = plan.to_string();
        ensure!(whole.contains("‹secret:"), "no mask in the plan");

        let twice = self.alice.preview(wish.clone()).await.map_err(describe)?;
        assert_eq!(twice["planDigest"], plan["planDigest"], "the same plan has another digest");
        let mut stale = wish.clone();
        stale["expectedPlanDigest"] = twice["planDigest"]
            .as_str()
            .map_or(Value::Null, |digest| json!(digest.chars().rev().collect::<String>()));
        stale["reason"] = json!("stale");
        let refused = self.alice.request(stale).await.map(|_| Value::Null);
        ensure!(refused.is_err(), "a request for another plan was taken");
        let mut request = wish;
        request["expectedPlanDigest"] = plan["planDigest"].clone();
        request["reason"] = json!("spring release");
        let change = self.alice.request(request).await.map_err(describe)?;
        assert_eq!(change["state"], "AWAITING_APPROVAL");
        assert_eq!(change["planDigest"], plan["planDigest"]);
        Ok(change)
    }

    async fn approval(&self, change: &Value) -> Result<()> {
        let apply = json!({"changeId": change["id"], "planDigest": change["planDigest"]});
        refused_with(
            self.alice.client.mutate(operations::CHANGE_APPLY, "applyChange", apply).await,
            "APPROVAL_REQUIRED",
        )?;
        let approve =
            |digest: &Value| json!({"changeId": change["id"], "planDigest": digest, "reason": "agreed"});
        let send = |person: &'static str, input: Value| async move {
            let client = if person == "alice" { &self.alice.client } else { &self.bob.client };
            client.mutate(operations::REPAVE_APPROVE, "approveRepave", input).await
        };
        refused_with(send("alice", approve(&change["planDigest"])).await, "FORBIDDEN")?;
        let other = change["planDigest"].as_str().context("no digest")?;
        let other =
            json!(format!("{}{}", &other[..other.len() - 1], if other.ends_with('0') { '1' } else { '0' }));
        refused_with(send("bob", approve(&other)).await, "STALE_PLAN")?;
        let approved = send("bob", approve(&change["planDigest"])).await.map_err(describe)?;
        let requirement = &approved["change"]["requirements"][0];
        assert_eq!(requirement["satisfiedBy"][0]["name"], "bob");
        Ok(())
    }

    async fn progress(&self, change: &Value) -> Result<()> {
        let id = change["id"].as_str().context("no id")?;
        let items = self.alice.watch_change(id).await?.rest().await?;
        let last = &items.last().context("no item")?["change"];
        ensure!(last["state"] == "SUCCEEDED", "{last:#}");
        let cursors: Vec<&str> = items.iter().filter_map(|item| item["cursor"].as_str()).collect();
        assert_eq!(cursors.len(), cursors.iter().collect::<BTreeSet<_>>().len(), "a cursor came twice");

        // Control plane, then pools, then add-ons: as the steps are listed, and as they were begun and ended.
        let steps = last["steps"].as_array().context("no steps")?;
        let kinds: Vec<&str> = steps.iter().filter_map(|step| step["kind"].as_str()).collect();
        let place = |kind: &str| kinds.iter().position(|other| *other == kind);
        let order = [place("CONTROL_PLANE"), place("WORKER_POOL"), place("ADD_ONS")];
        ensure!(order.iter().all(Option::is_some) && order.is_sorted(), "{kinds:?}");
        for item in &items {
            let states = texts(&item["change"]["steps"], "/state");
            let first_open = states.iter().position(|state| *state != "SUCCEEDED");
            let begun_after = states.iter().skip(first_open.map_or(states.len(), |open| open + 1));
            ensure!(begun_after.clone().all(|state| *state == "WAITING"), "a step began early: {states:?}");
        }
        let cluster = self.alice.cluster("pilot-1").await.map_err(describe)?;
        self.until_version("pilot-1", self.fleet.versions()[1]).await?;
        assert_eq!(cluster["applied"]["attachments"][0]["version"], "1.1.0");
        ensure!(cluster["wanted"].is_null() && cluster["change"].is_null(), "{cluster:#}");
        let overrides = cluster["applied"]["overrides"].to_string();
        ensure!(overrides.contains("replicas"), "the override is lost: {overrides}");

        // The objects on the management cluster say the same.
        let management = control_plane::client(self.fleet.management()).await?;
        let gvk = GroupVersionKind::gvk("controlplane.cluster.x-k8s.io", "v1beta2", "KubeadmControlPlane");
        let planes = Api::<DynamicObject>::namespaced_with(
            management,
            self.fleet.namespace(),
            &ApiResource::from_gvk(&gvk),
        );
        let plane = planes.get("pilot-1-control-plane").await?;
        ensure!(
            plane.data["spec"]["version"]
                .as_str()
                .is_some_and(|version| version.trim_start_matches('v') == self.fleet.versions()[1])
        );

        let deployments = Api::<Deployment>::namespaced(self.first.clone(), NAMESPACE);
        let ready: Vec<String> = deployments
            .list(&ListParams::default())
            .await?
            .into_iter()
            .filter(|deployment| {
                deployment.status.as_ref().is_some_and(|status| status.ready_replicas > Some(0))
            })
            .map(|deployment| deployment.name_any())
            .collect();
        assert_eq!(ready, ["api", OLD, "postgres", "ui"]);
        let wish = json!({"cluster": "pilot-1", "attach": attach("web", "1.1.0")});
        let again = self.alice.preview(wish).await.map_err(describe)?;
        ensure!(
            again["isEmpty"] == true,
            "planning again after an apply gives changes: {:#}",
            again["actions"]
        );
        Ok(())
    }

    async fn orphans(&self) -> Result<()> {
        let orphans = self.alice.orphans("pilot-1", &["LEFT"]).await.map_err(describe)?;
        let list = Value::Array(orphans);
        let kinds: BTreeSet<&str> = texts(&list, "/object/kind").into_iter().collect();
        assert_eq!(kinds, BTreeSet::from(["Deployment", "Service"]), "{list:#}");
        for orphan in list.as_array().into_iter().flatten() {
            assert_eq!(orphan["revision"], "web@1.0.0", "{orphan:#}");
        }
        let service =
            list.as_array().into_iter().flatten().find(|orphan| orphan["object"]["kind"] == "Service");
        let service = service.context("no Service")?;
        ensure!(
            service["note"]
                .as_str()
                .is_some_and(|note| note.contains("LoadBalancer") || note.contains("load balancer")),
            "{service:#}"
        );

        let input = json!({"input": {"cluster": "pilot-1", "orphanIds": [], "decision": "SCALE_TO_ZERO"}});
        let data =
            self.alice.client.send(operations::PREVIEW_ORPHAN_CLEANUP, input).await.map_err(describe)?;
        let plan = &data["previewOrphanCleanup"];
        let scaled = named(&plan["actions"], "action", "SCALE_TO_ZERO")?;
        assert_eq!(scaled["object"]["name"], OLD);
        let findings = texts(&plan["findings"], "/message");
        let names_it =
            |finding: &&str| finding.contains(OLD_SERVICE) && finding.contains("scaling cannot reach");
        ensure!(findings.iter().any(names_it), "the plan does not name the Service: {findings:?}");
        Ok(())
    }

    async fn decide(&self, operation: operations::Operation, field: &str, ids: Value) -> Result<Value> {
        let input =
            json!({"cluster": "pilot-1", "orphanIds": ids, "reason": "decided", "applyWhenReady": true});
        let payload = self.alice.client.mutate(operation, field, input).await.map_err(describe)?;
        let ended = self.alice.end_of(&payload["change"]).await?;
        ensure!(ended["state"] == "SUCCEEDED", "{ended:#}");
        Ok(ended)
    }

    async fn scaling(&self) -> Result<()> {
        let change = self.decide(operations::ORPHANS_SCALE, "scaleOrphansToZero", json!([])).await?;
        assert_eq!(change["kind"], "CLEAN_UP");
        self.until_replicas(OLD, 0).await?;
        self.until_pods("app=hello-universe", 0).await?;
        let services = Api::<Service>::namespaced(self.first.clone(), NAMESPACE);
        ensure!(services.get_opt(OLD_SERVICE).await?.is_some(), "scaling deleted the Service");
        let left = self.alice.orphans("pilot-1", &["LEFT"]).await.map_err(describe)?;
        let left = Value::Array(left);
        assert_eq!(texts(&left, "/object/kind"), ["Service"], "the Service is still to be decided about");
        let scaled = self.alice.orphans("pilot-1", &["SCALED_TO_ZERO"]).await.map_err(describe)?;
        assert_eq!(scaled.len(), 1);
        ensure!(scaled[0]["restore"]["former"].to_string().contains('3'), "{:#}", scaled[0]);

        // A second apply does not bring it back.
        let wish = json!({"cluster": "pilot-1", "attach": attach("web", "1.1.0"), "reason": "once more"});
        ensure!(
            self.alice
                .preview(json!({"cluster": "pilot-1", "attach": attach("web", "1.1.0")}))
                .await
                .map_err(describe)?["isEmpty"]
                == true
        );
        self.alice.apply(wish).await?;
        let deployment = Api::<Deployment>::namespaced(self.first.clone(), NAMESPACE).get(OLD).await?;
        assert_eq!(deployment.spec.and_then(|spec| spec.replicas), Some(0));
        Ok(())
    }

    async fn restoring(&self) -> Result<()> {
        let change = self.decide(operations::ORPHANS_RESTORE, "restoreOrphans", json!([])).await?;
        assert_eq!(change["kind"], "RESTORE");
        self.until_replicas(OLD, 3).await?;
        self.until_pods("app=hello-universe", 3).await?;
        let scaled = self.alice.orphans("pilot-1", &["SCALED_TO_ZERO"]).await.map_err(describe)?;
        ensure!(scaled.is_empty(), "{scaled:#?}");
        Ok(())
    }

    async fn history(&self, change: &Value) -> Result<()> {
        let variables = json!({"name": "pilot-1"});
        let history = self
            .alice
            .client
            .all(operations::CLUSTER_HISTORY, variables, "/cluster/changes")
            .await
            .map_err(describe)?;
        let history = Value::Array(history);
        let kinds = texts(&history, "/kind");
        for kind in ["APPLY", "CLEAN_UP", "RESTORE"] {
            ensure!(kinds.contains(&kind), "{kinds:?}");
        }
        let upgrade = history.as_array().into_iter().flatten().find(|entry| entry["id"] == change["id"]);
        let upgrade = upgrade.context("the upgrade is not in the history")?;
        let approval = &upgrade["requirements"][0]["satisfiedBy"][0];
        assert_eq!(approval["name"], "bob");
        assert_eq!(approval["reason"], "agreed");
        ensure!(approval["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{approval}");
        assert_eq!(upgrade["requestedBy"], "alice");
        assert_eq!(upgrade["state"], "SUCCEEDED");
        let audit = self
            .alice
            .client
            .all(operations::AUDIT_LIST, json!({}), "/auditEvents")
            .await
            .map_err(describe)?;
        let refused = audit
            .iter()
            .any(|entry| entry["operation"] == "approveRepave" && entry["outcome"] == "FORBIDDEN");
        ensure!(refused, "the audit does not tell of the refused approval");
        Ok(())
    }

    async fn rollout(&self) -> Result<()> {
        let stage = |name: &str, at_once: u32| {
            json!({"name": name, "selector": [{"key": "stage", "value": name}], "maxConcurrency": at_once,
                   "soakSeconds": 0, "requiresApproval": false})
        };
        let input = json!({
            "name": "spring", "target": {"profile": "web", "version": "1.1.0"},
            "stages": [stage("canary", 1), stage("prod", 2)], "failureBudget": 0,
        });
        let payload = self
            .alice
            .client
            .mutate(operations::ROLLOUT_CREATE, "createRollout", input)
            .await
            .map_err(describe)?;
        let id = payload["rollout"]["id"].as_str().context("no rollout")?.to_owned();
        let mut progress = self.alice.watch_rollout(&id).await?;
        let act = |operation, field: &'static str| {
            let input = json!({"rolloutId": id, "reason": "the story says so"});
            async move { self.alice.client.mutate(operation, field, input).await.map_err(describe) }
        };
        act(operations::ROLLOUT_START, "startRollout").await?;
        let (mut paused, mut resumed, mut last) = (false, false, Value::Null);
        while let Some(item) = progress.next().await? {
            last = item["rollout"].clone();
            let prod_active = last["stages"][1]["active"] == true;
            match last["state"].as_str() {
                Some("RUNNING") if !paused => {
                    // Before anything of production can be under way: its repave waits for an approval.
                    ensure!(
                        !prod_active || self.version_of("canary-1").await? == "1.1.0",
                        "production began before the canaries were done"
                    );
                    if prod_active {
                        paused = true;
                        act(operations::ROLLOUT_PAUSE, "pauseRollout").await?;
                        continue;
                    }
                    self.approve_pending().await?;
                }
                Some("PAUSED") if !resumed => {
                    resumed = true;
                    assert_eq!(self.version_of("prod-1").await?, "1.0.0");
                    act(operations::ROLLOUT_RESUME, "resumeRollout").await?;
                }
                Some("RUNNING") => self.approve_pending().await?,
                _ => {}
            }
        }
        assert_eq!(last["state"], "SUCCEEDED", "{last:#}");
        ensure!(paused && resumed, "it was never paused");
        for (name, _) in CLUSTERS {
            assert_eq!(self.version_of(name).await?, "1.1.0");
        }
        let data = self
            .alice
            .client
            .send(operations::ROLLOUT_SHOW, json!({"id": id, "first": 100}))
            .await
            .map_err(describe)?;
        let targets = texts(&data["rollout"]["targets"]["nodes"], "/state");
        assert_eq!(targets, ["SUCCEEDED"; FOLLOWERS]);
        let branch = control_plane::client(self.fleet.imported()).await?;
        ensure!(
            Api::<Namespace>::all(branch).get_opt(NAMESPACE).await?.is_some(),
            "the rollout touched others"
        );
        Ok(())
    }

    async fn approve_pending(&self) -> Result<()> {
        let pending = self
            .bob
            .client
            .all(operations::PENDING_REPAVES, json!({}), "/pendingRepaves")
            .await
            .map_err(describe)?;
        for change in pending {
            match self.bob.approve(&change).await {
                Ok(_) => {}
                // It went on between the two requests.
                Err(error) if codes(&error) == ["ILLEGAL_STATE"] => {}
                Err(error) => return Err(describe(error)),
            }
        }
        Ok(())
    }

    async fn version_of(&self, name: &str) -> Result<String> {
        let cluster = self.alice.cluster(name).await.map_err(describe)?;
        Ok(cluster["applied"]["attachments"][0]["version"].as_str().unwrap_or_default().to_owned())
    }

    /// Waits until a cluster is known to run a version: it is asked now and then, not all the time.
    async fn until_version(&self, name: &str, version: &str) -> Result<()> {
        let known = strata_tests::processes::until(PATIENCE, async || {
            let cluster = self.alice.cluster(name).await.ok()?;
            let told = cluster["kubernetesVersion"].as_str()?.trim_start_matches('v');
            (told == version).then_some(())
        });
        known.await.with_context(|| format!("{name} is not known to run {version}"))
    }

    async fn until_replicas(&self, name: &str, replicas: i32) -> Result<()> {
        let api = Api::<Deployment>::namespaced(self.first.clone(), NAMESPACE);
        let reached = move |deployment: Option<&Deployment>| {
            let there = deployment.and_then(|deployment| deployment.status.as_ref()?.replicas).unwrap_or(0);
            let wanted = deployment.and_then(|deployment| deployment.spec.as_ref()?.replicas);
            wanted == Some(replicas) && there == replicas
        };
        let waiting = tokio::time::timeout(PATIENCE, await_condition(api, name, reached)).await;
        waiting.with_context(|| format!("{name} does not get to {replicas} replicas"))??;
        Ok(())
    }

    /// Waits until so many pods match; a watch on all of them, since a Deployment's status says less.
    async fn until_pods(&self, selector: &str, count: usize) -> Result<()> {
        let api = Api::<Pod>::namespaced(self.first.clone(), NAMESPACE);
        let parameters = ListParams::default().labels(selector);
        let there = strata_tests::processes::until(PATIENCE, async || {
            let pods = api.list(&parameters).await.ok()?;
            (pods.items.len() == count).then_some(())
        });
        there.await.with_context(|| format!("there are not {count} pods with {selector}"))
    }
}
