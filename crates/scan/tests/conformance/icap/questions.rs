//! What filters are asked: heads, previews, and what follows them.

use sensor_mail::PartId;
use sensor_scan::{Sample, Value};

use super::at;
use crate::check::{LONG, budget, id, now, scan, text};
use crate::filter::{Chunked, Filter, Question, Wants};

/// What a service says of itself, which may include how much it wants to see first.
fn options(preview: Option<usize>) -> String {
    let preview = preview.map(|octets| format!("Preview: {octets}\r\n")).unwrap_or_default();
    format!("ICAP/1.0 200 OK\r\nMethods: REQMOD, RESPMOD\r\nAllow: 204\r\nISTag: \"t\"\r\n{preview}\r\n")
}

/// A part of so many octets that are not all the same.
fn sample(octets: usize) -> Sample {
    Sample { line: (0..octets).map(|at| char::from(b'a' + (at % 23) as u8)).collect(), ..Sample::harmless() }
}

/// What the filter heard, on one connection, of a scanner that finds nothing and misses nothing.
async fn heard(mut filter: Filter, sample: &Sample, method: &str, look_at: &str) -> Vec<Question> {
    let more = [("method", text(method)), ("look_at", text(look_at)), ("size_max", Value::Number(1 << 20))];
    let scanner = at(filter.fake.address, "avscan", more);
    let (findings, coverage) = scan(&*scanner, &sample.mail(id(), now()), &budget(LONG)).await;
    assert_eq!((findings, coverage.gaps), (vec![], vec![]));
    filter.connection().await
}

#[tokio::test]
async fn a_question_says_what_it_encloses() {
    let length = sample(40).mail(id(), now()).parts[0].octets.len();
    let kind = format!("Content-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n");
    let of = |start: &str| {
        format!("{start} http://mailsensor.invalid/part-0 HTTP/1.1\r\nHost: mailsensor.invalid\r\n")
    };
    let (request, response) = (of("GET") + "\r\n", format!("HTTP/1.1 200 OK\r\n{kind}"));
    let upload = of("POST") + &kind;
    let respmod =
        format!("req-hdr=0, res-hdr={}, res-body={}", request.len(), request.len() + response.len());
    let reqmod = format!("req-hdr=0, req-body={}", upload.len());
    let respmod = (respmod, vec![("req-hdr".to_owned(), request), ("res-hdr".to_owned(), response)]);
    let reqmod = (reqmod, vec![("req-hdr".to_owned(), upload)]);
    for (method, (encapsulated, enclosed)) in [("respmod", respmod), ("reqmod", reqmod)] {
        for preview in [None, Some(0), Some(30), Some(100_000)] {
            let filter = Filter::answering(options(preview), Wants::ThePreview).await;
            let host = filter.fake.address;
            let questions = heard(filter, &sample(40), method, "message").await;
            let [asked, shown] = &questions[..] else { panic!("{questions:?}") };
            let begins =
                |word: &str| vec![format!("{word} icap://{host}/avscan ICAP/1.0"), format!("Host: {host}")];
            let mut expected = begins("OPTIONS");
            expected.extend(["User-Agent: mailsensor", "Encapsulated: null-body=0"].map(str::to_owned));
            assert_eq!(asked.head, expected);

            let mut expected = begins(&method.to_uppercase());
            expected.extend(["User-Agent: mailsensor", "Allow: 204"].map(str::to_owned));
            // Whatever it asks for, it is shown 64 KiB at most.
            expected.extend(preview.map(|octets| format!("Preview: {}", octets.min(65_536))));
            expected.push(format!("Encapsulated: {encapsulated}"));
            assert_eq!(shown.head, expected);
            assert_eq!(shown.enclosed, enclosed);
        }
    }
}

/// Section 4.5: a preview, and behind it what the filter wants of the rest.
#[tokio::test]
async fn a_part_is_sent_as_far_as_the_filter_wants_it() {
    const LARGE: usize = 300_000;
    for (octets, preview, wants, first, behind) in [
        // No preview: all of it, and the end of a body says nothing of a preview.
        (40, None, Wants::ThePreview, (40, false), None),
        (LARGE, None, Wants::ThePreview, (LARGE, false), None),
        // It has seen enough: the rest stays here.
        (40, Some(0), Wants::ThePreview, (0, false), None),
        (40, Some(30), Wants::ThePreview, (30, false), None),
        (LARGE, Some(1024), Wants::ThePreview, (1024, false), None),
        // It wants the rest: that, and nothing twice.
        (40, Some(0), Wants::TheRest, (0, false), Some(40)),
        (40, Some(30), Wants::TheRest, (30, false), Some(10)),
        (40, Some(39), Wants::TheRest, (39, false), Some(1)),
        (LARGE, Some(1024), Wants::TheRest, (1024, false), Some(LARGE - 1024)),
        (LARGE, Some(1_000_000), Wants::TheRest, (65_536, false), Some(LARGE - 65_536)),
        // All of it is in the preview, and it is told so.
        (40, Some(40), Wants::ThePreview, (40, true), None),
        (40, Some(1024), Wants::ThePreview, (40, true), None),
    ] {
        let sample = sample(octets);
        let chunked = |from: usize, (octets, is_all): (usize, bool)| Chunked {
            octets: sample.line.as_bytes()[from..from + octets].to_vec(),
            is_all,
        };
        for method in ["respmod", "reqmod"] {
            let filter = Filter::answering(options(preview), wants).await;
            let questions = heard(filter, &sample, method, "parts").await;
            // Part 1 is the text of the message.
            let shown = questions.iter().find(|question| question.enclosed.iter().any(is_of(PartId(2))));
            let shown = shown.unwrap_or_else(|| panic!("{questions:?}"));
            let case = format!("{octets} octets, preview {preview:?}, {method}");
            assert!(shown.body == chunked(0, first), "{case}: {} octets first", shown.body.octets.len());
            let expected = behind.map(|behind| chunked(first.0, (behind, false)));
            assert!(shown.rest == expected, "{case}: the rest is another");
        }
    }
}

fn is_of(part: PartId) -> impl Fn(&(String, String)) -> bool {
    move |(_, head)| head.contains(&format!("/part-{} ", part.0))
}

/// One connection, one question for options, and each part once: whatever of a part stays here is not taken for the
/// beginning of the next question.
#[tokio::test]
async fn parts_follow_each_other_on_a_connection() {
    for wants in [Wants::ThePreview, Wants::TheRest] {
        let filter = Filter::answering(options(Some(10)), wants).await;
        let questions = heard(filter, &sample(5_000), "respmod", "both").await;
        let words: Vec<&str> =
            questions.iter().filter_map(|question| question.head[0].split(' ').next()).collect();
        assert_eq!(words, ["OPTIONS", "RESPMOD", "RESPMOD", "RESPMOD"]);
        for (part, question) in (0..).zip(&questions[1..]) {
            assert!(question.enclosed.iter().any(is_of(PartId(part))), "{:?}", question.enclosed);
            assert_eq!(question.rest.is_some(), wants == Wants::TheRest);
        }
    }
}
