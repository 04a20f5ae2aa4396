//! The bodies of functions: what bounds the compiler's time and the stack that a call takes.

use wasmparser::{FuncToValidate, FuncValidatorAllocations, FunctionBody, Operator, ValidatorResources};

use super::core::Totals;
use super::{Refusal, add, at_most};
use crate::profile::Limit;

/// Checks one body after another, with the same working memory.
#[derive(Default)]
pub(super) struct Code {
    allocations: FuncValidatorAllocations,
}

impl Code {
    /// Validates a function and holds it to the limits.
    ///
    /// Parameters and results of blocks need no count here: a block has at most one result of its own, or the type of a
    /// function, which is held to its limits where it is declared.
    pub(super) fn function(
        &mut self,
        function: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'_>,
        totals: &mut Totals,
    ) -> Result<(), Refusal> {
        let mut validator = function.into_validator(std::mem::take(&mut self.allocations));
        let mut locals = u64::from(validator.len_locals());
        let mut reader = body.get_binary_reader();
        let declarations = body.get_locals_reader()?;
        for declaration in declarations {
            let (count, _) = declaration?;
            add(Limit::Locals, &mut locals, count)?;
        }
        at_most(Limit::Locals, locals)?;
        add(Limit::TotalLocals, &mut totals.locals, locals)?;
        validator.read_locals(&mut reader)?;

        let mut blocks = 0;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset()?;
            if matches!(operator, Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. }) {
                add(Limit::Blocks, &mut blocks, 1_u64)?;
                add(Limit::TotalBlocks, &mut totals.blocks, 1_u64)?;
            }
            validator.op(offset, &operator)?;
            at_most(Limit::Operands, validator.operand_stack_height())?;
            // The function itself is the outermost block.
            at_most(Limit::BlockDepth, validator.control_stack_height().saturating_sub(1))?;
        }
        operators.finish()?;
        self.allocations = validator.into_allocations();
        Ok(())
    }
}
