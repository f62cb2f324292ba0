//! Deprecated APIs that somebody uses: the API server counts them.
//!
//! The series `apiserver_requested_deprecated_apis` has one entry for each deprecated API that was asked for since the API
//! server started, and says in which minor it is gone:
//! <https://kubernetes.io/docs/reference/using-api/deprecation-guide/#what-to-do>.
//!
//! *Caveats.* Where there are several API servers, one of them answers. Who asked is not told; Strata itself may have.

use strata_model::evidence::ApiInUse;

use crate::{
    client::ClusterClient,
    error::{Call, ClusterError},
    transport::{Ask, TEXT},
};

const SERIES: &str = "apiserver_requested_deprecated_apis{";

impl ClusterClient {
    /// Deprecated APIs that were asked for and whose removal is decided, sorted, each once.
    ///
    /// # Errors
    /// As every request; the figures of a large cluster may be larger than an answer may be.
    pub async fn deprecated_apis_in_use(&self) -> Result<Vec<ApiInUse>, ClusterError> {
        let call = Call::about("read", "which deprecated APIs are used");
        let ask = Ask::get(call, "/metrics".to_owned(), self.transport.deadline()).accepting(TEXT);
        let text = self.transport.text(&ask).await?;
        let mut apis: Vec<ApiInUse> = text.lines().filter_map(entry).collect();
        apis.sort();
        apis.dedup();
        Ok(apis)
    }
}

/// Reads `apiserver_requested_deprecated_apis{group="batch",removed_release="1.25",resource="cronjobs",…} 1`.
fn entry(line: &str) -> Option<ApiInUse> {
    let (labels, value) = line.strip_prefix(SERIES)?.rsplit_once('}')?;
    let value: f64 = value.split_whitespace().next()?.parse().ok()?;
    let label = |name: &str| {
        labels.split(',').find_map(|label| {
            let (found, value) = label.split_once('=')?;
            (found.trim() == name).then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    let removed_in = label("removed_release").filter(|release| !release.is_empty())?;
    (value > 0.0).then_some(ApiInUse {
        group: label("group")?,
        version: label("version")?,
        resource: label("resource")?,
        removed_in,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_others_left() {
        let read = |line: &str| {
            entry(line)
                .map(|api| format!("{}/{} {} {}", api.group, api.version, api.resource, api.removed_in))
        };
        assert_eq!(
            read(
                r#"apiserver_requested_deprecated_apis{group="batch",removed_release="1.25",resource="cronjobs",subresource="",version="v1beta1"} 1"#
            ),
            Some("batch/v1beta1 cronjobs 1.25".to_owned())
        );
        assert_eq!(
            read(
                r#"apiserver_requested_deprecated_apis{group="",removed_release="",resource="componentstatuses",subresource="",version="v1"} 1"#
            ),
            None,
            "its removal is not decided"
        );
        for line in [
            "# HELP apiserver_requested_deprecated_apis [STABLE] Gauge of deprecated APIs",
            r#"apiserver_requested_deprecated_apis{group="a",removed_release="1.2",resource="b",version="v1"} 0"#,
            r#"apiserver_request_total{group="batch",removed_release="1.25",resource="cronjobs",version="v1"} 1"#,
            "apiserver_requested_deprecated_apis{",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
