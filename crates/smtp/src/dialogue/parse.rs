//! Reads a dialogue file.

use sensor_mail::Admission;

use super::escape::unescape;
use super::scene::seconds;
use super::{Act, Dialogue, DialogueError, Expected, Extent, Kept, Scene};

impl Dialogue {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The first line that does not follow the form.
    pub fn parse(text: &str) -> Result<Self, DialogueError> {
        let mut dialogue =
            Self { scene: Scene::default(), acts: Vec::new(), kept: Vec::new(), end: String::new() };
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            dialogue.line(number, line).map_err(|fault| {
                let line = line.to_owned();
                DialogueError::Form { number, fault, line }
            })?;
        }
        if dialogue.end.is_empty() { Err(DialogueError::NoEnd) } else { Ok(dialogue) }
    }

    fn line(&mut self, number: usize, line: &str) -> Result<(), &'static str> {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words[..] {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["set", key, value] => self.scene.set(key, value).ok_or("no such setting"),
            ["refuse", ref what @ ..] => self.scene.refuse(what, Admission::Refuse).ok_or("no such refusal"),
            ["later", ref what @ ..] => self.scene.refuse(what, Admission::TryLater).ok_or("no such refusal"),
            ["wait", time] => seconds(time).map(|time| self.acts.push(Act::Wait(time))).ok_or("no such time"),
            ["handshake"] => self.act(Act::Handshake),
            ["gone"] => self.act(Act::Gone),
            ["shutdown"] => self.act(Act::ShutDown),
            [_, ..] => self.said(number, line),
        }
    }

    fn act(&mut self, act: Act) -> Result<(), &'static str> {
        self.acts.push(act);
        Ok(())
    }

    /// A line that begins with a tag; text follows behind one space.
    fn said(&mut self, number: usize, line: &str) -> Result<(), &'static str> {
        let (tag, text) = line.split_at_checked(2).ok_or("no such tag")?;
        if let Some(account) = line.strip_prefix("kept: ") {
            self.kept.push(Kept { account: account.to_owned(), octets: Vec::new() });
            return Ok(());
        }
        if let Some(end) = line.strip_prefix("end: ") {
            self.end = end.to_owned();
            return Ok(());
        }
        let text = text.strip_prefix(' ').unwrap_or(text);
        match tag {
            "S:" => self.server(Expected { number, extent: Extent::Line, line: text.to_owned() }),
            "S*" => self.server(Expected { number, extent: Extent::Reply, line: text.to_owned() }),
            "C:" => self.client(text, b"\r\n")?,
            "C|" => self.client(text, b"")?,
            "M:" => self.message(text, b"\r\n")?,
            "M|" => self.message(text, b"")?,
            _ => return Err("no such tag"),
        }
        Ok(())
    }

    fn server(&mut self, expected: Expected) {
        if let Some(Act::Server(lines)) = self.acts.last_mut() {
            lines.push(expected);
        } else {
            self.acts.push(Act::Server(vec![expected]));
        }
    }

    fn client(&mut self, text: &str, end: &[u8]) -> Result<(), &'static str> {
        let octets = [&unescape(text).ok_or("no such escape")?, end].concat();
        if let Some(Act::Client(before)) = self.acts.last_mut() {
            before.extend(octets);
        } else {
            self.acts.push(Act::Client(octets));
        }
        Ok(())
    }

    fn message(&mut self, text: &str, end: &[u8]) -> Result<(), &'static str> {
        let kept = self.kept.last_mut().ok_or("a message begins with `kept:`")?;
        kept.octets.extend(unescape(text).ok_or("no such escape")?);
        kept.octets.extend_from_slice(end);
        Ok(())
    }
}
