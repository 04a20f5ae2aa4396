//! Filters from WebAssembly text: a component around core code that a test gives.

use super::super::guest::{Imports, Interface};

/// The parts of a filter. Each is text of a core module; the defaults make a filter that takes everything.
pub struct Guest<'a> {
    /// Fields of the module that holds the memory.
    pub memory: &'a str,
    /// Fields of the main module: globals, tables, more functions, a start function.
    pub fields: &'a str,
    /// Body of `check-settings`: a pointer to the answer.
    pub check_settings: &'a str,
    /// Body of `check`: a pointer to the answer. Parameters: `$payload $signature $type`, and the times without names.
    pub check: &'a str,
}

impl Default for Guest<'_> {
    fn default() -> Self {
        Self {
            memory: r#"(memory (export "memory") 1)"#,
            fields: "",
            check_settings: "i32.const 0",
            check: "i32.const 0",
        }
    }
}

const ENVELOPES: Interface = (
    "envelopes",
    r#"(type $h (record (field "tx-id" string) (field "epoch" u64) (field "extension" (list u8))))
       (export "channel-header" (type $header (eq $h)))
       (type $i (record (field "msp-id" string) (field "certificate" (list u8))
           (field "organisational-units" (list string))))
       (export "identity" (type $identity (eq $i)))
       (type $s (enum "channel" "orderer")) (export "scope" (type $scope (eq $s)))
       (type $v (enum "satisfied" "denied" "missing" "unreadable")) (export "policy-verdict" (type $verdict (eq $v)))"#,
    &[
        (
            "read-payload",
            r#"(param "offset" u64) (param "size" u32) (result (list u8))"#,
            "(param i64 i32 i32)",
        ),
        ("header", "(result (result $header (error string)))", "(param i32)"),
        ("creator", "(result (result $identity (error string)))", "(param i32)"),
        ("satisfies", r#"(param "policy" string) (result $verdict)"#, "(param i32 i32) (result i32)"),
        ("satisfies-writers", r#"(param "scope" $scope) (result $verdict)"#, "(param i32) (result i32)"),
        ("policy-text", "(result (option string))", "(param i32)"),
    ],
);

const PARAMETERS: &str = "(param $payload i64) (param $signature i64) (param $type i32) (param i32 i64 i32) \
     (param i32 i64 i32) (param i64 i32) (result i32)";

impl Guest<'_> {
    /// The component's bytes.
    pub fn build(&self) -> Vec<u8> {
        let text = self.text();
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    fn text(&self) -> String {
        let Imports { component: imports, lowered, core, with } = Imports::of(ENVELOPES);
        let Self { memory, fields, check_settings, check } = self;
        format!(
            r#"(component
                {imports}
                (core module $lib_module
                    {memory}
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
                (core instance $lib (instantiate $lib_module))
                (alias core export $lib "memory" (core memory $memory))
                (alias core export $lib "realloc" (core func $realloc))
                {lowered}
                (core module $main_module
                    {core}
                    (import "lib" "memory" (memory 0))
                    {fields}
                    (func (export "check-settings") (result i32) {check_settings})
                    (func (export "check") {PARAMETERS} {check}))
                (core instance $host {with})
                (core instance $main (instantiate $main_module
                    (with "host" (instance $host)) (with "lib" (instance $lib))))
                (alias core export $main "check-settings" (core func $main-settings))
                (alias core export $main "check" (core func $main-check))
                {TYPES}
                (func $settings (result (result (error string)))
                    (canon lift (core func $main-settings) (memory $memory)))
                (func $check (param "facts" $facts) (result (result (error $refusal)))
                    (canon lift (core func $main-check) (memory $memory)))
                {EXPORTS})"#
        )
    }
}

const TYPES: &str = r#"
    (type $timestamp (record (field "seconds" s64) (field "nanoseconds" s32)))
    (type $facts (record (field "payload-size" u64) (field "signature-size" u64) (field "header-type" s32)
        (field "timestamp" (option $timestamp)) (field "creator-expires" (option $timestamp))
        (field "received" $timestamp)))
    (type $status (enum "bad-request" "forbidden" "too-large"))
    (type $reason (variant (case "text" string) (case "policy-text")))
    (type $refusal (record (field "status" $status) (field "reason" $reason)))"#;

/// Each type twice, for a component's export must be written in the names of its exports, and its import in others.
const EXPORTS: &str = r#"
    (component $world
        (type $t (record (field "seconds" s64) (field "nanoseconds" s32)))
        (import "import-timestamp" (type $timestamp (eq $t)))
        (type $f (record (field "payload-size" u64) (field "signature-size" u64) (field "header-type" s32)
            (field "timestamp" (option $timestamp)) (field "creator-expires" (option $timestamp))
            (field "received" $timestamp)))
        (import "import-facts" (type $facts (eq $f)))
        (type $s (enum "bad-request" "forbidden" "too-large"))
        (import "import-status" (type $status (eq $s)))
        (type $r (variant (case "text" string) (case "policy-text")))
        (import "import-reason" (type $reason (eq $r)))
        (type $x (record (field "status" $status) (field "reason" $reason)))
        (import "import-refusal" (type $refusal (eq $x)))
        (import "import-settings" (func $settings (result (result (error string)))))
        (import "import-check" (func $check (param "facts" $facts) (result (result (error $refusal)))))
        (export $xtimestamp "timestamp" (type $timestamp))
        (type $xf (record (field "payload-size" u64) (field "signature-size" u64) (field "header-type" s32)
            (field "timestamp" (option $xtimestamp)) (field "creator-expires" (option $xtimestamp))
            (field "received" $xtimestamp)))
        (export $xfacts "facts" (type $xf))
        (export $xstatus "refusal-status" (type $status))
        (export $xreason "refusal-reason" (type $reason))
        (type $xx (record (field "status" $xstatus) (field "reason" $xreason)))
        (export $xrefusal "refusal" (type $xx))
        (export "check-settings" (func $settings))
        (export "check" (func $check) (func (param "facts" $xfacts) (result (result (error $xrefusal))))))
    (instance $guest (instantiate $world
        (with "import-timestamp" (type $timestamp)) (with "import-facts" (type $facts))
        (with "import-status" (type $status)) (with "import-reason" (type $reason))
        (with "import-refusal" (type $refusal))
        (with "import-settings" (func $settings)) (with "import-check" (func $check))))
    (export "raddle:rules/filter-guest@1.0.0" (instance $guest))"#;
