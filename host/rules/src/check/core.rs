//! The core modules of a component: what they have and how much of it.

use wasmparser::{CompositeInnerType, DataKind, ElementItems, Operator, Payload, SectionLimited, TypeRef};

use super::{Construct, Refusal, add, at_most, name, not_allowed};
use crate::profile::{Limit, PAGE_BYTES};

/// Counts over all core modules, and over custom sections wherever they stand.
#[derive(Debug, Default)]
pub(super) struct Totals {
    custom_sections: u64,
    custom_bytes: u64,
    types: u64,
    globals: u64,
    functions: u64,
    element_items: u64,
    pub(super) locals: u64,
    pub(super) blocks: u64,
}

impl Totals {
    pub(super) fn custom_section(&mut self, bytes: usize) -> Result<(), Refusal> {
        add(Limit::CustomSections, &mut self.custom_sections, 1_u64)?;
        add(Limit::CustomSectionBytes, &mut self.custom_bytes, bytes)
    }
}

/// One core module.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CoreModule {
    /// Memories that it makes.
    pub(super) memories: u64,
    /// Bytes that its memory starts with.
    pub(super) memory_bytes: u64,
    /// Tables that it makes.
    pub(super) tables: u64,
    /// Whether instantiating it runs code.
    pub(super) has_start: bool,
}

impl CoreModule {
    /// Counts what a section says it has, before it is read.
    pub(super) fn before(&mut self, payload: &Payload<'_>, totals: &mut Totals) -> Result<(), Refusal> {
        match payload {
            Payload::TypeSection(section) => add(Limit::Types, &mut totals.types, section.count()),
            Payload::ImportSection(section) => at_most(Limit::Imports, section.count()),
            Payload::FunctionSection(section) => {
                add(Limit::Functions, &mut totals.functions, section.count())
            }
            Payload::TableSection(section) => add(Limit::Tables, &mut self.tables, section.count()),
            Payload::MemorySection(section) => add(Limit::Memories, &mut self.memories, section.count()),
            Payload::GlobalSection(section) => add(Limit::Globals, &mut totals.globals, section.count()),
            Payload::ExportSection(section) => at_most(Limit::Exports, section.count()),
            Payload::ElementSection(section) => at_most(Limit::ElementSegments, section.count()),
            Payload::DataSection(section) => at_most(Limit::DataSegments, section.count()),
            Payload::DataCountSection { count, .. } => at_most(Limit::DataSegments, *count),
            Payload::StartSection { .. } => {
                self.has_start = true;
                Ok(())
            }
            Payload::CodeSectionEntry(body) => at_most(Limit::BodyBytes, body.range().len()),
            _ => Ok(()),
        }
    }

    /// Reads a section that is valid.
    pub(super) fn after(&mut self, payload: &Payload<'_>, totals: &mut Totals) -> Result<(), Refusal> {
        match payload {
            Payload::TypeSection(section) => types(section),
            Payload::ImportSection(section) => section.clone().into_imports().try_for_each(|import| {
                let import = import?;
                name(import.module)?;
                name(import.name)?;
                match import.ty {
                    TypeRef::Table(table) => at_most(Limit::TableElements, table.initial),
                    TypeRef::Memory(memory) => at_most(Limit::InitialMemoryBytes, bytes_of(memory.initial)),
                    _ => Ok(()),
                }
            }),
            Payload::TableSection(section) => section
                .clone()
                .into_iter()
                .try_for_each(|table| at_most(Limit::TableElements, table?.ty.initial)),
            Payload::MemorySection(section) => section.clone().into_iter().try_for_each(|memory| {
                self.memory_bytes = bytes_of(memory?.initial);
                at_most(Limit::InitialMemoryBytes, self.memory_bytes)
            }),
            Payload::ExportSection(section) => {
                section.clone().into_iter().try_for_each(|export| name(export?.name))
            }
            Payload::ElementSection(section) => section.clone().into_iter().try_for_each(|segment| {
                let items = match segment?.items {
                    ElementItems::Functions(items) => items.count(),
                    ElementItems::Expressions(_, items) => items.count(),
                };
                add(Limit::ElementItems, &mut totals.element_items, items)
            }),
            Payload::DataSection(section) => self.data(section),
            _ => Ok(()),
        }
    }

    /// Active data lies within the memory that the module starts with, so that making an instance writes what it must
    /// and does not fail half way.
    fn data(&self, section: &SectionLimited<'_, wasmparser::Data<'_>>) -> Result<(), Refusal> {
        for (segment, data) in (0..).zip(section.clone()) {
            let data = data?;
            let DataKind::Active { offset_expr, .. } = data.kind else { continue };
            if self.memories == 0 {
                return not_allowed(Construct::ForeignData);
            }
            let mut operators = offset_expr.get_operators_reader();
            let (Operator::I32Const { value }, Operator::End) = (operators.read()?, operators.read()?) else {
                return not_allowed(Construct::ComputedDataAddress);
            };
            let length = u64::try_from(data.data.len()).unwrap_or(u64::MAX);
            let end = u64::from(value.cast_unsigned()).saturating_add(length);
            if end > self.memory_bytes {
                return Err(Refusal::DataOutside { segment, end, memory: self.memory_bytes });
            }
        }
        Ok(())
    }
}

fn bytes_of(pages: u64) -> u64 {
    pages.saturating_mul(PAGE_BYTES)
}

fn types(section: &wasmparser::TypeSectionReader<'_>) -> Result<(), Refusal> {
    for group in section.clone() {
        for ty in group?.types() {
            // Without garbage collection, every type is a function's.
            if let CompositeInnerType::Func(function) = &ty.composite_type.inner {
                at_most(Limit::Parameters, function.params().len())?;
                at_most(Limit::Results, function.results().len())?;
            }
        }
    }
    Ok(())
}
