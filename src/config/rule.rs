//! `[[rule]]`: what is held of a message that was looked into.

use sensor_policy::judge::{
    RuleFault, RuleSets, WrittenCoverage, WrittenFinding, WrittenPart, WrittenRecipient, WrittenRule,
    WrittenSender, unknown_scanners,
};
use sensor_settings::{Form, Key, Reload, Table};

use super::ScannerConfig;

/// The rules in the order of the file; every fault is told where it stands.
pub(super) fn rules(root: &Table<'_>, scanners: &[ScannerConfig]) -> RuleSets {
    let rules = root.tables("rule", RULE, |table| Some((rule(table), table.clone())));
    let (written, tables): (Vec<_>, Vec<_>) = rules.into_iter().unzip();
    let scanners: Vec<_> = scanners.iter().map(|scanner| &*scanner.name).collect();
    tell(unknown_scanners(&written, &scanners), &tables);
    RuleSets::parse(&written).unwrap_or_else(|faults| {
        tell(faults, &tables);
        RuleSets::default()
    })
}

fn tell(faults: Vec<RuleFault>, tables: &[Table<'_>]) {
    for RuleFault { rule, key, item, problem } in faults {
        let Some(table) = tables.get(rule).or(tables.last()) else { continue };
        // What the settings refused already is not what was written.
        if !key.is_empty() && !table.is_sound(key) {
            continue;
        }
        match item {
            Some(item) => table.fault_at_item(key, item, problem.to_string()),
            None => table.fault_at(key, problem.to_string()),
        }
    }
}

const RULE: &str = "What is held of a message that was looked into, and what becomes of it. Rules are asked in this\n\
                    order; behind them stand those that are built in (docs/rules.md).";

fn rule(table: &Table<'_>) -> WrittenRule {
    WrittenRule {
        name: table.required(NAME, &Form::text("a name")).unwrap_or_default(),
        enabled: table.boolean(ENABLED, true),
        shadow: table.boolean(SHADOW, false),
        client: texts(table, CLIENT, "a list of addresses and blocks such as 10.0.0.0/8"),
        when: table.optional(WHEN, &Form::text("an expression")),
        verdict: word(table, VERDICT, VERDICTS),
        severity: word(table, SEVERITY, SEVERITIES),
        tags: texts(table, TAGS, "a list of words"),
        disposition: word(table, DISPOSITION, DISPOSITIONS),
        notices: texts(table, NOTICES, "a list of names"),
        stop: table.boolean(STOP, false),
        finding: condition(table, "finding", "One finding that there has to be.", finding),
        part: condition(table, "part", "One part that there has to be.", part),
        coverage: condition(table, "coverage", "What one scanner has to have made of it.", coverage),
        sender: condition(table, "sender", "Whom it has to be from, by the envelope.", sender),
        recipient: condition(table, "recipient", "Whom it has to be for.", recipient),
    }
}

/// None where nothing of it is written.
fn condition<T>(
    rule: &Table<'_>,
    name: &'static str,
    doc: &'static str,
    read: impl FnOnce(&Table<'_>) -> T,
) -> Option<T> {
    let table = rule.table(name, doc);
    let condition = read(&table);
    table.is_present().then_some(condition)
}

fn finding(table: &Table<'_>) -> WrittenFinding {
    WrittenFinding {
        scanner: texts(table, FINDING_SCANNER, "a list of names"),
        rule: texts(table, FINDING_RULE, PATTERNS),
        tag: texts(table, FINDING_TAG, "a list of words"),
        severity_min: word(table, SEVERITY_MIN, SEVERITIES),
    }
}

fn part(table: &Table<'_>) -> WrittenPart {
    WrittenPart {
        declared: texts(table, DECLARED, TYPES),
        detected: texts(table, DETECTED, TYPES),
        name: texts(table, PART_NAME, PATTERNS),
        extension: texts(table, EXTENSION, "a list of extensions such as exe and tar.gz"),
        flag: texts(table, FLAG, "a list of words"),
        role: texts(table, ROLE, "a list of words"),
        unopened: texts(table, UNOPENED, "a list of words"),
        size_min: table.optional(SIZE_MIN, &Form::text("a size such as 10 MiB")),
    }
}

fn coverage(table: &Table<'_>) -> WrittenCoverage {
    WrittenCoverage {
        scanner: texts(table, COVERAGE_SCANNER, "a list of names"),
        outcome: texts(table, OUTCOME, "a list of words"),
        required: table.optional_boolean(REQUIRED),
        missed: table.optional_boolean(MISSED),
    }
}

fn sender(table: &Table<'_>) -> WrittenSender {
    WrittenSender { domain: texts(table, DOMAIN, DOMAINS), address: texts(table, ADDRESS, ADDRESSES) }
}

fn recipient(table: &Table<'_>) -> WrittenRecipient {
    WrittenRecipient {
        domain: texts(table, DOMAIN, DOMAINS),
        address: texts(table, ADDRESS, ADDRESSES),
        provenance: texts(table, PROVENANCE, "a list of words"),
    }
}

fn texts(table: &Table<'_>, key: Key, expected: &'static str) -> Vec<String> {
    table.list(key, expected, |texts| Ok(texts.iter().map(|text| (*text).to_owned()).collect()))
}

fn word(table: &Table<'_>, key: Key, words: &'static [(&'static str, &'static str)]) -> Option<String> {
    table.optional(key, &Form::words(words)).map(str::to_owned)
}

const PATTERNS: &str = "a list of patterns with * and ?";
const TYPES: &str = "a list of media types such as application/*";
const DOMAINS: &str = "a list of domains such as example.com and !lists.example.com";
const ADDRESSES: &str = "a list of addresses such as bob@example.com";
const VERDICTS: &[(&str, &str)] =
    &[("clean", "clean"), ("undetermined", "undetermined"), ("suspect", "suspect"), ("hostile", "hostile")];
const SEVERITIES: &[(&str, &str)] =
    &[("info", "info"), ("low", "low"), ("medium", "medium"), ("high", "high"), ("critical", "critical")];
const DISPOSITIONS: &[(&str, &str)] =
    &[("keep", "keep"), ("quarantine", "quarantine"), ("metadata_only", "metadata_only")];

const NAME: Key = Key::new(
    "name",
    "What it is called: lower-case letters, digits and _. In records it is rule.NAME.",
    Reload::Live,
)
.example("\"malware\"");
const ENABLED: Key = Key::new("enabled", "Whether it counts.", Reload::Live);
const SHADOW: Key = Key::new(
    "shadow",
    "Whether it is on trial: what it would change is recorded and told, and nothing is done.",
    Reload::Live,
);
const CLIENT: Key =
    Key::new("client", "Whom it has to come from; `!` excepts. As in smtp.clients.", Reload::Live)
        .example("[\"192.0.2.0/24\"]");
const WHEN: Key = Key::new("when", "An expression in CEL that has to be true.", Reload::Live)
    .example("\"size(recipients) > 100\"");
const VERDICT: Key =
    Key::new("verdict", "What the message is held to be.", Reload::Live).example("\"hostile\"");
const SEVERITY: Key = Key::new(
    "severity",
    "How grave that is. Not set, with suspect or hostile: as grave as the gravest finding that the rule\n\
     asked for.",
    Reload::Live,
)
.example("\"high\"");
const TAGS: Key = Key::new("tags", "Words that the message gets.", Reload::Live).example("[\"malware\"]");
const DISPOSITION: Key =
    Key::new("disposition", "What becomes of the message.", Reload::Live).example("\"quarantine\"");
const NOTICES: Key =
    Key::new("notices", "Names of those who are to be told.", Reload::Live).example("[\"soc\"]");
const STOP: Key = Key::new(
    "stop",
    "Whether no later rule is asked when this one holds, built-in ones included.",
    Reload::Live,
);

const FINDING_SCANNER: Key =
    Key::new("scanner", "Who found it: names of scanners.", Reload::Live).example("[\"clamd\", \"yara\"]");
const FINDING_RULE: Key = Key::new("rule", "What the scanner calls it.", Reload::Live).example("[\"Win.*\"]");
const FINDING_TAG: Key = Key::new("tag", "One of its tags.", Reload::Live).example("[\"phishing\"]");
const SEVERITY_MIN: Key =
    Key::new("severity_min", "How grave it is at the least.", Reload::Live).example("\"high\"");

const DECLARED: Key =
    Key::new("declared", "The media type that the message gives.", Reload::Live).example("[\"image/*\"]");
const DETECTED: Key = Key::new("detected", "The media type that the octets show.", Reload::Live)
    .example("[\"application/x-dosexec\"]");
const PART_NAME: Key = Key::new("name", "The name of the file.", Reload::Live).example("[\"*invoice*\"]");
const EXTENSION: Key = Key::new("extension", "What the name ends with, without the dot.", Reload::Live)
    .example("[\"exe\", \"tar.gz\"]");
const FLAG: Key = Key::new("flag", "What is remarkable: encrypted, macros, type_mismatch ...", Reload::Live)
    .example("[\"macros\", \"encrypted\"]");
const ROLE: Key = Key::new("role", "What it is: body, attachment, enclosed, member ...", Reload::Live)
    .example("[\"attachment\", \"member\"]");
const UNOPENED: Key =
    Key::new("unopened", "Why something in it was not opened: encrypted, unsupported ...", Reload::Live)
        .example("[\"encrypted\"]");
const SIZE_MIN: Key =
    Key::new("size_min", "How large it is at the least, decoded.", Reload::Live).example("\"10 MiB\"");

const COVERAGE_SCANNER: Key =
    Key::new("scanner", "Whose coverage: names of scanners.", Reload::Live).example("[\"clamd\"]");
const OUTCOME: Key = Key::new("outcome", "clean, hit, skipped, timed_out or failed.", Reload::Live)
    .example("[\"timed_out\", \"failed\"]");
const REQUIRED: Key = Key::new("required", "Whether it is a required scanner.", Reload::Live).example("true");
const MISSED: Key =
    Key::new("missed", "Whether it left something out, whatever it found elsewhere.", Reload::Live)
        .example("true");

const DOMAIN: Key = Key::new("domain", "The domain, with its subdomains; `!` excepts.", Reload::Live)
    .example("[\"example.com\", \"!lists.example.com\"]");
const ADDRESS: Key = Key::new("address", "The whole address; <> is the empty one.", Reload::Live)
    .example("[\"bob@example.com\"]");
const PROVENANCE: Key = Key::new(
    "provenance",
    "How it is known: envelope (where nothing is given), header, sub_address, journal.",
    Reload::Live,
)
.example("[\"header\", \"journal\"]");
