//! What to do about an answer that is not the one hoped for.

use super::dialogue::{Failure, Stage};
use crate::cli::Send;

/// In words for whoever typed the command, who may well be the sensor's administrator.
pub(super) fn what_to_do(failure: &Failure, test: &Send) -> String {
    let to = &test.to;
    match (failure.stage, failure.code) {
        (Stage::Connect, None) => "nothing answers there: is the sensor started and smtp.enabled true? A firewall \
             between, or another port? `mailsensor config show` prints the listeners"
            .to_owned(),
        (Stage::Connect, Some(554)) => "the sensor does not take this client: see smtp.clients, and ask `mailsensor rules \
             explain --client ADDRESS` with the address that you come from"
            .to_owned(),
        (Stage::StartTls, None) => "there is no TLS to be had: leave out --tls, try --tls=implicit, or see smtp.tls.security".to_owned(),
        (_, Some(530)) => "the listener wants TLS before any mail: add --tls".to_owned(),
        (Stage::Rcpt, Some(550)) => format!(
            "the sensor does not take mail for this recipient: see smtp.destination_domains, and ask \
             `mailsensor rules explain --client ADDRESS --rcpt {to}`"
        ),
        (_, Some(552)) => "the message is larger than smtp.message_size_limit".to_owned(),
        (_, Some(421)) if failure.text.contains("4.3.2") => {
            "the sensor is off (smtp.enabled) or going down; senders keep their mail and come back".to_owned()
        }
        (_, Some(452)) if failure.text.contains("4.3.1") => {
            "disk, inodes or memory of the sensor are low: see spool.reserve and spool.memory; senders come back".to_owned()
        }
        (_, Some(400..500)) => "senders keep their mail and come back; the sensor's log says more".to_owned(),
        (_, Some(_)) => "senders would give up; the sensor's log says more (refused)".to_owned(),
        (_, None) => "the connection broke or took too long; nothing was accepted as far as a sender can know, and it would \
             send again"
            .to_owned(),
    }
}
