//! What to do about an answer that is not the one hoped for.

use super::dialogue::{Failure, Stage};
use crate::cli::{Send, SendTls};

const NOBODY: &str = "nothing answers there: is the sensor started, and smtp.enabled true? Is a firewall between, or \
                      is it another port? `mailsensor config show` prints the listeners";
const NOBODY_IN_TLS: &str = "nothing answers there in TLS from the first octet on: leave out =implicit where the \
                             listener takes STARTTLS";
const CLIENT: &str = "the sensor does not take this client: see smtp.clients, and ask `mailsensor rules explain \
                      --client ADDRESS` with the address that you come from";
const NO_TLS: &str =
    "there is no STARTTLS to be had: leave out --tls, try --tls=implicit, or see smtp.tls.security";
const TLS_FIRST: &str = "the listener wants TLS before any mail: add --tls";
const TOO_LARGE: &str = "the message is larger than smtp.message_size_limit";
const OFF: &str = "the sensor is off (smtp.enabled) or going down; senders keep their mail and come back";
const LOW: &str = "disk, inodes or memory of the sensor are low: see spool.reserve and spool.memory; senders \
                   keep their mail and come back";
const LATER: &str = "senders keep their mail and come back; the sensor's log says more";
const REFUSED: &str = "senders give up after this answer; the sensor's log says more";
const BROKEN: &str = "the connection broke or took too long: as far as a sender knows nothing was accepted, and it \
                      sends again; the sensor's log says whether it was";

/// In words for whoever typed the command, who may well be the sensor's administrator.
pub(super) fn what_to_do(failure: &Failure, test: &Send) -> String {
    let said = |status: &str| failure.text.starts_with(status);
    match (failure.stage, failure.code) {
        (Stage::Rcpt, Some(550)) => format!(
            "the sensor does not take mail for this recipient: see smtp.destination_domains, and ask `mailsensor \
             rules explain --client ADDRESS --rcpt {}`",
            test.to
        ),
        (Stage::Connect, None) if test.tls == Some(SendTls::Implicit) => NOBODY_IN_TLS.to_owned(),
        (Stage::Connect, None) => NOBODY.to_owned(),
        (Stage::Connect, Some(554)) => CLIENT.to_owned(),
        (Stage::StartTls, None) => NO_TLS.to_owned(),
        (_, Some(530)) => TLS_FIRST.to_owned(),
        (_, Some(552)) => TOO_LARGE.to_owned(),
        (_, Some(421)) if said("4.3.2") => OFF.to_owned(),
        (_, Some(452)) if said("4.3.1") => LOW.to_owned(),
        (_, Some(400..500)) => LATER.to_owned(),
        (_, Some(_)) => REFUSED.to_owned(),
        (_, None) => BROKEN.to_owned(),
    }
}
