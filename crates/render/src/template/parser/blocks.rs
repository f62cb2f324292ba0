//! Blocks: `define`, `block`, `if`, `with`, `range`, each up to its `end`.

use super::{Ending, Parsed, Parser, constants::unquote};
use crate::template::{
    lexer::{LexError, TokenKind},
    node::{Body, Branches, Node, Pipeline, Position, Range},
};

impl Parser<'_> {
    /// A body that must end with `end`; `else` is refused.
    fn plain_body(&mut self, context: &str) -> Parsed<Body> {
        self.deeper()?;
        let (body, ending) = self.body(false)?;
        self.depth -= 1;
        match ending {
            Ending::Keyword("end", _) => Ok(body),
            Ending::Keyword(word, position) => {
                Err(LexError { position, message: format!("unexpected {{{{{word}}}}} in {context}") })
            }
            Ending::Text => self.error("unexpected EOF"),
        }
    }

    pub(super) fn define(&mut self) -> Parsed<()> {
        let name = self.template_name("define clause")?;
        self.close("define clause")?;
        let position = self.position();
        let outer = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let loops = std::mem::take(&mut self.loops);
        let body = self.plain_body("define clause")?;
        self.variables = outer;
        self.loops = loops;
        self.add_define(name, body, position)
    }

    fn add_define(&mut self, name: String, body: Body, position: Position) -> Parsed<()> {
        let is_empty =
            |body: &Body| body.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()));
        match self.defines.get(&name) {
            Some(former) if !is_empty(former) => {
                if is_empty(&body) {
                    return Ok(());
                }
                Err(LexError { position, message: format!("multiple definition of template {name:?}") })
            }
            _ => {
                self.defines.insert(name, body);
                Ok(())
            }
        }
    }

    pub(super) fn block(&mut self, position: Position) -> Parsed<Node> {
        let name = self.template_name("block clause")?;
        let argument = self.pipeline("block clause", &TokenKind::Close)?;
        let outer = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let loops = std::mem::take(&mut self.loops);
        let body = self.plain_body("block clause")?;
        self.variables = outer;
        self.loops = loops;
        self.add_define(name.clone(), body, position)?;
        Ok(Node::Template { position, name, argument: Some(argument) })
    }

    pub(super) fn template_name(&mut self, context: &str) -> Parsed<String> {
        self.skip_space();
        let written = match self.kind() {
            TokenKind::Quoted(written) | TokenKind::Raw(written) => written.clone(),
            _ => return self.unexpected(context),
        };
        let Some(name) = unquote(&written).and_then(|bytes| String::from_utf8(bytes).ok()) else {
            return self.error(format!("invalid syntax in {written}"));
        };
        self.at += 1;
        Ok(name)
    }

    pub(super) fn optional_pipeline(&mut self, context: &str) -> Parsed<Option<Pipeline>> {
        self.skip_space();
        if *self.kind() == TokenKind::Close {
            self.at += 1;
            return Ok(None);
        }
        self.pipeline(context, &TokenKind::Close).map(Some)
    }

    /// `if` and `with`: all branches up to `end`.
    pub(super) fn branches(&mut self, context: &str) -> Parsed<Branches> {
        let scope = self.variables.len();
        self.deeper()?;
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        let mut condition = Some(self.pipeline(context, &TokenKind::Close)?);
        loop {
            let (body, ending) = self.body(false)?;
            let was_else = condition.is_none();
            match condition.take() {
                Some(pipeline) => branches.push((pipeline, body)),
                None => otherwise = body,
            }
            match ending {
                Ending::Keyword("end", _) => break,
                Ending::Keyword(_, position) if was_else => {
                    let message = format!("expected end; found {{{{else}}}} in {context}");
                    return Err(LexError { position, message });
                }
                Ending::Keyword(..) => {
                    self.skip_space();
                    if *self.kind() == TokenKind::Word(context.to_owned()) {
                        self.at += 1;
                        condition = Some(self.pipeline(context, &TokenKind::Close)?);
                    } else {
                        self.close("else")?;
                    }
                }
                Ending::Text => return self.error("unexpected EOF"),
            }
        }
        self.depth -= 1;
        self.variables.truncate(scope);
        Ok(Branches { branches, otherwise })
    }

    pub(super) fn range(&mut self) -> Parsed<Node> {
        let scope = self.variables.len();
        self.deeper()?;
        let pipeline = self.pipeline("range", &TokenKind::Close)?;
        self.loops += 1;
        let (body, ending) = self.body(false)?;
        self.loops -= 1;
        let otherwise = match ending {
            Ending::Keyword("end", _) => Vec::new(),
            Ending::Keyword(..) => {
                self.close("else")?;
                let (body, ending) = self.body(false)?;
                match ending {
                    Ending::Keyword("end", _) => body,
                    Ending::Keyword(_, position) => {
                        let message = "expected end; found {{else}} in range".to_owned();
                        return Err(LexError { position, message });
                    }
                    Ending::Text => return self.error("unexpected EOF"),
                }
            }
            Ending::Text => return self.error("unexpected EOF"),
        };
        self.depth -= 1;
        self.variables.truncate(scope);
        Ok(Node::Range(Box::new(Range { pipeline, body, otherwise })))
    }
}
