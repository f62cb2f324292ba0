//! Kubeconfigs, read as data.
//!
//! *Idea.* A kubeconfig is code: `exec` and `auth-provider` entries run commands where it is used, and paths read files
//! there. Only the kind that carries all its data inline is accepted, with one context; everything else is refused
//! with the reason and the command that mends it.
//!
//! *Guarantees.* All problems are reported at once. No message contains a token, a key or the text around a mistake.
//! The server must be `https` and no address of the machine itself unless the policy says so; link-local addresses
//! (where clouds serve credentials) are always refused, here for literal addresses and at connection for names.

mod server;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Uri;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use strata_model::{diagnostic::Diagnostic, secret::SecretText};

pub(crate) use server::is_allowed_address;
use server::{roots, server, skips_verification};

/// One reason why a kubeconfig is refused.
pub type Problem = Diagnostic;

/// Largest kubeconfig, in bytes: one context with certificates takes about six thousand.
const MAX_BYTES: usize = 256 * 1024;

const MINIFY: &str =
    "export one context with its data inline: `kubectl config view --minify --flatten --raw --context=NAME`";
const SERVICE_ACCOUNT: &str = "create a ServiceAccount for Strata and use its token: `kubectl create token NAME --duration=8760h`, \
     or a Secret of type kubernetes.io/service-account-token";

/// What a kubeconfig may contain beyond the usual.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KubeconfigPolicy {
    /// Hosts (as in the server's URL, without port) for which `insecure-skip-tls-verify` is accepted.
    pub insecure_hosts: BTreeSet<String>,
    /// Whether the server may be on this very machine (loopback addresses): for development and demos.
    pub allow_loopback: bool,
}

/// A kubeconfig whose content was checked: one server and one way to authenticate.
#[derive(Clone)]
pub struct Kubeconfig {
    server: Uri,
    tls_server_name: Option<String>,
    skip_tls_verification: bool,
    roots: Option<Vec<Vec<u8>>>,
    namespace: Option<String>,
    credentials: Credentials,
}

#[derive(Clone)]
enum Credentials {
    Token(SecretText),
    /// Both base64, as in the file.
    Certificate {
        certificate: String,
        key: SecretText,
    },
    Password {
        user: String,
        password: SecretText,
    },
}

impl fmt::Debug for Kubeconfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credentials = match self.credentials {
            Credentials::Token(_) => "token",
            Credentials::Certificate { .. } => "client certificate",
            Credentials::Password { .. } => "user name and password",
        };
        f.debug_struct("Kubeconfig")
            .field("server", &self.server)
            .field("credentials", &credentials)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(default, rename = "current-context")]
    current_context: Option<String>,
    #[serde(default)]
    clusters: Option<Vec<Named>>,
    #[serde(default)]
    users: Option<Vec<Named>>,
    #[serde(default)]
    contexts: Option<Vec<Named>>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    #[serde(flatten)]
    content: BTreeMap<String, Value>,
}

impl Named {
    fn get(&self, outer: &str, key: &str) -> Option<&Value> {
        self.content.get(outer)?.get(key).filter(|value| !is_empty(value))
    }

