//! The core modules of a component: what they have and how much of it.

use wasmparser::{CompositeInnerType, DataKind, ElementItems, Operator, Payload, SectionLimited, TypeRef};

use super::counts::Counts;
use super::{Construct, Refusal, name, not_allowed};
use crate::profile::{Limit, PAGE_BYTES};

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
    pub(super) fn before(&mut self, payload: &Payload<'_>, counts: &mut Counts) -> Result<(), Refusal> {
        match payload {
            Payload::TypeSection(section) => counts.add(Limit::Types, section.count()),
            Payload::ImportSection(section) => counts.at_most(Limit::Imports, section.count()),
            Payload::FunctionSection(section) => counts.add(Limit::Functions, section.count()),
            Payload::TableSection(section) => count(&mut self.tables, Limit::Tables, section.count(), counts),
            Payload::MemorySection(section) => {
                count(&mut self.memories, Limit::Memories, section.count(), counts)
            }
            Payload::GlobalSection(section) => counts.add(Limit::Globals, section.count()),
            Payload::ExportSection(section) => counts.at_most(Limit::Exports, section.count()),
            Payload::ElementSection(section) => counts.at_most(Limit::ElementSegments, section.count()),
            Payload::DataSection(section) => counts.at_most(Limit::DataSegments, section.count()),
            Payload::DataCountSection { count, .. } => counts.at_most(Limit::DataSegments, *count),
            Payload::StartSection { .. } => {
                self.has_start = true;
                Ok(())
            }
            Payload::CodeSectionEntry(body) => counts.at_most(Limit::BodyBytes, body.range().len()),
            _ => Ok(()),
        }
    }

    /// Reads a section that is valid.
    pub(super) fn after(&mut self, payload: &Payload<'_>, counts: &mut Counts) -> Result<(), Refusal> {
        match payload {
            Payload::TypeSection(section) => types(section, counts),
            Payload::ImportSection(section) => section.clone().into_imports().try_for_each(|import| {
                let import = import?;
                name(import.module, counts)?;
                name(import.name, counts)?;
                match import.ty {
                    TypeRef::Table(table) => counts.at_most(Limit::TableElements, table.initial),
                    TypeRef::Memory(memory) => {
                        counts.at_most(Limit::InitialMemoryBytes, bytes_of(memory.initial))
                    }
                    _ => Ok(()),
                }
            }),
            Payload::TableSection(section) => section
                .clone()
                .into_iter()
                .try_for_each(|table| counts.at_most(Limit::TableElements, table?.ty.initial)),
            Payload::MemorySection(section) => section.clone().into_iter().try_for_each(|memory| {
                self.memory_bytes = bytes_of(memory?.initial);
                counts.at_most(Limit::InitialMemoryBytes, self.memory_bytes)
            }),
            Payload::ExportSection(section) => {
                section.clone().into_iter().try_for_each(|export| name(export?.name, counts))
            }
            Payload::ElementSection(section) => section.clone().into_iter().try_for_each(|segment| {
                let items = match segment?.items {
                    ElementItems::Functions(items) => items.count(),
                    ElementItems::Expressions(_, items) => items.count(),
                };
                counts.add(Limit::ElementItems, items)
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

/// Adds to what each core module has of its own, which counts again where it is instantiated.
fn count(own: &mut u64, limit: Limit, more: u32, counts: &mut Counts) -> Result<(), Refusal> {
    *own = own.saturating_add(u64::from(more));
    counts.at_most(limit, *own)
}

fn bytes_of(pages: u64) -> u64 {
    pages.saturating_mul(PAGE_BYTES)
}

fn types(section: &wasmparser::TypeSectionReader<'_>, counts: &mut Counts) -> Result<(), Refusal> {
    for group in section.clone() {
        for ty in group?.types() {
            // Without garbage collection, every type is a function's.
            if let CompositeInnerType::Func(function) = &ty.composite_type.inner {
                counts.at_most(Limit::Parameters, function.params().len())?;
                counts.at_most(Limit::Results, function.results().len())?;
            }
        }
    }
    Ok(())
}
