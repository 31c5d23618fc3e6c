use super::*;

fn parse(line: &str) -> Result<Command, Reply> {
    let (verb, arguments) = Verb::split(line);
    verb.command(arguments)
}

fn path_of(line: &str) -> Result<String, Reply> {
    let command = parse(line)?;
    if let Command::Mail(mail) = &command {
        return Ok(mail.path.as_str().to_owned());
    }
    let Command::Recipient(recipient) = command else { panic!("{line}: {command:?}") };
    Ok(recipient.path.as_str().to_owned())
}

#[test]
fn a_line_with_an_octet_that_is_no_text_is_no_command() {
    for line in [&b"NOOP\0"[..], b"NO\rOP", b"NO\nOP", b"NOOP\t", b"NOOP \x7f", b"NOOP \xff", b"NOOP \xc3"] {
        assert_eq!(printable(line), None, "{}", line.escape_ascii());
    }
    assert_eq!(printable("NOOP ü".as_bytes()), Some("NOOP ü"));
}

#[test]
fn paths_that_are_taken() {
    for (line, path) in [
        ("MAIL FROM:<>", ""),
        ("mail from:<a@example.com>", "a@example.com"),
        ("MAIL FROM: <a@example.com>", "a@example.com"),
        ("MAIL  FROM:   <a@example.com>  ", "a@example.com"),
        (r#"MAIL FROM:<"a > b\" c"@example.com> RET=HDRS"#, r#""a > b\" c"@example.com"#),
        ("MAIL FROM:<@a.example,@[IPv6:::1]:b@example.com>", "b@example.com"),
        ("RCPT TO:<@a.example:b@[192.0.2.7]>", "b@[192.0.2.7]"),
        ("RCPT TO:<Postmaster>", "postmaster"),
        ("RCPT TO:<@a.example:postmaster>", "postmaster"),
        ("RCPT TO:<bücher@bücher.example>", "bücher@bücher.example"),
    ] {
        assert_eq!(path_of(line), Ok(path.to_owned()), "{line}");
    }
}

#[test]
fn paths_that_are_refused() {
    let long = format!("MAIL FROM:<{}@example.com>", "x".repeat(1024));
    for (line, reply) in [
        ("MAIL", table::BAD_SYNTAX),
        ("MAIL FROM", table::BAD_SYNTAX),
        ("MAIL FROM:", table::BAD_SYNTAX),
        ("MAIL TO:<a@example.com>", table::BAD_SYNTAX),
        ("MAIL FRÖM:<a@example.com>", table::BAD_SYNTAX),
        ("MAIL FROM:a@example.com", table::BAD_SYNTAX),
        ("MAIL FROM:<a@example.com", table::BAD_SYNTAX),
        ("MAIL FROM:<a@example.com>SIZE=1", table::BAD_SYNTAX),
        ("MAIL FROM:<a@example.com>>", table::BAD_SYNTAX),
        (r#"MAIL FROM:<"a@example.com>"#, table::BAD_SYNTAX),
        ("MAIL FROM:<postmaster>", table::BAD_SENDER),
        ("MAIL FROM:< a@example.com>", table::BAD_SENDER),
        ("MAIL FROM:<<a@example.com>", table::BAD_SENDER),
        ("MAIL FROM:<a@b@example.com>", table::BAD_SENDER),
        ("MAIL FROM:<@a.example>", table::BAD_SENDER),
        ("MAIL FROM:<@a.example:>", table::BAD_SENDER),
        ("MAIL FROM:<@a..example:b@example.com>", table::BAD_SENDER),
        ("MAIL FROM:<@a.example,b.example:b@example.com>", table::BAD_SENDER),
        (&long, table::BAD_SENDER),
        ("RCPT TO:<>", table::BAD_RECIPIENT),
        ("RCPT TO:<nobody>", table::BAD_RECIPIENT),
        ("RCPT TO:<a@[192.0.2.300]>", table::BAD_RECIPIENT),
    ] {
        assert_eq!(path_of(line), Err(reply), "{line}");
    }
}

#[test]
fn parameters_that_are_taken() {
    let line = "MAIL FROM:<> size=10 Body=BinaryMime SMTPUTF8 RET=FULL ENVID=x+3D AUTH=<>";
    let Ok(Command::Mail(mail)) = parse(line) else { panic!("{line}") };
    assert_eq!((mail.size, mail.body, mail.smtputf8), (Some(10), BodyType::Binary, true));
    let keywords: Vec<&str> = mail.parameters.iter().map(|p| &*p.keyword).collect();
    assert_eq!(keywords, ["SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH"]);
    assert_eq!(mail.parameters[1].value.as_deref(), Some("BinaryMime"));

    let line = "RCPT TO:<a@example.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@example.com";
    let Ok(Command::Recipient(recipient)) = parse(line) else { panic!("{line}") };
    assert_eq!(recipient.parameters[1].value.as_deref(), Some("rfc822;b@example.com"));
}

#[test]
fn parameters_that_are_refused() {
    for (line, reply) in [
        ("MAIL FROM:<> SIZE", table::BAD_PARAMETER),
        ("MAIL FROM:<> SIZE=", table::BAD_PARAMETER),
        ("MAIL FROM:<> SIZE=-1", table::BAD_PARAMETER),
        ("MAIL FROM:<> SIZE=123456789012345678901", table::BAD_PARAMETER),
        ("MAIL FROM:<> BODY=9BIT", table::BAD_PARAMETER),
        ("MAIL FROM:<> SMTPUTF8=YES", table::BAD_PARAMETER),
        ("MAIL FROM:<> RET", table::BAD_PARAMETER),
        ("MAIL FROM:<> =1", table::BAD_PARAMETER),
        ("MAIL FROM:<> SI.ZE=1", table::BAD_PARAMETER),
        ("MAIL FROM:<> SIZE=1 size=1", table::REPEATED_PARAMETER),
        ("MAIL FROM:<> SMTPUTF8 SMTPUTF8", table::REPEATED_PARAMETER),
        ("MAIL FROM:<> NOTIFY=NEVER", table::UNKNOWN_PARAMETER),
        ("MAIL FROM:<> X-SECRET", table::UNKNOWN_PARAMETER),
        ("RCPT TO:<a@example.com> NOTIFY", table::BAD_PARAMETER),
        ("RCPT TO:<a@example.com> SIZE=1", table::UNKNOWN_PARAMETER),
        ("RCPT TO:<a@example.com> ORCPT=a ORCPT=b", table::REPEATED_PARAMETER),
    ] {
        assert_eq!(parse(line), Err(reply), "{line}");
    }
}

#[test]
fn a_size_beyond_all_numbers_is_the_largest() {
    let Ok(Command::Mail(mail)) = parse("MAIL FROM:<> SIZE=99999999999999999999") else { panic!() };
    assert_eq!(mail.size, Some(u64::MAX));
}

#[test]
fn chunks_and_what_can_be_stepped_over() {
    for (line, command) in [
        ("BDAT 0", Command::Chunk(Chunk { octets: 0, last: false })),
        ("bdat 12 last", Command::Chunk(Chunk { octets: 12, last: true })),
        ("BDAT 18446744073709551615", Command::Chunk(Chunk { octets: u64::MAX, last: false })),
        ("BDAT 12 FIRST", Command::BrokenChunk { octets: Some(12) }),
        ("BDAT 12 LAST LAST", Command::BrokenChunk { octets: Some(12) }),
        ("BDAT 18446744073709551616", Command::BrokenChunk { octets: None }),
        ("BDAT", Command::BrokenChunk { octets: None }),
        ("BDAT LAST", Command::BrokenChunk { octets: None }),
        ("BDAT -1", Command::BrokenChunk { octets: None }),
        ("BDAT +1", Command::BrokenChunk { octets: None }),
        ("BDAT 0x10", Command::BrokenChunk { octets: None }),
    ] {
        assert_eq!(parse(line), Ok(command), "{line}");
    }
}

#[test]
fn verbs_stand_alone_or_take_anything() {
    for (line, expected) in [
        ("noop", Ok(Command::Noop)),
        ("NOOP really", Ok(Command::Noop)),
        ("HELP me", Ok(Command::Help)),
        ("VRFY <a@example.com>", Ok(Command::Verify)),
        ("QUIT  ", Ok(Command::Quit)),
        ("QUIT now", Err(table::NO_ARGUMENTS)),
        ("DATA now", Err(table::NO_ARGUMENTS)),
        ("RSET now", Err(table::NO_ARGUMENTS)),
        ("STARTTLS now", Err(table::NO_ARGUMENTS)),
        ("AUTH PLAIN AHgAeQ==", Err(table::NOT_IMPLEMENTED)),
        ("EXPN list", Err(table::NOT_IMPLEMENTED)),
        ("ETRN example.com", Err(table::NOT_IMPLEMENTED)),
        ("XTEXT NAME=x", Err(table::UNKNOWN_COMMAND)),
        ("", Err(table::UNKNOWN_COMMAND)),
        (" NOOP", Err(table::UNKNOWN_COMMAND)),
        ("NOOPNOOP", Err(table::UNKNOWN_COMMAND)),
        ("EHLO", Err(table::BAD_HELLO)),
        ("EHLO two names", Err(table::BAD_HELLO)),
    ] {
        assert_eq!(parse(line), expected, "{line}");
    }
}
