//! Batch policies with much of what the profile's limits count.

use std::fmt::Write as _;

use super::Limit;
use super::guest::Guest;

/// The limits of which [`guest_with`] makes too much, alone. Of the others the tests' own guest has too many parts, or
/// too little can be said in text; each has a test of its own beside the check.
pub fn limits() -> impl Iterator<Item = Limit> {
    let others = [
        Limit::ComponentBytes,
        Limit::ComponentNames,
        Limit::Aliases,
        Limit::CanonicalFunctions,
        Limit::Imports,
    ];
    Limit::ALL.iter().copied().filter(move |limit| !others.contains(limit))
}

/// A guest with `amount` more of what a limit counts than the tests' own guest has.
pub fn guest_with(limit: Limit, amount: usize) -> Vec<u8> {
    let own = Guest::default();
    let memory = match limit {
        Limit::InitialMemoryBytes => format!(r#"(memory (export "memory") {})"#, amount.div_ceil(65_536)),
        Limit::DataSegments => own.memory.to_owned() + &r#"(data "")"#.repeat(amount),
        _ => own.memory.to_owned(),
    };
    let (fields, component) = (fields_with(limit, amount), component_with(limit, amount));
    Guest { memory: &memory, fields: &fields, component: &component, ..own }.build()
}

fn component_with(limit: Limit, amount: usize) -> String {
    let instances =
        |module: &str| format!("{module} {}", "(core instance (instantiate $more))".repeat(amount));
    match limit {
        Limit::CustomSectionBytes => format!(r#"(@custom "x" "{}")"#, "x".repeat(amount)),
        Limit::CustomSections => r#"(@custom "x" "")"#.repeat(amount),
        Limit::CoreModules => "(core module)".repeat(amount),
        Limit::CoreInstances => instances("(core module $more)"),
        Limit::Memories => instances("(core module $more (memory 1))"),
        Limit::ComponentInstances => "(instance)".repeat(amount),
        Limit::NestedComponents => "(component)".repeat(amount),
        Limit::ComponentDepth => "(component ".repeat(amount) + &")".repeat(amount),
        Limit::ComponentTypes => "(type (list u8))".repeat(amount),
        _ => String::new(),
    }
}

fn fields_with(limit: Limit, amount: usize) -> String {
    let function = |body: &str| format!("(func {body})");
    let functions = |text: &str, each: usize| {
        function(&text.repeat(each)).repeat(amount / each) + &function(&text.repeat(amount % each))
    };
    match limit {
        Limit::Tables => "(table 1 funcref)".repeat(amount),
        Limit::TableElements => format!("(table {amount} funcref)"),
        Limit::ElementSegments => "(elem func)".repeat(amount),
        Limit::ElementItems => format!("(func $f) (elem func {})", "$f ".repeat(amount)),
        Limit::Types => "(type (func))".repeat(amount),
        Limit::Exports => (0..amount).fold("(func $f)".to_owned(), |mut text, index| {
            write!(text, r#"(export "{index}" (func $f))"#).unwrap();
            text
        }),
        Limit::Globals => "(global i32 (i32.const 0))".repeat(amount),
        Limit::Functions => "(func)".repeat(amount),
        Limit::BodyBytes => function(&"nop ".repeat(amount)),
        Limit::Locals => function(&format!("(param i32) (local {})", "i32 ".repeat(amount))),
        Limit::TotalLocals => functions("(local i64)", 500),
        Limit::Parameters => function(&format!("(param {})", "i32 ".repeat(amount))),
        Limit::Results => function(&format!("(result {}) unreachable", "i32 ".repeat(amount))),
        Limit::Blocks => function(&"(block)".repeat(amount)),
        Limit::TotalBlocks => functions("(block)", 1_000),
        Limit::BlockDepth => function(&("(block ".repeat(amount) + &")".repeat(amount))),
        Limit::Operands => function(&("i32.const 0 ".repeat(amount) + &"drop ".repeat(amount))),
        Limit::NameBytes => format!(r#"(func (export "{}"))"#, "n".repeat(amount)),
        _ => String::new(),
    }
}
