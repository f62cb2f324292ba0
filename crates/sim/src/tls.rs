//! One certificate authority and one server certificate for the whole simulator.

use std::{net::IpAddr, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use crate::simulator::StartError;

/// What listeners and kubeconfigs need.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    /// PEM of the authority.
    pub(crate) authority: String,
}

/// Makes an authority and a certificate for `address` and localhost.
pub(crate) fn make(address: IpAddr) -> Result<Tls, StartError> {
    let mut authority = CertificateParams::new(Vec::new()).map_err(StartError::Certificate)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name.push(DnType::CommonName, "simulated-kubernetes-ca");
    let key = KeyPair::generate().map_err(StartError::Certificate)?;
    let authority = CertifiedIssuer::self_signed(authority, key).map_err(StartError::Certificate)?;

    let mut server = CertificateParams::new(vec!["localhost".to_owned()]).map_err(StartError::Certificate)?;
    server.subject_alt_names.push(SanType::IpAddress(address));
    server.distinguished_name.push(DnType::CommonName, "simulated-kube-apiserver");
    let key = KeyPair::generate().map_err(StartError::Certificate)?;
    let certificate = server.signed_by(&key, &authority).map_err(StartError::Certificate)?;

    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(StartError::Tls)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .map_err(StartError::Tls)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(config)), authority: authority.pem() })
}
