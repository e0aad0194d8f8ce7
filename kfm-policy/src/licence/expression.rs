//! Licences as SPDX expressions, read by one parser for all rules.

use spdx::expression::{ExprNode, Operator};
use spdx::{ParseMode, identifiers};

/// The longest expression, in bytes; a longer one is a text and not a licence.
const LENGTH_MAX: usize = 4_096;

/// The parser accepts deprecated ids, and words that are no SPDX ids: STAC and catalogs have their own.
const MODE: ParseMode = ParseMode {
    allow_slash_as_or_operator: false,
    allow_imprecise_license_names: false,
    allow_postfix_plus_on_gpl: true,
    allow_deprecated: true,
    allow_unknown: true,
};

/// An SPDX expression.
#[derive(Debug)]
pub(super) struct Expression {
    text: String,
    parsed: spdx::Expression,
}

impl Expression {
    /// Parses an expression, with ids and operators in any case; `None` if it is not valid.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > LENGTH_MAX {
            return None;
        }
        let text = canonical(text.trim());
        let parsed = spdx::Expression::parse_mode(&text, MODE).ok()?;
        Some(Self { text, parsed })
    }

    /// Joins what each id means through the operators; an id is given as the expression has it, without `+`.
    pub(super) fn fold<T>(
        &self,
        of_id: impl Fn(&str) -> T,
        and: impl Fn(T, T) -> T,
        or: impl Fn(T, T) -> T,
    ) -> Option<T> {
        // In the parser's order an operator follows its operands.
        let mut open = Vec::new();
        for node in self.parsed.iter() {
            let value = match node {
                ExprNode::Req(required) => {
                    of_id(self.text.get(required.span.start as usize..required.span.end as usize)?)
                }
                ExprNode::Op(operator) => {
                    let (second, first) = (open.pop()?, open.pop()?);
                    match operator {
                        Operator::And => and(first, second),
                        Operator::Or => or(first, second),
                    }
                }
            };
            open.push(value);
        }
        open.pop()
    }
}

/// Returns the text with ids of the licence list, exceptions and operators spelt as the parser knows them.
fn canonical(text: &str) -> String {
    let mut canonical = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_of_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':');
        let length = match is_of_id(first) {
            true => rest.find(|c| !is_of_id(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        canonical.push_str(known(&rest[..length]));
        rest = &rest[length..];
    }
    canonical
}

fn known(word: &str) -> &str {
    let licences = identifiers::LICENSES.iter().map(|licence| licence.name);
    let exceptions = identifiers::EXCEPTIONS.iter().map(|exception| exception.name);
    let mut names = ["AND", "OR", "WITH"].into_iter().chain(licences).chain(exceptions);
    names.find(|name| name.eq_ignore_ascii_case(word)).unwrap_or(word)
}
