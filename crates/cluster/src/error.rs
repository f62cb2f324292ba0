//! What can go wrong with a cluster: a variant per kind of trouble, each with a stable code and a way out.

use std::fmt;

use strata_model::{change::Failure, diagnostic::Diagnostic, object::ObjectKey};

/// What was being done: `apply Deployment.apps shop/web`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The verb.
    pub verb: &'static str,
    /// What it is done to.
    pub subject: Subject,
}

/// What a call is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// One object.
    Object(Box<ObjectKey>),
    /// Something else, e.g. `the served APIs`.
    Other(String),
}

impl Call {
    /// A call about one object.
    #[must_use]
    pub fn on(verb: &'static str, key: &ObjectKey) -> Self {
        Self { verb, subject: Subject::Object(Box::new(key.clone())) }
    }

    /// A call about something else.
    pub fn about(verb: &'static str, subject: impl Into<String>) -> Self {
        Self { verb, subject: Subject::Other(subject.into()) }
    }

    /// The object concerned, if it is about one.
    #[must_use]
    pub fn object(&self) -> Option<&ObjectKey> {
        match &self.subject {
            Subject::Object(key) => Some(key),
            Subject::Other(_) => None,
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Subject::Object(key) => write!(f, "{} {key}", self.verb),
            Subject::Other(text) => write!(f, "{} {text}", self.verb),
        }
    }
}

/// One field that another field manager holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldConflict {
    /// The field as Kubernetes writes it, e.g. `.spec.replicas`.
    pub field: String,
    /// The manager.
    pub manager: String,
    /// The subresource through which it set the field, e.g. `scale`.
    pub subresource: Option<String>,
}

impl fmt::Display for FieldConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is held by `{}`", self.field, self.manager)
    }
}

/// Why a server does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnreachableReason {
    /// Nothing listens there.
    Refused,
    /// The name is not known.
    UnknownName,
    /// The name leads to an address that no API server may have.
    ForbiddenAddress,
    /// The certificates do not fit.
    Tls,
    /// No answer in time.
    Timeout,
    /// The connection broke.
    Broken,
}

impl fmt::Display for UnreachableReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "connection refused",
            Self::UnknownName => "the server's name is not known",
            Self::ForbiddenAddress => "the server's name leads to an address that is not allowed",
            Self::Tls => "the TLS handshake failed",
            Self::Timeout => "no answer in time",
            Self::Broken => "the connection broke",
        })
    }
}

