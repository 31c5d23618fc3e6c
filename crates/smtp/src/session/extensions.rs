//! What EHLO offers.

use std::num::NonZeroU64;

use crate::StartTls;
use crate::command::attributes::{CLIENT_KEYWORDS, FORWARD_KEYWORDS};

use super::Session;

/// RFC 9422 section 4: a limit has at most six digits. One that is higher is kept to all the same.
const LIMIT_MAX: u32 = 999_999;

impl Session {
    /// A keyword a line (RFC 5321 section 4.1.1.1), each behind a line end.
    pub(super) fn extensions(&self) -> String {
        let size = self.config.size_max.map_or(0, NonZeroU64::get);
        let fixed = "8BITMIME\nSMTPUTF8\nCHUNKING\nBINARYMIME\nENHANCEDSTATUSCODES\nDSN";
        let mut text = format!("\nPIPELINING\nSIZE {size}\n{fixed}");
        self.push_limits(&mut text);
        if self.offers_tls() {
            text += "\nSTARTTLS";
        }
        if self.permits.xclient {
            text += "\nXCLIENT ";
            text += CLIENT_KEYWORDS;
        }
        if self.permits.xforward {
            text += "\nXFORWARD ";
            text += FORWARD_KEYWORDS;
        }
        text
    }

    /// RFC 9422: what a client may count on, so that it need not find out by 452 and 421.
    fn push_limits(&self, text: &mut String) {
        let recipients = Some(self.config.limits.recipients_max).filter(|&max| max > 0);
        let messages = self.config.limits.messages_max.map(u32::from);
        let mut word = "\nLIMITS";
        for (name, limit) in [("RCPTMAX", recipients), ("MAILMAX", messages)] {
            if let Some(limit) = limit {
                *text += &format!("{word} {name}={}", limit.min(LIMIT_MAX));
                word = "";
            }
        }
    }

    fn offers_tls(&self) -> bool {
        match self.config.starttls {
            StartTls::Offered | StartTls::Required => self.tls.is_none() && self.introduced.is_none(),
            StartTls::Unavailable | StartTls::Implicit => false,
        }
    }
}
