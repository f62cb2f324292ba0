//! Kubeconfigs: each reason to refuse one, and that no refusal tells a secret.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use strata_cluster::{Kubeconfig, KubeconfigPolicy};
use strata_model::secret::SecretText;

const TOKEN: &str = "hunter2-token";

fn good() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "n"}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://api.example.com:6443/k8s/clusters/c-1"}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
    })
}

fn parse(config: &Value, policy: &KubeconfigPolicy) -> Result<Kubeconfig, Vec<String>> {
    Kubeconfig::parse(&SecretText::new(config.to_string()), policy).map_err(|problems| {
        for problem in &problems {
            let all = format!("{problem:?} {problem}");
            assert!(!all.contains("hunter2"), "a secret is told: {all}");
            assert!(problem.help.as_ref().is_some_and(|help| help.len() > 20), "no way out: {problem:?}");
        }
        problems.into_iter().map(|problem| problem.code).collect()
    })
}

/// Changes the good one at a pointer and tells the codes of the refusal.
fn refused(pointer: &str, value: Value) -> Vec<String> {
    let mut config = good();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    config.pointer_mut(parent).unwrap()[key] = value;
    parse(&config, &KubeconfigPolicy::default()).unwrap_err()
}

#[test]
fn a_token_inline_is_accepted_and_the_path_of_the_server_kept() {
    let kubeconfig = parse(&good(), &KubeconfigPolicy::default()).unwrap();
    assert_eq!(kubeconfig.server().path(), "/k8s/clusters/c-1");
    assert!(!format!("{kubeconfig:?}").contains("hunter2"));
}

#[test]
fn yaml_as_people_have_it_is_accepted() {
    let text = "apiVersion: v1\nkind: Config\npreferences: {}\ncurrent-context: c\ncontexts:\n- name: c\n  context: {cluster: k, user: u}\n\
                clusters:\n- name: k\n  cluster:\n    server: https://[2001:db8::1]:6443\nusers:\n- name: u\n  user:\n    token: abc\n";
    Kubeconfig::parse(&SecretText::new(text), &KubeconfigPolicy::default()).unwrap();
}

#[test]
fn commands_and_providers_are_refused() {
    assert_eq!(
        refused("/users/0/user/exec", json!({"command": "aws", "args": ["hunter2"]})),
        ["KUBECONFIG_EXEC"]
    );
    assert_eq!(refused("/users/0/user/auth-provider", json!({"name": "gcp"})), ["KUBECONFIG_AUTH_PROVIDER"]);
}

#[test]
fn files_are_refused() {
    for key in ["client-certificate", "client-key", "tokenFile"] {
        assert_eq!(
            refused(&format!("/users/0/user/{key}"), json!("/etc/passwd")),
            ["KUBECONFIG_FILE_PATH"],
            "{key}"
        );
    }
    assert_eq!(
        refused("/clusters/0/cluster/certificate-authority", json!("/etc/passwd")),
        ["KUBECONFIG_FILE_PATH"]
    );
}

#[test]
fn entries_that_no_context_uses_are_looked_at_too() {
    let mut config = good();
    config["users"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "other", "user": {"exec": {"command": "x"}}}));
    assert_eq!(parse(&config, &KubeconfigPolicy::default()).unwrap_err(), ["KUBECONFIG_EXEC"]);
}

#[test]
fn proxies_and_impersonation_are_refused() {
    assert_eq!(refused("/clusters/0/cluster/proxy-url", json!("http://hunter2@proxy")), ["KUBECONFIG_PROXY"]);
    assert_eq!(refused("/users/0/user/as", json!("admin")), ["KUBECONFIG_IMPERSONATION"]);
}

