//! Expressions in CEL (github.com/google/cel-spec), for what the typed conditions cannot say.
//!
//! Promised: reading one never panics and says where it is wrong; one that names what there is not, or would
//! fail on an ordinary message, is refused when it is read; asking one ends after [`STEPS_MAX`] turns of its
//! loops (`exists`, `all`, `filter`...), whatever the message holds; what it says of a failure holds no text
//! of the message.
//!
//! ```text
//! text -> parser -> tree -> names and depth checked, every loop given a counter -> tried on a sample
//! ```
//!
//! Left out: regular expressions, and the time of day.

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use cel::parser::{Expression as Tree, ParseErrors, PrattParser};
use cel::{Context, Env, ExecutionError, Value};

use super::Evidence;
use super::fault::RuleProblem;

mod tree;
mod view;

/// The longest expression, in octets.
pub(super) const EXPRESSION_OCTETS_MAX: usize = 1_000;
/// The most turns of all loops of one expression over one message; some 5 microseconds each.
pub(super) const STEPS_MAX: u32 = 20_000;
/// What counts the turns. No name that can be typed.
const STEP: &str = "@step";

/// The functions of CEL itself.
static FUNCTIONS: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// An expression that can be asked.
#[derive(Debug)]
pub(super) struct Expression(Tree);

/// Why an expression had no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Troubled(pub(super) &'static str);

impl Expression {
    pub(super) fn read(text: &str) -> Result<Self, RuleProblem> {
        if text.len() > EXPRESSION_OCTETS_MAX {
            return Err(RuleProblem::ExpressionTooLong { max: EXPRESSION_OCTETS_MAX });
        }
        // The parser is another's, and hostile input to it would be a slip of the administrator's pen.
        let parsed = catch_unwind(|| PrattParser::default().parse(text));
        let mut tree = match parsed {
            Ok(Ok(tree)) => tree,
            Ok(Err(errors)) => return Err(first(&errors, text)),
            Err(_) => return Err(problem((1, 1), "the parser failed on it")),
        };
        tree::prepare(&mut tree, text)?;
        let expression = Self(tree);
        expression.try_out()?;
        Ok(expression)
    }

    /// Whether it is true of a message.
    pub(super) fn holds(&self, subject: &Subject<'_>) -> Result<bool, Troubled> {
        let answer = catch_unwind(AssertUnwindSafe(|| subject.ask(&self.0)));
        match answer {
            // In CEL `failed || true` is true: an answer may rest on what was not looked at.
            Ok(_) if subject.is_worn_out() => Err(Troubled("it took more steps than an expression may")),
            Ok(Ok(Value::Bool(holds))) => Ok(holds),
            Ok(Ok(_)) => Err(Troubled("it is neither true nor false")),
            Ok(Err(error)) => Err(Troubled(why(&error))),
            Err(_) => Err(Troubled("the interpreter failed")),
        }
    }

    /// Asks it about an invented message that has one of everything.
    fn try_out(&self) -> Result<(), RuleProblem> {
        let asked = catch_unwind(AssertUnwindSafe(|| Asked::about(view::sample()).ask(&self.0)));
        match asked {
            Ok(Ok(Value::Bool(_))) => Ok(()),
            Ok(Ok(_)) => Err(problem((1, 1), "it is neither true nor false")),
            // What a message has none of may be there in another one.
            Ok(Err(ExecutionError::IndexOutOfBounds(_))) => Ok(()),
            Ok(Err(error)) => Err(problem((1, 1), &error.to_string())),
            Err(_) => Err(problem((1, 1), "the interpreter failed on it")),
        }
    }
}

/// A message as expressions see it, made when the first one asks.
pub(super) struct Subject<'a> {
    pub(super) evidence: &'a Evidence<'a>,
    asked: OnceCell<Asked>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(evidence: &'a Evidence<'a>) -> Self {
        Self { evidence, asked: OnceCell::new() }
    }

    fn ask(&self, tree: &Tree) -> Result<Value, ExecutionError> {
        self.asked.get_or_init(|| Asked::about(view::of(self.evidence))).ask(tree)
    }

    fn is_worn_out(&self) -> bool {
        self.asked.get().is_some_and(Asked::is_worn_out)
    }
}

/// The kind of an error: its own text may hold text of the message.
#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is the interpreter's, and open")]
fn why(error: &ExecutionError) -> &'static str {
    match error {
        ExecutionError::NoSuchKey(_) => "it asks for a key that is not there",
        ExecutionError::IndexOutOfBounds(_) => "it asks for an element that is not there",
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "it divides by zero",
        ExecutionError::Overflow(..) => "a number is too large",
        _ => "it makes no sense of this message",
    }
}

/// The variables of a message, and the steps that the expression which is asked has taken.
struct Asked {
    context: Context<'static, 'static>,
    steps: Arc<AtomicU32>,
}

impl Asked {
    fn about(variables: Vec<(&'static str, Value)>) -> Self {
        let steps = Arc::new(AtomicU32::new(0));
        let mut context = Context::with_env(Arc::clone(&FUNCTIONS));
        for (name, value) in variables {
            context.add_variable_from_value(name, value);
        }
        let counter = Arc::clone(&steps);
        let step = move || match counter.fetch_add(1, Ordering::Relaxed) < STEPS_MAX {
            true => Ok(true),
            false => Err(ExecutionError::function_error(STEP, "too many steps")),
        };
        context.add_function(STEP, step).expect("no other function has a name that cannot be typed");
        Self { context, steps }
    }

    fn ask(&self, tree: &Tree) -> Result<Value, ExecutionError> {
        self.steps.store(0, Ordering::Relaxed);
        Value::resolve(tree, &self.context)
    }

    fn is_worn_out(&self) -> bool {
        self.steps.load(Ordering::Relaxed) > STEPS_MAX
    }
}

fn first(errors: &ParseErrors, text: &str) -> RuleProblem {
    let Some(error) = errors.errors.first() else { return problem((1, 1), "it cannot be read") };
    // The parser counts octets; an editor counts characters.
    let (line, octet) = error.pos;
    let at = |number: isize| usize::try_from(number).ok()?.checked_sub(1);
    let before = at(line).and_then(|line| text.split('\n').nth(line)).zip(at(octet));
    let column = before.map_or(octet, |(line, octets)| {
        let before = &line[..line.floor_char_boundary(octets)];
        isize::try_from(before.chars().count() + 1).unwrap_or(octet)
    });
    problem((line, column), &error.msg)
}

fn problem((line, column): (isize, isize), message: &str) -> RuleProblem {
    let counted = |number: isize| usize::try_from(number).unwrap_or(1).max(1);
    RuleProblem::Expression { line: counted(line), column: counted(column), message: message.to_owned() }
}
