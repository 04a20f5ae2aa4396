//! Batch policies from WebAssembly text: a component around core code that a test gives.

use std::fmt::Write as _;

/// The parts of a guest. Each is text of a core module; the defaults make a guest that never cuts.
pub struct Guest<'a> {
    /// Fields of the module that holds the memory: data segments and the like.
    pub memory: &'a str,
    /// Body of `realloc`: four parameters, one result.
    pub realloc: &'a str,
    /// Fields of the main module: globals, tables, more functions, a start function.
    pub fields: &'a str,
    /// Body of `check-settings`: a pointer to the answer.
    pub check: &'a str,
    /// Body of `fits`. Parameters: `$size $has_type $type $creator $count $bytes`.
    pub fits: &'a str,
    /// Body of `add`.
    pub add: &'a str,
    /// More fields of the component, after all others.
    pub component: &'a str,
}

impl Default for Guest<'_> {
    fn default() -> Self {
        Self {
            memory: r#"(memory (export "memory") 1)"#,
            realloc: "i32.const 1024",
            fields: "",
            check: "i32.const 0",
            fits: "i32.const 1",
            add: "i32.const 0",
            component: "",
        }
    }
}

const PARAMETERS: &str = "(param $size i64) (param $has_type i32) (param $type i32) (param $creator i32) \
     (param $count i32) (param $bytes i64) (result i32)";

