//! Arrays of tables that are of several kinds, each with keys of its own.

use crate::convert::text;
use crate::form::Form;
use crate::key::{Key, Kind};
use crate::ledger::Member;
use crate::tree::quoted;
use crate::unknown::{joined, of_kind};

use super::{Layer, Table, Wanted};

/// A kind of tables: what the key that tells kinds apart has as its value in one.
#[derive(Clone, Copy, Debug)]
pub struct TableKind {
    /// The value.
    pub word: &'static str,
    /// What such a table is for.
    pub doc: &'static str,
}

impl<'r> Table<'r> {
    /// An array of tables, from the last source that has it. Which keys a table has depends on its `key`, the word
    /// of one of `kinds`.
    ///
    /// `read` reads one element, as [`Table::tables`] says; it is also called once for each kind.
    pub fn tables_by_kind<T>(
        &self,
        name: &'static str,
        key: Key,
        kinds: &[TableKind],
        mut read: impl FnMut(&'static str, &Table<'r>) -> Option<T>,
    ) -> Vec<T> {
        self.know(name, Member::TablesByKind(key.name));
        let pattern = format!("{}[]", joined(&self.pattern, name));
        for TableKind { word, doc } in kinds {
            let of_kind = of_kind(&pattern, word);
            let template = Self::open(self.reader, pattern.clone(), of_kind, Vec::new(), doc);
            let this = Kind::Words(vec![word]);
            let _: Option<()> = template.value(
                Wanted { required: true, ..Wanted::with_default(key, &this, quoted(word)) },
                |_, _| unreachable!("a template has no values"),
            );
            read(word, &template);
        }
        let form = Form::one_of(kinds.iter().map(|kind| kind.word).collect());
        let open = |(index, layer): (usize, Layer<'r>)| {
            let written = layer.tree.get(key.name).and_then(|entry| entry.node.value.text());
            let kind = kinds.iter().find(|kind| written == Some(kind.word));
            let (pattern, doc) = match kind {
                Some(kind) => (of_kind(&pattern, kind.word), kind.doc),
                None => (pattern.clone(), ""),
            };
            let path = format!("{}[{}]", self.path_of(name), index + 1);
            let table = Self::open(self.reader, path, pattern, vec![layer], doc);
            let wanted = Wanted { required: true, ..Wanted::optional(key, form.kind()) };
            let word = table.value(wanted, |source, node| text(&form, source, node))?;
            read(word, &table)
        };
        self.last_elements(name).into_iter().filter_map(open).collect()
    }
}
