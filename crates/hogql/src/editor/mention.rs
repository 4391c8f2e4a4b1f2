//! What the words around a cursor say about the tables there, in a text that need not parse.
//!
//! A SELECT reaches from the bracket around it to the one that closes it, or to a set operator. In it, what follows FROM,
//! JOIN and a comma between them is a table; names before AS and a parenthesis after WITH are tables too, there and
//! further in.

use std::ops::Range;

use crate::lex::{Keyword, Kind, Token, literal};

/// A text cut into tokens.
#[derive(Clone, Copy)]
pub(super) struct Words<'t> {
    pub(super) text: &'t str,
    pub(super) tokens: &'t [Token],
}

/// A table that a SELECT reads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mention {
    /// What it is called here, if it has a name.
    pub(super) name: Option<String>,
    pub(super) rows: Rows,
}

/// Where the rows of a table come from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rows {
    Named(String),
    /// A query, as text.
    Query(String),
    Numbers,
}

/// What surrounds a cursor.
#[derive(Debug, Default)]
pub(super) struct Around {
    pub(super) mentions: Vec<Mention>,
    /// Names of the select list.
    pub(super) aliases: Vec<String>,
    /// Names that WITH gives to queries, and their texts; a later one may use those before it.
    pub(super) ctes: Vec<(String, String)>,
    /// Whether a table is expected at the cursor.
    pub(super) wants_table: bool,
}

impl<'t> Words<'t> {
    pub(super) fn kind(&self, at: usize) -> Kind {
        self.tokens.get(at).map_or(Kind::End, |token| token.kind)
    }

    fn keyword(&self, at: usize) -> Keyword {
        match self.kind(at) {
            Kind::Word(keyword) => keyword,
            _ => Keyword::None,
        }
    }

