//! The answers of a stream, whoever serves it.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::{Response, Status, Streaming};

use super::wire::Fault;
use super::{Client, ClientError, Detail};

/// Answers as they come.
///
/// A stream is opened in a task of its own: Go's servers send their headers with the first answer, so whoever waited
/// for the headers before it asked would wait for ever.
pub(super) struct Incoming<T> {
    address: String,
    answer_max: Duration,
    fault: Fault,
    state: State<T>,
}

enum State<T> {
    Opening(JoinHandle<Result<Response<Streaming<T>>, Status>>),
    Open(Box<Streaming<T>>),
}

impl<T: Send + 'static> Incoming<T> {
    pub(super) fn new(
        client: &Client,
        opening: impl Future<Output = Result<Response<Streaming<T>>, Status>> + Send + 'static,
    ) -> Self {
        Self {
            address: client.address.clone(),
            answer_max: client.patience.answer,
            fault: client.fault.clone(),
            state: State::Opening(tokio::spawn(opening)),
        }
    }

    /// The next answer; none at the stream's end.
    ///
    /// # Errors
    ///
    /// The stream broke, or nothing came for as long as the client has patience.
    pub(super) async fn next(&mut self) -> Result<Option<T>, ClientError> {
        let silence = self.answer_max;
        match timeout(silence, self.next_ever()).await {
            Ok(outcome) => outcome.map_err(|status| self.failed(&status)),
            Err(_) => Err(ClientError::Silent { address: self.address.clone(), silence }),
        }
    }

    /// The same, however long it takes.
    ///
    /// # Errors
    ///
    /// The stream broke.
    pub(super) async fn next_whenever(&mut self) -> Result<Option<T>, ClientError> {
        let outcome = self.next_ever().await;
        outcome.map_err(|status| self.failed(&status))
    }

    fn failed(&self, status: &Status) -> ClientError {
        ClientError::of_grpc(&self.address, status, self.fault.get())
    }

    /// What stands in the trailers, after the last answer. Waits for the stream's end, but not for long: who refuses
    /// and does not end the stream has nothing to add.
    pub(super) async fn detail(&mut self) -> Detail {
        let State::Open(stream) = &mut self.state else { return Detail::default() };
        let trailers = async {
            // The end of a stream may be told as an error whose code is OK.
            while let Ok(Some(_)) = stream.message().await {}
            stream.trailers().await
        };
        match timeout(self.answer_max.min(Duration::from_secs(5)), trailers).await {
            Ok(Ok(Some(trailers))) => Detail::read(&trailers),
            _ => Detail::default(),
        }
    }

    pub(super) fn broken(&self, cause: &str) -> ClientError {
        ClientError::Broken { address: self.address.clone(), cause: cause.to_owned() }
    }

    async fn next_ever(&mut self) -> Result<Option<T>, Status> {
        if let State::Opening(opening) = &mut self.state {
            let opened = opening.await.map_err(|error| Status::internal(error.to_string()))??;
            self.state = State::Open(Box::new(opened.into_inner()));
        }
        match &mut self.state {
            State::Open(stream) => stream.message().await,
            State::Opening(_) => Ok(None),
        }
    }
}

/// An open stream ends with its owner; one that is opening must not outlive it.
impl<T> Drop for Incoming<T> {
    fn drop(&mut self) {
        if let State::Opening(opening) = &self.state {
            opening.abort();
        }
    }
}