/// A function's name, its type in the component and its type in the core module.
type Import = (&'static str, &'static str, &'static str);

/// An interface, its types, its functions.
pub type Interface = (&'static str, &'static str, &'static [Import]);

/// The imports that both worlds have.
pub const COMMON: &[Interface] = &[
    (
        "channel",
        r#"(type $l (record (field "max-message-count" u32) (field "absolute-max-bytes" u32)
               (field "preferred-max-bytes" u32)))
           (export "batch-limits" (type $limits (eq $l)))
           (type $m (enum "normal" "maintenance")) (export "consensus-mode" (type $mode (eq $m)))"#,
        &[
            ("name", "(result string)", "(param i32)"),
            ("config-sequence", "(result u64)", "(result i64)"),
            ("batch-size", "(result $limits)", "(param i32)"),
            ("absolute-max-bytes", "(result u32)", "(result i32)"),
            ("has-expiration-check", "(result bool)", "(result i32)"),
            ("consensus-state", "(result $mode)", "(result i32)"),
            (
                "has-orderer-capability",
                r#"(param "name" string) (result bool)"#,
                "(param i32 i32) (result i32)",
            ),
        ],
    ),
    (
        "settings",
        "",
        &[
            ("keys", "(result (list string))", "(param i32)"),
            ("get", r#"(param "key" string) (result (option string))"#, "(param i32 i32 i32)"),
        ],
    ),
    (
        "logging",
        r#"(type $l (enum "debug" "info" "warn" "error")) (export "level" (type $level (eq $l)))"#,
        &[("log", r#"(param "level" $level) (param "message" string)"#, "(param i32 i32 i32)")],
    ),
];

const CREATORS: Interface = (
    "creators",
    "",
    &[
        ("msp-id", r#"(param "creator" u32) (result (option string))"#, "(param i32 i32)"),
        ("identity", r#"(param "creator" u32) (result (list u8))"#, "(param i32 i32)"),
    ],
);

/// Text that brings a world's imports from the component's to the main module.
#[derive(Default)]
pub struct Imports {
    /// The component's imports.
    pub component: String,
    /// What lowers them, given `$memory` and `$realloc`.
    pub lowered: String,
    /// The main module's imports.
    pub core: String,
    /// What the main module is instantiated with.
    pub with: String,
}

impl Imports {
    pub fn of(own: Interface) -> Self {
        let mut text = Self::default();
        for (interface, types, functions) in COMMON.iter().chain([&own]) {
            let open = format!(r#"(import "raddle:rules/{interface}@1.0.0" (instance ${interface} {types}"#);
            writeln!(text.component, "{open}").unwrap();
            for (name, component_type, core_type) in *functions {
                writeln!(text.component, r#"(export "{name}" (func {component_type}))"#).unwrap();
                writeln!(
                    text.lowered,
                    r#"(alias export ${interface} "{name}" (func $c-{name}))
                       (core func ${name} (canon lower (func $c-{name}) (memory $memory) (realloc $realloc)))"#
                )
                .unwrap();
                writeln!(text.core, r#"(import "host" "{name}" (func ${name} {core_type}))"#).unwrap();
                writeln!(text.with, r#"(export "{name}" (func ${name}))"#).unwrap();
            }
            text.component.push_str("))\n");
        }
        text
    }
}

impl Guest<'_> {
    /// The component's bytes.
    pub fn build(&self) -> Vec<u8> {
        wat::parse_str(self.text()).unwrap_or_else(|error| panic!("{error}\n{}", self.text()))
    }

    /// The component's text.
    pub fn text(&self) -> String {
        let Imports { component: imports, lowered, core, with } = Imports::of(CREATORS);
        let Self { memory, realloc, fields, check, fits, add, component } = self;
        format!(
            r#"(component
                {imports}
                (core module $lib_module
                    {memory}
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc}))
                (core instance $lib (instantiate $lib_module))
                (alias core export $lib "memory" (core memory $memory))
                (alias core export $lib "realloc" (core func $realloc))
                {lowered}
                (core module $main_module
                    {core}
                    (import "lib" "memory" (memory 0))
                    {fields}
                    (func (export "check-settings") (result i32) {check})
                    (func (export "fits") {PARAMETERS} {fits})
                    (func (export "add") {PARAMETERS} {add}))
                (core instance $host {with})
                (core instance $main (instantiate $main_module
                    (with "host" (instance $host)) (with "lib" (instance $lib))))
                (alias core export $main "check-settings" (core func $main-check))
                (alias core export $main "fits" (core func $main-fits))
                (alias core export $main "add" (core func $main-add))
                (type $info (record (field "size" u64) (field "header-type" (option s32)) (field "creator" u32)))
                (type $pending (record (field "count" u32) (field "bytes" u64)))
                (func $check (result (result (error string)))
                    (canon lift (core func $main-check) (memory $memory)))
                (func $fits (param "envelope" $info) (param "pending" $pending) (result bool)
                    (canon lift (core func $main-fits)))
                (func $add (param "envelope" $info) (param "pending" $pending) (result bool)
                    (canon lift (core func $main-add)))
                {COMPONENT_EXPORTS}
                {component})"#
        )
    }
}

const COMPONENT_EXPORTS: &str = r#"
    (component $world
        (type $i (record (field "size" u64) (field "header-type" (option s32)) (field "creator" u32)))
        (import "import-info" (type $info (eq $i)))
        (type $p (record (field "count" u32) (field "bytes" u64)))
        (import "import-pending" (type $pending (eq $p)))
        (import "import-check" (func $check (result (result (error string)))))
        (import "import-fits" (func $fits (param "envelope" $info) (param "pending" $pending) (result bool)))
        (import "import-add" (func $add (param "envelope" $info) (param "pending" $pending) (result bool)))
        (export $xinfo "envelope-info" (type $info))
        (export $xpending "pending" (type $pending))
        (export "check-settings" (func $check))
        (export "fits" (func $fits) (func (param "envelope" $xinfo) (param "pending" $xpending) (result bool)))
        (export "add" (func $add) (func (param "envelope" $xinfo) (param "pending" $xpending) (result bool))))
    (instance $guest (instantiate $world
        (with "import-info" (type $info)) (with "import-pending" (type $pending))
        (with "import-check" (func $check)) (with "import-fits" (func $fits)) (with "import-add" (func $add))))
    (export "raddle:rules/batch-guest@1.0.0" (instance $guest))"#;
