//! A config in the editor of who calls.

use std::io::Write as _;
use std::process::Command;

use serde_json::Value;

use crate::admin::config_json::text;
use crate::cli::{Code, Exit, Failure};

/// Has JSON edited; answers what it is then.
pub fn edit(json: &Value) -> Result<Value, Failure> {
    let failed = |what: String| Failure::new(Code::ConfigEdit, Exit::Usage, what);
    let editor =
        ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()));
    let editor = editor.ok_or_else(|| {
        failed("neither --set nor --unset says what to change, and EDITOR names no editor".to_owned())
    })?;
    let file = tempfile::Builder::new().prefix("raddle-config-").suffix(".json").tempfile();
    let mut file = file.map_err(|error| failed(format!("there is no place for a file to edit: {error}")))?;
    let path = file.path().to_owned();
    let cannot = |error: std::io::Error| failed(format!("{} cannot be used: {error}", path.display()));
    file.write_all(text(json).as_bytes()).map_err(cannot)?;
    // As git calls it: what EDITOR holds may have arguments of its own.
    let status =
        Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg(&editor).arg(&path).status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(failed(format!("{editor} ended with {status}; nothing was changed"))),
        Err(error) => return Err(failed(format!("{editor} cannot be started: {error}"))),
    }
    let edited = std::fs::read_to_string(&path).map_err(cannot)?;
    serde_json::from_str(&edited).map_err(|error| {
        // What somebody has typed is not thrown away.
        let kept = file.keep().map_or_else(|error| error.to_string(), |(_, path)| path.display().to_string());
        failed(format!("what was edited is no JSON: {error}")).hint(format!("it is kept in {kept}"))
    })
}
