//! Tokens to nodes, with Go's checks: functions and variables must exist, blocks must close, `break` needs a loop.
//!
//! *Guarantees.* Nesting of blocks and parentheses is limited to [`MAX_NESTING`], so neither parsing nor executing nor
//! dropping a template can run out of stack by its shape. A chain of `else if` does not count as nesting.
//!
//! *Caveats.* Complex numbers (`1i`) are refused; other delimiters than `{{ }}` are not offered.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    error::{ErrorKind, Place, TemplateError},
    lexer::{LexError, Token, TokenKind, lex},
    node::{Body, Branches, Command, Node, Number, Operand, OperandKind, Pipeline, Position, Range},
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

    fn define(&mut self) -> Parsed<()> {
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

    fn block(&mut self, position: Position) -> Parsed<Node> {
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

    fn template_name(&mut self, context: &str) -> Parsed<String> {
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

    fn optional_pipeline(&mut self, context: &str) -> Parsed<Option<Pipeline>> {
        self.skip_space();
        if *self.kind() == TokenKind::Close {
            self.at += 1;
            return Ok(None);
        }
        self.pipeline(context, &TokenKind::Close).map(Some)
    }

    /// `if` and `with`: all branches up to `end`.
    fn branches(&mut self, context: &str) -> Parsed<Branches> {
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

    fn range(&mut self) -> Parsed<Node> {
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

    /// The variables before `:=` or `=`, if there are any.
    fn declaration(&mut self, context: &str) -> Parsed<(bool, Vec<String>)> {
        let start = self.at;
        let mut names = Vec::new();
        loop {
            self.skip_space();
            let TokenKind::Variable(name) = self.kind() else { break };
            names.push(name.clone());
            self.at += 1;
            self.skip_space();
            match self.kind() {
                TokenKind::Declare => {
                    self.at += 1;
                    self.variables.extend(names.iter().cloned());
                    return Ok((false, names));
                }
                TokenKind::Assign => {
                    for name in &names {
                        if !self.variables.contains(name) {
                            return self.error(format!("undefined variable {name:?}"));
                        }
                    }
                    self.at += 1;
                    return Ok((true, names));
                }
                TokenKind::Comma => {
                    if context != "range" || names.len() >= 2 {
                        return self.error(format!("too many declarations in {context}"));
                    }
                    self.at += 1;
                }
                _ => break,
            }
        }
        if names.len() > 1 {
            return self.unexpected(context);
        }
        self.at = start;
        Ok((false, Vec::new()))
    }

    fn pipeline(&mut self, context: &str, end: &TokenKind) -> Parsed<Pipeline> {
        self.skip_space();
        let position = self.position();
        let (assigns, variables) = self.declaration(context)?;
        let mut commands = Vec::new();
        loop {
            self.skip_space();
            if self.kind() == end {
                self.at += 1;
                break;
            }
            commands.push(self.command(context, end)?);
        }
        if commands.is_empty() {
            return self.error(format!("missing value for {context}"));
        }
        // Only the first command may be a constant: the others get a value passed.
        for command in commands.iter().skip(1) {
            if let Some(word) = command.words.first() {
                let constant = matches!(
                    word.kind,
                    OperandKind::Bool(_)
                        | OperandKind::Dot
                        | OperandKind::Nil
                        | OperandKind::Number(_)
                        | OperandKind::Text { .. }
                );
                if constant {
                    return self.error(format!("non executable command in pipeline: {word}"));
                }
            }
        }
        Ok(Pipeline { position, assigns, variables, commands })
    }

    /// Operands up to `|` or the end of the pipeline.
    fn command(&mut self, context: &str, end: &TokenKind) -> Parsed<Command> {
        let mut words = Vec::new();
        loop {
            self.skip_space();
            if self.kind() == end {
                break;
            }
            if *self.kind() == TokenKind::Pipe {
                // A bar at the end is as good as none.
                self.at += 1;
                break;
            }
            words.push(self.operand(context)?);
            match self.kind() {
                TokenKind::Space | TokenKind::Pipe => {}
                other if other == end => {}
                _ => return self.unexpected("operand"),
            }
        }
        if words.is_empty() {
            return self.error("empty command");
        }
        Ok(Command { words })
    }

    fn operand(&mut self, context: &str) -> Parsed<Operand> {
        let position = self.position();
        let token = self.kind().clone();
        self.at += 1;
        let kind = match token {
            TokenKind::Word(word) => match word.as_str() {
                "true" => OperandKind::Bool(true),
                "false" => OperandKind::Bool(false),
                "nil" => OperandKind::Nil,
                "if" | "else" | "end" | "range" | "with" | "define" | "template" | "block" => {
                    self.at -= 1;
                    return self.unexpected(context);
                }
                _ if (self.is_function)(&word) => OperandKind::Function(word),
                _ => {
                    self.at -= 1;
                    return self.error(format!("function {word:?} not defined"));
                }
            },
            TokenKind::Field(name) => OperandKind::Field(vec![name]),
            TokenKind::Variable(name) => {
                if !self.variables.contains(&name) {
                    self.at -= 1;
                    return self.error(format!("undefined variable {name:?}"));
                }
                OperandKind::Variable(name, Vec::new())
            }
            TokenKind::Dot => OperandKind::Dot,
            TokenKind::Number(written) => match number(&written) {
                Some(number) => OperandKind::Number(number),
                None => {
                    self.at -= 1;
                    return self.error(format!("illegal number syntax: {written:?}"));
                }
            },
            TokenKind::Character(written) => match character(&written) {
                Some(code) => OperandKind::Number(Number {
                    written,
                    whole: Some(i64::from(code)),
                    float: f64::from(code),
                    is_float: false,
                }),
                None => {
                    self.at -= 1;
                    return self.error(format!("malformed character constant: {written}"));
                }
            },
            TokenKind::Quoted(written) | TokenKind::Raw(written) => match unquote(&written) {
                Some(value) => OperandKind::Text { value, written },
                None => {
                    self.at -= 1;
                    return self.error(format!("invalid syntax in {written}"));
                }
            },
            TokenKind::LeftParen => {
                self.deeper()?;
                // Variables declared in parentheses stay visible up to the end of the block, as in Go.
                let pipeline = self.pipeline("parenthesized pipeline", &TokenKind::RightParen)?;
                self.depth -= 1;
                OperandKind::Pipeline(Box::new(pipeline))
            }
            _ => {
                self.at -= 1;
                return self.unexpected(context);
            }
        };
        self.fields(Operand { position, kind })
    }

    /// The fields that follow an operand directly.
    fn fields(&mut self, operand: Operand) -> Parsed<Operand> {
        let mut names = Vec::new();
        let after = self.position();
        while let TokenKind::Field(name) = self.kind() {
            names.push(name.clone());
            self.at += 1;
        }
        if names.is_empty() {
            return Ok(operand);
        }
        let Operand { position, kind } = operand;
        let kind = match kind {
            OperandKind::Field(mut first) => {
                first.append(&mut names);
                OperandKind::Field(first)
            }
            OperandKind::Variable(name, _) => OperandKind::Variable(name, names),
            OperandKind::Bool(_)
            | OperandKind::Number(_)
            | OperandKind::Text { .. }
            | OperandKind::Nil
            | OperandKind::Dot => {
                return Err(LexError {
                    position: after,
                    message: format!("unexpected . after term {:?}", Operand { position, kind }.to_string()),
                });
            }
            kind => OperandKind::Chain(Box::new(Operand { position, kind }), names),
        };
        Ok(Operand { position, kind })
    }
}

/// A number constant of Go; `None` if it is none.
fn number(written: &str) -> Option<Number> {
    if let Some(whole) = super::number::parse_int(written, true) {
        let float = super::value::to_float(whole);
        return Some(Number { written: written.to_owned(), whole: Some(whole), float, is_float: false });
    }
    let hexadecimal = written.contains(['x', 'X']);
    let float = super::number::parse_float(written)?;
    let is_float = written.contains(['.', 'p', 'P']) || (!hexadecimal && written.contains(['e', 'E']));
    // A whole number too large for an integer.
    if !is_float || float.is_infinite() {
        return None;
    }
    let whole = (float.fract() == 0.0 && float.abs() < 9.2e18).then(|| super::value::truncate(float));
    Some(Number { written: written.to_owned(), whole, float, is_float })
}

/// The code point of a character constant.
fn character(written: &str) -> Option<u32> {
    let inner = written.strip_prefix('\'')?.strip_suffix('\'')?;
    let mut units = 0_usize;
    let mut rest = inner;
    let mut code = None;
    while !rest.is_empty() {
        let (unit, length) = escape(rest, '\'')?;
        code = Some(match unit {
            Escaped::Byte(byte) => u32::from(byte),
            Escaped::Character(character) => u32::from(character),
        });
        units += 1;
        rest = rest.get(length..)?;
    }
    if units == 1 { code } else { None }
}

/// The bytes of a quoted or raw text.
pub(crate) fn unquote(written: &str) -> Option<Vec<u8>> {
    if let Some(inner) = written.strip_prefix('`') {
        // A carriage return is dropped from raw texts.
        return Some(inner.strip_suffix('`')?.bytes().filter(|byte| *byte != b'\r').collect());
    }
    let mut rest = written.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let (unit, length) = escape(rest, '"')?;
        match unit {
            Escaped::Byte(byte) => bytes.push(byte),
            Escaped::Character(character) => bytes.extend(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = rest.get(length..)?;
    }
    Some(bytes)
}

enum Escaped {
    Byte(u8),
    Character(char),
}

/// The first unit of a quoted text and its length as written.
fn escape(text: &str, quote: char) -> Option<(Escaped, usize)> {
    let first = text.chars().next()?;
    if first != '\\' {
        return (first != quote && first != '\n').then(|| (Escaped::Character(first), first.len_utf8()));
    }
    let kind = text.chars().nth(1)?;
    let simple = |character| Some((Escaped::Character(character), 2));
    let coded = |digits: usize| {
        let code = u32::from_str_radix(text.get(2..2 + digits)?, 16).ok()?;
        Some((Escaped::Character(char::from_u32(code)?), 2 + digits))
    };
    match kind {
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        '\\' => simple('\\'),
        _ if kind == quote => simple(quote),
        'x' => Some((Escaped::Byte(u8::from_str_radix(text.get(2..4)?, 16).ok()?), 4)),
        'u' => coded(4),
        'U' => coded(8),
        '0'..='7' => Some((Escaped::Byte(u8::from_str_radix(text.get(1..4)?, 8).ok()?), 4)),
        _ => None,
    }
}
