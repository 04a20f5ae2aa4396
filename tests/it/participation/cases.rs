//! The recorded requests, each answered byte for byte as Fabric's own handler did.

use serde::Deserialize;
use tempfile::TempDir;

use super::{address, block, start};
use crate::harness::{http, repository};

#[derive(Deserialize)]
struct Case {
    name: String,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    status: String,
    answered: Vec<String>,
    text: String,
}

/// A text with bytes in the place of `{mychannel.block}` and `{zeroes:9}`.
fn expand(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        bytes.extend_from_slice(before.as_bytes());
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        match name.split_once(':') {
            Some(("zeroes", count)) => bytes.extend(std::iter::repeat_n(b'0', count.parse().unwrap())),
            _ if name == "nothing.block" => {}
            _ if name.ends_with(".block") || name.ends_with(".tx") => bytes.extend_from_slice(&block(name)),
            _ => {
                bytes.push(b'{');
                rest = after;
                continue;
            }
        }
        rest = behind;
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

impl Case {
    fn all() -> Vec<Self> {
        let path = repository().join("tests/golden/participation/cases.jsonl");
        let lines = std::fs::read_to_string(path).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn ask(&self, address: &str) -> http::Reply {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        http::ask(address, &self.method, &self.path, &headers, &expand(&self.body))
    }

    /// What Fabric answered; a sentence that it sent twice by mistake, once.
    fn expected(&self) -> http::Reply {
        let half = self.text.len() / 2;
        let text = match self.text.split_at_checked(half) {
            Some((first, second)) if !first.is_empty() && first == second => first,
            _ => &self.text,
        };
        let (status, headers) = (self.status.clone(), self.answered.clone());
        http::Reply {
            status,
            headers,
            body: if text.ends_with(".block}") { expand(text) } else { text.into() },
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_request_is_answered_as_fabric_answered_it() {
    let folder = TempDir::new().unwrap();
    let orderer = start(folder.path(), &[]).await;
    let address = address(&orderer);
    let asking = tokio::task::spawn_blocking(move || {
        let cases = Case::all();
        assert!(cases.len() > 200);
        let mut wrong = Vec::new();
        for case in cases {
            let mut reply = case.ask(&address);
            for header in &mut reply.headers {
                let is_id = header.len() == "X-Request-Id: ".len() + 36;
                if is_id && header.starts_with("X-Request-Id: ") {
                    *header = "X-Request-Id: UUID".to_owned();
                }
            }
            let expected = case.expected();
            if reply != expected {
                let text = |reply: &http::Reply| {
                    let body = String::from_utf8_lossy(&reply.body).chars().take(300).collect::<String>();
                    format!("{} {:?} {body:?}", reply.status, reply.headers)
                };
                wrong.push(format!("{}\n  ours   {}\n  Fabric {}", case.name, text(&reply), text(&expected)));
            }
        }
        assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    });
    asking.await.unwrap();
    orderer.stop().await.unwrap();
}
