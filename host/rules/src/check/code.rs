//! The bodies of functions: what bounds the compiler's time and the stack that a call takes.

use wasmparser::{
    BlockType, CompositeInnerType, FuncToValidate, FuncValidator, FuncValidatorAllocations, FunctionBody,
    Operator, ValidatorResources, WasmModuleResources,
};

use super::Refusal;
use super::counts::Counts;
use crate::profile::Limit;

/// Bytes of a native frame beside its values: return address, frame pointer, arguments and results on the stack.
const FRAME_BASE_BYTES: u64 = 512;

/// Bytes of a value in a native frame. (There are no vectors.)
const VALUE_BYTES: u64 = 8;

/// Checks one body after another, with the same working memory.
#[derive(Default)]
pub(super) struct Code {
    allocations: FuncValidatorAllocations,
    /// The most stack that a call of one of the functions takes which call others.
    frame_bytes: u64,
}

impl Code {
    /// The most stack that a call takes which can be part of a recursion.
    pub(super) const fn frame_bytes(&self) -> u64 {
        self.frame_bytes
    }

    /// Validates a function and holds it to the limits.
    ///
    /// Parameters and results of blocks need no count here: a block has at most one result of its own, or the type of a
    /// function, which is held to its limits where it is declared.
    pub(super) fn function(
        &mut self,
        function: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'_>,
        counts: &mut Counts,
    ) -> Result<(), Refusal> {
        let mut validator = function.into_validator(std::mem::take(&mut self.allocations));
        let mut locals = u64::from(validator.len_locals());
        for declaration in body.get_locals_reader()? {
            let (count, _) = declaration?;
            locals = locals.saturating_add(u64::from(count));
            counts.at_most(Limit::Locals, locals)?;
        }
        counts.at_most(Limit::Locals, locals)?;
        counts.add(Limit::TotalLocals, locals)?;
        validator.read_locals(&mut body.get_binary_reader())?;

        let (mut blocks, mut values, mut calls) = (0_u64, locals, false);
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset()?;
            if is_block(&operator) {
                blocks = blocks.saturating_add(1);
                counts.at_most(Limit::Blocks, blocks)?;
                counts.add(Limit::TotalBlocks, 1_u64)?;
            }
            validator.op(offset, &operator)?;
            counts.at_most(Limit::Operands, validator.operand_stack_height())?;
            // The function itself is the outermost block.
            counts.at_most(Limit::BlockDepth, validator.control_stack_height().saturating_sub(1))?;
            calls |= matches!(operator, Operator::Call { .. } | Operator::CallIndirect { .. });
            values = values.saturating_add(values_made(&operator, &validator));
        }
        operators.finish()?;
        if calls {
            let frame = FRAME_BASE_BYTES.saturating_add(values.saturating_mul(VALUE_BYTES));
            self.frame_bytes = self.frame_bytes.max(frame);
        }
        self.allocations = validator.into_allocations();
        Ok(())
    }
}

const fn is_block(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. })
}

/// How many values an operator makes that may need a place of their own in the native frame.
///
/// The compiler gives each value that outlives a call a place, and shares a place among values only if it notices that
/// they never live at once. So the number of values, and not how many live at once, bounds the frame. Setting a local
/// counts too: where ways meet on which it was set and was not, it becomes a value of its own. Reading one makes none,
/// and constants are made anew where they are used.
fn values_made(operator: &Operator<'_>, validator: &FuncValidator<ValidatorResources>) -> u64 {
    let resources = validator.resources();
    let function_type = |index: u32| match &resources.sub_type_at(index)?.composite_type.inner {
        CompositeInnerType::Func(function) => Some((function.params().len(), function.results().len())),
        _ => None,
    };
    let results = |index: Option<u32>| index.and_then(function_type).map_or(0, |(_, results)| results);
    let count = match operator {
        Operator::LocalGet { .. }
        | Operator::I32Const { .. }
        | Operator::I64Const { .. }
        | Operator::Nop
        | Operator::Drop
        | Operator::End
        | Operator::Else
        | Operator::Br { .. }
        | Operator::BrIf { .. }
        | Operator::Return
        | Operator::Unreachable => 0,
        Operator::Call { function_index } => results(resources.type_index_of_function(*function_index)),
        Operator::CallIndirect { type_index, .. } => results(Some(*type_index)),
        Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
            match blockty {
                BlockType::Empty => 0,
                BlockType::Type(_) => 1,
                BlockType::FuncType(index) => function_type(*index)
                    .map_or(0, |(parameters, results)| parameters.saturating_add(results)),
            }
        }
        _ => 1,
    };
    u64::try_from(count).unwrap_or(u64::MAX)
}
