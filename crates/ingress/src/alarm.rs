//! A timer that is set for every wait and hardly ever rings.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// How long it sleeps while nothing is to be waited for.
pub(crate) const FAR: Duration = Duration::from_secs(3600);

/// Rings when a wait takes too long.
///
/// Nearly every wait ends long before: with octets, with a durable message. So the runtime's timer is only
/// moved when somebody wants it earlier; where it fires too early for the wait of that moment it is set anew.
/// A connection moves it a few times in an hour instead of several times for each message.
#[derive(Debug)]
pub struct Alarm(Pin<Box<Sleep>>);

impl Default for Alarm {
    /// Must be called within a runtime.
    fn default() -> Self {
        Self(Box::pin(tokio::time::sleep(FAR)))
    }
}

impl Alarm {
    /// Waits until `at`.
    ///
    /// # Cancel safety
    /// Cancel safe: dropped, the next wait begins anew.
    pub async fn rings(&mut self, at: Instant) {
        if at < self.0.deadline() {
            self.0.as_mut().reset(at);
        }
        loop {
            self.0.as_mut().await;
            if Instant::now() >= at {
                return;
            }
            self.0.as_mut().reset(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_rings_at_the_time_of_each_wait_and_not_at_that_of_another() {
        let (start, mut alarm) = (Instant::now(), Alarm::default());
        for (seconds, given_up_after) in [(7200, None), (60, Some(1)), (300, Some(90)), (5, None), (1, None)]
        {
            let (begun, wait) = (Instant::now(), Duration::from_secs(seconds));
            let rings = alarm.rings(begun + wait);
            match given_up_after.map(Duration::from_secs) {
                None => {
                    rings.await;
                    assert_eq!(begun.elapsed(), wait, "{seconds} s, {:?} on", start.elapsed());
                }
                Some(after) => {
                    tokio::time::timeout(after, rings).await.unwrap_err();
                    assert_eq!(begun.elapsed(), after);
                }
            }
        }
        alarm.rings(start).await;
        assert_eq!(start.elapsed(), Duration::from_secs(7200 + 1 + 90 + 5 + 1), "what is over rings at once");
    }
}
