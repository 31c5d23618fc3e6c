//! Who works for the writer: threads of their own, or itself where everything is to be deterministic.

use std::io;
use std::sync::Arc;

use crate::disk::Disk;
use crate::herald::Herald;
use crate::mailbox::Mailbox;
use crate::options::Runner;
use crate::syncer::Syncer;
use crate::workshop::Workshop;

pub(crate) struct Hands {
    pub(crate) workshop: Workshop,
    pub(crate) syncer: Syncer,
    pub(crate) herald: Herald,
}

impl Hands {
    /// Each that is done with something nudges the writer.
    pub(crate) fn hire(runner: &Runner, disk: &Arc<dyn Disk>, mailbox: &Arc<Mailbox>) -> io::Result<Self> {
        let disk = Arc::clone(disk);
        let nudge = || {
            let mailbox = Arc::clone(mailbox);
            move || mailbox.nudge()
        };
        Ok(match runner {
            Runner::Thread => Self {
                workshop: Workshop::on_thread(disk, nudge())?,
                syncer: Syncer::on_thread(nudge())?,
                herald: Herald::start(),
            },
            Runner::Task(_) => {
                Self { workshop: Workshop::inline(disk), syncer: Syncer::inline(), herald: Herald::default() }
            }
        })
    }
}
