//! What the routes share: the node, and the order in which it is asked to act.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::node::Node;
use crate::problem::{Problem, ProblemKind};

/// The most questions that are answered at a time on threads of their own; others wait.
const QUESTIONS_MAX: usize = 4;

/// The node behind its queues.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) node: Arc<dyn Node>,
    /// The document of the API.
    pub(crate) openapi: Arc<str>,
    changes: Arc<Semaphore>,
    questions: Arc<Semaphore>,
}

impl Work {
    pub(crate) fn new(node: Arc<dyn Node>, openapi: Arc<str>) -> Self {
        let (changes, questions) = (Semaphore::new(1), Semaphore::new(QUESTIONS_MAX));
        Self { node, openapi, changes: Arc::new(changes), questions: Arc::new(questions) }
    }

    /// Changes something, after all changes that came before.
    ///
    /// # Cancel safety
    /// Dropped while it waits for its turn, nothing is done; later it is done to its end.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        act: impl FnOnce(&dyn Node) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        self.act(&self.changes, act).await
    }

    /// Asks something that may take a moment.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        act: impl FnOnce(&dyn Node) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        self.act(&self.questions, act).await
    }

    async fn act<T: Send + 'static>(
        &self,
        turns: &Arc<Semaphore>,
        act: impl FnOnce(&dyn Node) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = Arc::clone(turns).acquire_owned().await.expect("no queue is ever closed");
        let node = Arc::clone(&self.node);
        let acted = spawn_blocking(move || {
            let done = act(&*node);
            // Held until here, also where nobody waits for the outcome any more.
            drop(turn);
            done
        });
        acted.await.map_err(|error| {
            tracing::error!(%error, "a request was not carried out");
            Problem::new(ProblemKind::Internal, "the sensor did not carry it out; its log says more")
        })
    }
}
