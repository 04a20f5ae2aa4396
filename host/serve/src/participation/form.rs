//! `multipart/form-data` as Go reads it.
//!
//! Differs: a part in quoted-printable is taken as it stands; Go's bounds for the headers of all parts together are not
//! looked at, since the body is bounded; of a quoted line what is beyond ASCII and no control character stands as it
//! is.
//!
//! Source: Go 1.26 `mime/multipart/{formdata,multipart}.go`, `net/textproto/reader.go`.

use std::borrow::Cow;

use raddle_proto::go_text::quoted_bytes;

use super::media_type;

/// The longest line before a part, and Go's buffer.
const LINE_BYTES_MAX: usize = 4096;

/// Parts that a form may have.
const PARTS_MAX: usize = 1000;

/// Bytes of a header's first line that are quoted where it begins with a space.
const QUOTED_LINE_MAX: usize = 80;

/// The body of a request, or its beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body<'a> {
    pub(super) bytes: &'a [u8],
    /// Whether it goes on beyond the limit.
    pub(super) is_cut: bool,
}

/// Why there is no form, in Go's words.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FormError {
    #[error("multipart: boundary is empty")]
    NoBoundary,
    #[error("multipart: NextPart: {0}")]
    Part(End),
    #[error("multipart: message too large")]
    TooMany,
    #[error("multipart: expecting a new Part; got line {0}")]
    NotAPart(String),
    #[error("multipart: unexpected line in Next(): {0}")]
    UnexpectedLine(String),
    #[error("malformed MIME header initial line: {0}")]
    InitialLine(String),
    #[error("malformed MIME header: missing colon: {0}")]
    NoColon(String),
    #[error("malformed MIME header line: {0}")]
    HeaderLine(String),
    #[error("{0}")]
    Content(End),
}

/// How a read ends that finds too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum End {
    #[error("EOF")]
    Eof,
    #[error("unexpected EOF")]
    UnexpectedEof,
    #[error("http: request body too large")]
    TooLarge,
    #[error("bufio: buffer full")]
    LineTooLong,
}

/// A form, as far as it is looked at.
#[derive(Debug, Default)]
pub(super) struct Form<'a> {
    /// Names and contents of files, in order.
    pub(super) files: Vec<(String, &'a [u8])>,
    /// Whether it has a value that is no file.
    pub(super) has_values: bool,
}

impl<'a> Form<'a> {
    /// Reads a form.
    pub(super) fn read(body: Body<'a>, boundary: &str) -> Result<Self, FormError> {
        let mut reader = Reader::new(body, boundary);
        let mut form = Self::default();
        let mut parts = 0;
        while let Some(disposition) = reader.next_part()? {
            parts += 1;
            if parts > PARTS_MAX {
                return Err(FormError::TooMany);
            }
            let (name, is_file) = names(&disposition);
            let content = reader.content();
            if name.is_empty() {
                continue;
            }
            let content = content.map_err(FormError::Content)?;
            match is_file {
                true => form.files.push((name, content)),
                false => form.has_values = true,
            }
        }
        Ok(form)
    }
}

/// The name in a part's `Content-Disposition`, empty for none, and whether it names a file too.
fn names(disposition: &str) -> (String, bool) {
    match media_type::parse(disposition) {
        Ok((kind, mut parameters)) if kind == "form-data" => {
            let is_file = parameters.get("filename").is_some_and(|name| !name.is_empty());
            (parameters.remove("name").unwrap_or_default(), is_file)
        }
        _ => (String::new(), false),
    }
}

/// Goes through a body.
struct Reader<'a> {
    rest: &'a [u8],
    is_cut: bool,
    /// `--boundary`.
    delimiter: Vec<u8>,
    /// Lines end with `\r\n`, or with `\n` if the first boundary does.
    newline: &'static [u8],
    parts: usize,
}

impl<'a> Reader<'a> {
    fn new(body: Body<'a>, boundary: &str) -> Self {
        let delimiter = format!("--{boundary}").into_bytes();
        Self { rest: body.bytes, is_cut: body.is_cut, delimiter, newline: b"\r\n", parts: 0 }
    }

    const fn end(&self) -> End {
        if self.is_cut { End::TooLarge } else { End::Eof }
    }

    /// Goes to the next part; answers its `Content-Disposition`, or none behind the last part.
    fn next_part(&mut self) -> Result<Option<String>, FormError> {
        if self.delimiter == b"--" {
            return Err(FormError::NoBoundary);
        }
        let mut expects_part = false;
        loop {
            let line = match self.line() {
                Ok(line) => line,
                Err((line, End::Eof)) if self.is_last(line) => return Ok(None),
                Err((_, end)) => return Err(FormError::Part(end)),
            };
            if self.is_delimiter(line) {
                self.parts += 1;
                return self.header();
            }
            if self.is_last(line) {
                return Ok(None);
            }
            if expects_part {
                return Err(FormError::NotAPart(quoted_bytes(line)));
            }
            if self.parts == 0 {
                continue;
            }
            if line != self.newline {
                return Err(FormError::UnexpectedLine(quoted_bytes(line)));
            }
            expects_part = true;
        }
    }

