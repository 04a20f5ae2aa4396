//! An admin who speaks HTTP to an orderer, byte by byte.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

pub const CHANNELS: &str = "/participation/v1/channels";

/// What was answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    /// Number and reason.
    pub status: String,
    /// `Name: value`, in order of names, without date and length.
    pub headers: Vec<String>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn code(&self) -> u16 {
        self.status.get(..3).unwrap().parse().unwrap()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|header| header.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Asks over a connection of its own.
pub fn ask(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    ask_on(TcpStream::connect(address).unwrap(), method, path, headers, body)
}

/// Asks over a connection.
pub fn ask_on(
    mut stream: impl Read + Write,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Reply {
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: orderer\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" || method == "PUT" {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    let request = [request.as_bytes(), b"\r\n", body].concat();
    stream.write_all(&request).unwrap();
    read(BufReader::new(stream), method == "HEAD")
}

fn read(mut stream: impl std::io::BufRead, is_head: bool) -> Reply {
    let mut line = || {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let status = line().strip_prefix("HTTP/1.1 ").unwrap().to_owned();
    let (mut headers, mut length) = (Vec::new(), 0);
    loop {
        let header = line();
        let Some((name, value)) = header.split_once(": ") else { break };
        match name {
            "Date" => {}
            "Content-Length" => length = value.parse().unwrap(),
            _ => headers.push(header),
        }
    }
    headers.sort();
    let mut body = vec![0; if is_head { 0 } else { length }];
    stream.read_exact(&mut body).unwrap();
    Reply { status, headers, body }
}

/// A form with one file, as `osnadmin` makes it.
pub fn form(key: &str, file: &str, content: &[u8]) -> (String, Vec<u8>) {
    let boundary = "4f9ccc4ae1b0ab4e6cdb8d6ca8ea2a9c9e0e3ab5cf4f3a8b0d0a1f1d6a1c";
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{key}\"; filename=\"{file}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    let end = format!("\r\n--{boundary}--\r\n");
    let body = [head.as_bytes(), content, end.as_bytes()].concat();
    (format!("multipart/form-data; boundary={boundary}"), body)
}

/// Asks an address from a thread that may wait.
pub async fn asked<T: Send + 'static>(address: &str, ask: impl FnOnce(&str) -> T + Send + 'static) -> T {
    let address = address.to_owned();
    tokio::task::spawn_blocking(move || ask(&address)).await.unwrap()
}

/// `osnadmin channel list`.
pub fn list(address: &str) -> String {
    let reply = ask(address, "GET", CHANNELS, &[("Accept-Encoding", "gzip")], b"");
    assert_eq!(reply.code(), 200, "{reply:?}");
    reply.text().to_owned()
}

/// `osnadmin channel list --channelID`.
pub fn info(address: &str, channel: &str) -> Reply {
    ask(address, "GET", &format!("{CHANNELS}/{channel}"), &[], b"")
}

/// `osnadmin channel join`.
pub fn join(address: &str, block: &[u8]) -> Reply {
    let (content_type, body) = form("config-block", "config.block", block);
    ask(address, "POST", CHANNELS, &[("Content-Type", &content_type)], &body)
}

/// `osnadmin channel remove`.
pub fn remove(address: &str, channel: &str) -> Reply {
    ask(address, "DELETE", &format!("{CHANNELS}/{channel}"), &[], b"")
}

/// `osnadmin channel update`.
pub fn update(address: &str, envelope: &[u8]) -> Reply {
    let (content_type, body) = form("config-update-envelope", "config_update.pb", envelope);
    ask(address, "PUT", CHANNELS, &[("Content-Type", &content_type)], &body)
}