#[test]
fn an_unverified_server_is_accepted_only_by_name() {
    assert_eq!(refused("/clusters/0/cluster/insecure-skip-tls-verify", json!(true)), ["KUBECONFIG_INSECURE"]);
    let mut config = good();
    config["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = json!(true);
    let policy = |host: &str| KubeconfigPolicy {
        insecure_hosts: [host.to_owned()].into(),
        ..KubeconfigPolicy::default()
    };
    assert!(parse(&config, &policy("api.example.com")).is_ok());
    assert_eq!(parse(&config, &policy("example.com")).unwrap_err(), ["KUBECONFIG_INSECURE"]);
    config["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = json!(false);
    assert!(parse(&config, &KubeconfigPolicy::default()).is_ok());
}

#[test]
fn exactly_one_context() {
    assert_eq!(refused("/contexts", json!([])), ["KUBECONFIG_NO_CONTEXT"]);
    assert_eq!(refused("/contexts", Value::Null), ["KUBECONFIG_NO_CONTEXT"]);
    assert_eq!(refused("/current-context", json!("other")), ["KUBECONFIG_NO_CONTEXT"]);
    let mut config = good();
    let second = config["contexts"][0].clone();
    config["contexts"].as_array_mut().unwrap().push(second);
    assert_eq!(parse(&config, &KubeconfigPolicy::default()).unwrap_err(), ["KUBECONFIG_SEVERAL_CONTEXTS"]);
    assert_eq!(refused("/contexts/0/context/cluster", json!("x")), ["KUBECONFIG_DANGLING_REFERENCE"]);
    assert_eq!(refused("/contexts/0/context/user", json!("x")), ["KUBECONFIG_DANGLING_REFERENCE"]);
}

#[test]
fn servers_that_are_none_are_refused() {
    for server in [
        "http://api.example.com",
        "api.example.com:6443",
        "https://",
        "",
        "https://a b",
        "https://hunter2@x",
        "https://x/?a=b",
    ] {
        assert_eq!(refused("/clusters/0/cluster/server", json!(server)), ["KUBECONFIG_SERVER"], "{server}");
    }
}

#[test]
fn addresses_of_this_machine_and_link_are_refused() {
    let loopback = [
        "https://127.0.0.1:6443",
        "https://localhost:1",
        "https://[::1]:1",
        "https://[::ffff:127.0.0.1]",
        "https://a.localhost",
    ];
    let never = [
        "https://169.254.169.254",
        "https://0.0.0.0",
        "https://[fe80::1]",
        "https://[::]",
        "https://224.0.0.1",
    ];
    for server in loopback.iter().chain(&never) {
        assert_eq!(
            refused("/clusters/0/cluster/server", json!(server)),
            ["KUBECONFIG_LOCAL_ADDRESS"],
            "{server}"
        );
    }
    let policy = KubeconfigPolicy { allow_loopback: true, ..KubeconfigPolicy::default() };
    let with = |server: &str| {
        let mut config = good();
        config["clusters"][0]["cluster"]["server"] = json!(server);
        parse(&config, &policy)
    };
    for server in loopback {
        assert!(with(server).is_ok(), "{server}");
    }
    for server in never {
        assert!(with(server).is_err(), "{server}");
    }
}

#[test]
fn data_that_is_none_is_refused() {
    let not_pem = STANDARD.encode("hunter2");
    for data in ["hunter2!", not_pem.as_str()] {
        assert_eq!(
            refused("/clusters/0/cluster/certificate-authority-data", json!(data)),
            ["KUBECONFIG_CERTIFICATE_AUTHORITY"]
        );
    }
    let identity = rcgen::generate_simple_self_signed(vec!["x".to_owned()]).unwrap();
    let certificate = STANDARD.encode(identity.cert.pem());
    let key = STANDARD.encode(identity.signing_key.serialize_pem());
    let user = |certificate: Option<&str>, key: Option<&str>| {
        let mut config = good();
        config["users"][0]["user"] = json!({"client-certificate-data": certificate, "client-key-data": key});
        parse(&config, &KubeconfigPolicy::default())
    };
    assert!(user(Some(&certificate), Some(&key)).is_ok());
    for (certificate, key) in [
        (None, None),
        (Some(certificate.as_str()), None),
        (None, Some(key.as_str())),
        (Some(&not_pem), Some(key.as_str())),
        (Some(certificate.as_str()), Some(&not_pem)),
        (Some(certificate.as_str()), Some("hunter2!")),
    ] {
        assert_eq!(user(certificate, key).unwrap_err(), ["KUBECONFIG_CREDENTIALS"]);
    }
    assert_eq!(refused("/users/0/user/token", json!("hunter2\r\nX-Evil: 1")), ["KUBECONFIG_CREDENTIALS"]);
}

#[test]
fn texts_that_are_no_kubeconfig_are_refused() {
    let parse = |text: &str| {
        let problems = Kubeconfig::parse(&SecretText::new(text), &KubeconfigPolicy::default()).unwrap_err();
        assert!(!format!("{problems:?}").contains("hunter2"), "{problems:?}");
        problems.into_iter().map(|problem| problem.code).collect::<Vec<_>>()
    };
    for text in [
        "",
        "hunter2",
        "- hunter2",
        "a: [hunter2",
        "kind: Pod",
        "users: hunter2",
        "users: [{user: hunter2}]",
        "a: *hunter2",
    ] {
        assert!(
            ["KUBECONFIG_UNREADABLE", "KUBECONFIG_NO_CONTEXT"].contains(&parse(text)[0].as_str()),
            "{text}"
        );
    }
    assert_eq!(parse(&"x".repeat(300 * 1024)), ["KUBECONFIG_TOO_LARGE"]);
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    assert_eq!(parse(bomb), ["KUBECONFIG_UNREADABLE"]);
}

#[test]
fn all_problems_come_at_once() {
    let mut config = good();
    config["users"][0]["user"] = json!({"exec": {"command": "x"}});
    config["clusters"][0]["cluster"] = json!({"server": "http://x", "proxy-url": "y"});
    let codes = parse(&config, &KubeconfigPolicy::default()).unwrap_err();
    assert_eq!(codes, ["KUBECONFIG_EXEC", "KUBECONFIG_PROXY", "KUBECONFIG_SERVER", "KUBECONFIG_CREDENTIALS"]);
}
