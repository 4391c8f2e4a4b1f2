//! Tags: `<Kind attribute={value} />`, `<Kind>text and {values}</Kind>`.

use crate::ast::{Constant, Expr, ExprKind, Ident, Tag, TagAttribute, TagValue};
use crate::lex::Kind;

use super::{Parsed, Parser, made_up};

impl Parser<'_> {
    pub(super) fn tag(&mut self) -> Parsed<Expr> {
        self.nested(|parser| {
            let start = parser.bump().span;
            let kind = parser.name("the name of a tag")?;
            let mut attributes = Vec::new();
            while parser.is_name(0) {
                attributes.push(parser.attribute()?);
            }
            if !parser.eat(Kind::TagSelfEnd) {
                parser.expect(Kind::TagEnd, "an attribute, `/>` or `>`")?;
                parser.content(&kind, &mut attributes)?;
            }
            parser.node(ExprKind::Tag(Box::new(Tag { kind, attributes })), start)
        })
    }

    fn attribute(&mut self) -> Parsed<TagAttribute> {
        let name = self.take_name();
        let value = if !self.eat(Kind::Eq) {
            self.node(ExprKind::Constant(Constant::Bool(true)), name.span)?
        } else if self.eat(Kind::OpenBrace) {
            let value = self.expr()?;
            self.expect(Kind::CloseBrace, "`}` after the value of an attribute")?;
            value
        } else if self.kind() == Kind::String {
            self.string()?
        } else {
            return Err(self.unexpected("`{` or a text as the value of an attribute"));
        };
        Ok(TagAttribute { name, value: TagValue::Expr(value) })
    }

    /// What stands between the opening tag and the closing one, which is taken.
    fn content(&mut self, kind: &Ident, attributes: &mut Vec<TagAttribute>) -> Parsed<()> {
        let start = self.span();
        let mut children = Vec::new();
        loop {
            let token = self.ahead(0);
            match token.kind {
                Kind::TagText => {
                    self.bump();
                    let text = self.written(token.span);
                    if !is_layout(text) {
                        children.push(self.node(ExprKind::Constant(Constant::String(text.to_owned())), token.span)?);
                    }
                }
                Kind::OpenBrace => {
                    self.bump();
                    children.push(self.expr()?);
                    self.expect(Kind::CloseBrace, "`}` in a tag")?;
                }
                Kind::TagOpen => children.push(self.tag()?),
                _ => break,
            }
        }
        self.expect(Kind::TagCloseOpen, "a closing tag")?;
        let closing = self.name("the name of the closing tag")?;
        if closing.name != kind.name {
            let message = format!("Opening and closing HogQLX tags must match. Got {} and {}", kind.name, closing.name);
            return self.fail(message, closing.span);
        }
        self.expect(Kind::TagEnd, "`>`")?;
        if children.is_empty() {
            return Ok(());
        }
        if let Some(given) = attributes.iter().find(|attribute| attribute.name.name == "children") {
            let message = "Can't have a HogQLX tag with both children and a 'children' attribute";
            return self.fail(message, given.name.span);
        }
        attributes.push(TagAttribute { name: made_up("children", start), value: TagValue::Children(children) });
        Ok(())
    }
}

/// White space with a line break in it only lays out the source.
fn is_layout(text: &str) -> bool {
    text.contains('\n') && text.trim().is_empty()
}
