//! Cuts the text of a template into tokens.
//!
//! *Idea.* Text between actions is one token; inside `{{ }}` the tokens are words, constants and signs, with spaces kept
//! as tokens because they separate operands (`.a .b` is not `.a.b`). Trim markers and comments are dealt with here, so
//! the parser never sees them.
//!
//! *Guarantees.* Every byte of the text is looked at a bounded number of times; any text gives tokens or an error.

use super::node::Position;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    Text(String),
    /// `{{`, markers included.
    Open,
    /// `}}`
    Close,
    Space,
    /// A word: function or keyword.
    Word(String),
    /// `.name`
    Field(String),
    /// `$` or `$name`
    Variable(String),
    Dot,
    Number(String),
    /// A character constant, as written.
    Character(String),
    /// A quoted text, as written.
    Quoted(String),
    /// A text in back quotes, as written.
    Raw(String),
    Declare,
    Assign,
    Pipe,
    Comma,
    LeftParen,
    RightParen,
    End,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) position: Position,
}

/// An error of the lexer: where and what.
#[derive(Debug)]
pub(crate) struct LexError {
    pub(crate) position: Position,
    pub(crate) message: String,
}

const SPACES: &[char] = &[' ', '\t', '\r', '\n'];

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    tokens: Vec<Token>,
}

