//! What the protocol itself says, apart from what the house decides.

use super::Reply;

pub(crate) const GREETING: Reply = Reply::bare(220, "ESMTP mailsensor");
pub(crate) const GOODBYE: Reply = Reply::fixed(221, (0, 0), "closing connection");
pub(crate) const OK: Reply = Reply::fixed(250, (0, 0), "ok");
pub(crate) const SENDER_OK: Reply = Reply::fixed(250, (1, 0), "sender ok");
pub(crate) const RECIPIENT_OK: Reply = Reply::fixed(250, (1, 5), "recipient ok");
pub(crate) const CHUNK_OK: Reply = Reply::fixed(250, (0, 0), "chunk received");
pub(crate) const SEND_BODY: Reply = Reply::bare(354, "end with <CRLF>.<CRLF>");
pub(crate) const START_TLS: Reply = Reply::fixed(220, (0, 0), "ready to start TLS");
pub(crate) const HELP: Reply =
    Reply::fixed(214, (0, 0), "takes copies of mail; RFC 5321, RFC 3030, RFC 3207, RFC 6531");
/// RFC 5321 section 3.5.3: the address may well be good, nobody looked.
pub(crate) const NOT_VERIFIED: Reply = Reply::fixed(252, (0, 0), "not verified; send mail to find out");

pub(crate) const TIMED_OUT: Reply = Reply::fixed(421, (4, 2), "too slow");
pub(crate) const EARLY_TALKER: Reply = Reply::fixed(421, (7, 0), "you spoke before you were greeted");
pub(crate) const TOO_MANY_ERRORS: Reply = Reply::fixed(421, (7, 0), "too many errors");
pub(crate) const TOO_MANY_COMMANDS: Reply = Reply::fixed(421, (7, 0), "too many commands");
pub(crate) const TOO_MANY_MESSAGES: Reply =
    Reply::fixed(421, (7, 0), "no more messages on this connection, connect again");

pub(crate) const LINE_TOO_LONG: Reply = Reply::fixed(500, (5, 2), "line too long");
pub(crate) const BAD_OCTETS: Reply =
    Reply::fixed(500, (5, 2), "command holds a control octet or is not UTF-8");
/// RFC 5321 section 4.2.4: 500 for what is not known, 502 for what is known and not done here.
pub(crate) const UNKNOWN_COMMAND: Reply = Reply::fixed(500, (5, 1), "command not recognized");
pub(crate) const NOT_IMPLEMENTED: Reply = Reply::fixed(502, (5, 1), "command not implemented");
pub(crate) const BAD_SYNTAX: Reply = Reply::fixed(501, (5, 2), "syntax error");
pub(crate) const NO_ARGUMENTS: Reply = Reply::fixed(501, (5, 4), "command takes no arguments");
pub(crate) const BAD_PARAMETER: Reply = Reply::fixed(501, (5, 4), "bad parameter");
pub(crate) const BAD_ATTRIBUTE: Reply = Reply::fixed(501, (5, 4), "bad attribute");
pub(crate) const REPEATED_PARAMETER: Reply = Reply::fixed(501, (5, 4), "parameter given twice");
pub(crate) const UNKNOWN_PARAMETER: Reply = Reply::fixed(555, (5, 4), "parameter not recognized");
pub(crate) const BAD_SENDER: Reply = Reply::fixed(501, (1, 7), "bad sender address");
pub(crate) const BAD_RECIPIENT: Reply = Reply::fixed(501, (1, 3), "bad recipient address");
/// RFC 6531 section 3.5.
pub(crate) const NEEDS_SMTPUTF8: Reply =
    Reply::fixed(553, (6, 7), "address is not ASCII and MAIL did not say SMTPUTF8");
/// RFC 2034 section 3: HELO and EHLO are answered without an enhanced code, whatever the answer.
pub(crate) const BAD_HELLO: Reply = Reply::bare(501, "one name is expected");
pub(crate) const BAD_CHUNK: Reply = Reply::fixed(501, (5, 4), "BDAT wants a size and perhaps LAST");

pub(crate) const TURNED_AWAY: Reply = Reply::bare(503, "you are not allowed here; QUIT is");
pub(crate) const HELLO_FIRST: Reply = Reply::fixed(503, (5, 1), "send EHLO or HELO first");
pub(crate) const MAIL_FIRST: Reply = Reply::fixed(503, (5, 1), "send MAIL first");
pub(crate) const MAIL_ALREADY: Reply = Reply::fixed(503, (5, 1), "MAIL was given already");
pub(crate) const AMONG_CHUNKS: Reply = Reply::fixed(503, (5, 1), "only BDAT or RSET may follow BDAT");
pub(crate) const BINARY_BY_DATA: Reply = Reply::fixed(503, (5, 1), "BINARYMIME needs BDAT");
pub(crate) const TLS_ALREADY: Reply = Reply::fixed(503, (5, 1), "TLS is in use already");
pub(crate) const NO_RECIPIENTS: Reply = Reply::fixed(554, (5, 1), "no valid recipients");
pub(crate) const TLS_REQUIRED: Reply = Reply::fixed(530, (7, 0), "STARTTLS is required first");
/// Without an enhanced code, as any answer to HELO.
pub(crate) const HELO_NEEDS_TLS: Reply = Reply::bare(530, "STARTTLS is required first, and EHLO before it");
pub(crate) const PLAINTEXT_BEHIND_STARTTLS: Reply =
    Reply::fixed(501, (5, 4), "STARTTLS must be the last of its group");

/// Postfix XCLIENT_README: insufficient authorization.
pub(crate) const MAY_NOT_SPEAK_FOR_OTHERS: Reply =
    Reply::fixed(550, (7, 0), "you are not allowed to speak for others");
pub(crate) const TRANSACTION_OPEN: Reply = Reply::fixed(503, (5, 1), "not within a transaction");
pub(crate) const TLS_COMES_FIRST: Reply = Reply::fixed(503, (5, 1), "STARTTLS comes before XCLIENT");
