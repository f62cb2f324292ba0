//! Tokens to nodes, with Go's checks: functions and variables must exist, blocks must close, `break` needs a loop.
//!
//! *Guarantees.* Nesting of blocks and parentheses is limited to [`MAX_NESTING`], so neither parsing nor executing nor
//! dropping a template can run out of stack by its shape. A chain of `else if` does not count as nesting.
//!
//! *Caveats.* Complex numbers (`1i`) are refused; other delimiters than `{{ }}` are not offered.

mod blocks;
mod constants;
mod expressions;

use std::{collections::BTreeMap, sync::Arc};

use super::{
    error::{ErrorKind, Place, TemplateError},
    lexer::{LexError, Token, TokenKind, lex},
    node::{Body, Node, Position},
};

/// Deepest nesting of blocks and parentheses in one template.
pub(crate) const MAX_NESTING: usize = 100;

/// A parsed template: a file or one of its defines.
#[derive(Debug)]
pub(crate) struct Template {
    /// Its own name.
    pub(crate) name: String,
    /// The name of the text it was parsed from.
    pub(crate) file: String,
    /// That text.
    pub(crate) source: Arc<str>,
    pub(crate) body: Body,
}

impl Template {
    /// Whether it holds nothing but white space and defines; such a template never replaces another.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
    }

    /// Line (from 1) and column (bytes, from 0) of a position.
    pub(crate) fn line_and_column(&self, position: Position) -> (usize, usize) {
        let before = self.source.get(..position).unwrap_or(&self.source);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        (line, before.len() - before.rfind('\n').map_or(0, |newline| newline + 1))
    }
}

/// Parses a text: the template of that name first, then its defines.
pub(crate) fn parse(
    name: &str,
    text: &str,
    is_function: &dyn Fn(&str) -> bool,
) -> Result<Vec<Template>, TemplateError> {
    let fail = |error: LexError| {
        let line = text.get(..error.position).unwrap_or(text).matches('\n').count() + 1;
        TemplateError {
            kind: ErrorKind::Parse,
            place: Box::new(Place {
                file: name.to_owned(),
                line,
                column: None,
                template: String::new(),
                action: String::new(),
            }),
            message: error.message,
            included_from: Vec::new(),
        }
    };
    let tokens = lex(text).map_err(fail)?;
    let mut parser = Parser {
        tokens,
        at: 0,
        is_function,
        variables: vec!["$".to_owned()],
        depth: 0,
        loops: 0,
        defines: BTreeMap::new(),
    };
    let (body, ending) = parser.body(true).map_err(fail)?;
    if let Ending::Keyword(word, position) = ending {
        return Err(fail(LexError { position, message: format!("unexpected {{{{{word}}}}}") }));
    }
    let source: Arc<str> = text.into();
    let template =
        |own: String, body| Template { name: own, file: name.to_owned(), source: Arc::clone(&source), body };
    let mut templates = vec![template(name.to_owned(), body)];
    templates
        .extend(std::mem::take(&mut parser.defines).into_iter().map(|(define, body)| template(define, body)));
    Ok(templates)
}

/// What ended a body.
enum Ending {
    /// The text did.
    Text,
    /// `end` or `else`; the rest of an `else` action is still to be read.
    Keyword(&'static str, Position),
}

struct Parser<'p> {
    tokens: Vec<Token>,
    at: usize,
    is_function: &'p dyn Fn(&str) -> bool,
    variables: Vec<String>,
    depth: usize,
    loops: usize,
    defines: BTreeMap<String, Body>,
}

type Parsed<T> = Result<T, LexError>;

