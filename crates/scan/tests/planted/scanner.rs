//! A worker process whose dissector knows one message, a sample, with as many `x` behind its line as its settings
//! say; its inspectors are those of its supplies.

use std::process::ExitCode;

use bytes::Bytes;
use jiff::Timestamp;
use sensor_mail::{MailIds, NodeId};
use sensor_pipeline::worker::{Tools, serve};
use sensor_pipeline::{Budget, Dissection, Dissector};
use sensor_scan::{Sample, inspectors};

fn main() -> ExitCode {
    serve(|setup| {
        let padding = setup.settings.parse().map_err(|error| format!("{}: {error}", setup.settings))?;
        Ok(Tools { dissector: Box::new(Known { padding }), inspectors: inspectors(&setup.supplies)? })
    })
}

struct Known {
    padding: usize,
}

impl Dissector for Known {
    fn dissect(&self, _: Bytes, _: &Budget) -> Dissection {
        let mut sample = Sample::eicar();
        sample.line.push_str(&"x".repeat(self.padding));
        let mail = sample.mail(MailIds::new(NodeId::default(), 7).next(0), Timestamp::UNIX_EPOCH);
        let octets = |octets: &[u8]| Bytes::copy_from_slice(octets);
        let pieces = mail.parts.iter();
        let parts = pieces.filter_map(|piece| Some((piece.part.clone(), octets(piece.octets.as_slice()?))));
        Dissection { parts: parts.collect(), recipients: vec![] }
    }
}