/// All tokens of a text; the last is [`TokenKind::End`].
pub(crate) fn lex(text: &str) -> Result<Vec<Token>, LexError> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new() };
    lexer.run()?;
    Ok(lexer.tokens)
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, kind: TokenKind, position: Position) {
        self.tokens.push(Token { kind, position });
    }

    fn error<T>(&self, position: Position, message: impl Into<String>) -> Result<T, LexError> {
        Err(LexError { position, message: message.into() })
    }

    fn run(&mut self) -> Result<(), LexError> {
        let mut trim_next = false;
        loop {
            let start = self.at;
            let rest = self.rest();
            let open = rest.find("{{");
            let mut text = open.map_or(rest, |length| rest.get(..length).unwrap_or_default());
            self.at += text.len();
            if trim_next {
                text = text.trim_start_matches(SPACES);
            }
            if open.is_none() {
                if !text.is_empty() {
                    self.push(TokenKind::Text(text.to_owned()), start);
                }
                self.push(TokenKind::End, self.text.len());
                return Ok(());
            }
            let open_at = self.at;
            self.at += 2;
            if self.trims_before() {
                text = text.trim_end_matches(SPACES);
                self.at += 2;
            }
            if !text.is_empty() {
                self.push(TokenKind::Text(text.to_owned()), start);
            }
            trim_next = if self.rest().starts_with("/*") {
                self.comment(open_at)?
            } else {
                self.push(TokenKind::Open, open_at);
                self.action(open_at)?
            };
        }
    }

    /// `{{- ` trims before: the minus sign must be followed by a space.
    fn trims_before(&self) -> bool {
        let mut characters = self.rest().chars();
        characters.next() == Some('-') && characters.next().is_some_and(|next| SPACES.contains(&next))
    }

    /// Whether ` -}}` or `}}` is next, how long it is and whether it trims.
    fn close(&self) -> Option<(usize, bool)> {
        let rest = self.rest();
        if rest.starts_with("}}") {
            return Some((2, false));
        }
        let mut characters = rest.chars();
        let spaced = characters.next().is_some_and(|first| SPACES.contains(&first));
        (spaced && characters.as_str().starts_with("-}}")).then_some((4, true))
    }

    fn comment(&mut self, open_at: Position) -> Result<bool, LexError> {
        let Some(length) = self.rest().get(2..).and_then(|inner| inner.find("*/")) else {
            return self.error(open_at, "unclosed comment");
        };
        self.at += length + 4;
        let Some((length, trims)) = self.close() else {
            return self.error(open_at, "comment ends before closing delimiter");
        };
        self.at += length;
        Ok(trims)
    }

    /// Tokens up to the closing delimiter; says whether it trims.
    fn action(&mut self, open_at: Position) -> Result<bool, LexError> {
        let mut parens = 0_usize;
        loop {
            if let Some((length, trims)) = self.close() {
                if parens > 0 {
                    return self.error(self.at, "unclosed left paren");
                }
                self.push(TokenKind::Close, self.at);
                self.at += length;
                return Ok(trims);
            }
            let start = self.at;
            let Some(character) = self.rest().chars().next() else {
                return self.error(open_at, "unclosed action");
            };
            match character {
                ' ' | '\t' | '\r' | '\n' => self.spaces(),
                ':' => {
                    if !self.rest().starts_with(":=") {
                        return self.error(start, "expected :=");
                    }
                    self.at += 2;
                    self.push(TokenKind::Declare, start);
                }
                '=' => self.sign(TokenKind::Assign),
                '|' => self.sign(TokenKind::Pipe),
                ',' => self.sign(TokenKind::Comma),
                '(' => {
                    parens += 1;
                    self.sign(TokenKind::LeftParen);
                }
                ')' => {
                    if parens == 0 {
                        return self.error(start, "unexpected right paren");
                    }
                    parens -= 1;
                    self.sign(TokenKind::RightParen);
                }
                '"' => self.quoted('"', "unterminated quoted string", TokenKind::Quoted)?,
                '\'' => self.quoted('\'', "unterminated character constant", TokenKind::Character)?,
                '`' => {
                    let Some(length) = self.rest().get(1..).and_then(|inner| inner.find('`')) else {
                        return self.error(start, "unterminated raw quoted string");
                    };
                    let written = self.rest().get(..length + 2).unwrap_or_default().to_owned();
                    self.at += written.len();
                    self.push(TokenKind::Raw(written), start);
                }
                '$' => {
                    self.at += 1;
                    let name = self.name();
                    self.terminated(start)?;
                    self.push(TokenKind::Variable(format!("${name}")), start);
                }
                '.' => {
                    let next = self.rest().chars().nth(1);
                    if next.is_some_and(|next| next.is_ascii_digit()) {
                        self.number()?;
                    } else if next.is_some_and(|next| next.is_alphanumeric() || next == '_') {
                        self.at += 1;
                        let name = self.name();
                        self.terminated(start)?;
                        self.push(TokenKind::Field(name.to_owned()), start);
                    } else {
                        self.at += 1;
                        self.terminated(start)?;
                        self.push(TokenKind::Dot, start);
                    }
                }
                '+' | '-' | '0'..='9' => self.number()?,
                _ if character.is_alphabetic() || character == '_' => {
                    let name = self.name();
                    self.terminated(start)?;
                    self.push(TokenKind::Word(name.to_owned()), start);
                }
                _ => {
                    let code = u32::from(character);
                    return self.error(
                        start,
                        format!("unrecognized character in action: U+{code:04X} {character:?}"),
                    );
                }
            }
        }
    }

    fn sign(&mut self, kind: TokenKind) {
        self.push(kind, self.at);
        self.at += 1;
    }

    /// Spaces, but not the one that belongs to ` -}}`.
    fn spaces(&mut self) {
        let start = self.at;
        while self.rest().starts_with(SPACES) && self.close().is_none() {
            self.at += 1;
        }
        if self.at > start {
            self.push(TokenKind::Space, start);
        }
    }

    /// A word; moves on behind it.
    fn name(&mut self) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// What may follow a name directly.
    fn terminated(&self, start: Position) -> Result<(), LexError> {
        match self.rest().chars().next() {
            None => Ok(()),
            Some(next)
                if SPACES.contains(&next) || matches!(next, '.' | ',' | '|' | ':' | '=' | ')' | '(') =>
            {
                Ok(())
            }
            Some(_) if self.rest().starts_with("}}") => Ok(()),
            Some(next) => self.error(start, format!("bad character U+{:04X} {next:?}", u32::from(next))),
        }
    }

    fn quoted(
        &mut self,
        quote: char,
        unterminated: &str,
        kind: impl FnOnce(String) -> TokenKind,
    ) -> Result<(), LexError> {
        let start = self.at;
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((index, character)) = characters.next() {
            match character {
                '\\' if matches!(characters.next(), Some((_, next)) if next != '\n') => {}
                '\\' | '\n' => break,
                _ if character == quote => {
                    let written = self.rest().get(..=index).unwrap_or_default().to_owned();
                    self.at += written.len();
                    self.push(kind(written), start);
                    return Ok(());
                }
                _ => {}
            }
        }
        self.error(start, unterminated)
    }

    fn number(&mut self) -> Result<(), LexError> {
        let start = self.at;
        let rest = self.rest();
        let mut length = usize::from(rest.starts_with(['+', '-']));
        let mut digits: &dyn Fn(char) -> bool = &|c| c.is_ascii_digit() || c == '_';
        let mut exponent = ['e', 'E'];
        let head = rest.get(length..).unwrap_or_default();
        if head.starts_with("0x") || head.starts_with("0X") {
            digits = &|c| c.is_ascii_hexdigit() || c == '_';
            exponent = ['p', 'P'];
            length += 2;
        } else if head.starts_with("0b")
            || head.starts_with("0B")
            || head.starts_with("0o")
            || head.starts_with("0O")
        {
            length += 2;
        }
        let run = |from: usize| {
            let tail = rest.get(from..).unwrap_or_default();
            tail.find(|c: char| !digits(c)).unwrap_or(tail.len())
        };
        length += run(length);
        if rest.get(length..).is_some_and(|tail| tail.starts_with('.')) {
            length += 1;
            length += run(length);
        }
        if rest.get(length..).is_some_and(|tail| tail.starts_with(exponent)) {
            length += 1;
            length += usize::from(rest.get(length..).is_some_and(|tail| tail.starts_with(['+', '-'])));
            let tail = rest.get(length..).unwrap_or_default();
            length += tail.find(|c: char| !(c.is_ascii_digit() || c == '_')).unwrap_or(tail.len());
        }
        let next = rest.get(length..).and_then(|tail| tail.chars().next());
        if next.is_some_and(|next| next.is_alphanumeric() || next == '_') {
            let written: String = rest.get(..length).into_iter().flat_map(str::chars).chain(next).collect();
            return self.error(start, format!("bad number syntax: {written:?}"));
        }
        self.at += length;
        self.push(TokenKind::Number(rest.get(..length).unwrap_or_default().to_owned()), start);
        Ok(())
    }
}
