//! Threads on which filters run: guests need a large stack, and the network's threads must not wait for them. Channels
//! share them fairly.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, unbounded};
use raddle_rules::{GuestStack, StackError, spawn_on_guest_stack};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(GuestStack) + Send>;

/// Nanoseconds that a turn is worth: about what a cheap job takes.
const TURN: i64 = 50_000;

/// A few guest threads, and a queue for them. Dropped with the last job done.
///
/// The threads take one job in turn from each queue that has any. A queue whose jobs took longer than its turns are
/// worth is passed over until it is even, unless no other waits: so nobody waits for more than one job of each other
/// queue, and who spends much has no larger share of the processors than who spends little. (Deficit round robin, with
/// what a job cost known only when it is done.)
///
/// What waits in the queues is bounded by those who ask: a stream has a few envelopes on their way at most, and a
/// server bounds what all its streams hold.
pub struct Workers {
    queue: Arc<Queue>,
}

/// Jobs that are begun in the order in which they came.
struct Queue {
    /// Where queues that have jobs wait for their turn. No queue is in it twice.
    turns: Sender<Arc<Self>>,
    put: Sender<Job>,
    take: Receiver<Job>,
    /// Jobs in it. The queue waits for its turn, or a thread is about to take a job from it, as long as there is one.
    count: AtomicUsize,
    /// Nanoseconds that its turns were worth beyond what its jobs have taken. Below zero it owes.
    credit: AtomicI64,
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
        let began = Instant::now();
        Self::with_clock(name, count, move || i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX))
    }

    /// With another clock, of nanoseconds.
    fn with_clock(
        name: &str,
        count: NonZeroUsize,
        clock: impl Fn() -> i64 + Clone + Send + 'static,
    ) -> Result<Self, StackError> {
        let (turns, waiting) = unbounded::<Arc<Queue>>();
        for index in 0..count.get() {
            let (waiting, clock) = (waiting.clone(), clock.clone());
            spawn_on_guest_stack(&format!("{name}-{index}"), move |stack| {
                for queue in &waiting {
                    if let Some(job) = queue.turn(waiting.is_empty()) {
                        let began = clock();
                        // The one who asked learns it by the answer that does not come.
                        let _ = catch_unwind(AssertUnwindSafe(|| job(stack)));
                        queue.took(clock().saturating_sub(began));
                    }
                }
            })?;
        }
        Ok(Self { queue: Queue::new(turns) })
    }

    /// The same threads, with a queue of its own: what waits in one holds up nothing in the other.
    #[must_use]
    pub fn share(&self) -> Self {
        Self { queue: Queue::new(self.queue.turns.clone()) }
    }

    /// Jobs that no thread has begun with.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.count.load(Ordering::Relaxed)
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
        let is_queued = self.queue.put(job);
        async move { if is_queued { answered.await.map_err(|_| NotCompleted) } else { Err(NotCompleted) } }
    }

    /// The same for work whose answer nobody waits for. Answers whether there are threads that will do it.
    pub(super) fn put(&self, work: impl FnOnce(GuestStack) + Send + 'static) -> bool {
        self.queue.put(Box::new(work))
    }
}

impl Queue {
    fn new(turns: Sender<Arc<Self>>) -> Arc<Self> {
        let (put, take) = unbounded();
        Arc::new(Self { turns, put, take, count: AtomicUsize::new(0), credit: AtomicI64::new(0) })
    }

    /// Whether there are threads that will take the job.
    fn put(self: &Arc<Self>, job: Job) -> bool {
        // Before it is counted, so that who finds the count finds the job.
        let is_put = self.put.send(job).is_ok();
        match self.count.fetch_add(1, Ordering::AcqRel) {
            0 => is_put && self.wait(),
            _ => is_put,
        }
    }

    /// Goes to the end of the queues that wait.
    fn wait(self: &Arc<Self>) -> bool {
        self.turns.send(Arc::clone(self)).is_ok()
    }

    /// It is this queue's turn: the job that is to be done now. None while it owes and others wait.
    fn turn(self: &Arc<Self>, is_alone: bool) -> Option<Job> {
        // Only who has the turn gives credit; others may charge meanwhile, for jobs of before.
        let credit = self.credit.load(Ordering::Relaxed);
        if credit + TURN > 0 {
            // What was not used is not kept: nobody may save up for a flood.
            self.credit.fetch_add(TURN.min(TURN - credit), Ordering::Relaxed);
        } else if is_alone {
            // Nobody had to wait for what it owes.
            self.credit.fetch_sub(credit, Ordering::Relaxed);
        } else {
            self.credit.fetch_add(TURN, Ordering::Relaxed);
            self.wait();
            return None;
        }
        let job = self.take.try_recv().ok();
        // Before the job runs: another thread may take the next one.
        if self.count.fetch_sub(1, Ordering::AcqRel) > 1 {
            self.wait();
        }
        job
    }

