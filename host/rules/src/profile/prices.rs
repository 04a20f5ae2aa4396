//! What work costs, in fuel.
//!
//! One fuel is about one cheap machine instruction; a call of a batch policy has half a million. Prices follow the work
//! of the slowest supported host, so that fuel bounds time: what compiles to a loop, to a library call or to a system
//! call costs more. A price never follows from what an operator cost somewhere else.

use wasmtime::{OperatorCost, VariableOperatorCost};

/// Fuel that each import takes before it works, beside one for each byte that it moves.
pub const IMPORT_BASE: u64 = 100;

/// Bytes that an element of a list counts, beside its own: its place in the list.
pub const LIST_ELEMENT_BYTES: u64 = 8;

/// Fuel that an import takes which evaluates a policy, beside its own: what runs for as long as a signature check,
/// 60 µs where 5 M fuel last 2.4 ms.
pub const POLICY_EVALUATION: u64 = 130_000;

/// Sets the price of each listed operator, and lists all that have one.
macro_rules! prices {
    ($($price:literal: $($operator:ident)+;)+) => {
        /// Every operator that a module may use, with its price in fuel.
        #[cfg(test)]
        pub(crate) const PRICED: &[(&str, u8)] = &[$($((stringify!($operator), $price),)+)+];

        const fn set_prices(mut cost: OperatorCost) -> OperatorCost {
            $($(cost.$operator = $price;)+)+
            cost
        }
    };
}

prices! {
    // Marks in the code: they are no instructions. What returns to a loop's head is a branch, which costs.
    0: Nop Drop Block Loop Else End;

    1: Unreachable If Br BrIf Return Select TypedSelect
       LocalGet LocalSet LocalTee GlobalGet GlobalSet MemorySize TableSize
       I32Const I64Const F32Const F64Const RefNull RefIsNull
       I32Eqz I32Eq I32Ne I32LtS I32LtU I32GtS I32GtU I32LeS I32LeU I32GeS I32GeU
       I64Eqz I64Eq I64Ne I64LtS I64LtU I64GtS I64GtU I64LeS I64LeU I64GeS I64GeU
       I32Add I32Sub I32Mul I32And I32Or I32Xor I32Shl I32ShrS I32ShrU I32Rotl I32Rotr
       I64Add I64Sub I64Mul I64And I64Or I64Xor I64Shl I64ShrS I64ShrU I64Rotl I64Rotr
       I32WrapI64 I64ExtendI32S I64ExtendI32U
       I32Extend8S I32Extend16S I64Extend8S I64Extend16S I64Extend32S
       I32ReinterpretF32 I64ReinterpretF64 F32ReinterpretI32 F64ReinterpretI64;

    // A load may miss the caches, a store may touch a page for the first time.
    2: I32Load I64Load F32Load F64Load
       I32Load8S I32Load8U I32Load16S I32Load16U
       I64Load8S I64Load8U I64Load16S I64Load16U I64Load32S I64Load32U
       I32Store I64Store F32Store F64Store I32Store8 I32Store16 I64Store8 I64Store16 I64Store32
       F32Abs F32Neg F32Copysign F64Abs F64Neg F64Copysign;

    // Several instructions each: the baseline does not count bits, and results that may be NaN are made canonical.
    4: BrTable I32Clz I32Ctz I32Popcnt I64Clz I64Ctz I64Popcnt
       F32Eq F32Ne F32Lt F32Gt F32Le F32Ge F64Eq F64Ne F64Lt F64Gt F64Le F64Ge
       F32Add F32Sub F32Mul F64Add F64Sub F64Mul F32DemoteF64 F64PromoteF32
       F32ConvertI32S F32ConvertI32U F32ConvertI64S F32ConvertI64U
       F64ConvertI32S F64ConvertI32U F64ConvertI64S F64ConvertI64U;

    8: F32Min F32Max F64Min F64Max
       I32TruncF32S I32TruncF32U I32TruncF64S I32TruncF64U
       I64TruncF32S I64TruncF32U I64TruncF64S I64TruncF64U
       I32TruncSatF32S I32TruncSatF32U I32TruncSatF64S I32TruncSatF64U
       I64TruncSatF32S I64TruncSatF32U I64TruncSatF64S I64TruncSatF64U;

    16: I32DivS I32DivU I32RemS I32RemU I64DivS I64DivU I64RemS I64RemU F32Div F32Sqrt F64Div F64Sqrt;

    // Calls into the engine, or, for rounding, into a library: the baseline cannot round.
    32: F32Ceil F32Floor F32Trunc F32Nearest F64Ceil F64Floor F64Trunc F64Nearest
        TableGet TableSet RefFunc MemoryInit DataDrop MemoryCopy MemoryFill
        TableInit ElemDrop TableCopy TableFill;

    // The most that an operator can cost. Calls, because a recursion must run out of fuel before it runs out of native
    // stack; growing, because it is a system call.
    255: Call CallIndirect MemoryGrow TableGrow;
}

/// What a call costs, the callee's entry included.
pub(crate) const CALL: u64 = operator_prices().Call as u64 + 1;

/// What a page costs that a memory is to grow by.
pub(crate) const PAGE_GROWN: u64 = VARIABLE.memory_grow_per_page as u64;

/// Prices of what depends on an operand, beside the operator's own.
const VARIABLE: VariableOperatorCost = {
    let mut cost = VariableOperatorCost::new();
    cost.memory_copy_per_byte = 1;
    cost.memory_fill_per_byte = 1;
    cost.memory_init_per_byte = 1;
    cost.memory_grow_per_page = 255;
    cost.table_copy_per_element = 8;
    cost.table_fill_per_element = 8;
    cost.table_init_per_element = 8;
    cost.table_grow_per_element = 8;
    cost
};

/// The price of every operator of profile 1. (A function's entry costs 1 beside them; the engine sees to that.)
#[must_use]
pub const fn operator_prices() -> OperatorCost {
    let mut cost = set_prices(OperatorCost::new());
    cost.variable = VARIABLE;
    cost
}

/// Fuel that an import takes which moves `bytes`.
pub(crate) const fn import_price(bytes: u64) -> u64 {
    IMPORT_BASE.saturating_add(bytes)
}