/// Trouble with a cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The kubeconfig is refused.
    #[error("the kubeconfig cannot be used")]
    Kubeconfig {
        /// Why.
        problems: Vec<Diagnostic>,
    },
    /// A connection cannot even be prepared.
    #[error("cannot prepare the connection: {detail}")]
    Setup {
        /// Why.
        detail: String,
    },
    /// The server does not answer.
    #[error("cannot {call}: {reason}")]
    Unreachable {
        /// What was being done.
        call: Call,
        /// Why.
        reason: UnreachableReason,
        /// The chain of causes.
        detail: String,
    },
    /// The server answers that it cannot, again and again.
    #[error("cannot {call}: the API server answers {status}: {message}")]
    Unavailable {
        /// What was being done.
        call: Call,
        /// HTTP status.
        status: u16,
        /// What the server said.
        message: String,
    },
    /// The credentials are not accepted.
    #[error("cannot {call}: the API server does not accept the credentials")]
    Unauthenticated {
        /// What was being done.
        call: Call,
    },
    /// The credentials do not suffice.
    #[error("cannot {call}: {message}")]
    Forbidden {
        /// What was being done.
        call: Call,
        /// What the server said.
        message: String,
    },
    /// A webhook, policy or quota said no.
    #[error("cannot {call}: admission refused it: {message}")]
    AdmissionDenied {
        /// What was being done.
        call: Call,
        /// What it said.
        message: String,
    },
    /// The cluster does not serve this kind.
    #[error("the cluster does not serve {kind} in {api_version}")]
    UnknownKind {
        /// The API version, or the group when none was asked for.
        api_version: String,
        /// The kind.
        kind: String,
    },
    /// There is no such object, or not the namespace that it should be in.
    #[error("cannot {call}: {message}")]
    NotFound {
        /// What was being done.
        call: Call,
        /// What the server said.
        message: String,
    },
    /// Other field managers hold fields.
    #[error("cannot {call}: {}", list(fields))]
    FieldConflict {
        /// What was being done.
        call: Call,
        /// Which fields, and who holds them.
        fields: Vec<FieldConflict>,
    },
    /// The object moved since it was read, or is another one by now.
    #[error("cannot {call}: the object has changed meanwhile: {message}")]
    Stale {
        /// What was being done.
        call: Call,
        /// What the server said.
        message: String,
    },
    /// The object exists and was not applied by this installation.
    #[error("cannot {call}: it exists and is not Strata's; managed by {}", managers.join(", "))]
    NotOurs {
        /// What was being done.
        call: Call,
        /// Its field managers.
        managers: Vec<String>,
    },
    /// Kubernetes does not allow to change these fields in place.
    #[error("cannot {call}: fields cannot be changed in place: {}", fields.join(", "))]
    ImmutableField {
        /// What was being done.
        call: Call,
        /// Which.
        fields: Vec<String>,
        /// What the server said.
        message: String,
    },
    /// The object is not valid.
    #[error("cannot {call}: {message}")]
    Invalid {
        /// What was being done.
        call: Call,
        /// Fields concerned, as far as known.
        fields: Vec<String>,
        /// What the server said.
        message: String,
    },
    /// The object is too large for the server.
    #[error("cannot {call}: it is too large for the API server")]
    TooLarge {
        /// What was being done.
        call: Call,
    },
    /// A list or watch has to begin anew.
    #[error("cannot {call}: the server no longer has this version of the list")]
    Expired {
        /// What was being done.
        call: Call,
    },
    /// The object cannot be stopped this way.
    #[error("cannot {call}: {reason}")]
    NotStoppable {
        /// What was being done.
        call: Call,
        /// Why.
        reason: String,
    },
    /// The server refuses with another status.
    #[error("cannot {call}: the API server answers {status}: {message}")]
    Rejected {
        /// What was being done.
        call: Call,
        /// HTTP status.
        status: u16,
        /// What the server said.
        message: String,
    },
    /// The answer is not what the Kubernetes API answers.
    #[error("cannot {call}: the answer cannot be read: {detail}")]
    Unreadable {
        /// What was being done.
        call: Call,
        /// Why.
        detail: String,
    },
    /// The answer is larger than allowed.
    #[error("cannot {call}: the answer has more than {limit} bytes")]
    AnswerTooLarge {
        /// What was being done.
        call: Call,
        /// The limit.
        limit: usize,
    },
    /// What should have happened did not within the time given.
    #[error("cannot {call}: not done in time: {reason}")]
    TimedOut {
        /// What was being done.
        call: Call,
        /// What was still missing.
        reason: String,
    },
    /// Whoever asked for it does not want to wait any more.
    #[error("cannot {call}: it was asked to stop")]
    Interrupted {
        /// What was being done.
        call: Call,
    },
}

