//! How commands come to speak TLS: the files that their flags name.

use std::path::Path;

use raddle_serve::tls::{Authorities, KeyPair};

use super::{Code, Exit, Failure};
use crate::client::ClientTls;

/// Reads what `--tls-ca`, `--tls-cert` and `--tls-key` name. Without the first there is no TLS.
///
/// # Errors
///
/// A file cannot be used, or one of the three is missing beside another.
pub fn read(
    authorities: Option<&Path>,
    certificate: Option<&Path>,
    key: Option<&Path>,
) -> Result<Option<ClientTls>, Failure> {
    let wrong = |sentence: String| Failure::new(Code::ClientConfig, Exit::Usage, sentence);
    let pair = match (certificate, key) {
        (Some(certificate), Some(key)) => {
            let texts = (read_file(certificate)?, read_file(key)?);
            let pair = KeyPair::from_pem(&texts.0, &texts.1);
            Some(pair.map_err(|error| {
                let path = if error.is_of_key() { key } else { certificate };
                wrong(format!("{} {error}", path.display()))
            })?)
        }
        (None, None) => None,
        _ => {
            return Err(wrong(
                "of --tls-cert and --tls-key one is missing: give both, or neither".to_owned(),
            ));
        }
    };
    let Some(path) = authorities else {
        return match pair {
            Some(_) => Err(wrong("a TLS certificate is named, and --tls-ca is missing".to_owned())
                .hint("name the file with the authorities of the orderer's certificate")),
            None => Ok(None),
        };
    };
    let authorities = Authorities::from_pem(&read_file(path)?);
    let authorities = authorities.map_err(|fault| wrong(format!("{} {fault}", path.display())))?;
    let tls = ClientTls::new(&authorities, pair.as_ref());
    tls.map(Some).map_err(|fault| wrong(fault.to_string()))
}

fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        Failure::new(Code::ClientConfig, Exit::Usage, format!("{} cannot be read: {error}", path.display()))
    })
}
