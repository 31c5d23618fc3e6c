//! The port through which others are told what was judged.

use std::sync::Arc;

use sensor_mail::Look;

use crate::specimen::Record;

/// A message was looked into and judged. The id of the message and the revision of the look name it: who is
/// told twice can see that it is the same.
#[derive(Clone, Debug)]
pub struct Event {
    /// What is known about the message.
    pub record: Arc<Record>,
    /// What was seen and judged.
    pub look: Arc<Look>,
}

/// Tells others. It never makes the pipeline wait: what it cannot hold it drops and counts.
pub trait EventSink: Send + Sync + 'static {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// Takes an event over. When the returned future ends, the event is the sink's, kept or counted as
    /// dropped: the pipeline forgets it then, and only then.
    fn emit<'a>(&'a self, event: &'a Event) -> Emitting<'a>;
}

/// An event is being taken over.
pub type Emitting<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