fn list(fields: &[FieldConflict]) -> String {
    fields.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl ClusterError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Kubeconfig { .. } => "INVALID_KUBECONFIG",
            Self::Setup { .. } => "CONNECTION_SETUP",
            Self::Unreachable { .. } => "CLUSTER_UNREACHABLE",
            Self::Unavailable { .. } => "CLUSTER_UNAVAILABLE",
            Self::Unauthenticated { .. } => "CLUSTER_UNAUTHENTICATED",
            Self::Forbidden { .. } => "CLUSTER_FORBIDDEN",
            Self::AdmissionDenied { .. } => "ADMISSION_DENIED",
            Self::UnknownKind { .. } => "UNKNOWN_KIND",
            Self::NotFound { .. } => "OBJECT_NOT_FOUND",
            Self::FieldConflict { .. } => "FIELD_CONFLICT",
            Self::Stale { .. } => "OBJECT_CHANGED",
            Self::NotOurs { .. } => "NOT_OURS",
            Self::ImmutableField { .. } => "IMMUTABLE_FIELD",
            Self::Invalid { .. } => "INVALID_OBJECT",
            Self::TooLarge { .. } => "OBJECT_TOO_LARGE",
            Self::Expired { .. } => "LIST_EXPIRED",
            Self::NotStoppable { .. } => "NOT_STOPPABLE",
            Self::Rejected { .. } => "CLUSTER_REJECTED",
            Self::Unreadable { .. } => "UNREADABLE_ANSWER",
            Self::AnswerTooLarge { .. } => "ANSWER_TOO_LARGE",
            Self::TimedOut { .. } => "TIMED_OUT",
            Self::Interrupted { .. } => "INTERRUPTED",
        }
    }

    /// The way out.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Kubeconfig { problems } => {
                problems.iter().find_map(|problem| problem.help.clone()).unwrap_or_default()
            }
            Self::Setup { .. } => {
                "check the certificates of the kubeconfig; in a cluster, that the pod has a ServiceAccount".into()
            }
            Self::Unreachable { reason, .. } => match reason {
                UnreachableReason::Tls => "check the certificate authority and the server's name in the kubeconfig",
                UnreachableReason::ForbiddenAddress => "register an address that other machines reach",
                _ => "check that the cluster runs and that Strata's network reaches its API server, then retry",
            }
            .into(),
            Self::Unavailable { .. } => "wait until the API server, or the webhook that it calls, is well, then retry".into(),
            Self::Unauthenticated { .. } => "register the cluster with fresh credentials".into(),
            Self::Forbidden { .. } => "give Strata's account in the cluster the permission, then retry".into(),
            Self::AdmissionDenied { .. } => "change the values so that the policy is met, or the policy, then retry".into(),
            Self::UnknownKind { .. } => {
                "install what defines the kind first: a pack of a lower install priority, or by hand".into()
            }
            Self::NotFound { .. } => "check that its namespace exists; if somebody deleted it, retry or plan again".into(),
            Self::FieldConflict { .. } => {
                "set the layer's onConflict to YIELD to leave the fields to the other manager, or to FORCE to take them".into()
            }
            Self::Stale { .. } => "retry: the object is read anew".into(),
            Self::NotOurs { .. } => "adopt the object by decision, delete it, or give yours another name".into(),
            Self::ImmutableField { .. } => {
                "set the layer's onImmutable to REPLACE to have the object deleted and created, or keep the fields".into()
            }
            Self::Invalid { .. } => "mend the values or the template that render the object".into(),
            Self::TooLarge { .. } => "split the object".into(),
            Self::Expired { .. } => "retry".into(),
            Self::NotStoppable { .. } => "decide about its deletion instead".into(),
            Self::Rejected { .. } => "see what the API server says, then retry".into(),
            Self::Unreadable { .. } => "check that the address is that of a Kubernetes API server and no proxy's page".into(),
            Self::AnswerTooLarge { .. } => "narrow what is asked for".into(),
            Self::TimedOut { .. } => "see what it waits for in the cluster, then retry".into(),
            Self::Interrupted { .. } => "request it again if it is still wanted".into(),
        }
    }

    /// What was being done, if something was.
    #[must_use]
    pub const fn call(&self) -> Option<&Call> {
        match self {
            Self::Kubeconfig { .. } | Self::Setup { .. } | Self::UnknownKind { .. } => None,
            Self::Unreachable { call, .. }
            | Self::Unavailable { call, .. }
            | Self::Unauthenticated { call }
            | Self::Forbidden { call, .. }
            | Self::AdmissionDenied { call, .. }
            | Self::NotFound { call, .. }
            | Self::FieldConflict { call, .. }
            | Self::Stale { call, .. }
            | Self::NotOurs { call, .. }
            | Self::ImmutableField { call, .. }
            | Self::Invalid { call, .. }
            | Self::TooLarge { call }
            | Self::Expired { call }
            | Self::NotStoppable { call, .. }
            | Self::Rejected { call, .. }
            | Self::Unreadable { call, .. }
            | Self::AnswerTooLarge { call, .. }
            | Self::TimedOut { call, .. }
            | Self::Interrupted { call } => Some(call),
        }
    }

    /// Whether the cluster may be well and only not answering now: worth another attempt later, unchanged.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Unavailable { .. } | Self::Stale { .. } | Self::Expired { .. }
        )
    }

    /// Whether the cluster could not be reached at all: what makes it OFFLINE.
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// The same as a change tells it.
    #[must_use]
    pub fn to_failure(&self) -> Failure {
        let mut message = self.to_string();
        if let Self::Kubeconfig { problems } = self {
            let reasons: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
            message = format!("{message}: {}", reasons.join("; "));
        }
        Failure {
            code: self.code().to_owned(),
            message,
            help: self.help(),
            object: self.call().and_then(Call::object).cloned(),
        }
    }
}
