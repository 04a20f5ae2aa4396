//! The body of a request for another log level: a JSON object with a member `spec`, as Go decodes it.
//!
//! Differs: where the body is no JSON, Go's decoder has other words than ours.
//!
//! Source: fabric v2.5.16 `common/flogging/httpadmin/spec.go` `LogSpec`, Go 1.26 `encoding/json/decode.go`.

use serde_json::error::Category;
use serde_json::{Deserializer, Value};

/// Reads the first JSON text of a body; what stands behind it is not looked at, and neither are other members.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn read(body: &[u8]) -> Result<String, String> {
    // Go takes what is no UTF-8 for U+FFFD.
    let text = String::from_utf8_lossy(body);
    let read = Deserializer::from_str(&text).into_iter::<Value>().next();
    let value = match read {
        None => return Err("EOF".to_owned()),
        Some(Err(error)) if error.classify() == Category::Eof => return Err("unexpected EOF".to_owned()),
        Some(Err(error)) => return Err(error.to_string()),
        Some(Ok(value)) => value,
    };
    let members = match value {
        Value::Object(members) => members,
        Value::Null => return Ok(String::new()),
        other => return Err(cannot(&other, "value of type httpadmin.LogSpec")),
    };
    let mut spec = String::new();
    for (_, member) in members.into_iter().filter(|(name, _)| name.eq_ignore_ascii_case("spec")) {
        match member {
            Value::String(text) => spec = text,
            Value::Null => {}
            other => return Err(cannot(&other, "struct field LogSpec.spec of type string")),
        }
    }
    Ok(spec)
}

fn cannot(value: &Value, into: &str) -> String {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("json: cannot unmarshal {kind} into Go {into}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_as_go_reads_them() {
        let field = |kind| {
            Err(format!("json: cannot unmarshal {kind} into Go struct field LogSpec.spec of type string"))
        };
        let value =
            |kind| Err(format!("json: cannot unmarshal {kind} into Go value of type httpadmin.LogSpec"));
        for (body, expected) in [
            (r#"{"spec":"grpc=error:info"}"#, Ok("grpc=error:info".to_owned())),
            (r#" {"SPEC":"info","other":[1]} and more"#, Ok("info".to_owned())),
            ("{}", Ok(String::new())),
            ("null", Ok(String::new())),
            (r#"{"spec":null}"#, Ok(String::new())),
            ("", Err("EOF".to_owned())),
            ("  \n", Err("EOF".to_owned())),
            (r#"{"spec":"#, Err("unexpected EOF".to_owned())),
            (r#"{"spec":1}"#, field("number")),
            (r#"{"spec":{}}"#, field("object")),
            ("[]", value("array")),
            (r#""info""#, value("string")),
            ("true", value("bool")),
        ] {
            assert_eq!(read(body.as_bytes()), expected, "{body}");
        }
        assert!(read(b"spec=info").is_err());
        assert_eq!(read(b"{\"spec\":\"\xff\"}"), Ok("\u{fffd}".to_owned()));
    }
}
