//! Which crate may know which: held against what Cargo resolves, so that a dependency of a dependency counts too.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// The pure crates: no I/O, no clock, no runtime.
const PURE: [&str; 6] =
    ["strata-model", "strata-archive", "strata-values", "strata-document", "strata-render", "strata-plan"];

/// What brings I/O with it.
const IMPURE: [&str; 14] = [
    "tokio",
    "async-std",
    "smol",
    "kube",
    "kube-client",
    "sea-orm",
    "sqlx-core",
    "axum",
    "reqwest",
    "hyper",
    "tonic",
    "rustls",
    "tungstenite",
    "mio",
];

/// The platform that this is built on, as Cargo names it.
fn host() -> String {
    let output = std::process::Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

struct Graph {
    names: BTreeMap<PackageId, String>,
    edges: BTreeMap<PackageId, Vec<PackageId>>,
}

impl Graph {
    fn read() -> Self {
        let metadata: Metadata = MetadataCommand::new()
            .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
            // What other platforms need was never downloaded.
            .other_options(
                ["--locked", "--offline", "--filter-platform", &host()].map(str::to_owned).to_vec(),
            )
            .exec()
            .unwrap();
        let names =
            metadata.packages.iter().map(|package| (package.id.clone(), package.name.to_string())).collect();
        let edges = metadata
            .resolve
            .unwrap()
            .nodes
            .into_iter()
            .map(|node| {
                // What tests and build scripts use is not in the product.
                let normal = node.deps.into_iter().filter(|dependency| {
                    dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
                });
                (node.id, normal.map(|dependency| dependency.pkg).collect())
            })
            .collect();
        Self { names, edges }
    }

    /// The names of all packages that `package` reaches, itself not included.
    fn reached_from(&self, package: &str) -> BTreeSet<&str> {
        let start = self.names.iter().find(|(_, name)| *name == package).map(|(id, _)| id);
        let start = start.unwrap_or_else(|| panic!("there is no package {package}"));
        let mut seen = BTreeSet::new();
        let mut queue = VecDeque::from([start]);
        while let Some(id) = queue.pop_front() {
            for next in &self.edges[id] {
                if seen.insert(self.names[next].as_str()) {
                    queue.push_back(next);
                }
            }
        }
        seen
    }
}

#[test]
fn pure_crates_reach_no_runtime_no_network_and_no_database() {
    let graph = Graph::read();
    for package in PURE {
        let reached = graph.reached_from(package);
        let wrong: Vec<_> = IMPURE.iter().filter(|name| reached.contains(**name)).collect();
        assert!(wrong.is_empty(), "{package} reaches {wrong:?}");
    }
}

#[test]
fn pure_crates_know_each_other_in_one_direction() {
    let graph = Graph::read();
    for (place, package) in PURE.iter().enumerate() {
        let ours: BTreeSet<&str> =
            graph.reached_from(package).into_iter().filter(|name| name.starts_with("strata")).collect();
        let allowed: BTreeSet<&str> = PURE[..place].iter().copied().collect();
        assert!(ours.is_subset(&allowed), "{package} knows {:?}", ours.difference(&allowed));
    }
}

#[test]
fn each_crate_knows_only_what_it_needs() {
    let graph = Graph::read();
    let never: [(&str, &[&str]); 6] = [
        (
            "strata-cli",
            &[
                "strata-engine",
                "strata-store",
                "strata-cluster",
                "strata-api",
                "strata-sim",
                "sea-orm",
                "kube",
            ],
        ),
        ("strata-store", &["strata-render", "strata-cluster", "strata-engine", "kube", "axum", "reqwest"]),
        (
            "strata-cluster",
            &["strata-store", "strata-render", "strata-plan", "strata-engine", "sea-orm", "axum"],
        ),
        ("strata-engine", &["strata-api", "strata-cli", "strata-sim", "axum", "async-graphql"]),
        ("strata-api", &["strata-sim", "strata-cli"]),
        // The simulator speaks the Kubernetes API and knows nothing of us.
        (
            "strata-sim",
            &[
                "strata-model",
                "strata-values",
                "strata-render",
                "strata-plan",
                "strata-store",
                "strata-cluster",
                "strata-engine",
            ],
        ),
    ];
    for (package, forbidden) in never {
        let reached = graph.reached_from(package);
        let wrong: Vec<_> = forbidden.iter().filter(|name| reached.contains(**name)).collect();
        assert!(wrong.is_empty(), "{package} reaches {wrong:?}");
    }
}
