//! Many small questions to the database, asked as few large ones.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

/// Gathers questions while a batch of earlier ones is under way. One who waits asks for all who wait, so
/// there is no task to run and nothing to shut down. The first question of all is asked at once.
#[derive(Debug)]
pub struct Batcher<Q, A> {
    waiting: Mutex<Vec<(Q, oneshot::Sender<A>)>>,
    turn: tokio::sync::Mutex<()>,
    max: usize,
}

impl<Q: Clone + Send, A: Send> Batcher<Q, A> {
    /// At most `max` questions in one batch.
    pub fn new(max: usize) -> Self {
        Self { waiting: Mutex::default(), turn: tokio::sync::Mutex::default(), max: max.max(1) }
    }

    /// Asks. `answer_all` gives an answer for each question, in their order; all callers give the same
    /// function. It may be asked a question twice if a caller is dropped, so it must be idempotent.
    pub async fn ask<F, Fut>(&self, question: Q, answer_all: F) -> A
    where
        F: Fn(Vec<Q>) -> Fut + Send,
        Fut: Future<Output = Vec<A>> + Send,
    {
        loop {
            let (sender, mut receiver) = oneshot::channel();
            self.lock().push((question.clone(), sender));
            loop {
                let turn = tokio::select! {
                    biased;
                    answer = &mut receiver => match answer {
                        Ok(answer) => return answer,
                        // Whoever asked for us was dropped.
                        Err(_) => break,
                    },
                    turn = self.turn.lock() => turn,
                };
                match receiver.try_recv() {
                    Ok(answer) => return answer,
                    Err(TryRecvError::Closed) => break,
                    Err(TryRecvError::Empty) => {}
                }
                let (questions, senders): (Vec<Q>, Vec<_>) = {
                    let mut waiting = self.lock();
                    let count = waiting.len().min(self.max);
                    waiting.drain(..count).unzip()
                };
                let answers = answer_all(questions).await;
                for (sender, answer) in senders.into_iter().zip(answers) {
                    // Those who were dropped do not listen.
                    let _ = sender.send(answer);
                }
                drop(turn);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Q, oneshot::Sender<A>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    /// Doubles, and notes the size of each batch. Each batch takes a permit.
    async fn double(batches: &Mutex<Vec<usize>>, gate: &Semaphore, questions: Vec<u32>) -> Vec<u32> {
        gate.acquire().await.unwrap().forget();
        // As long as a database takes, others come.
        tokio::task::yield_now().await;
        batches.lock().unwrap().push(questions.len());
        questions.into_iter().map(|question| question * 2).collect()
    }

    #[tokio::test]
    async fn what_is_asked_meanwhile_is_asked_together() {
        let (batcher, batches, gate) = (Batcher::new(10), Mutex::default(), Semaphore::new(100));
        let ask = |question| batcher.ask(question, |questions| double(&batches, &gate, questions));
        let answers = join_all((0..25).map(ask)).await;
        assert_eq!(answers, (0..25).map(|question| question * 2).collect::<Vec<_>>());
        let batches = batches.lock().unwrap().clone();
        assert_eq!(batches.iter().sum::<usize>(), 25);
        assert!(batches.len() <= 4 && batches.iter().all(|&size| size <= 10), "{batches:?}");
    }

    #[tokio::test]
    async fn nobody_waits_for_one_who_was_dropped() {
        let batcher = Arc::new(Batcher::new(10));
        let (batches, gate) = (Arc::new(Mutex::default()), Arc::new(Semaphore::new(0)));
        let ask = |question: u32| {
            let (batcher, batches, gate) = (batcher.clone(), batches.clone(), gate.clone());
            async move { batcher.ask(question, |questions| double(&batches, &gate, questions)).await }
        };
        let mut leader = Box::pin(ask(1));
        let mut follower = Box::pin(ask(2));
        assert!(futures::poll!(leader.as_mut()).is_pending());
        assert!(futures::poll!(follower.as_mut()).is_pending());
        drop(leader);
        gate.add_permits(2);
        assert_eq!(follower.await, 4);
    }
}