    fn written(&self, range: Range<usize>) -> &'t str {
        let start = self.tokens.get(range.start).map_or(0, |token| token.span.start as usize);
        let end = self.tokens.get(range.end.saturating_sub(1)).map_or(0, |token| token.span.end as usize);
        self.text.get(start..end).unwrap_or_default()
    }

    /// The name at a place, if there is one.
    pub(super) fn name(&self, at: usize) -> Option<String> {
        match self.kind(at) {
            Kind::Word(keyword) if !keyword.is_reserved() => Some(self.written(at..at + 1).to_owned()),
            Kind::QuotedName => Some(literal::unquote(self.written(at..at + 1))),
            _ => None,
        }
    }

    /// Where the bracket at a place is closed; the end of the text if it is not.
    fn close(&self, at: usize) -> usize {
        let partner = self.tokens.get(at).map_or(0, |token| token.partner as usize);
        if partner > at { partner } else { self.tokens.len().saturating_sub(1) }
    }

    /// What surrounds the gap before token `cursor`.
    pub(super) fn around(&self, cursor: usize) -> Around {
        let mut around = Around::default();
        let mut open = vec![0];
        for at in 0..cursor.min(self.tokens.len()) {
            match self.kind(at) {
                Kind::OpenParen if self.close(at) >= cursor => open.push(at + 1),
                _ => {}
            }
        }
        for start in &open {
            let end = if *start == 0 { self.tokens.len() } else { self.close(start - 1) };
            self.ctes(*start..end, cursor, &mut around.ctes);
        }
        // The innermost bracket that holds a SELECT; others hold arguments.
        let start = open
            .iter()
            .rev()
            .copied()
            .find(|start| *start == 0 || matches!(self.keyword(*start), Keyword::Select | Keyword::With));
        let start = start.unwrap_or(0);
        let end = if start == 0 { self.tokens.len() } else { self.close(start - 1) };
        self.select(self.branch(start..end, cursor), cursor, &mut around);
        around
    }

    /// Calls `visit` with each place of `range` that no bracket within it encloses.
    fn top(&self, range: Range<usize>, mut visit: impl FnMut(usize)) {
        let mut at = range.start;
        while at < range.end {
            visit(at);
            at = match self.kind(at) {
                Kind::OpenParen | Kind::OpenBracket | Kind::OpenBrace => self.close(at).max(at + 1),
                _ => at + 1,
            };
        }
    }

    /// The part of `range` around the cursor that set operators leave.
    fn branch(&self, range: Range<usize>, cursor: usize) -> Range<usize> {
        let (mut start, mut end) = (range.start, range.end);
        self.top(range, |at| {
            if matches!(self.keyword(at), Keyword::Union | Keyword::Intersect | Keyword::Except) {
                if at < cursor {
                    start = at + 1;
                } else {
                    end = end.min(at);
                }
            }
        });
        start..end.max(start)
    }

    fn ctes(&self, range: Range<usize>, cursor: usize, found: &mut Vec<(String, String)>) {
        if self.keyword(range.start) != Keyword::With {
            return;
        }
        let mut heads = Vec::new();
        let mut done = false;
        self.top(range, |at| {
            done |= self.keyword(at) == Keyword::Select;
            let is_head = self.keyword(at + 1) == Keyword::As && self.kind(at + 2) == Kind::OpenParen;
            if !done && is_head && self.close(at + 2) < cursor {
                heads.push(at);
            }
        });
        for at in heads {
            if let Some(name) = self.name(at) {
                found.push((name, self.written(at + 3..self.close(at + 2)).to_owned()));
            }
        }
    }

    fn select(&self, range: Range<usize>, cursor: usize, around: &mut Around) {
        let mut clause = Keyword::None;
        let mut tables = Vec::new();
        let mut last_before = range.start;
        self.top(range, |at| {
            let keyword = self.keyword(at);
            match keyword {
                Keyword::Select
                | Keyword::From
                | Keyword::Where
                | Keyword::Prewhere
                | Keyword::Group
                | Keyword::Having
                | Keyword::Order
                | Keyword::Limit
                | Keyword::Window
                | Keyword::Qualify => clause = keyword,
                Keyword::Join => clause = Keyword::From,
                Keyword::On | Keyword::Using | Keyword::Array => clause = Keyword::On,
                _ => {}
            }
            let starts_table = matches!(keyword, Keyword::From | Keyword::Join)
                || (clause == Keyword::From && self.kind(at) == Kind::Comma);
            if starts_table {
                tables.push(at + 1);
            }
            if clause == Keyword::Select && keyword == Keyword::As {
                around.aliases.extend(self.name(at + 1));
            }
            if at < cursor {
                last_before = at;
                around.wants_table = starts_table;
            }
        });
        around.wants_table &= last_before + 1 == cursor;
        around.mentions = tables.into_iter().filter(|at| *at != cursor).filter_map(|at| self.mention(at)).collect();
    }

    fn mention(&self, at: usize) -> Option<Mention> {
        let (rows, mut end) = match self.kind(at) {
            Kind::OpenParen => {
                let close = self.close(at);
                (Rows::Query(self.written(at + 1..close).to_owned()), close + 1)
            }
            _ => {
                let mut name = self.name(at)?;
                let mut end = at + 1;
                while self.kind(end) == Kind::Dot {
                    name.push('.');
                    name.push_str(&self.name(end + 1)?);
                    end += 2;
                }
                match self.kind(end) {
                    Kind::OpenParen if name == "numbers" => (Rows::Numbers, self.close(end) + 1),
                    _ => (Rows::Named(name), end),
                }
            }
        };
        if self.keyword(end) == Keyword::As {
            end += 1;
        } else if let Kind::Word(keyword) = self.kind(end)
            && !keyword.is_table_alias()
        {
            end = self.tokens.len();
        }
        let own = match &rows {
            Rows::Named(name) => Some(name.clone()),
            Rows::Numbers => Some("numbers".to_owned()),
            Rows::Query(_) => None,
        };
        Some(Mention { name: self.name(end).or(own), rows })
    }
}
