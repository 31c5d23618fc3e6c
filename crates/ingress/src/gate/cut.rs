//! Ends many tasks at once, from outside.
//!
//! A task pays for it with one entry in a table while it lives, and each time it is polled with one look at
//! a flag.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

/// What ends the futures that are bound to it.
#[derive(Debug, Default)]
pub(super) struct Cut {
    is_cut: AtomicBool,
    bound: Mutex<Bound>,
}

/// One place for each bound future; no waker where it was not polled yet.
#[derive(Debug, Default)]
struct Bound {
    next: u64,
    wakers: HashMap<u64, Option<Waker>>,
}

impl Cut {
    /// `task`, until it is ready or cut. Cut, it is dropped as soon as it would be polled.
    pub(super) fn bind<F: Future<Output = ()>>(self: &Arc<Self>, task: F) -> Cuttable<F> {
        let mut bound = self.lock();
        let number = bound.next;
        bound.next += 1;
        bound.wakers.insert(number, None);
        drop(bound);
        Cuttable { task, place: Place { cut: Arc::clone(self), number, waker: None } }
    }

    /// Ends all that is bound and whatever is bound later.
    pub(super) fn cut(&self) {
        let mut bound = self.lock();
        self.is_cut.store(true, Ordering::Release);
        let wakers = std::mem::take(&mut bound.wakers);
        drop(bound);
        wakers.into_values().flatten().for_each(Waker::wake);
    }

    /// How many are bound and were not cut.
    pub(super) fn bound(&self) -> usize {
        self.lock().wakers.len()
    }

    fn lock(&self) -> MutexGuard<'_, Bound> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pin_project! {
    /// A future that ends when it is cut.
    pub(super) struct Cuttable<F> {
        #[pin]
        task: F,
        place: Place,
    }
}

impl<F: Future<Output = ()>> Future for Cuttable<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.place.wake_by(context.waker());
        // After the waker is in the table: whoever cuts later wakes it.
        if this.place.cut.is_cut.load(Ordering::Acquire) { Poll::Ready(()) } else { this.task.poll(context) }
    }
}

/// Where a future stands in the table; left when dropped.
struct Place {
    cut: Arc<Cut>,
    number: u64,
    /// The waker that the table has.
    waker: Option<Waker>,
}

impl Place {
    fn wake_by(&mut self, waker: &Waker) {
        if self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return;
        }
        // Not there any more where it was cut: then nobody need wake it.
        if let Some(known) = self.cut.lock().wakers.get_mut(&self.number) {
            *known = Some(waker.clone());
        }
        self.waker = Some(waker.clone());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.cut.lock().wakers.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn what_is_bound_lives_until_it_is_ready_or_cut() {
        let cut = Arc::new(Cut::default());
        cut.bind(ready(())).await;
        assert_eq!(cut.bound(), 0);
        let waiting: Vec<_> = (0..3).map(|_| tokio::spawn(cut.bind(pending()))).collect();
        tokio::task::yield_now().await;
        let unpolled = cut.bind(pending());
        assert_eq!(cut.bound(), 4);
        cut.cut();
        unpolled.await;
        for task in waiting {
            task.await.unwrap();
        }
        // What comes late is not forgotten.
        cut.bind(pending()).await;
        assert_eq!(cut.bound(), 0);
    }
}
