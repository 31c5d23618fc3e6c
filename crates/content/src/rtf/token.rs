//! The tokens of RTF (MS-OXRTFEX section 2.1.1, after the RTF specification 1.9.1).

/// One token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `{`
    Open,
    /// `}`
    Close,
    /// `\` and letters, and the number at their end.
    Word(&'a [u8], Option<i32>),
    /// `\` and one other octet.
    Symbol(u8),
    /// `\'` and two hexadecimal digits.
    Hex(u8),
    /// Text without any of the above; ends of lines are not text.
    Text(&'a [u8]),
}

/// What is left to read. What `\bin` announces is left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens<'a>(&'a [u8]);

impl<'a> Tokens<'a> {
    pub(super) fn of(rtf: &'a [u8]) -> Self {
        Self(rtf)
    }

    fn control(&mut self) -> Option<Token<'a>> {
        let (&first, rest) = self.0.split_first()?;
        if first.is_ascii_alphabetic() {
            return Some(self.word());
        }
        self.0 = rest;
        if first == b'\''
            && let Some((&[high, low], rest)) = rest.split_first_chunk()
            && let (Some(high), Some(low)) = (digit(high), digit(low))
        {
            self.0 = rest;
            return Some(Token::Hex(high << 4 | low));
        }
        Some(Token::Symbol(first))
    }

    fn word(&mut self) -> Token<'a> {
        let word = self.take_while(u8::is_ascii_alphabetic);
        let negative = self.0.first() == Some(&b'-') && self.0.get(1).is_some_and(u8::is_ascii_digit);
        self.0 = self.0.get(usize::from(negative)..).unwrap_or_default();
        let digits = self.take_while(u8::is_ascii_digit);
        self.0 = self.0.strip_prefix(b" ").unwrap_or(self.0);
        let number = (!digits.is_empty()).then(|| number(digits, negative));
        if word == b"bin" {
            let octets = number.and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
            self.0 = self.0.get(octets..).unwrap_or_default();
        }
        Token::Word(word, number)
    }

    fn take_while(&mut self, is_in: impl Fn(&u8) -> bool) -> &'a [u8] {
        let length = self.0.iter().position(|octet| !is_in(octet)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.take_while(|octet| matches!(octet, b'\r' | b'\n'));
        let (first, rest) = self.0.split_first()?;
        if !matches!(first, b'{' | b'}' | b'\\') {
            return Some(Token::Text(
                self.take_while(|octet| !matches!(octet, b'{' | b'}' | b'\\' | b'\r' | b'\n')),
            ));
        }
        self.0 = rest;
        match first {
            b'{' => Some(Token::Open),
            b'}' => Some(Token::Close),
            _ => self.control(),
        }
    }
}

/// A number that does not fit is as large as one can be.
fn number(digits: &[u8], negative: bool) -> i32 {
    let magnitude = digits
        .iter()
        .fold(0_i32, |number, digit| number.saturating_mul(10).saturating_add(i32::from(digit - b'0')));
    if negative { -magnitude } else { magnitude }
}

fn digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| digit.try_into().ok())
}