    /// A line with its end; or what there is without one.
    fn line(&mut self) -> Result<&'a [u8], (&'a [u8], End)> {
        let window = self.rest.get(..LINE_BYTES_MAX).unwrap_or(self.rest);
        match window.iter().position(|&byte| byte == b'\n') {
            Some(at) => {
                let (line, rest) = self.rest.split_at(at + 1);
                self.rest = rest;
                Ok(line)
            }
            None if window.len() == LINE_BYTES_MAX => Err((window, End::LineTooLong)),
            None => {
                self.rest = &[];
                Err((window, self.end()))
            }
        }
    }

    fn is_delimiter(&mut self, line: &[u8]) -> bool {
        let Some(rest) = line.strip_prefix(self.delimiter.as_slice()) else { return false };
        let rest = skip_spaces(rest);
        if self.parts == 0 && rest == b"\n" {
            self.newline = b"\n";
        }
        rest == self.newline
    }

    fn is_last(&self, line: &[u8]) -> bool {
        let rest = line.strip_prefix(self.delimiter.as_slice()).and_then(|rest| rest.strip_prefix(b"--"));
        rest.map(skip_spaces).is_some_and(|rest| rest.is_empty() || rest == self.newline)
    }

    /// Reads a part's header; none if the body ends in it, as Go has it.
    fn header(&mut self) -> Result<Option<String>, FormError> {
        let mut disposition = None;
        if let Some(b' ' | b'\t') = self.rest.first() {
            let line = self.header_line().unwrap_or_default();
            return Err(if line.len() > QUOTED_LINE_MAX {
                FormError::TooMany
            } else {
                FormError::InitialLine(quoted_bytes(line))
            });
        }
        loop {
            let Some(line) = self.header_line() else {
                return if self.is_cut { Err(FormError::Content(End::TooLarge)) } else { Ok(None) };
            };
            if line.is_empty() {
                return Ok(Some(disposition.unwrap_or_default()));
            }
            if !line.contains(&b':') {
                return Err(FormError::NoColon(quoted_bytes(line)));
            }
            let mut line = Cow::Borrowed(trim(line));
            while let Some(b' ' | b'\t') = self.rest.first() {
                let more = self.header_line().unwrap_or_default();
                line.to_mut().push(b' ');
                line.to_mut().extend_from_slice(trim(more));
            }
            let (name, value) = field(&line).ok_or_else(|| FormError::HeaderLine(quoted_bytes(&line)))?;
            if name.eq_ignore_ascii_case(b"content-disposition") {
                disposition.get_or_insert_with(|| String::from_utf8_lossy(value).into_owned());
            }
        }
    }

    /// A line without its end; the last one needs none. None at the end of the body.
    fn header_line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let at = self.rest.iter().position(|&byte| byte == b'\n');
        let (line, rest) = self.rest.split_at(at.map_or(self.rest.len(), |at| at + 1));
        self.rest = rest;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// What stands before the next boundary. The line end before the boundary is the boundary's.
    fn content(&mut self) -> Result<&'a [u8], End> {
        if self.rest.starts_with(&self.delimiter) && self.ends_here(self.delimiter.len()) {
            return Ok(&[]);
        }
        let newline_delimiter = [self.newline, self.delimiter.as_slice()].concat();
        let mut from = 0;
        while let Some(at) = find(self.rest.get(from..).unwrap_or_default(), &newline_delimiter) {
            let (at, behind) = (from + at, from + at + newline_delimiter.len());
            if self.ends_here(behind) {
                let (content, rest) = self.rest.split_at(at);
                self.rest = rest;
                return Ok(content);
            }
            from = behind;
        }
        self.rest = &[];
        Err(if self.is_cut { End::TooLarge } else { End::UnexpectedEof })
    }

    /// Whether what stands here lets the boundary before it be one.
    fn ends_here(&self, at: usize) -> bool {
        match self.rest.get(at..).unwrap_or_default() {
            [] | [b' ' | b'\t' | b'\r' | b'\n', ..] => true,
            rest => rest.starts_with(b"--"),
        }
    }
}

/// Name and value of a line of a header.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b" !#$%&'*+-.^_`|~".contains(byte);
    let is_value = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    let is_field = !name.is_empty() && name.iter().all(is_name) && value.iter().all(is_value);
    is_field.then(|| (name, skip_spaces(value)))
}

fn skip_spaces(bytes: &[u8]) -> &[u8] {
    let spaces = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    bytes.get(spaces..).unwrap_or_default()
}

fn trim(bytes: &[u8]) -> &[u8] {
    let bytes = skip_spaces(bytes);
    let spaces = bytes.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    bytes.get(..bytes.len() - spaces).unwrap_or_default()
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, what)
}
