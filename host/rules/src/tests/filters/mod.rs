//! Filters: on the tuned pool, one instance for each envelope.

mod admission;
mod fuel;
pub mod guest;
mod hostile;
mod imports;
mod isolation;
mod pool;
pub mod run;
mod standard;
