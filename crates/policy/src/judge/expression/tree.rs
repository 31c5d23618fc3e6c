//! What is done to the tree of an expression before anybody asks it: unknown names and too much depth are
//! refused, and every loop gets a counter.

use cel::common::ast::operators::CONDITIONAL;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue};

use super::{STEP, problem, view};
use crate::judge::fault::RuleProblem;

/// The deepest tree. The interpreter calls itself for each level, and a stack that ends takes the program along.
const DEPTH_MAX: usize = 64;

/// The types of CEL, which may be named too.
const TYPES: &[&str] =
    &["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];

/// # Errors
/// When the expression `text` is too deep, or names a variable that there is not.
pub(super) fn prepare(tree: &mut IdedExpr, text: &str) -> Result<(), RuleProblem> {
    Walk { text, bound: Vec::new(), depth: 0 }.expression(tree)
}

struct Walk<'a> {
    text: &'a str,
    /// The variables of the loops around.
    bound: Vec<String>,
    depth: usize,
}

impl Walk<'_> {
    fn expression(&mut self, tree: &mut IdedExpr) -> Result<(), RuleProblem> {
        if self.depth == DEPTH_MAX {
            return Err(problem((1, 1), "it is nested too deeply"));
        }
        self.depth += 1;
        self.node(&mut tree.expr)?;
        self.depth -= 1;
        Ok(())
    }

    fn node(&mut self, node: &mut Expr) -> Result<(), RuleProblem> {
        match node {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => self.expression(&mut select.operand),
            Expr::List(list) => self.all(&mut list.elements),
            Expr::Map(map) => map.entries.iter_mut().try_for_each(|entry| self.entry(&mut entry.expr)),
            Expr::Struct(structure) => {
                structure.entries.iter_mut().try_for_each(|entry| self.entry(&mut entry.expr))
            }
            Expr::Call(call) => {
                call.target.iter_mut().try_for_each(|target| self.expression(target))?;
                self.all(&mut call.args)
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
        }
    }

    fn all(&mut self, trees: &mut [IdedExpr]) -> Result<(), RuleProblem> {
        trees.iter_mut().try_for_each(|tree| self.expression(tree))
    }

    fn entry(&mut self, entry: &mut EntryExpr) -> Result<(), RuleProblem> {
        match entry {
            EntryExpr::StructField(field) => self.expression(&mut field.value),
            EntryExpr::MapEntry(entry) => {
                self.expression(&mut entry.key)?;
                self.expression(&mut entry.value)
            }
        }
    }

    fn comprehension(&mut self, of: &mut ComprehensionExpr) -> Result<(), RuleProblem> {
        self.expression(&mut of.iter_range)?;
        self.expression(&mut of.accu_init)?;
        let outer = self.bound.len();
        self.bound.extend([of.iter_var.clone(), of.accu_var.clone()]);
        self.bound.extend(of.iter_var2.clone());
        self.expression(&mut of.loop_cond)?;
        self.expression(&mut of.loop_step)?;
        self.expression(&mut of.result)?;
        self.bound.truncate(outer);
        count(of);
        Ok(())
    }

    fn name(&self, name: &str) -> Result<(), RuleProblem> {
        let is_known = view::VARIABLES.contains(&name)
            || TYPES.contains(&name)
            || self.bound.iter().any(|bound| bound == name);
        if is_known {
            return Ok(());
        }
        let message = format!("nothing is called {name}; there are {}", view::VARIABLES.join(", "));
        Err(problem(place_of(name, self.text), &message))
    }
}

/// Where a name stands in the text: the tree does not say.
fn place_of(name: &str, text: &str) -> (isize, isize) {
    let is_inner = |octet: Option<&u8>| octet.is_some_and(|o| o.is_ascii_alphanumeric() || *o == b'_');
    let stands_alone = |at: &usize| {
        let before = at.checked_sub(1).and_then(|before| text.as_bytes().get(before));
        !is_inner(before) && before != Some(&b'.') && !is_inner(text.as_bytes().get(at + name.len()))
    };
    let at = text.match_indices(name).map(|(at, _)| at).find(stands_alone).unwrap_or(0);
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
    (isize::try_from(line).unwrap_or(1), isize::try_from(column).unwrap_or(1))
}

/// Makes each turn of a loop ask the counter first, which ends the expression when it has run out.
///
/// The interpreter builds lists (`map`, `filter`) in place where it knows the loop by its shape, and copies
/// the list at each turn elsewhere; so there the counter goes where it leaves the shape alone.
fn count(loop_: &mut ComprehensionExpr) {
    let accumulator = IdedExpr { id: 0, expr: Expr::Ident(loop_.accu_var.clone()) };
    let builds_a_list = matches!(loop_.accu_init.expr, Expr::List(_));
    match &mut loop_.loop_step.expr {
        Expr::Call(step) if builds_a_list && step.func_name == CONDITIONAL => {
            if let Some(guard) = step.args.first_mut() {
                precede(guard, never());
            }
        }
        Expr::Call(_) if builds_a_list => precede(&mut loop_.loop_step, accumulator),
        Expr::Unspecified
        | Expr::Call(_)
        | Expr::Comprehension(_)
        | Expr::Ident(_)
        | Expr::List(_)
        | Expr::Literal(_)
        | Expr::Map(_)
        | Expr::Select(_)
        | Expr::Struct(_) => precede(&mut loop_.loop_cond, never()),
    }
}

/// `tree` becomes `@step() ? tree : otherwise`. The counter says yes or fails.
fn precede(tree: &mut IdedExpr, otherwise: IdedExpr) {
    let step = call(STEP, Vec::new());
    let after = std::mem::take(tree);
    *tree = call(CONDITIONAL, vec![step, after, otherwise]);
}

fn call(function: &str, args: Vec<IdedExpr>) -> IdedExpr {
    IdedExpr { id: 0, expr: Expr::Call(CallExpr { func_name: function.to_owned(), target: None, args }) }
}

fn never() -> IdedExpr {
    IdedExpr { id: 0, expr: Expr::Literal(LiteralValue::Boolean(false.into())) }
}