    fn took(&self, nanoseconds: i64) {
        self.credit.fetch_sub(nanoseconds, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::*;

    const ONE: NonZeroUsize = NonZeroUsize::MIN;

    #[tokio::test]
    async fn a_panic_ends_the_job_and_not_the_thread() {
        let workers = Workers::start("test", ONE).unwrap();
        let failed = workers.run(|_| -> u8 { panic!("a job that panics") }).await;
        assert_eq!(failed, Err(NotCompleted));
        assert_eq!(workers.run(|_| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn an_answer_that_nobody_waits_for_is_not_worked_out() {
        let workers = Workers::start("test", ONE).unwrap();
        let (go, wait) = channel::<()>();
        let first = workers.run(move |_| wait.recv().is_ok());
        let (seen, has_run) = channel();
        drop(workers.run(move |_| seen.send(())));
        go.send(()).unwrap();
        assert_eq!(first.await, Ok(true));
        assert_eq!(workers.run(|_| ()).await, Ok(()));
        assert!(has_run.recv().is_err());
    }

    #[tokio::test]
    async fn the_threads_end_with_the_last_who_may_ask_when_all_that_was_asked_is_done() {
        let (alive, ended) = channel::<()>();
        let clock = move || {
            let _ = &alive;
            0
        };
        let workers = Workers::with_clock("test", NonZeroUsize::new(4).unwrap(), clock).unwrap();
        let answers: Vec<_> = (0..1_000).map(|number| workers.share().run(move |_| number)).collect();
        drop(workers);
        for (number, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.await, Ok(number));
        }
        assert!(ended.recv().is_err());
    }

    /// One thread whose clock only jobs move, and which is held while they are given to it.
    struct Bench {
        workers: Workers,
        now: Arc<AtomicI64>,
        done: Arc<Mutex<String>>,
    }

    impl Bench {
        fn new() -> Self {
            let now = Arc::new(AtomicI64::new(0));
            let read = Arc::clone(&now);
            let workers = Workers::with_clock("test", ONE, move || read.load(Ordering::Relaxed)).unwrap();
            Self { workers, now, done: Arc::default() }
        }

        /// The letters of so many jobs of each queue, with what each of them takes, in the order in which they were
        /// done.
        async fn order(&self, jobs: &[(&Workers, char, usize, i64)]) -> String {
            let (go, wait) = channel::<()>();
            assert!(self.workers.queue.put(Box::new(move |_| wait.recv().unwrap())));
            let mut answers = Vec::new();
            for (workers, letter, count, nanoseconds) in jobs.iter().copied() {
                for _ in 0..count {
                    let (now, done) = (Arc::clone(&self.now), Arc::clone(&self.done));
                    answers.push(workers.run(move |_| {
                        now.fetch_add(nanoseconds, Ordering::Relaxed);
                        done.lock().unwrap().push(letter);
                    }));
                }
            }
            go.send(()).unwrap();
            for answer in answers {
                answer.await.unwrap();
            }
            // What the last one took is charged behind its answer.
            self.workers.run(|_| ()).await.unwrap();
            std::mem::take(&mut self.done.lock().unwrap())
        }
    }

    /// What a filter's fuel lasts, about.
    const DEAR: i64 = 50 * TURN;

    #[tokio::test]
    async fn a_flood_of_dear_jobs_does_not_hold_up_a_modest_queue() {
        let bench = Bench::new();
        let (greedy, modest) = (bench.workers.share(), bench.workers.share());
        let order = bench.order(&[(&greedy, 'G', 200, DEAR), (&modest, 'm', 100, TURN)]).await;
        // Never two of the flood while another waits, and no more time in all.
        let turn = format!("G{}", "m".repeat(50));
        assert_eq!(order, format!("{turn}{turn}{}", "G".repeat(198)));
    }

    #[tokio::test]
    async fn queues_whose_jobs_cost_alike_take_turns_and_each_keeps_its_order() {
        let bench = Bench::new();
        let queues: Vec<_> = (0..3).map(|_| bench.workers.share()).collect();
        let jobs: Vec<_> = queues.iter().zip('a'..).map(|(queue, letter)| (queue, letter, 3, TURN)).collect();
        assert_eq!(bench.order(&jobs).await, "abcabcabc");
    }

    #[tokio::test]
    async fn what_was_spent_while_nobody_waited_is_not_held_against_a_queue() {
        let bench = Bench::new();
        let (greedy, late) = (bench.workers.share(), bench.workers.share());
        assert_eq!(bench.order(&[(&greedy, 'G', 100, DEAR)]).await, "G".repeat(100));
        // It owes for one of the hundred.
        let order = bench.order(&[(&greedy, 'g', 1, TURN), (&late, 'l', 60, TURN)]).await;
        assert_eq!(order.find('g'), Some(50));
    }
}
