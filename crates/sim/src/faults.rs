//! What can go wrong with a cluster, switched on and off by a test.

use std::time::Duration;

use http::Method;

/// Which requests a refusal concerns; `None` means any.
#[derive(Debug, Clone, Default)]
pub struct Which {
    /// HTTP method.
    pub method: Option<Method>,
    /// Plural resource name, such as `deployments`.
    pub resource: Option<String>,
    /// Object name.
    pub name: Option<String>,
}

/// A refusal that a fault makes.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) which: Which,
    /// How often; `None` until cleared.
    pub(crate) left: Option<u32>,
}

/// The faults of a cluster now.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultState {
    pub(crate) offline: bool,
    pub(crate) slow: Option<Duration>,
    pub(crate) hanging: bool,
    pub(crate) refusals: Vec<Refusal>,
}

impl FaultState {
    /// The code to refuse this request with, counted.
    pub(crate) fn refusal(&mut self, method: &Method, plural: &str, name: &str) -> Option<u16> {
        let at = self.refusals.iter().position(|refusal| {
            let Which { method: m, resource: r, name: n } = &refusal.which;
            m.as_ref().is_none_or(|m| m == method)
                && r.as_ref().is_none_or(|r| r == plural)
                && n.as_ref().is_none_or(|n| n == name)
                && refusal.left != Some(0)
        })?;
        let refusal = &mut self.refusals[at];
        if let Some(left) = &mut refusal.left {
            *left -= 1;
        }
        Some(refusal.code)
    }
}
