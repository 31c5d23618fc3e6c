//! Where a message is filed: derived from its id alone.

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sensor_mail::MailId;

/// The message's bytes.
pub(crate) const MESSAGE: &str = "eml";
/// The message's record.
pub(crate) const RECORD: &str = "json";

/// The looks into the message. Not in the record: keeping a message again writes that anew.
pub(crate) const LOOKS: &str = "looks.jsonl";

/// The day on which a message was accepted, in UTC.
pub(crate) fn day_of(id: MailId) -> Date {
    let millis = i64::try_from(id.unix_millis()).expect("48 bits fit");
    let accepted = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
    accepted.to_zoned(TimeZone::UTC).date()
}

/// The directory of a day, relative to the archive.
pub(crate) fn directory_of(day: Date) -> PathBuf {
    [format!("{:04}", day.year()), format!("{:02}", day.month()), format!("{:02}", day.day())]
        .iter()
        .collect()
}

/// The name of a finished file.
pub(crate) fn name(id: MailId, suffix: &str) -> String {
    format!("{id}.{suffix}")
}

/// The name of a file that is being written. The dot keeps it out of what others look at.
pub(crate) fn part_name(id: MailId, suffix: &str) -> String {
    format!(".{id}.{suffix}.part")
}

/// The id of which `name` is the record.
pub(crate) fn id_of_record(name: &str) -> Option<MailId> {
    name.strip_suffix(RECORD)?.strip_suffix('.')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use sensor_mail::{MailIds, NodeId};

    use super::*;

    #[test]
    fn a_message_is_filed_under_its_day_in_utc() {
        let ids = MailIds::new(NodeId::default(), 0);
        for (accepted, directory) in [
            ("2026-11-22T23:59:59.999Z", "2026/11/22"),
            ("2026-11-23T00:00:00Z", "2026/11/23"),
            ("1970-01-01T00:00:00Z", "1970/01/01"),
        ] {
            let millis = accepted.parse::<Timestamp>().unwrap().as_millisecond();
            let source = MailIds::new(NodeId::default(), 0);
            let id = source.next(u64::try_from(millis).unwrap());
            assert_eq!(directory_of(day_of(id)), PathBuf::from(directory));
        }
        let far = ids.next((1 << 48) - 1);
        assert_eq!(directory_of(day_of(far)), PathBuf::from("9999/12/30"));
    }

    #[test]
    fn a_record_is_known_by_its_name() {
        let id = MailIds::new(NodeId::default(), 0).next(1);
        assert_eq!(id_of_record(&name(id, RECORD)), Some(id));
        for other in
            [name(id, MESSAGE), name(id, LOOKS), part_name(id, RECORD), "x.json".into(), id.to_string()]
        {
            assert_eq!(id_of_record(&other), None, "{other}");
        }
    }
}
