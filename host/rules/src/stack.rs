//! Threads with a stack on which guests may run.
//!
//! A module's recursion must end by fuel, which every orderer counts alike, and never by the native stack, whose frames
//! are the compiler's choice. So guests get far more stack than fuel can use, on threads of our own: what is reserved
//! is addresses, and memory only where a guest goes.

use std::io;
use std::marker::PhantomData;
use std::thread::{Builder, JoinHandle};

/// Bytes of stack that a guest may use.
pub const GUEST_BYTES: usize = 256 << 20;

/// Bytes of stack of a guest thread. What is above [`GUEST_BYTES`] belongs to the host's own functions.
pub const THREAD_BYTES: usize = 272 << 20;

/// Proof that this thread has a stack for guests. Without it no module runs. It cannot leave its thread.
#[derive(Clone, Copy, Debug)]
pub struct GuestStack {
    stays_on_its_thread: PhantomData<*const ()>,
}

/// Why there is no answer from a guest thread.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The system gave no thread, or no addresses for its stack.
    #[error("no thread `{name}` with {THREAD_BYTES} bytes of stack: {cause}")]
    Spawn {
        /// The thread's name.
        name: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The thread panicked: our bug.
    #[error("thread `{name}` panicked")]
    Panicked {
        /// The thread's name.
        name: String,
    },
}

/// Runs `work` on a guest thread of its own and waits for it.
///
/// # Errors
///
/// See [`StackError`].
pub fn on_guest_stack<T: Send>(
    name: &str,
    work: impl FnOnce(GuestStack) -> T + Send,
) -> Result<T, StackError> {
    std::thread::scope(|scope| {
        builder(name)
            .spawn_scoped(scope, move || work(GuestStack::here()))
            .map_err(|cause| StackError::Spawn { name: name.to_owned(), cause })?
            .join()
            .map_err(|_| StackError::Panicked { name: name.to_owned() })
    })
}

/// Starts a guest thread that lives on its own.
///
/// # Errors
///
/// [`StackError::Spawn`].
pub fn spawn_on_guest_stack<T: Send + 'static>(
    name: &str,
    work: impl FnOnce(GuestStack) -> T + Send + 'static,
) -> Result<JoinHandle<T>, StackError> {
    builder(name)
        .spawn(move || work(GuestStack::here()))
        .map_err(|cause| StackError::Spawn { name: name.to_owned(), cause })
}

fn builder(name: &str) -> Builder {
    Builder::new().name(name.to_owned()).stack_size(THREAD_BYTES)
}

impl GuestStack {
    /// Only for the first function of a guest thread.
    const fn here() -> Self {
        Self { stays_on_its_thread: PhantomData }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names one implementation only for a type that is not `Send`; for any other this file does not compile.
    trait OnlyIfNotSend<T> {
        fn holds() {}
    }
    impl<T> OnlyIfNotSend<()> for T {}
    impl<T: Send> OnlyIfNotSend<u8> for T {}

    #[test]
    fn the_proof_of_a_stack_stays_on_its_thread() {
        <GuestStack as OnlyIfNotSend<_>>::holds();
        <crate::ModulePolicy as OnlyIfNotSend<_>>::holds();
        <crate::ModuleBatch as OnlyIfNotSend<_>>::holds();
    }

    #[test]
    fn a_guest_thread_has_its_name_and_gives_back_what_it_found() {
        let name = on_guest_stack("rules-test", |_| std::thread::current().name().map(str::to_owned));
        assert_eq!(name.ok().flatten().as_deref(), Some("rules-test"));
        let own = spawn_on_guest_stack("rules-own", |_| 7).map(std::thread::JoinHandle::join);
        assert!(matches!(own, Ok(Ok(7))));
    }
}
