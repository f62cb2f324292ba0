//! Shorthand for findings.

use strata_model::{
    finding::{Finding, FindingCode, Severity},
    object::ObjectKey,
    profile::LayerName,
};

/// A finding about nothing in particular; the rest is added by the methods of [`About`].
pub(crate) fn finding(
    code: FindingCode,
    severity: Severity,
    message: impl Into<String>,
    help: impl Into<String>,
) -> Finding {
    Finding {
        code,
        severity,
        message: message.into(),
        help: help.into(),
        layer: None,
        object: None,
        path: None,
    }
}

/// Says what a finding is about.
pub(crate) trait About {
    fn layer(self, layer: &LayerName) -> Self;
    fn object(self, object: &ObjectKey) -> Self;
    fn path(self, path: impl Into<String>) -> Self;
}

impl About for Finding {
    fn layer(mut self, layer: &LayerName) -> Self {
        self.layer = Some(layer.clone());
        self
    }

    fn object(mut self, object: &ObjectKey) -> Self {
        self.object = Some(object.clone());
        self
    }

    fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }
}
