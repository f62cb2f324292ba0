//! Certificates, made and signed.

use std::{net::IpAddr, time::Duration};

use p256::ecdsa::{self, DerSignature};
use rsa::pkcs1v15;
use sha2::{Digest, Sha256};
use x509_cert::{
    Certificate, TbsCertificate,
    attr::AttributeTypeAndValue,
    builder::{self, Builder, CertificateBuilder, profile::BuilderProfile},
    der::{
        Any, Decode, Encode,
        asn1::{
            GeneralizedTime, Ia5String, ObjectIdentifier, OctetString, PrintableStringRef, Utf8StringRef,
        },
    },
    ext::{
        Extension, ToExtension,
        pkix::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
            SubjectKeyIdentifier, name::GeneralName,
        },
    },
    name::{Name, RdnSequence, RelativeDistinguishedName},
    serial_number::SerialNumber,
    spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef},
    time::{Time, Validity},
};

use super::keys::{self, SigningKey};

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SERVER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

/// What a certificate is to say.
pub(super) struct Request {
    pub(super) common_name: String,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) names: Vec<String>,
    /// Seconds since 1970.
    pub(super) from: i64,
    pub(super) days: i64,
    pub(super) serial: [u8; 16],
    pub(super) authority: bool,
}

/// Who signs.
pub(super) struct Issuer {
    certificate: Certificate,
    key: SigningKey,
}

impl Issuer {
    /// From the PEM forms of an authority's certificate and key.
    pub(super) fn read(certificate: &str, key: &str) -> Result<Self, String> {
        Ok(Self {
            certificate: parse(certificate)?,
            key: SigningKey::read(key).map_err(|problem| format!("error parsing private key: {problem}"))?,
        })
    }
}

/// Reads a certificate in PEM.
pub(super) fn parse(text: &str) -> Result<Certificate, String> {
    let (_, bytes) = keys::read_pem(text).ok_or("unable to decode certificate")?;
    Certificate::from_der(&bytes).map_err(|error| format!("error parsing certificate: {error}"))
}

/// The PEM form of a certificate for a key, signed by an issuer or, without one, by the key itself.
pub(super) fn issue(request: &Request, key: &SigningKey, issuer: Option<&Issuer>) -> Result<String, String> {
    let failed = |error: &dyn std::fmt::Display| format!("error creating certificate: {error}");
    let instant = |seconds: Option<i64>| -> Result<Time, String> {
        let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let seconds = seconds.ok_or_else(|| failed(&"its time is out of range"))?;
        let time = GeneralizedTime::from_unix_duration(Duration::from_secs(seconds));
        time.map(Time::GeneralTime).map_err(|error| failed(&error))
    };
    let until = request.days.checked_mul(86_400).and_then(|span| request.from.checked_add(span));
    let validity = Validity::new(instant(Some(request.from))?, instant(until)?);
    let profile = Contents::of(request, issuer).map_err(|error| failed(&error))?;
    // Positive, and of the same length always.
    let mut serial = request.serial;
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    let serial = SerialNumber::new(&serial).map_err(|error| failed(&error))?;
    let public = match key {
        SigningKey::P256(key) => {
            SubjectPublicKeyInfoOwned::from_key(ecdsa::SigningKey::from(key).verifying_key())
        }
        SigningKey::Rsa(key) => SubjectPublicKeyInfoOwned::from_key(&key.to_public_key()),
    };
    let public = public.map_err(|error| failed(&error))?;
    let builder = CertificateBuilder::new(profile, serial, validity, public);
    let made = builder.and_then(|builder| match issuer.map_or(key, |issuer| &issuer.key) {
        SigningKey::P256(key) => builder.build::<_, DerSignature>(&ecdsa::SigningKey::from(key)),
        SigningKey::Rsa(key) => {
            let signer = pkcs1v15::SigningKey::<Sha256>::new((**key).clone());
            builder.build::<_, pkcs1v15::Signature>(&signer)
        }
    });
    let bytes = made.map_err(|error| failed(&error))?.to_der().map_err(|error| failed(&error))?;
    Ok(keys::pem("CERTIFICATE", &bytes))
}

/// What Go puts into such certificates.
struct Contents {
    subject: Name,
    issuer: Option<Name>,
    issuer_key: Option<OctetString>,
    alternatives: Vec<GeneralName>,
    authority: bool,
}

impl Contents {
    fn of(request: &Request, issuer: Option<&Issuer>) -> Result<Self, x509_cert::der::Error> {
        let mut alternatives = Vec::with_capacity(request.names.len() + request.addresses.len());
        for name in &request.names {
            alternatives.push(GeneralName::DnsName(Ia5String::new(name)?));
        }
        alternatives.extend(request.addresses.iter().map(|address| GeneralName::from(*address)));
        let issuer_key = match issuer {
            Some(issuer) => {
                let found = issuer.certificate.tbs_certificate().get_extension::<SubjectKeyIdentifier>()?;
                found.map(|(_, identifier)| identifier.0)
            }
            None => None,
        };
        Ok(Self {
            subject: name(&request.common_name)?,
            issuer: issuer.map(|issuer| issuer.certificate.tbs_certificate().subject().clone()),
            issuer_key,
            alternatives,
            authority: request.authority,
        })
    }
}

/// A name that consists of a common name.
fn name(common: &str) -> Result<Name, x509_cert::der::Error> {
    let value = match PrintableStringRef::new(common) {
        Ok(text) => Any::encode_from(&text)?,
        Err(_) => Any::encode_from(&Utf8StringRef::new(common)?)?,
    };
    let mut names = RdnSequence::default();
    names.push(RelativeDistinguishedName::try_from(vec![AttributeTypeAndValue { oid: COMMON_NAME, value }])?);
    Name::from_der(&names.to_der()?)
}

impl BuilderProfile for Contents {
    fn get_issuer(&self, subject: &Name) -> Name {
        self.issuer.clone().unwrap_or_else(|| subject.clone())
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        own: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        certificate: &TbsCertificate,
    ) -> builder::Result<Vec<Extension>> {
        let subject = certificate.subject();
        let mut extensions = Vec::new();
        let last = if self.authority { KeyUsages::KeyCertSign } else { KeyUsages::KeyEncipherment };
        let usage = KeyUsage(KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment | last);
        extensions.push((true, &usage).to_extension(subject, &extensions)?);
        extensions.push((false, &ExtendedKeyUsage(vec![SERVER, CLIENT])).to_extension(subject, &extensions)?);
        let constraints = BasicConstraints { ca: self.authority, path_len_constraint: None };
        extensions.push((true, &constraints).to_extension(subject, &extensions)?);
        if self.authority {
            let digest = Sha256::digest(own.subject_public_key.raw_bytes());
            let identifier = OctetString::new(digest.get(..20).unwrap_or_default())?;
            let identifier = SubjectKeyIdentifier(identifier);
            extensions.push((false, &identifier).to_extension(subject, &extensions)?);
        }
        if let Some(issuer_key) = &self.issuer_key {
            let identifier =
                AuthorityKeyIdentifier { key_identifier: Some(issuer_key.clone()), ..Default::default() };
            extensions.push((false, &identifier).to_extension(subject, &extensions)?);
        }
        if !self.alternatives.is_empty() {
            let names = SubjectAltName(self.alternatives.clone());
            extensions.push((false, &names).to_extension(subject, &extensions)?);
        }
        Ok(extensions)
    }
}
