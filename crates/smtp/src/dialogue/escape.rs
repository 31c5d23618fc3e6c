//! Octets that a text file cannot show: `\r \n \t \0 \\ \xHH`, and `\{5 ab}` for `ab` five times.

/// The octets that `text` stands for; `None` if an escape is none of ours.
pub(super) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        octets.extend_from_slice(plain.as_bytes());
        rest = one(escape, &mut octets)?;
    }
    octets.extend_from_slice(rest.as_bytes());
    Some(octets)
}

/// Reads what stands behind a backslash; gives back what stands behind the escape.
fn one<'a>(text: &'a str, octets: &mut Vec<u8>) -> Option<&'a str> {
    let (kind, rest) = text.split_at_checked(1)?;
    match kind {
        "r" => octets.push(b'\r'),
        "n" => octets.push(b'\n'),
        "t" => octets.push(b'\t'),
        "0" => octets.push(0),
        "\\" => octets.push(b'\\'),
        "x" => {
            let (digits, rest) = rest.split_at_checked(2)?;
            octets.push(u8::from_str_radix(digits, 16).ok()?);
            return Some(rest);
        }
        "{" => {
            let (repetition, rest) = rest.split_once('}')?;
            let (times, what) = repetition.split_once(' ')?;
            octets.extend(unescape(what)?.repeat(times.parse().ok()?));
            return Some(rest);
        }
        _ => return None,
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn each_escape_is_its_octets() {
        for (text, octets) in [
            (r"a\r\n\t\0\\b", Some(&b"a\r\n\t\0\\b"[..])),
            (r"\xffü", Some(b"\xff\xc3\xbc")),
            (r"<\{3 a.}>", Some(b"<a.a.a.>")),
            (r"\{2 \r\n}", Some(b"\r\n\r\n")),
            (r"\q", None),
            (r"\x1", None),
            (r"\", None),
            (r"\{3}", None),
        ] {
            assert_eq!(unescape(text).as_deref(), octets, "{text}");
        }
    }
}
