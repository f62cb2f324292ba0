//! The server of a kubeconfig: its address, and how it proves who it is.

use std::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Uri;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use crate::kubeconfig::{KubeconfigPolicy, MINIFY, Named, Problem, problem};

pub(super) fn server(cluster: &Named, policy: &KubeconfigPolicy, problems: &mut Vec<Problem>) -> Option<Uri> {
    let name = &cluster.name;
    let mut refuse = |message: String| {
        problems.push(problem(
            "KUBECONFIG_SERVER",
            message,
            "write the API server's address like `https://api.example.com:6443`",
        ));
        None
    };
    let Some(text) = cluster.text("cluster", "server") else {
        return refuse(format!("cluster `{name}` has no `server`"));
    };
    let Ok(uri) = text.parse::<Uri>() else {
        return refuse(format!("the `server` of cluster `{name}` is not a URL"));
    };
    let Some(host) = uri.host().filter(|host| !host.is_empty()) else {
        return refuse(format!("the `server` of cluster `{name}` has no host"));
    };
    if uri.scheme_str() != Some("https") {
        return refuse(format!("the `server` of cluster `{name}` is not https"));
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return refuse(format!("the `server` of cluster `{name}` carries a user name"));
    }
    if uri.query().is_some() {
        return refuse(format!("the `server` of cluster `{name}` has a query"));
    }
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let is_localhost =
        host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    let refused = match literal {
        Some(address) => !is_allowed_address(address, policy.allow_loopback),
        None => is_localhost && !policy.allow_loopback,
    };
    if refused {
        problems.push(problem(
            "KUBECONFIG_LOCAL_ADDRESS",
            format!("the `server` of cluster `{name}` is an address of Strata's own machine or link, `{host}`"),
            "use an address that other machines reach; for development, allow loopback addresses in the server's settings",
        ));
        return None;
    }
    Some(uri)
}

/// Whether an API server may be at this address.
pub(crate) fn is_allowed_address(address: IpAddr, allow_loopback: bool) -> bool {
    let address = address.to_canonical();
    if address.is_loopback() {
        return allow_loopback;
    }
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(link_local || address.is_unspecified() || address.is_multicast())
}

pub(super) fn skips_verification(
    cluster: &Named,
    server: Option<&Uri>,
    policy: &KubeconfigPolicy,
    problems: &mut Vec<Problem>,
) -> bool {
    if cluster.get("cluster", "insecure-skip-tls-verify").is_none() {
        return false;
    }
    let host = server.and_then(Uri::host).unwrap_or_default();
    if policy.insecure_hosts.contains(host) {
        return true;
    }
    problems.push(problem(
        "KUBECONFIG_INSECURE",
        format!("cluster `{}` turns the check of the server's certificate off (`insecure-skip-tls-verify`)", cluster.name),
        "give the server's `certificate-authority-data` instead, or have an administrator name the host in the server's settings",
    ));
    false
}

pub(super) fn roots(cluster: &Named, problems: &mut Vec<Problem>) -> Option<Vec<Vec<u8>>> {
    let data = cluster.get("cluster", "certificate-authority-data")?;
    let decoded = data.as_str().and_then(|text| STANDARD.decode(text.trim()).ok());
    let certificates = decoded.and_then(|pem| {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        certificates.ok().filter(|found| !found.is_empty())
    });
    if certificates.is_none() {
        problems.push(problem(
            "KUBECONFIG_CERTIFICATE_AUTHORITY",
            format!(
                "the `certificate-authority-data` of cluster `{}` is not base64 of PEM certificates",
                cluster.name
            ),
            MINIFY,
        ));
    }
    Some(certificates?.into_iter().map(|certificate| certificate.as_ref().to_vec()).collect())
}