    fn text(&self, outer: &str, key: &str) -> Option<&str> {
        self.get(outer, key)?.as_str()
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

impl Kubeconfig {
    /// Reads and checks a kubeconfig.
    ///
    /// # Errors
    /// All its problems, each with a stable code: `KUBECONFIG_UNREADABLE`, `KUBECONFIG_TOO_LARGE`,
    /// `KUBECONFIG_NO_CONTEXT`, `KUBECONFIG_SEVERAL_CONTEXTS`, `KUBECONFIG_DANGLING_REFERENCE`, `KUBECONFIG_EXEC`,
    /// `KUBECONFIG_AUTH_PROVIDER`, `KUBECONFIG_FILE_PATH`, `KUBECONFIG_PROXY`, `KUBECONFIG_IMPERSONATION`,
    /// `KUBECONFIG_INSECURE`, `KUBECONFIG_SERVER`, `KUBECONFIG_LOCAL_ADDRESS`, `KUBECONFIG_CERTIFICATE_AUTHORITY`,
    /// `KUBECONFIG_CREDENTIALS`.
    pub fn parse(text: &SecretText, policy: &KubeconfigPolicy) -> Result<Self, Vec<Problem>> {
        let file = read(text).map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        refuse_code(&file, &mut problems);
        let chosen = choose(&file, &mut problems);
        let Some(chosen) = chosen else { return Err(problems) };

        let server = server(chosen.cluster, policy, &mut problems);
        let skip = skips_verification(chosen.cluster, server.as_ref(), policy, &mut problems);
        let roots = roots(chosen.cluster, &mut problems);
        let credentials = credentials(chosen.user, &mut problems);
        let tls_server_name = chosen.cluster.text("cluster", "tls-server-name").map(str::to_owned);
        let namespace = chosen.namespace;
        match (server, credentials) {
            (Some(server), Some(credentials)) if problems.is_empty() => Ok(Self {
                server,
                tls_server_name,
                skip_tls_verification: skip,
                roots,
                namespace,
                credentials,
            }),
            _ => Err(problems),
        }
    }

    /// The server's URL; it may have a path.
    #[must_use]
    pub const fn server(&self) -> &Uri {
        &self.server
    }

    /// What authenticates: the token, the private key as it stands in the file, or the password. For masking it.
    #[must_use]
    pub const fn secret(&self) -> &SecretText {
        match &self.credentials {
            Credentials::Token(secret)
            | Credentials::Certificate { key: secret, .. }
            | Credentials::Password { password: secret, .. } => secret,
        }
    }

    /// What kube needs to connect.
    pub(crate) fn into_config(self) -> kube::Config {
        let mut config = kube::Config::new(self.server);
        config.root_cert = self.roots;
        config.accept_invalid_certs = self.skip_tls_verification;
        config.tls_server_name = self.tls_server_name;
        if let Some(namespace) = self.namespace {
            config.default_namespace = namespace;
        }
        let secret = |text: &SecretText| SecretString::from(text.expose().to_owned());
        let auth = &mut config.auth_info;
        match self.credentials {
            Credentials::Token(token) => auth.token = Some(secret(&token)),
            Credentials::Certificate { certificate, key } => {
                auth.client_certificate_data = Some(certificate);
                auth.client_key_data = Some(secret(&key));
            }
            Credentials::Password { user, password } => {
                auth.username = Some(user);
                auth.password = Some(secret(&password));
            }
        }
        config
    }
}

fn problem(code: &str, message: impl Into<String>, help: &str) -> Problem {
    Diagnostic::new(code, message).in_file("kubeconfig").with_help(help)
}

fn read(text: &SecretText) -> Result<File, Problem> {
    let text = text.expose();
    if text.len() > MAX_BYTES {
        let message = format!("the kubeconfig has {} bytes; at most {MAX_BYTES} are read", text.len());
        return Err(problem("KUBECONFIG_TOO_LARGE", message, MINIFY));
    }
    let value = strata_values::parse(text, "kubeconfig").map_err(|diagnostic| Diagnostic {
        code: "KUBECONFIG_UNREADABLE".to_owned(),
        // The parser's own sentence may name a key; it does not quote the text.
        message: format!("the kubeconfig is not readable YAML ({})", diagnostic.code),
        help: Some(MINIFY.to_owned()),
        ..diagnostic
    })?;
    if let Some(kind) = value.get("kind").and_then(Value::as_str)
        && kind != "Config"
    {
        return Err(problem(
            "KUBECONFIG_UNREADABLE",
            "this is not a kubeconfig: its kind is not `Config`",
            MINIFY,
        ));
    }
    // Serde's message could quote a value, so it is left out.
    serde_json::from_value(value).map_err(|_| {
        problem(
            "KUBECONFIG_UNREADABLE",
            "this does not have the form of a kubeconfig: lists of named `clusters`, `users` and `contexts`",
            MINIFY,
        )
    })
}

/// Refuses what would run commands or read files here, in every entry, used or not.
fn refuse_code(file: &File, problems: &mut Vec<Problem>) {
    for user in file.users.iter().flatten() {
        let name = &user.name;
        if user.get("user", "exec").is_some() {
            problems.push(problem(
                "KUBECONFIG_EXEC",
                format!("user `{name}` logs in by running a command (`exec`), which Strata does not do"),
                SERVICE_ACCOUNT,
            ));
        }
        if user.get("user", "auth-provider").is_some() {
            problems.push(problem(
                "KUBECONFIG_AUTH_PROVIDER",
                format!("user `{name}` logs in through an `auth-provider`, which Strata does not do"),
                SERVICE_ACCOUNT,
            ));
        }
        for key in ["client-certificate", "client-key", "tokenFile"] {
            if user.get("user", key).is_some() {
                problems.push(file_path(&format!("user `{name}`"), key));
            }
        }
        for key in ["as", "as-uid", "as-groups", "as-user-extra"] {
            if user.get("user", key).is_some() {
                problems.push(problem(
                    "KUBECONFIG_IMPERSONATION",
                    format!("user `{name}` acts as somebody else (`{key}`), which Strata does not do"),
                    SERVICE_ACCOUNT,
                ));
            }
        }
    }
    for cluster in file.clusters.iter().flatten() {
        let name = &cluster.name;
        if cluster.get("cluster", "certificate-authority").is_some() {
            problems.push(file_path(&format!("cluster `{name}`"), "certificate-authority"));
        }
        if cluster.get("cluster", "proxy-url").is_some() {
            problems.push(problem(
                "KUBECONFIG_PROXY",
                format!(
                    "cluster `{name}` is reached through a proxy (`proxy-url`), which Strata does not use"
                ),
                "use an address of the API server that Strata reaches directly",
            ));
        }
    }
}

fn file_path(owner: &str, key: &str) -> Problem {
    problem(
        "KUBECONFIG_FILE_PATH",
        format!("{owner} names a file (`{key}`), which Strata would have to read on its own machine"),
        MINIFY,
    )
}

struct Chosen<'a> {
    cluster: &'a Named,
    user: &'a Named,
    namespace: Option<String>,
}

fn choose<'a>(file: &'a File, problems: &mut Vec<Problem>) -> Option<Chosen<'a>> {
    let contexts = file.contexts.as_deref().unwrap_or_default();
    let context = match contexts {
        [] => {
            problems.push(problem("KUBECONFIG_NO_CONTEXT", "the kubeconfig has no context", MINIFY));
            return None;
        }
        [context] => context,
        many => {
            let names: Vec<&str> = many.iter().take(10).map(|context| context.name.as_str()).collect();
            let message =
                format!("the kubeconfig has {} contexts ({}); one is needed", many.len(), names.join(", "));
            problems.push(problem("KUBECONFIG_SEVERAL_CONTEXTS", message, MINIFY));
            return None;
        }
    };
    if let Some(current) = file.current_context.as_deref()
        && !current.is_empty()
        && current != context.name
    {
        let message = format!("the current context `{current}` is not among the contexts");
        problems.push(problem("KUBECONFIG_NO_CONTEXT", message, MINIFY));
    }
    let mut find = |what: &str, key: &str, list: Option<&'a Vec<Named>>| {
        let name = context.text("context", key).unwrap_or_default();
        let mut found = list.into_iter().flatten().filter(|entry| entry.name == name);
        let (first, second) = (found.next(), found.next());
        if first.is_none() || second.is_some() {
            let count = if first.is_none() { "does not exist" } else { "exists more than once" };
            let message = format!("the context's {what} `{name}` {count}");
            problems.push(problem("KUBECONFIG_DANGLING_REFERENCE", message, MINIFY));
            return None;
        }
        first
    };
    let cluster = find("cluster", "cluster", file.clusters.as_ref());
    let user = find("user", "user", file.users.as_ref());
    let namespace = context.text("context", "namespace").map(str::to_owned);
    Some(Chosen { cluster: cluster?, user: user?, namespace })
}

