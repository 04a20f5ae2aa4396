//! Threads on which filters run: guests need a large stack, and the network's threads must not wait for them.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crossbeam_channel::{Sender, unbounded};
use raddle_rules::{GuestStack, StackError, spawn_on_guest_stack};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(GuestStack) + Send>;

/// A few guest threads that share one queue. Dropped with the last job done.
///
/// What waits in the queue is bounded by those who ask: a stream has a few envelopes on their way at most, and a server
/// bounds what all its streams hold.
pub struct Workers {
    queue: Sender<Job>,
}

/// There is no answer: the job panicked, which is our bug, or the process is about to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the judgement was not completed")]
pub struct NotCompleted;

impl Workers {
    /// Starts `count` threads, named after what they do.
    ///
    /// # Errors
    ///
    /// The system gives no thread, or no addresses for its stack.
    pub fn start(name: &str, count: NonZeroUsize) -> Result<Self, StackError> {
        let (queue, jobs) = unbounded::<Job>();
        for index in 0..count.get() {
            let jobs = jobs.clone();
            spawn_on_guest_stack(&format!("{name}-{index}"), move |stack| {
                for job in jobs {
                    // The one who asked learns it by the answer that does not come.
                    let _ = catch_unwind(AssertUnwindSafe(|| job(stack)));
                }
            })?;
        }
        Ok(Self { queue })
    }

    /// Runs `work` on one of the threads. Its place in the queue is taken at the call.
    ///
    /// # Errors
    ///
    /// See [`NotCompleted`].
    pub fn run<T: Send + 'static, F: FnOnce(GuestStack) -> T + Send + 'static>(
        &self,
        work: F,
    ) -> impl Future<Output = Result<T, NotCompleted>> + Send + use<T, F> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |stack| {
            // Nobody waits for the answer of an envelope behind a refused one, so nobody needs it worked out.
            if !answer.is_closed() {
                let _ = answer.send(work(stack));
            }
        });
        let is_queued = self.queue.send(job).is_ok();
        async move { if is_queued { answered.await.map_err(|_| NotCompleted) } else { Err(NotCompleted) } }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    #[tokio::test]
    async fn a_panic_ends_the_job_and_not_the_thread() {
        let workers = Workers::start("test", NonZeroUsize::MIN).unwrap();
        let failed = workers.run(|_| -> u8 { panic!("a job that panics") }).await;
        assert_eq!(failed, Err(NotCompleted));
        assert_eq!(workers.run(|_| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn an_answer_that_nobody_waits_for_is_not_worked_out() {
        let workers = Workers::start("test", NonZeroUsize::MIN).unwrap();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let first = workers.run(move |_| wait.recv().is_ok());
        let (seen, has_run) = std::sync::mpsc::channel();
        drop(workers.run(move |_| seen.send(())));
        go.send(()).unwrap();
        assert_eq!(first.await, Ok(true));
        assert_eq!(workers.run(|_| ()).await, Ok(()));
        assert!(has_run.recv().is_err());
    }
}
