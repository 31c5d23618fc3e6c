//! Connections, and how many there may be.
//!
//! ```text
//! accepted -> Waiting ------ a request that may come in -----> Occupied ---- its response ---.
//!                |  ^                                                                        |
//!                |  '------------------------------------------------------------------------'
//!                '--- all seats taken, another one comes, this one waits the longest ---> Evicted
//! ```
//!
//! Whoever only holds a connection, sends slowly, reads slowly or has no token makes room for whoever comes
//! next. So a thousand of them keep nobody out, and no request that is being served is ever cut.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::gate::{Caller, Visitor};

/// The buffer of a connection, in octets: a head is not larger.
const BUFFER_OCTETS_MAX: usize = 16 << 10;

/// How long a connection may take to end once it was told to.
const GOODBYE_TIME: Duration = Duration::from_secs(5);

/// The seats of one way in.
#[derive(Debug)]
pub(crate) struct Seats {
    limit: usize,
    taken: Mutex<Taken>,
    /// A seat is free, or can be made so. One waits for it: whoever accepts.
    freed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Taken {
    /// By the order in which they were taken.
    seats: BTreeMap<u64, Arc<Seat>>,
    next: u64,
}

/// The seat of one connection.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    state: AtomicU8,
    was_occupied: AtomicBool,
    evicted: CancellationToken,
    freed: Arc<Notify>,
}

const WAITING: u8 = 0;
const OCCUPIED: u8 = 1;
const EVICTED: u8 = 2;

/// A seat that is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    seats: Arc<Seats>,
    number: u64,
    pub(crate) seat: Arc<Seat>,
}

/// A request is being served.
pub(crate) struct Occupied<'a>(&'a Seat);

impl Seats {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, taken: Mutex::default(), freed: Arc::default() })
    }

    /// A seat. Where there is none the connection that waits the longest makes room; where requests are being
    /// served on all of them, the first that ends.
    ///
    /// # Cancel safety
    /// Nothing is held before it returns.
    pub(crate) async fn take(self: &Arc<Self>) -> Held {
        loop {
            let freed = self.freed.notified();
            if let Some(held) = self.try_take() {
                return held;
            }
            freed.await;
        }
    }

    fn try_take(self: &Arc<Self>) -> Option<Held> {
        let mut taken = self.lock();
        if taken.seats.len() >= self.limit {
            let (&number, _) = taken.seats.iter().find(|(_, seat)| seat.evict())?;
            taken.seats.remove(&number);
        }
        let seat = Arc::new(Seat { freed: Arc::clone(&self.freed), ..Seat::default() });
        let number = taken.next;
        taken.next += 1;
        taken.seats.insert(number, Arc::clone(&seat));
        Some(Held { seats: Arc::clone(self), number, seat })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.seats.lock().seats.remove(&self.number);
        self.seats.freed.notify_one();
    }
}

impl Seat {
    /// A request is served from now on; none where the connection had to make room.
    pub(crate) fn occupy(&self) -> Option<Occupied<'_>> {
        let occupies = self.turn(WAITING, OCCUPIED);
        self.was_occupied.fetch_or(occupies, Ordering::Relaxed);
        occupies.then_some(Occupied(self))
    }

    fn evict(&self) -> bool {
        let evicts = self.turn(WAITING, EVICTED);
        if evicts {
            self.evicted.cancel();
        }
        evicts
    }

    fn turn(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Drop for Occupied<'_> {
    fn drop(&mut self) {
        self.0.turn(OCCUPIED, WAITING);
        self.0.freed.notify_one();
    }
}

/// How long things may take on one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// The head of a request, and the pause before it.
    pub(crate) head: Duration,
    /// All requests.
    pub(crate) connection: Duration,
}

/// Serves one connection to its end.
pub(crate) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    caller: Caller,
    held: Held,
    router: Router,
    times: Times,
    stop: CancellationToken,
) {
    let visitor = Visitor { caller, seat: Arc::clone(&held.seat) };
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(visitor.clone());
        let answered = router.clone().oneshot(request.map(Body::new));
        async move { Ok::<_, Infallible>(answered.await.unwrap_or_else(|never| match never {})) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(times.head)
        .max_buf_size(BUFFER_OCTETS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // How it ends is the client's affair: there is nobody left to tell.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = held.seat.evicted.cancelled() => return,
        () = stop.cancelled() => {}
        () = tokio::time::sleep(times.connection) => {}
    }
    // Whoever never was let in is owed no answer.
    if !held.seat.was_occupied.load(Ordering::Relaxed) && held.seat.evict() {
        return;
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = connection => {}
        () = held.seat.evicted.cancelled() => {}
        () = tokio::time::sleep(GOODBYE_TIME) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_one_that_waits_the_longest_makes_room_and_none_that_is_served() {
        let seats = Seats::new(2);
        let (first, second) = (seats.take().await, seats.take().await);
        let served = first.seat.occupy().unwrap();
        let third = seats.take().await;
        assert!(second.seat.evicted.is_cancelled() && second.seat.occupy().is_none());
        assert!(!first.seat.evicted.is_cancelled());
        let also_served = third.seat.occupy().unwrap();
        assert!(seats.try_take().is_none(), "all are served");
        // What was evicted before gives nothing back that is another's.
        drop(second);
        assert!(seats.try_take().is_none(), "all are served");
        drop(also_served);
        let fourth = seats.take().await;
        assert!(third.seat.evicted.is_cancelled() && !fourth.seat.evicted.is_cancelled());
        drop(served);
    }

    #[tokio::test]
    async fn a_seat_is_waited_for() {
        let seats = Seats::new(1);
        let held = seats.take().await;
        let served = held.seat.occupy().unwrap();
        let mut next = pin!(seats.take());
        assert!(futures_poll(next.as_mut()).await.is_none());
        drop(served);
        next.await;
        assert!(held.seat.evicted.is_cancelled());
    }

    /// One look at a future.
    async fn futures_poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        tokio::select! {
            biased;
            value = future => Some(value),
            () = std::future::ready(()) => None,
        }
    }
}