fn credentials(user: &Named, problems: &mut Vec<Problem>) -> Option<Credentials> {
    let name = &user.name;
    let mut refuse = |message: String| {
        problems.push(problem("KUBECONFIG_CREDENTIALS", message, SERVICE_ACCOUNT));
        None
    };
    let text = |key: &str| user.text("user", key);
    if let Some(token) = text("token") {
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refuse(format!("the `token` of user `{name}` is not one word of printable characters"));
        }
        return Some(Credentials::Token(SecretText::new(token)));
    }
    match (text("client-certificate-data"), text("client-key-data")) {
        (Some(certificate), Some(key)) => {
            let decoded = |text: &str| STANDARD.decode(text.trim()).ok();
            if decoded(certificate).is_none_or(|pem| CertificateDer::from_pem_slice(&pem).is_err()) {
                return refuse(format!(
                    "the `client-certificate-data` of user `{name}` is not base64 of a PEM certificate"
                ));
            }
            if decoded(key).is_none_or(|pem| PrivateKeyDer::from_pem_slice(&pem).is_err()) {
                return refuse(format!("the `client-key-data` of user `{name}` is not base64 of a PEM key"));
            }
            return Some(Credentials::Certificate {
                certificate: certificate.trim().to_owned(),
                key: SecretText::new(key.trim()),
            });
        }
        (Some(_), None) => return refuse(format!("user `{name}` has a client certificate without its key")),
        (None, Some(_)) => return refuse(format!("user `{name}` has a client key without its certificate")),
        (None, None) => {}
    }
    match (text("username"), text("password")) {
        (Some(user), Some(password)) => {
            Some(Credentials::Password { user: user.to_owned(), password: SecretText::new(password) })
        }
        _ => {
            refuse(format!("user `{name}` has neither a token nor a client certificate with its key inline"))
        }
    }
}
