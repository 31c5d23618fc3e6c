//! Wakes those who wait for a group, from the runtime where they wait.
//!
//! ```text
//!  writer's thread                     runtime
//!    call(wakers of a group) --one--> herald --> task, task, task ...
//! ```
//!
//! Waking a task from another thread costs a system call, which the next group would have to wait for; from
//! the runtime itself it costs some hundred instructions. So the writer wakes one task for a whole group.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::Notify;

/// The writer's end. Where no runtime was there to wake from, it wakes by itself. Dropped, it wakes who is left.
#[derive(Debug, Default)]
pub(crate) struct Herald {
    calls: Option<Arc<Calls>>,
    wakers: Vec<Waker>,
}

#[derive(Debug, Default)]
struct Calls {
    waiting: Mutex<Waiting>,
    called: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    wakers: Vec<Waker>,
    /// The writer or the runtime has ended.
    ended: bool,
}

impl Herald {
    /// With a task of the runtime that this is called in, if there is one.
    pub(crate) fn start() -> Self {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return Self::default() };
        let calls = Arc::new(Calls::default());
        // Made here and not when it runs: a task that is dropped before it ran hangs up too.
        runtime.spawn(Ear(Arc::clone(&calls)).listen());
        Self { calls: Some(calls), wakers: Vec::new() }
    }

    /// Will wake this one with the next call.
    pub(crate) fn remember(&mut self, waker: Option<Waker>) {
        self.wakers.extend(waker);
    }

    /// Wakes those who are remembered.
    pub(crate) fn call(&mut self) {
        match &self.calls {
            Some(calls) if self.wakers.len() > 1 && calls.leave(&mut self.wakers) => {
                calls.called.notify_one()
            }
            Some(_) | None => self.wakers.drain(..).for_each(Waker::wake),
        }
    }
}

impl Drop for Herald {
    fn drop(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
        if let Some(calls) = &self.calls {
            calls.waiting().ended = true;
            calls.called.notify_one();
        }
    }
}

impl Calls {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves wakers for the herald; false when there is none any more.
    fn leave(&self, wakers: &mut Vec<Waker>) -> bool {
        let mut waiting = self.waiting();
        if !waiting.ended {
            waiting.wakers.append(wakers);
        }
        !waiting.ended
    }
}

/// The end in the runtime. However it ends, those who were called are woken.
struct Ear(Arc<Calls>);

impl Ear {
    async fn listen(self) {
        let mut wakers = Vec::new();
        loop {
            self.0.called.notified().await;
            let ended = {
                let mut waiting = self.0.waiting();
                std::mem::swap(&mut waiting.wakers, &mut wakers);
                waiting.ended
            };
            wakers.drain(..).for_each(Waker::wake);
            if ended {
                return;
            }
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let left = {
            let mut waiting = self.0.waiting();
            waiting.ended = true;
            std::mem::take(&mut waiting.wakers)
        };
        left.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn remember(herald: &mut Herald, woken: &Arc<Woken>, count: usize) {
        (0..count).for_each(|_| herald.remember(Some(Arc::clone(woken).into())));
    }

    #[tokio::test]
    async fn all_of_a_group_are_woken_by_a_task_of_the_runtime() {
        let woken = Arc::new(Woken::default());
        let mut herald = Herald::start();
        remember(&mut herald, &woken, 3);
        herald.call();
        assert_eq!(woken.0.load(Ordering::Relaxed), 0, "not by whoever called");
        tokio::task::yield_now().await;
        assert_eq!(woken.0.load(Ordering::Relaxed), 3);
        remember(&mut herald, &woken, 2);
        herald.call();
        drop(herald);
        tokio::task::yield_now().await;
        assert_eq!(woken.0.load(Ordering::Relaxed), 5);
    }

    #[test]
    fn whoever_is_called_is_woken_though_the_runtime_ends() {
        let woken = Arc::new(Woken::default());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut herald = {
            let _inside = runtime.enter();
            Herald::start()
        };
        remember(&mut herald, &woken, 4);
        herald.call();
        drop(runtime);
        assert_eq!(woken.0.load(Ordering::Relaxed), 4);
        remember(&mut herald, &woken, 2);
        herald.call();
        assert_eq!(woken.0.load(Ordering::Relaxed), 6);
        remember(&mut Herald::start(), &woken, 2);
        assert_eq!(woken.0.load(Ordering::Relaxed), 8, "without a runtime, and without a call");
    }
}
