//! What stands within an action: declarations, pipelines, commands, operands.

use super::{
    Parsed, Parser,
    constants::{character, number, unquote},
};
use crate::template::{
    lexer::{LexError, TokenKind},
    node::{Command, Number, Operand, OperandKind, Pipeline},
};

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, end: &TokenKind) -> Parsed<Pipeline> {
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