impl Parser<'_> {
    fn kind(&self) -> &TokenKind {
        self.tokens.get(self.at).map_or(&TokenKind::End, |token| &token.kind)
    }

    fn position(&self) -> Position {
        self.tokens.get(self.at).or_else(|| self.tokens.last()).map_or(0, |token| token.position)
    }

    fn error<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(LexError { position: self.position(), message: message.into() })
    }

    fn skip_space(&mut self) {
        while *self.kind() == TokenKind::Space {
            self.at += 1;
        }
    }

    fn unexpected<T>(&self, context: &str) -> Parsed<T> {
        let shown = match self.kind() {
            TokenKind::End => return self.error("unexpected EOF"),
            TokenKind::Close => "\"}}\"".to_owned(),
            TokenKind::Word(word) => format!("<{word}>"),
            TokenKind::Field(name) => format!("<.{name}>"),
            TokenKind::Variable(name) => format!("{name:?}"),
            TokenKind::Number(text)
            | TokenKind::Character(text)
            | TokenKind::Quoted(text)
            | TokenKind::Raw(text) => {
                format!("{text:?}")
            }
            TokenKind::Declare => "\":=\"".to_owned(),
            TokenKind::Assign => "\"=\"".to_owned(),
            TokenKind::Pipe => "\"|\"".to_owned(),
            TokenKind::Comma => "\",\"".to_owned(),
            TokenKind::LeftParen => "\"(\"".to_owned(),
            TokenKind::RightParen => "\")\"".to_owned(),
            TokenKind::Dot => "<.>".to_owned(),
            TokenKind::Space | TokenKind::Text(_) | TokenKind::Open => "text".to_owned(),
        };
        self.error(format!("unexpected {shown} in {context}"))
    }

    fn deeper(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return self.error(format!("more than {MAX_NESTING} blocks or parentheses inside each other"));
        }
        Ok(())
    }

    /// The closing delimiter of an action without further content.
    fn close(&mut self, context: &str) -> Parsed<()> {
        self.skip_space();
        if *self.kind() == TokenKind::Close {
            self.at += 1;
            return Ok(());
        }
        self.unexpected(context)
    }

    fn body(&mut self, top: bool) -> Parsed<(Body, Ending)> {
        let mut body = Vec::new();
        loop {
            let position = self.position();
            match self.kind().clone() {
                TokenKind::End => return Ok((body, Ending::Text)),
                TokenKind::Text(text) => {
                    body.push(Node::Text(text.into()));
                    self.at += 1;
                }
                TokenKind::Open => {
                    self.at += 1;
                    self.skip_space();
                    let word = match self.kind() {
                        TokenKind::Word(word) => word.clone(),
                        _ => String::new(),
                    };
                    let keyword = self.position();
                    match word.as_str() {
                        "end" => {
                            self.at += 1;
                            self.close("end")?;
                            return Ok((body, Ending::Keyword("end", position)));
                        }
                        "else" => {
                            self.at += 1;
                            return Ok((body, Ending::Keyword("else", position)));
                        }
                        "define" => {
                            if !top {
                                return self.error("unexpected {{define}}");
                            }
                            self.at += 1;
                            self.define()?;
                        }
                        "if" => {
                            self.at += 1;
                            body.push(Node::If(self.branches("if")?));
                        }
                        "with" => {
                            self.at += 1;
                            body.push(Node::With(self.branches("with")?));
                        }
                        "range" => {
                            self.at += 1;
                            body.push(self.range()?);
                        }
                        "template" => {
                            self.at += 1;
                            let name = self.template_name("template clause")?;
                            let argument = self.optional_pipeline("template clause")?;
                            body.push(Node::Template { position: keyword, name, argument });
                        }
                        "block" => {
                            self.at += 1;
                            body.push(self.block(keyword)?);
                        }
                        "break" | "continue" if self.bare_word() => {
                            self.at += 1;
                            if self.loops == 0 {
                                return self.error(format!("{{{{{word}}}}} outside {{{{range}}}}"));
                            }
                            self.close(&word)?;
                            body.push(if word == "break" { Node::Break } else { Node::Continue });
                        }
                        _ => {
                            let pipeline = self.pipeline("command", &TokenKind::Close)?;
                            body.push(Node::Action(pipeline));
                        }
                    }
                }
                _ => return self.unexpected("input"),
            }
        }
    }

    /// Whether the word here is the whole action.
    fn bare_word(&self) -> bool {
        self.tokens
            .iter()
            .skip(self.at + 1)
            .find(|token| token.kind != TokenKind::Space)
            .map(|token| &token.kind)
            == Some(&TokenKind::Close)
    }
}
