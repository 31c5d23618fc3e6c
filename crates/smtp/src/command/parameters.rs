//! ESMTP parameters of MAIL and RCPT (RFC 5321 section 4.1.2).

use sensor_mail::envelope::Parameter;

use crate::reply::table;
use crate::{BodyType, Reply};

/// RFC 1870 section 6: SIZE has at most 20 digits.
const SIZE_DIGITS_MAX: usize = 20;

/// Reads `keyword [ "=" value ]`, separated by spaces. A keyword given twice is refused: two servers
/// would disagree on which of the two counts.
pub(super) fn parse(text: &str) -> Result<Vec<Parameter>, Reply> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let parameter = parameter(word).ok_or(table::BAD_PARAMETER)?;
        if parameters.iter().any(|other| other.keyword == parameter.keyword) {
            return Err(table::REPEATED_PARAMETER);
        }
        parameters.push(parameter);
    }
    Ok(parameters)
}

fn parameter(word: &str) -> Option<Parameter> {
    let (keyword, value) = match word.split_once('=') {
        Some((_, "")) => return None,
        Some((keyword, value)) => (keyword, Some(value.into())),
        None => (word, None),
    };
    let inner = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
    let good = !keyword.is_empty() && !keyword.starts_with('-') && keyword.bytes().all(inner);
    good.then(|| Parameter { keyword: keyword.to_ascii_uppercase().into(), value })
}

/// A size that is larger than any number we have is larger than any limit.
pub(super) fn size(value: &str) -> Result<u64, Reply> {
    if value.len() > SIZE_DIGITS_MAX || !value.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(table::BAD_PARAMETER);
    }
    Ok(value.parse().unwrap_or(u64::MAX))
}

/// RFC 6152 section 3, RFC 3030 section 3.
pub(super) fn body(value: &str) -> Result<BodyType, Reply> {
    match value.to_ascii_uppercase().as_str() {
        "7BIT" => Ok(BodyType::SevenBit),
        "8BITMIME" => Ok(BodyType::EightBit),
        "BINARYMIME" => Ok(BodyType::Binary),
        _ => Err(table::BAD_PARAMETER),
    }
}
